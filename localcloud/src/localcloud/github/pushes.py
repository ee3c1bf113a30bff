"""The events of a push, computed from the refs before and after it."""

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
"""GitHub's limit of commits in one push event."""
MOST_TAGS = 3
"""GitHub sends no events of tags if more than three are pushed at once."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A changed ref; `before` is zeros if it was created, `after` if it was deleted."""

    ref: str
    before: str
    after: str


def moved(known: Mapping[str, str], found: Mapping[str, str]) -> list[Moved]:
    """Return the changed refs, branches before tags."""
    names = sorted({*known, *found}, key=lambda name: (name.startswith(TAGS), name))
    every = [Moved(name, known.get(name, ZEROS), found.get(name, ZEROS)) for name in names]
    return [one for one in every if one.before != one.after]


class Pushes:
    """Computes the events of a push; blocks while git runs."""

    def __init__(self, views: Views) -> None:
        """Use the renderer of API objects."""
        self._views = views

    def events(
        self, doc: Doc, folder: Path, known: Mapping[str, str], found: Mapping[str, str], by: str
    ) -> list[Event]:
        """Return an event for each changed ref; a new ref's commits are those that no other ref contains.

        Args:
            doc: the repository.
            folder: its folder.
            known: the refs before the push.
            found: the refs after it.
            by: the login of the pusher.
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
        """Return the commits that the push added to a branch, oldest first."""
        if move.ref.startswith(TAGS):
            return []
        without = {move.before} if move.before != ZEROS else {sha for ref, sha in known.items() if ref != move.ref}
        newest = history.log(folder, [f"-{MOST_COMMITS}", "--topo-order", move.after], without)
        return newest[::-1]

    def _payload(  # noqa: PLR0913 - the parts of a push event
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
        """Return the "create" or "delete" event of a created or deleted ref and its payload, or None."""
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
    """Return the refs whose objects still exist: a repository may have been replaced from outside."""
    shas = sorted(set(known.values()))
    lines = git.text(folder, "cat-file", "--batch-check=%(objectname) %(objecttype)", stdin="\n".join(shas).encode())
    there = {sha for sha, _, kind in (line.partition(" ") for line in lines.splitlines()) if kind != "missing"}
    return {ref: sha for ref, sha in known.items() if sha in there}
