"""Loading and validating a stack's configuration; all problems are reported together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from infra.config import errors, region, rules, secrets, values
from infra.config import project as project_rules
from infra.config.stack import StackConfig

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAMESPACE = "slipway"
# Keys of other namespaces that rules read, by field of StackConfig.
OTHER_NAMESPACES = {
    "github_owner": secrets.GITHUB_OWNER,
    "region": region.REGION,
    "aws_profile": "aws:profile",
    "aws_assume_roles": "aws:assumeRoles",
    "default_tags": project_rules.TAGS,
}


def load(
    config: Mapping[str, str],
    *,
    stack: str,
    organization: str,
    project: str,
    secret_keys: Sequence[str] = (),
) -> StackConfig:
    """Return a stack's validated configuration.

    Args:
        config: decrypted values by key, as Pulumi passes them to a program: maps and lists are JSON.
        stack: the stack's name, which is the environment's name too.
        organization: the stack's organization, for references to other stacks.
        project: the stack's project, likewise.
        secret_keys: keys whose values are stored encrypted.

    Raises:
        errors.ConfigError: the configuration is invalid; the message has one line for each problem.
    """
    problems = [*region.check(config, secret_keys), *project_rules.check(config, stack=stack, project=project)]
    sections, unreadable = values.read(config, f"{NAMESPACE}:")
    problems += secrets.check(config, secret_keys, pipeline=sections.get("pipeline"))
    for key in {secrets.OWN_SECRET, *secret_keys}:
        # Secrets must appear neither in messages nor in the sections.
        sections.pop(key.removeprefix(f"{NAMESPACE}:"), None)
    context: dict[str, str | None] = {"stack": stack, "organization": organization, "project": project}
    context |= {field: config.get(key) for field, key in OTHER_NAMESPACES.items() if key not in secret_keys}
    problems += unreadable
    problems += [errors.Problem.unknown_key((key,), StackConfig) for key in sections.keys() & errors.NOT_IN_STACK_FILE]
    problems += values.find_placeholders(sections)
    fields = sections | {field: value for field, value in context.items() if value is not None}
    try:
        checked = StackConfig.model_validate(fields)
    except ValidationError as error:
        problems += errors.root_causes(errors.from_validation_error(error, StackConfig), list(problems))
        checked = values.valid_parts(StackConfig, fields)
    problems += errors.root_causes(rules.check(checked), list(problems))
    if problems:
        raise errors.ConfigError(stack, problems)
    return checked
