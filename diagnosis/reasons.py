"""Reasons of failed tasks in words, and what to change.

AWS tells reasons as texts only (Amazon ECS Developer Guide, "Stopped tasks error messages"; Elastic Load Balancing,
"Health check reason codes"), and so do programs: what is looked for are words that their errors have in common.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

CODES = {126: "its command cannot be executed", 127: "its command does not exist", 137: "it was killed (SIGKILL)"}
CODES |= {139: "it crashed (SIGSEGV)", 143: "it was terminated (SIGTERM)"}
"""Exit codes with a meaning: those of POSIX shells, and 128 + the number of a signal."""
KILLED = 137
READ_ONLY = re.compile(r"read-only file ?system|EROFS", re.IGNORECASE)
DENIED = re.compile(r"permission denied|EACCES", re.IGNORECASE)
RELATIVE = re.compile(r"read-only file ?system:? ['\"]([^'\"]+)['\"]", re.IGNORECASE)
PATH = re.compile(r"['\"](/[^'\"]+)['\"]|(?:^|[\s:(])(/[\w./-]+)")
LISTENS = re.compile(r"\b(?:bind|listen|0\.0\.0\.0:\d)|:::\d|\bport \d", re.IGNORECASE)
ANSWERED = re.compile(r"codes?: \[(\d+)\]")
BAD_REQUEST = "400"
CHECKS_HOST = (
    "if it checks the Host header, let it allow the task's own address, which ECS_CONTAINER_METADATA_URI_V4 tells; "
    "else set health_check.path to a path that answers 200"
)
UNREACHABLE = ("Request timed out", "Connection refused", "failed to connect", "Target.Timeout", "Target.FailedHealth")


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """What a reason is about: the port and path of the health check, and the task's memory in MiB (empty: unknown)."""

    port: int
    health_path: str
    memory: str


STARTED = (
    (
        re.compile("CannotPullContainer"),
        "the image cannot be pulled ({told})",
        "build the image again, for the service's cpu_architecture; check that tasks reach ECR",
    ),
    (
        re.compile(r"ResourceInitializationError.*(Access to KMS is not allowed|kms:Decrypt)", re.DOTALL),
        "a secret is encrypted by a key that the execution role may not use ({told})",
        "add the ARN of the key to kms_keys of the service; if it is there, the policy of the key refuses the role",
    ),
    (
        re.compile("ResourceInitializationError"),
        "a secret or the log group cannot be reached ({told})",
        "check that the ARNs under secrets exist and that the execution role may read them",
    ),
    (re.compile("OutOfMemory"), "it needed more than {memory}", "raise memory of the service"),
    (
        re.compile("exec format error"),
        "the image is for another CPU architecture",
        "set cpu_architecture of the service",
    ),
    (
        re.compile("CannotStartContainer|CannotCreateContainer"),
        "the container cannot be started ({told})",
        "correct command or entry_point of the service, or CMD and ENTRYPOINT of its Dockerfile",
    ),
    (
        re.compile("capacity.*unavailable", re.IGNORECASE),
        "AWS has no capacity ({told})",
        "try again later, or turn spot off",
    ),
)
"""Texts of ECS by what they have in common; what they mean; what to change."""


def explain(reason: str, code: int | None, lines: Sequence[str], about: Context) -> tuple[str, str]:
    """Return the reason of a failed task in words, and what to change (empty if unknown).

    Args:
        reason: what ECS tells: `stoppedReason` of the task, `reason` of its container, or why a target is unhealthy.
        code: exit code of the container, None if it has not ended by itself.
        lines: the last lines that it wrote.
        about: port, health check and memory.
    """
    told = _started(reason, about)
    if told:
        return told
    if written := _written(lines, code):
        return written
    if "health check" in reason or "is unhealthy" in reason:
        return _health(reason, about)
    if code is not None:
        meaning = CODES.get(code, "")
        text = f"the container ended with exit code {code}{f': {meaning}' if meaning else ''}"
        remedy = "a service has to run until it is stopped; correct its command" if code == 0 else ""
        return text, remedy or ("its last lines say why" if lines else "it wrote nothing")
    return " ".join(reason.split()) or "ECS tells no reason", ""


def _started(reason: str, about: Context) -> tuple[str, str] | None:
    """Return why ECS could not start or had to kill a task; None if it is not for such a reason."""
    memory = f"its memory of {about.memory} MiB" if about.memory else "its memory"
    for words, text, remedy in STARTED:
        if words.search(reason):
            return text.format(told=" ".join(reason.split()), memory=memory), remedy
    return None


def _written(lines: Sequence[str], code: int | None) -> tuple[str, str] | None:
    """Return why a program failed by what it wrote last, None if that tells nothing known."""
    for line in reversed(lines):
        if READ_ONLY.search(line):
            relative = RELATIVE.search(line)
            path = relative[1] if relative else _path(line)
            folder = (path.rpartition("/")[0] or path) if path.startswith("/") else ""
            where = f"'{path}' is on a read-only file system" if path else "it writes to a read-only file system"
            name = folder or "its directory"
            # A directory in memory hides what the image has there.
            remedy = f"add {name} to writable of the service, if the image has nothing there that it needs"
            return where, f"let it write to /tmp, or {remedy}, or set read_only: false"
        if code and DENIED.search(line) and LISTENS.search(line):
            return "it may not listen on its port", "use a port of 1024 or above, or user: root"
        if code and DENIED.search(line):
            path = _path(line)
            return (
                f"it may not access {f'{path!r}' if path else 'a file'} as its user",
                "correct owner or mode in the Dockerfile, or set user of the service",
            )
        if "exec format error" in line:
            return "the image is for another CPU architecture", "set cpu_architecture of the service"
    return None


def _path(line: str) -> str:
    match = PATH.search(line)
    return (match[1] or match[2]) if match else ""


def _health(reason: str, about: Context) -> tuple[str, str]:
    if match := ANSWERED.search(reason):
        if match[1] == BAD_REQUEST:
            return f"its health check {about.health_path} answered {match[1]}", CHECKS_HOST
        remedy = f"set health_check.path to a path that answers 200, or health_check.status to {match[1]}"
        return f"its health check {about.health_path} answered {match[1]}", remedy
    if any(words in reason for words in UNREACHABLE):
        return (
            f"it never answered {about.health_path} on port {about.port}",
            f"set port to the one that it listens on, on all addresses (0.0.0.0), or raise grace_period if it "
            f"starts slowly; it is given PORT={about.port}",
        )
    return " ".join(reason.split()), "check port and health_check of the service"
