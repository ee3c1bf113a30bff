"""Secret configuration keys and those of the GitHub provider, with the rules for their values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.config.errors import Location, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WEBHOOK_SECRET = "webhook_secret"  # noqa: S105 - a key
OWN_SECRET = f"slipway:{WEBHOOK_SECRET}"
GITHUB_OWNER = "github:owner"
GITHUB_TOKEN = "github:token"  # noqa: S105 - a key
SECRETS = (OWN_SECRET, GITHUB_TOKEN)
"""Configuration keys of secrets; `StackConfig` never contains their values."""
# Characters (CodePipeline PutWebhook, authenticationConfiguration.SecretToken).
MAX_SECRET_LENGTH = 100


def check(config: Mapping[str, str], secret_keys: Sequence[str], *, pipeline: object) -> list[Problem]:
    """Return the problems of secrets: in plain text, under another key, too long, missing. No message shows a value.

    Args:
        config: decrypted values by key.
        secret_keys: keys whose values are stored encrypted.
        pipeline: the section `slipway:pipeline` before validation; None if it is absent.
    """
    prefix = OWN_SECRET.removesuffix(WEBHOOK_SECRET)
    problems = [
        Problem.secret(key.removeprefix(prefix)) for key in secret_keys if key.startswith(prefix) and key != OWN_SECRET
    ]
    if GITHUB_OWNER in secret_keys:
        rule = f"is a secret; it must be plain text, as part of URLs; run: pulumi config set {GITHUB_OWNER} NAME"
        problems.append(Problem((GITHUB_OWNER,), rule))
    uses_webhook = isinstance(pipeline, dict) and pipeline.get("trigger") == "webhook"
    for key, purpose in ((OWN_SECRET, "to verify GitHub's signatures"), (GITHUB_TOKEN, "to read the source")):
        location: Location = (key.removeprefix(prefix),)
        command = f"pulumi config set --secret {key}"
        if key not in config:
            if uses_webhook:
                problems.append(Problem(location, f"is missing; trigger: webhook needs it {purpose}; run: {command}"))
        elif key not in secret_keys:
            problems.append(Problem(location, f"is in plain text; it must be stored encrypted; run: {command}"))
        elif key == GITHUB_TOKEN and not config[key].strip():
            problems.append(Problem(location, f"is empty; GitHub rejects an empty token; run: {command}"))
        elif key == OWN_SECRET and not 1 <= len(config[key]) <= MAX_SECRET_LENGTH:
            rule = f"CodePipeline accepts 1 to {MAX_SECRET_LENGTH}; run: {command}"
            problems.append(Problem(location, f"has {len(config[key])} characters; {rule}"))
    return problems
