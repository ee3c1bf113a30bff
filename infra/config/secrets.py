"""The keys of secrets and of the GitHub provider, and the rules of their values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.config.errors import Location, Mistake

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WEBHOOK_SECRET = "webhook_secret"  # noqa: S105 - a key
OWN_SECRET = f"slipway:{WEBHOOK_SECRET}"
GITHUB_OWNER = "github:owner"
GITHUB_TOKEN = "github:token"  # noqa: S105 - a key
SECRETS = (OWN_SECRET, GITHUB_TOKEN)
"""Keys of the secrets, which never get into the configuration's sections."""
# CodePipeline PutWebhook, authenticationConfiguration.SecretToken.
LONGEST_SECRET = 100


def check(config: Mapping[str, str], secret_keys: Sequence[str], *, pipeline: object) -> list[Mistake]:
    """Find secrets in plain text, in the wrong place, too long or missing; no message shows a value.

    Args:
        config: key to value, decrypted.
        secret_keys: keys whose values are stored encrypted.
        pipeline: the section as it was read, unchecked; None when there is none.
    """
    own, prefix = OWN_SECRET, OWN_SECRET.removesuffix(WEBHOOK_SECRET)
    found = [Mistake.secret(key.removeprefix(prefix)) for key in secret_keys if key.startswith(prefix) and key != own]
    if GITHUB_OWNER in secret_keys:
        rule = f"holds a secret; an owner is none and names are made of it; run: pulumi config set {GITHUB_OWNER} NAME"
        found.append(Mistake((GITHUB_OWNER,), rule))
    by_webhook = isinstance(pipeline, dict) and pipeline.get("trigger") == "webhook"
    for key, use in ((own, "GitHub signs with it"), (GITHUB_TOKEN, "the pipeline reads the source with it")):
        where: Location = (key.removeprefix(prefix),)
        command = f"pulumi config set --secret {key}"
        if key not in config:
            if by_webhook:
                found.append(Mistake(where, f"is missing; {use} under trigger: webhook; run: {command}"))
        elif key not in secret_keys:
            found.append(Mistake(where, f"is in plain text; a secret is stored encrypted; run: {command}"))
        elif key == GITHUB_TOKEN and not config[key].strip():
            found.append(Mistake(where, f"is empty; GitHub takes no such token; run: {command}"))
        elif key == own and not 1 <= len(config[key]) <= LONGEST_SECRET:
            rule = f"AWS takes 1 to {LONGEST_SECRET}; run: {command}"
            found.append(Mistake(where, f"has {len(config[key])} characters; {rule}"))
    return found
