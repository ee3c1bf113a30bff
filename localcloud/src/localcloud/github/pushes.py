"""What a push was: events made from the refs before and after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcloud.github import git, history
from localcloud.github.events import ZEROS, Event

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from localcloud.github.views import Views

Doc = dict[str, Any]
HEADS, TAGS = "refs/heads/", "refs/tags/"
MOST_COMMITS = 2048
"""So many commits does GitHub list in one push."""
MOST_TAGS = 3
"""GitHub makes no event of tags when more than three are pushed at once."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A ref that points elsewhere now; zeros where it was or is not."""

    ref: str
    before: str
    after: str


def moved(known: Mapping[str, str], found: Mapping[str, str]) -> list[Moved]:
    """Return the refs that differ, branches before tags."""
    names = sorted({*known, *found}, key=lambda name: (name.startswith(TAGS), name))
    every = [Moved(name, known.get(name, ZEROS), found.get(name, ZEROS)) for name in names]
    return [one for one in every if one.before != one.after]


class Pushes:
    """Makes the events of a push; blocks while git runs."""

    def __init__(self, views: Views) -> None:
        """Take what shows things as GitHub does."""
        self._views = views

    def events(
        self, doc: Doc, folder: Path, known: Mapping[str, str], found: Mapping[str, str], by: str
    ) -> list[Event]:
        """Return an event for each ref that moved; a new ref's commits are those that no other ref has brought.

        Args:
            doc: the repository.
            folder: its folder.
            known: the refs before.
            found: the refs now.
            by: login of who pushed.
        """
        moves = moved(known, found)
        many = sum(one.ref.startswith(TAGS) for one in moves) > MOST_TAGS
        events, told = [], dict(known)
        for one in moves:
            if not (many and one.ref.startswith(TAGS)):
                events.append(self._event(doc, folder, one, told, by))
            told[one.ref] = one.after
            if one.after == ZEROS:
                del told[one.ref]
        return events

    def _event(self, doc: Doc, folder: Path, move: Moved, known: Mapping[str, str], by: str) -> Event:
        tip = None if move.after == ZEROS else history.resolve(folder, move.after)
        changes = self._changes(folder, move, known) if tip else []
        if tip is None or move.ref.startswith(TAGS):
            files: tuple[str, ...] = ()
        elif move.before == ZEROS:
            files = tuple(sorted({path for one in changes for path in (*one.added, *one.removed, *one.modified)}))
        else:
            files = history.changed(folder, move.before, move.after)
        payload = self._payload(doc, folder, move, changes, tip, known, by)
        return Event(
            kind="push", repository=doc["full_name"], ref=move.ref, before=move.before, after=move.after, files=files,
            payload=payload,
        )  # fmt: skip

    @staticmethod
    def _changes(folder: Path, move: Moved, known: Mapping[str, str]) -> list[history.Change]:
        """Return the commits that the push brought to a branch, oldest first."""
        if move.ref.startswith(TAGS):
            return []
        without = {move.before} if move.before != ZEROS else {sha for ref, sha in known.items() if ref != move.ref}
        newest = history.log(folder, [f"-{MOST_COMMITS}", "--topo-order", move.after], without)
        return newest[::-1]

    def _payload(  # noqa: PLR0913 - all that a push is made of
        self, doc: Doc, folder: Path, move: Moved, changes: list[history.Change], tip: str | None,
        known: Mapping[str, str], by: str,
    ) -> Doc:  # fmt: skip
        created, deleted = move.before == ZEROS, move.after == ZEROS
        fresh = history.new_commits(folder, move.after, known.values()) if changes else set()
        commits = [self._views.commit_in_push(doc, one, distinct=one.commit.sha in fresh) for one in changes]
        head = None
        if tip:
            head = self._views.commit_in_push(doc, history.log(folder, ["-1", tip])[0], distinct=tip in fresh)
        forced = not created and not deleted and not history.is_ancestor(folder, move.before, move.after)
        same = [ref for ref, sha in known.items() if ref.startswith(HEADS) and sha == tip and ref != move.ref]
        site = f"{self._views.site}/{doc['full_name']}/compare"
        return {
            "ref": move.ref, "before": move.before, "after": move.after,
            "repository": self._views.pushed_repository(doc),
            "pusher": {"name": by, "email": f"{by}@users.noreply.localhost"},
            "organization": self._views.organization(doc["owner"]), "sender": self._views.user(by),
            "created": created, "deleted": deleted, "forced": forced,
            "base_ref": same[0] if created and same else None,
            "compare": f"{site}/{move.before[:12]}...{move.after[:12]}", "commits": commits, "head_commit": head,
        }  # fmt: skip

    def ref_event(self, doc: Doc, push: Event) -> tuple[str, Doc] | None:
        """Return the "create" or "delete" that goes with a push of a new ref or a deletion, with its payload."""
        if ZEROS not in (push.before, push.after):
            return None
        kind = "tag" if push.ref.startswith(TAGS) else "branch"
        payload = {
            "ref": push.ref.split("/", 2)[2], "ref_type": kind, "pusher_type": "user",
            "repository": self._views.repository(doc), "organization": self._views.organization(doc["owner"]),
            "sender": push.payload["sender"],
        }  # fmt: skip
        if push.before == ZEROS:
            payload |= {"master_branch": doc["default_branch"], "description": doc["description"]}
            return "create", payload
        return "delete", payload


def valid(folder: Path, known: Mapping[str, str]) -> dict[str, str]:
    """Return those of the refs whose objects are still there: a repository may have been replaced by hand."""
    shas = sorted(set(known.values()))
    lines = git.text(folder, "cat-file", "--batch-check=%(objectname) %(objecttype)", stdin="\n".join(shas).encode())
    there = {sha for sha, _, kind in (line.partition(" ") for line in lines.splitlines()) if kind != "missing"}
    return {ref: sha for ref, sha in known.items() if sha in there}
