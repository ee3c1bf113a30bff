"""Reading a stack's configuration: once, with every mistake reported at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from infra.config import errors, region, rules, secrets, values
from infra.config.stack import StackConfig

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAMESPACE = "slipway"
# Keys of other namespaces that rules look at, by the names they have here.
BESIDE = {"github_owner": secrets.GITHUB_OWNER, "region": region.REGION}


def load(
    config: Mapping[str, str],
    *,
    stack: str,
    organization: str,
    project: str,
    secret_keys: Sequence[str] = (),
) -> StackConfig:
    """Read and check a stack's configuration.

    Args:
        config: key to value, decrypted, as Pulumi hands them over: `slipway:environment` and its like are JSON.
        stack: the stack's name; it becomes the environment's.
        organization: of the stack, to find other stacks.
        project: likewise.
        secret_keys: keys that hold a secret.

    Raises:
        errors.ConfigError: one line for each mistake.
    """
    mistakes = [*region.check(config, secret_keys)]
    own, unread = values.read(config, f"{NAMESPACE}:")
    mistakes += secrets.check(config, secret_keys, pipeline=own.get("pipeline"))
    for key in {secrets.OWN_SECRET, *secret_keys}:
        # A secret is in no message, nor in the sections.
        own.pop(key.removeprefix(f"{NAMESPACE}:"), None)
    known: dict[str, str | None] = {"stack": stack, "organization": organization, "project": project}
    known |= {key: config.get(name) for key, name in BESIDE.items() if name not in secret_keys}
    mistakes += unread
    mistakes += [errors.Mistake.unknown((key,), StackConfig) for key in own.keys() & errors.HANDED_OVER]
    mistakes += values.unfilled(own)
    given = own | {key: value for key, value in known.items() if value is not None}
    try:
        checked = StackConfig.model_validate(given)
    except ValidationError as error:
        mistakes += errors.unspoilt(errors.of_validation(error, StackConfig), list(mistakes))
        checked = values.right_parts(StackConfig, given)
    mistakes += errors.unspoilt(rules.check(checked), list(mistakes))
    if mistakes:
        raise errors.ConfigError(stack, mistakes)
    return checked
