"""V2 triggers: validation of their declaration, and matching of pushes and pull requests against their filters."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from localcloud.gateway.protocol import ApiError

if TYPE_CHECKING:
    from localcloud.github import Event
    from localcloud.state.table import Doc

PROVIDER = "CodeStarSourceConnection"
EVENTS = {"opened": "OPEN", "reopened": "OPEN", "synchronize": "UPDATED", "edited": "", "closed": "CLOSED"}
"""AWS's pull request events by GitHub's action."""
HEADS, TAGS = "refs/heads/", "refs/tags/"


def error(message: str) -> ApiError:
    """Return the error for an invalid trigger."""
    return ApiError("InvalidStructureException", message)


def check(declaration: Doc) -> None:
    """Refuse a trigger that AWS rejects."""
    sources = {action["name"]: action["actionTypeId"]["provider"] for action in declaration["stages"][0]["actions"]}
    seen: set[str] = set()
    for trigger in declaration.get("triggers", []):
        git = trigger["gitConfiguration"]
        name = git["sourceActionName"]
        if sources.get(name) != PROVIDER:
            raise error(f"Trigger for {name}: the first stage has no {PROVIDER} action of that name")
        if name in seen:
            raise error(f"Trigger for {name}: only one trigger configuration may be defined for a source action")
        seen.add(name)
        if not git.get("push") and not git.get("pullRequest"):
            raise error(f"Trigger for {name}: gitConfiguration must have push or pullRequest")
        for row in git.get("push", []):
            check_push(name, row)
        for row in git.get("pullRequest", []):
            check_pull_request(name, row)


def check_push(name: str, row: Doc) -> None:
    """Refuse a push filter other than tags, branches, or branches with file paths."""
    given = [member for member in ("tags", "branches", "filePaths") if member in row]
    if given not in (["tags"], ["branches"], ["branches", "filePaths"]):
        text = f"Trigger for {name}: a push filter has {' and '.join(given) or 'nothing'}"
        raise error(f"{text}; it may have tags, or branches, or branches and filePaths")
    for member in given:
        check_criteria(name, member, row[member])


def check_pull_request(name: str, row: Doc) -> None:
    """Refuse a pull request filter without branches."""
    if "branches" not in row:
        raise error(f"Trigger for {name}: a pullRequest filter must have branches")
    for member in ("branches", "filePaths"):
        if member in row:
            check_criteria(name, member, row[member])


def check_criteria(name: str, member: str, criteria: Doc) -> None:
    """Refuse criteria without patterns."""
    if not criteria.get("includes") and not criteria.get("excludes"):
        raise error(f"Trigger for {name}: {member} must have includes or excludes")


def explicit(declaration: Doc, action: str) -> Doc | None:
    """Return the declared trigger of a source action, or None."""
    for trigger in declaration.get("triggers", []):
        if trigger["gitConfiguration"]["sourceActionName"] == action:
            return dict(trigger["gitConfiguration"])
    return None


def fires(git: Doc, event: Event) -> bool:
    """Return whether an event matches one of a trigger's filters."""
    if event.kind == "pull_request":
        return any(meets_pull_request(row, event) for row in git.get("pullRequest", []))
    return any(meets_push(row, event) for row in git.get("push", []))


def meets_push(row: Doc, event: Event) -> bool:
    """Return whether a push matches a filter."""
    if "tags" in row:
        return event.ref.startswith(TAGS) and meets(row["tags"], event.ref.removeprefix(TAGS))
    if not event.ref.startswith(HEADS) or not meets(row["branches"], event.ref.removeprefix(HEADS)):
        return False
    return meets_files(row, event.files)


def meets_pull_request(row: Doc, event: Event) -> bool:
    """Return whether a pull request matches a filter: its target branch, its changed files, its event."""
    happened = EVENTS.get(event.action, "")
    if not happened or happened not in row.get("events", ["OPEN", "UPDATED", "CLOSED"]):
        return False
    return meets(row["branches"], event.base_branch) and meets_files(row, event.files)


def meets_files(row: Doc, files: tuple[str, ...]) -> bool:
    """Return whether any changed file matches a filter, or the filter has no file paths."""
    return "filePaths" not in row or any(meets(row["filePaths"], path) for path in files)


def meets(criteria: Doc, text: str) -> bool:
    """Return whether a name matches includes and excludes; excludes take precedence."""
    if any(glob(pattern).match(text) for pattern in criteria.get("excludes", [])):
        return False
    includes = criteria.get("includes", [])
    return not includes or any(glob(pattern).match(text) for pattern in includes)


@cache
def glob(pattern: str) -> re.Pattern[str]:
    """Return a glob as a regex for the whole text: * within a folder, ** across folders, ?, [a-z], {a,b}."""
    out, position, depth = "", 0, 0
    while position < len(pattern):
        char = pattern[position]
        if pattern.startswith("**/", position):
            out, position = out + "(?:.*/)?", position + 3
            continue
        if pattern.startswith("**", position):
            out, position = out + ".*", position + 2
            continue
        end = pattern.find("]", position + 2) if char == "[" else -1
        if end > 0:
            inside = pattern[position + 1 : end].replace("\\", r"\\")
            inside = f"^{inside[1:]}" if inside.startswith("!") else inside
            out, position = f"{out}[{inside}]", end + 1
            continue
        if char in "{}":
            depth += 1 if char == "{" else -1
        simple = {"*": "[^/]*", "?": "[^/]", "{": "(?:", "}": ")"}
        out += "|" if char == "," and depth else simple.get(char, re.escape(char))
        position += 1
    try:
        return re.compile(rf"\A{out}\Z")
    except re.error:
        return re.compile(rf"\A{re.escape(pattern)}\Z")
