"""The IAM statements in docs/iam, and the requests that a run of Pulumi on the local cloud had to be allowed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcloud.iam.policies import Ask

if TYPE_CHECKING:
    from collections.abc import Iterable

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "iam"
RECORDED = Path(__file__).parent / "local" / "requests_of_pulumi.json"
"""By file of docs/iam: the requests that its statements were needed for, written by tests/local/test_iam_files.py."""
FILES = ("up", "preview")
VARYING = (
    (re.compile(r"-[0-9a-f]{7}(?![0-9a-f])"), "-1234567"),  # the suffix of a name that Pulumi makes
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "1"),
    (re.compile(r"(?<=/)([0-9a-f]{16}|[0-9]{19}|[0-9a-f]{40})\b"), "1"),
    (re.compile(r"(?<=scalable-target/)[0-9a-f]+"), "1"),
    (re.compile(r"db-[0-9A-Z]{26}"), "db-1"),
    (re.compile(r"secret:rds!db-1-[0-9A-Za-z]{6}$"), "secret:rds!db-1"),
    (re.compile(r"(task-definition/[\w-]+):\d+$"), r"\1:1"),
)
"""What differs between runs, and what stands for it."""


def statements(name: str) -> list[dict[str, Any]]:
    """Return the statements of a file, `up` or `preview`."""
    found: list[dict[str, Any]] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))["Statement"]
    return found


def shown(action: str, resource: str, keys: dict[str, str]) -> str:
    """Return a request as one line: action, resource and the service that a role is passed to."""
    for pattern, stands_for in VARYING:
        resource = pattern.sub(stands_for, resource)
    return " ".join(filter(None, (action, resource, keys.get("iam:passedtoservice"))))


def asked(line: str) -> Ask:
    """Return the request that a line shows."""
    action, resource, service = (*line.split(" "), "")[:3]
    return Ask(action=action, resource=resource, keys={"iam:passedtoservice": service} if service else {})


def recorded(name: str) -> list[str]:
    """Return the recorded requests of a file, each as one line."""
    return list(json.loads(RECORDED.read_text("utf-8"))[name])


def write(requests: dict[str, Iterable[str]]) -> None:
    """Write the recorded requests by file, of those that differ only in a resource's name the first."""
    kept = {name: {_kind(line): line for line in sorted(lines, reverse=True)} for name, lines in requests.items()}
    text = json.dumps({name: sorted(lines.values()) for name, lines in kept.items()}, indent=1)
    RECORDED.write_text(f"{text}\n", "utf-8")


def _kind(line: str) -> tuple[str, ...]:
    """Return action, service passed to, and the resource without its name: `role`, or `role` and a path."""
    action, resource, *service = line.split(" ")
    parts = list(filter(None, re.split("[:/]", resource.split(":", 5)[-1])))
    return (action, *service, *parts[: 2 if len(parts) > 2 else 1])
