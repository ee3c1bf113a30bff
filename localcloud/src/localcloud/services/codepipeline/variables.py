"""Variable references in action configurations: #{namespace.key}."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.state.table import Doc

REFERENCE = re.compile(r"#\{([^{}]*)\}")
NAME = re.compile(r"^([A-Za-z0-9@_-]+)\.([A-Za-z0-9@_-]+)$")
PIPELINE, VARIABLES = "codepipeline", "variables"
IMPLICIT = ("PipelineExecutionId",)


class UnresolvedError(Exception):
    """A reference to a variable that does not exist."""


def references(value: str) -> list[str]:
    """Return the references in a configuration value, e.g. ["Source.CommitId"]."""
    return REFERENCE.findall(value)


def split(reference: str) -> tuple[str, str] | None:
    """Return a reference's namespace and key, or None if it is malformed."""
    found = NAME.match(reference)
    return (found[1], found[2]) if found else None


def known(execution: Doc) -> dict[str, dict[str, str]]:
    """Return all variables of an execution by namespace and key."""
    return {
        **execution["namespaces"],
        PIPELINE: {"PipelineExecutionId": execution["id"]},
        VARIABLES: execution["variables"],
    }


def resolve(configuration: dict[str, str], execution: Doc) -> dict[str, str]:
    """Return a configuration with all references replaced; values are not escaped, as on AWS.

    Raises:
        UnresolvedError: a reference names a variable that this execution does not have.
    """
    values = known(execution)

    def value_of(match: re.Match[str]) -> str:
        parts = split(match[1])
        if parts is None or parts[1] not in values.get(parts[0], {}):
            raise UnresolvedError(
                f"An action in this pipeline execution refers to the variable #{{{match[1]}}}, which has no value: no "
                "action with that namespace has produced it"
            )
        return values[parts[0]][parts[1]]

    return {key: REFERENCE.sub(value_of, value) for key, value in configuration.items()}
