"""The stages of a Dockerfile: names, exposed ports, user, and the command that a container of each runs.

Only what both sides ask for is read (https://docs.docker.com/reference/dockerfile/): `ONBUILD` and the configuration
of base images are not.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

RELEASE, TEST, ACCEPTANCE = "release", "test", "acceptance"
"""Names of stages with a meaning: the release image, the application's tests, and its acceptance suite."""
LAST = ""
"""The target of the last stage; Docker builds it where no target is named."""
FROM = re.compile(r"(?:--\S+\s+)*(?P<base>\S+)(?:\s+AS\s+(?P<name>\S+))?", re.IGNORECASE)
INSTRUCTION = re.compile(r"\s*([A-Za-z]+)\s+(.*)", re.DOTALL)
DIRECTIVE = re.compile(r"#\s*escape\s*=\s*(\S)\s*", re.IGNORECASE)
HEREDOC = re.compile(r"<<-?([\"']?)(\w+)\1")
VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?-([^}]*))?\})")
TCP_PORT = re.compile(r"(\d+)(?:/tcp)?", re.IGNORECASE)


@dataclass(slots=True)
class Stage:
    """A build stage.

    `base` is its `FROM`. `ports` are the TCP ports that it exposes, `user` is empty where the base image decides.
    `entry_point` and `command` are the words of `ENTRYPOINT` and `CMD`, None where only the base image could have them.
    Those of a stage that it is based on are its own, too.
    """

    name: str
    base: str
    ports: list[int] = field(default_factory=list)
    user: str = ""
    entry_point: list[str] | None = None
    command: list[str] | None = None
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A Dockerfile's stages, in order; at least one."""

    stages: tuple[Stage, ...]

    @property
    def names(self) -> list[str]:
        """The names of the named stages, in lower case as Docker compares them."""
        return [stage.name for stage in self.stages if stage.name]

    def stage(self, target: str) -> Stage | None:
        """Return the stage of a target: a name in any case, or `LAST`; None if there is none."""
        if target == LAST:
            return self.stages[-1]
        return next((stage for stage in reversed(self.stages) if stage.name == target.lower()), None)

    def default_target(self) -> str:
        """Return the target of the release image where none is configured: `release` if it exists, else `LAST`."""
        return RELEASE if RELEASE in self.names else LAST


def read(path: Path, build_args: Mapping[str, str] | None = None) -> Dockerfile | None:
    """Return what a Dockerfile declares, None if it has no `FROM`.

    Args:
        path: the Dockerfile.
        build_args: values of its `ARG`s in place of their defaults.

    Raises:
        OSError: it cannot be read.
    """
    return parse(path.read_text("utf-8", "replace"), build_args or {})


def parse(text: str, build_args: Mapping[str, str]) -> Dockerfile | None:
    """Return what the text of a Dockerfile declares, None if it has no `FROM`; see `read`."""
    stages: list[Stage] = []
    global_args: dict[str, str] = {}
    for name, value in _instructions(text):
        if name == "FROM":
            stages.append(_begin(value, stages, global_args))
        elif stages:
            _apply(stages[-1], name, value, global_args, build_args)
        elif name == "ARG":
            global_args |= _argument(value, {}, build_args)
    return Dockerfile(tuple(stages)) if stages else None


def _begin(value: str, before: list[Stage], global_args: dict[str, str]) -> Stage:
    match = FROM.match(value)
    base = _expanded(match["base"] if match else value, global_args)
    name = (match["name"] or "").lower() if match else ""
    if parent := next((stage for stage in reversed(before) if stage.name and stage.name == base.lower()), None):
        return Stage(
            name,
            base,
            list(parent.ports),
            parent.user,
            parent.entry_point,
            parent.command,
            dict(parent.variables),
        )
    return Stage(name, base)


def _apply(stage: Stage, name: str, value: str, global_args: Mapping[str, str], build_args: Mapping[str, str]) -> None:
    if name == "EXPOSE":
        ports = (TCP_PORT.fullmatch(word) for word in _expanded(value, stage.variables).split())
        stage.ports = list(dict.fromkeys([*stage.ports, *(int(port[1]) for port in ports if port)]))
    elif name == "USER":
        stage.user = _expanded(value.strip(), stage.variables)
    elif name == "ENTRYPOINT":
        stage.entry_point = _words(value)
        stage.command = None  # `ENTRYPOINT` resets the base's `CMD` (Dockerfile reference, "CMD and ENTRYPOINT")
    elif name == "CMD":
        stage.command = _words(value)
    elif name == "ENV":
        stage.variables |= _pairs(_expanded(value, stage.variables))
    elif name == "ARG":
        stage.variables |= _argument(value, global_args, build_args)


def _argument(value: str, global_args: Mapping[str, str], build_args: Mapping[str, str]) -> dict[str, str]:
    """Return the value of each `ARG`: the build argument, its default, or that of an `ARG` before the first `FROM`."""
    found = {}
    for word in _split(value):
        key, given, default = word.partition("=")
        known = default if given else global_args.get(key)
        if (chosen := build_args.get(key, known)) is not None:
            found[key] = chosen
    return found


def _pairs(value: str) -> dict[str, str]:
    """Return the variables of an `ENV`: `KEY=value ...`, or the older `KEY value`."""
    words = _split(value)
    if words and "=" not in words[0]:
        return {words[0]: " ".join(words[1:])}
    return {key: text for key, given, text in (word.partition("=") for word in words) if given}


def _words(value: str) -> list[str]:
    """Return the words of a `CMD` or `ENTRYPOINT`: its JSON form, else a shell that is given the text."""
    try:
        words = json.loads(value)
    except ValueError:
        words = None
    if isinstance(words, list) and all(isinstance(word, str) for word in words):
        return words
    return ["/bin/sh", "-c", value.strip()]


def _split(value: str) -> list[str]:
    try:
        return shlex.split(value)
    except ValueError:
        return value.split()


def _expanded(text: str, variables: Mapping[str, str]) -> str:
    """Return a text with `$NAME`, `${NAME}` and `${NAME:-default}` replaced; unknown ones are left."""
    return VARIABLE.sub(lambda match: variables.get(match[1] or match[2], match[3] or match[0]), text)


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    """Yield instructions in upper case with their arguments: without comments, continuations and here-documents."""
    directive = DIRECTIVE.match(text)
    escape = directive[1] if directive else "\\"
    lines = iter(text.replace("\r\n", "\n").splitlines())
    held = ""
    for line in lines:
        if line.lstrip().startswith("#") or (held and not line.strip()):
            continue
        held += line
        if line.rstrip().endswith(escape):
            held = held.rstrip().removesuffix(escape) + " "
            continue
        if match := INSTRUCTION.match(held):
            yield match[1].upper(), match[2].strip()
            for _, end in HEREDOC.findall(match[2]) if match[1].upper() in ("RUN", "COPY", "ADD") else ():
                next((one for one in lines if one.lstrip("\t") == end), None)
        held = ""
