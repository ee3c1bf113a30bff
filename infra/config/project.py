"""The rules for the Pulumi project's name, of which names in the account are made, and for the tag of that name."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from contract.names import PROJECT_TAG
from infra.config.errors import Problem, display_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TAGS = "aws:defaultTags"
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
CONNECTION_LIMIT = 32
"""Characters of a connection's name (CodeConnections CreateConnection, ConnectionName): the lowest limit of all names
that are made of project and stack."""
RESERVED = ("aws", "ssm")
"""A parameter's path begins with neither (Systems Manager PutParameter, Name)."""


def check(config: Mapping[str, str], *, stack: str, project: str) -> Iterator[Problem]:
    """Yield the problems of a project's name and of the default tag that has to be that name.

    Args:
        config: values by key.
        stack: the stack's name.
        project: the name in Pulumi.yaml.
    """
    remedy = "correct `name` in Pulumi.yaml"
    if not NAME.fullmatch(project) or project.startswith(RESERVED):
        rule = (
            "names of repositories, parameters and snapshots begin with it; use lower-case letters, digits and single "
            f"hyphens, a letter first, and begin with neither {' nor '.join(RESERVED)}; {remedy}"
        )
        yield Problem.invalid(("pulumi:project",), project, rule)
    elif (length := len(f"{project}-{stack}")) > CONNECTION_LIMIT:
        rule = f"with the stack's name it has {length} characters, and a connection's name at most {CONNECTION_LIMIT}"
        yield Problem.invalid(("pulumi:project",), project, f"{rule}; {remedy}")
    tagged = tags(config.get(TAGS)).get(PROJECT_TAG, project)
    if tagged != project:
        path = f"{TAGS}.tags.{PROJECT_TAG}"
        yield Problem(
            (TAGS,),
            f"has the tag {PROJECT_TAG} {display_value((), tagged)}; `delivery clean` finds by it what a project left, "
            f"so it must be {project}, the name in Pulumi.yaml; run: pulumi config set --path '{path}' {project}",
        )


def tags(text: str | None) -> dict[str, object]:
    """Return the tags in `aws:defaultTags`, none if it is not what the AWS provider reads, which then says so."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    given = found.get("tags") if isinstance(found, dict) else None
    return given if isinstance(given, dict) else {}
