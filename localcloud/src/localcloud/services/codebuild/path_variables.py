"""Environment variables in the paths of a buildspec: `$NAME` and `${NAME}`. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.services.codebuild.buildspec import Files

VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


class UnknownVariableError(Exception):
    """The build has no such variable; the message says which."""


def expanded(path: str, variables: Mapping[str, str]) -> str:
    """Return a path in which each variable is replaced by its value at the build's start.

    Raises:
        UnknownVariableError: the build has no such variable.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name not in variables:
            raise UnknownVariableError(f"the build has no variable {name} at its start")
        return variables[name]

    return VARIABLE.sub(value, path)


def files(wanted: Files, variables: Mapping[str, str]) -> Files:
    """Return the file patterns of an artifact or a report with their variables replaced.

    AWS's sample of several inputs has `base-directory: $CODEBUILD_SRC_DIR_source2` (user guide, Multiple input sources
    and output artifacts sample).

    Raises:
        UnknownVariableError: the build has no such variable.
    """
    return replace(
        wanted,
        files=tuple(expanded(path, variables) for path in wanted.files),
        base=expanded(wanted.base, variables),
        exclude=tuple(expanded(path, variables) for path in wanted.exclude),
    )
