"""Which webhook events start a build: AWS's filter groups applied to GitHub's payloads. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from localcloud.services.codebuild import validation

Filter = dict[str, Any]
TYPES = ("EVENT", "HEAD_REF", "BASE_REF", "FILE_PATH", "ACTOR_ACCOUNT_ID", "COMMIT_MESSAGE")
PULLS = {
    "opened": "PULL_REQUEST_CREATED",
    "synchronize": "PULL_REQUEST_UPDATED",
    "reopened": "PULL_REQUEST_REOPENED",
    "closed": "PULL_REQUEST_CLOSED",
}
EVENTS = ("PUSH", *PULLS.values(), "PULL_REQUEST_MERGED")
BY_DEFAULT = ("PUSH", "PULL_REQUEST_CREATED", "PULL_REQUEST_UPDATED", "PULL_REQUEST_REOPENED")
"""The events that start a build if a webhook has no filter groups."""
ZEROS = "0" * 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Happened:
    """A GitHub event, as the filters see it."""

    event: str
    """PUSH, PULL_REQUEST_CREATED ...; "" for an event that never starts a build."""
    repository: str
    commit: str
    head: str
    """The full ref that changed; for a pull request, its head branch's."""
    base: str
    """The full ref of a pull request's base branch; "" for a push."""
    actor: str
    message: str
    files: tuple[str, ...]
    trigger: str
    """branch/x, tag/x or pr/12."""
    previous: str
    fork: bool


def happened(kind: str, payload: dict[str, Any], message: str = "") -> Happened | None:
    """Return the event of a webhook delivery, or None if builds do not react to it.

    Args:
        kind: the header X-GitHub-Event.
        payload: the payload.
        message: for a pull request, the head commit's message, which the payload lacks.
    """
    actor = str((payload.get("sender") or {}).get("id", ""))
    repository = str((payload.get("repository") or {}).get("full_name", ""))
    if kind == "push":
        ref, after = str(payload.get("ref", "")), str(payload.get("after", ZEROS))
        head = payload.get("head_commit") or {}
        if after == ZEROS:
            return None
        commits = payload.get("commits") or []
        names = {name for row in commits for key in ("added", "modified", "removed") for name in row[key]}
        short = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
        return Happened(
            event="PUSH", repository=repository, commit=str(head.get("id") or after), head=ref, base="", actor=actor,
            message=str(head.get("message", "")), files=tuple(sorted(names)),
            trigger=f"{'tag' if ref.startswith('refs/tags/') else 'branch'}/{short}",
            previous=str(payload.get("before", "")), fork=False,
        )  # fmt: skip
    pull = payload.get("pull_request") or {}
    event = PULLS.get(str(payload.get("action", "")), "")
    if kind != "pull_request" or not event:
        return None
    merged = event == "PULL_REQUEST_CLOSED" and pull.get("merged")
    head, base = pull["head"], pull["base"]
    return Happened(
        event="PULL_REQUEST_MERGED" if merged else event, repository=repository, commit=str(head["sha"]),
        head=f"refs/heads/{head['ref']}", base=f"refs/heads/{base['ref']}", actor=actor, message=message, files=(),
        trigger=f"pr/{pull.get('number') or payload.get('number')}", previous=str(base.get("sha", "")),
        fork=(head.get("repo") or {}).get("full_name") != (base.get("repo") or {}).get("full_name"),
    )  # fmt: skip


def starts(groups: list[list[Filter]], branch: str, told: Happened) -> bool:
    """Return whether an event starts a build.

    Args:
        groups: filter groups: all filters of one have to match. Without groups, AWS's default applies.
        branch: the older branch filter, a regular expression on branch names; "" if there is none.
        told: the event.
    """
    if not groups:
        name = told.head.removeprefix("refs/heads/")
        return told.event in BY_DEFAULT and (not branch or re.search(branch, name) is not None)
    return any(all(matches(row, told) for row in group) for group in groups)


def matches(row: Filter, told: Happened) -> bool:
    """Return whether an event matches one filter; patterns are searched for, so that anchoring is up to the user."""
    kind, pattern = row["type"], row["pattern"]
    if kind == "EVENT":
        result = told.event in [name.strip() for name in pattern.split(",")]
    else:
        values = {
            "HEAD_REF": (told.head,),
            "BASE_REF": (told.base,) if told.base else (),
            "ACTOR_ACCOUNT_ID": (told.actor,),
            "COMMIT_MESSAGE": (told.message,),
            "FILE_PATH": told.files,
        }[kind]
        result = any(re.search(pattern, value) for value in values)
    return result != bool(row.get("excludeMatchedPattern"))


def check(groups: list[list[Filter]], branch: str) -> None:
    """Refuse filters that AWS rejects or that cannot be evaluated here.

    Raises:
        ApiError: a filter is invalid; the message states the rule.
    """
    if groups and branch:
        raise validation.invalid("Cannot specify both branchFilter and filterGroups")
    if branch:
        compiled(branch)
    for group in groups:
        events = [name.strip() for row in group if row["type"] == "EVENT" for name in row["pattern"].split(",")]
        if not events:
            raise validation.invalid("Each filter group must have a filter of type EVENT")
        for row in group:
            check_one(row, events)


def check_one(row: Filter, events: list[str]) -> None:
    """Validate one filter."""
    if row["type"] not in TYPES:
        raise validation.unsupported(f"a filter of type {row['type']}")
    if row["type"] == "EVENT":
        for name in events:
            if name not in EVENTS:
                raise validation.invalid(f"Invalid EVENT pattern {name!r}; it takes {', '.join(EVENTS)}")
        if row.get("excludeMatchedPattern"):
            raise validation.invalid("A filter of type EVENT cannot have excludeMatchedPattern")
        return
    compiled(row["pattern"])
    if row["type"] == "BASE_REF" and "PUSH" in events:
        raise validation.invalid("A filter of type BASE_REF goes with pull request events only, not with PUSH")
    if row["type"] == "FILE_PATH" and events != ["PUSH"]:
        raise validation.unsupported("a filter of type FILE_PATH with pull request events")


def compiled(pattern: str) -> re.Pattern[str]:
    """Return a compiled pattern, or refuse an invalid one."""
    try:
        return re.compile(pattern)
    except re.error as error:
        raise validation.invalid(f"Invalid filter pattern {pattern!r}: {error}") from error
