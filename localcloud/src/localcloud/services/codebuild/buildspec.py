"""Buildspecs, version 0.2: parsed and validated in full before anything runs. Pure.

What AWS supports and the local cloud does not is refused by name, so that no build succeeds by ignoring it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

PHASES = ("INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD")
SHELLS = ("sh", "bash", "/bin/sh", "/bin/bash")
FORMATS = dict.fromkeys(
    ("CUCUMBERJSON", "JUNITXML", "NUNITXML", "NUNIT3XML", "TESTNGXML", "VISUALSTUDIOTRX"), "TEST"
) | dict.fromkeys(("CLOVERXML", "COBERTURAXML", "JACOCOXML", "SIMPLECOV"), "CODE_COVERAGE")
"""The type of a report group by file format: all of those in the user guide, Build specification reference."""
VERSION = 0.2
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
NODES_AT_MOST, DEPTH_AT_MOST = 100_000, 20
"""Limits of the YAML tree; a real buildspec has six levels and some dozen nodes."""
UNSUPPORTED = {
    "artifacts": ("s3-prefix", "gzip"),
    "cache": ("key", "fallback-keys", "action"),
}
OFF = ("no", "false", "")
HARMLESS: dict[str, dict[str, tuple[str, ...]]] = {
    "": {"run-as": ("root", "")},
    "env": {"git-credential-helper": OFF},
    "proxy": {"upload-artifacts": OFF, "logs": OFF},
    "phase": {"run-as": ("root", "")},
}
"""The values of keys that ask for nothing that a build does not have anyway; others are not supported here."""
RETRY = re.compile(r"RETRY(?:-.+)?", re.IGNORECASE)
"""`RETRY`, `RETRY-count`, `RETRY-regex`, `RETRY-count-regex` (user guide, Build specification reference)."""
KNOWN = {
    "": ("version", "run-as", "env", "proxy", "batch", "phases", "reports", "artifacts", "cache"),
    "env": (
        "shell", "variables", "parameter-store", "secrets-manager", "exported-variables", "git-credential-helper",
    ),
    "proxy": ("upload-artifacts", "logs"),
    "phase": ("run-as", "commands", "finally", "on-failure", "runtime-versions"),
    "artifacts": (
        "files", "base-directory", "discard-paths", "name", "exclude-paths", "enable-symlinks", "secondary-artifacts",
    ),
    "report": ("files", "base-directory", "discard-paths", "file-format"),
    "cache": ("paths",),
}  # fmt: skip


class BuildspecError(Exception):
    """The buildspec cannot be run; the message becomes the phase context of YAML_FILE_ERROR."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """The commands of one phase."""

    commands: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    """The commands in `finally`."""
    on_failure: str = ""
    """ABORT, CONTINUE, one of AWS's forms of RETRY, or "" for AWS's default."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Files:
    """File patterns to collect, for artifacts or for a report."""

    files: tuple[str, ...]
    base: str = "."
    discard: bool = False
    name: str = ""
    exclude: tuple[str, ...] = ()
    symlinks: bool = False
    format: str = "JUNITXML"


@dataclass(frozen=True, kw_only=True, slots=True)
class Buildspec:
    """A parsed buildspec."""

    shell: str = "sh"
    variables: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    exported: tuple[str, ...] = ()
    runtimes: dict[str, str] = field(default_factory=dict)
    phases: dict[str, Phase] = field(default_factory=dict)
    reports: dict[str, Files] = field(default_factory=dict)
    artifacts: Files | None = None
    secondary: dict[str, Files] = field(default_factory=dict)
    cached: tuple[str, ...] = ()


def parse(text: str) -> Buildspec:
    """Parse a buildspec.

    Raises:
        BuildspecError: it is not YAML, is invalid, or uses a feature that is not supported here.
    """
    try:
        tree = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  creates strings only, so that `on: yes` stays as it is
    except yaml.YAMLError as error:
        raise BuildspecError(f"YAML file is invalid: {' '.join(str(error).split())}") from error
    except RecursionError:
        raise BuildspecError("YAML file is invalid: it is nested too deeply") from None
    counted(tree, 0, [NODES_AT_MOST])
    tree = checked(tree, "", "buildspec")
    if "version" not in tree:
        raise BuildspecError("invalid buildspec `version` specified: , see documentation")
    if number(tree["version"]) != VERSION:
        raise BuildspecError(f"buildspec version {tree['version']} is not supported by the local cloud; write 0.2")
    checked(tree.get("proxy"), "proxy", "proxy")  # `batch` is read by batch builds only
    env = checked(tree.get("env"), "env", "env")
    phases = mapping(tree.get("phases"), "phases")
    if not phases:
        raise BuildspecError("phases must be given with at least one command")
    for name in phases:
        if str(name).upper() not in PHASES:
            raise BuildspecError(f"unknown phase {name}; a buildspec has install, pre_build, build and post_build")
    bodies = {str(name).upper(): checked(body, "phase", f"phases.{name}") for name, body in phases.items()}
    artifacts = checked(tree.get("artifacts"), "artifacts", "artifacts")
    secondary = mapping(artifacts.pop("secondary-artifacts", None), "artifacts.secondary-artifacts")
    return Buildspec(
        shell=one_of(env.get("shell", "sh"), SHELLS, "env.shell").rpartition("/")[2],
        variables=names(env.get("variables"), "env.variables"),
        parameters=names(env.get("parameter-store"), "env.parameter-store"),
        secrets=names(env.get("secrets-manager"), "env.secrets-manager"),
        exported=exported(env.get("exported-variables")),
        runtimes=runtimes(bodies),
        phases={name: phase(body, name) for name, body in bodies.items()},
        reports={name: report(body, name) for name, body in mapping(tree.get("reports"), "reports").items()},
        artifacts=collected(artifacts, "artifacts") if artifacts else None,
        secondary={
            name: collected(checked(body, "artifacts", f"artifacts.{name}"), f"secondary-artifacts.{name}")
            for name, body in secondary.items()
        },
        cached=texts(checked(tree.get("cache"), "cache", "cache").get("paths"), "cache.paths"),
    )


def counted(node: object, depth: int, left: list[int]) -> None:
    """Refuse a tree that is too deep or, with its aliases expanded, too large: a few lines may expand to gigabytes.

    Args:
        node: the tree or a subtree.
        depth: the depth of the node.
        left: the number of nodes still allowed; decremented in place.
    """
    left[0] -= 1
    if left[0] < 0 or depth > DEPTH_AT_MOST:
        raise BuildspecError(f"YAML file has more than {NODES_AT_MOST} nodes, or more than {DEPTH_AT_MOST} levels")
    for child in [*node, *node.values()] if isinstance(node, dict) else node if isinstance(node, list) else []:
        counted(child, depth + 1, left)


def number(text: object) -> float | None:
    """Return a string as a number, or None if it is not one."""
    try:
        return float(str(text))
    except ValueError:
        return None


def mapping(value: object, where: str) -> dict[str, Any]:
    """Return a mapping; an absent one becomes an empty one."""
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise BuildspecError(f"{where} must be a mapping in the buildspec")
    return dict(value)


def checked(value: object, kind: str, where: str) -> dict[str, Any]:
    """Return a mapping that has only known keys."""
    found = mapping(value, where)
    for key in found:
        if key in UNSUPPORTED.get(kind, ()):
            raise BuildspecError(f"{key} in {where} is not supported by the local cloud")
        if key not in KNOWN[kind]:
            raise BuildspecError(f"unknown key {key} in {where}; it takes {', '.join(KNOWN[kind])}")
        allowed = HARMLESS.get(kind, {}).get(key)
        if allowed is not None and str(found[key]).lower() not in allowed:
            raise BuildspecError(f"{key} {found[key]} in {where} is not supported by the local cloud")
    return found


def texts(value: object, where: str) -> tuple[str, ...]:
    """Return a list of strings; a single string becomes a list of one."""
    if value is None or value == "":
        return ()
    rows = value if isinstance(value, list) else [value]
    for row in rows:
        if not isinstance(row, str):
            raise BuildspecError(f"{where}: expected a list of texts; found {type(row).__name__}: {row}")
    return tuple(rows)


def text(value: object, where: str) -> str:
    """Return a string; an absent one becomes ""."""
    if not isinstance(value, str | None):
        raise BuildspecError(f"{where} must be a text")
    return value or ""


def names(value: object, where: str) -> dict[str, str]:
    """Return variables: valid shell names with string values."""
    found = mapping(value, where)
    for name, text in found.items():
        if not NAME.fullmatch(name):
            raise BuildspecError(f"{where}: {name} is no variable name")
        if not isinstance(text, str):
            raise BuildspecError(f"{where}.{name} must be a text")
    return found


def exported(value: object) -> tuple[str, ...]:
    """Return the names of the exported variables."""
    found = texts(value, "env.exported-variables")
    for name in found:
        if not NAME.fullmatch(name):
            raise BuildspecError(f"env.exported-variables: {name} is no variable name")
    return found


def one_of(value: object, allowed: tuple[str, ...], where: str) -> str:
    """Return a string that must be one of the allowed values."""
    if value not in allowed:
        raise BuildspecError(f"{where} {value} is not supported by the local cloud; it takes {', '.join(allowed)}")
    return str(value)


def yes(value: object, where: str) -> bool:
    """Return AWS's yes or no as a bool."""
    return one_of(str(value).lower(), ("yes", "no", "true", "false"), where) in ("yes", "true")


def phase(body: dict[str, Any], name: str) -> Phase:
    """Parse a phase."""
    if "runtime-versions" in body and name != "INSTALL":
        raise BuildspecError(f"runtime-versions may be in the phase install only, not in {name.lower()}")
    on_failure = body.get("on-failure", "")
    if on_failure and not RETRY.fullmatch(text(on_failure, f"phases.{name.lower()}.on-failure")):
        one_of(on_failure, ("ABORT", "CONTINUE"), f"phases.{name.lower()}.on-failure")
    return Phase(
        commands=texts(body.get("commands"), f"phases.{name.lower()}.commands"),
        last=texts(body.get("finally"), f"phases.{name.lower()}.finally"),
        on_failure=on_failure,
    )


def runtimes(bodies: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return the requested runtime versions."""
    return names(bodies.get("INSTALL", {}).get("runtime-versions"), "runtime-versions")


def collected(body: dict[str, Any], where: str) -> Files:
    """Parse the file patterns of artifacts or reports."""
    files = texts(body.get("files"), f"{where}.files")
    if not files:
        raise BuildspecError(f"{where}.files must be given in the buildspec")
    return Files(
        files=files,
        base=text(body.get("base-directory"), f"{where}.base-directory") or ".",
        discard=yes(body.get("discard-paths", "no"), f"{where}.discard-paths"),
        name=text(body.get("name"), f"{where}.name"),
        exclude=texts(body.get("exclude-paths"), f"{where}.exclude-paths"),
        symlinks=yes(body.get("enable-symlinks", "no"), f"{where}.enable-symlinks"),
        format=text(body.get("file-format"), f"{where}.file-format").upper() or "JUNITXML",
    )


def report(body: object, name: str) -> Files:
    """Parse a report's file patterns and format."""
    found = checked(body, "report", f"reports.{name}")
    files = collected(found, f"reports.{name}")
    one_of(files.format, tuple(FORMATS), f"reports.{name}.file-format")
    return files
