"""Tells of what changed: once for each change, whatever stops the process in between.

The refs that have been told of are kept. After a push, and at every start, the refs in the folder are compared with
them; what differs becomes events. Deliveries for webhooks, whatever listeners write to the store and the refs told of
are written in one transaction.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from localcloud.github import git, history
from localcloud.github.history import iso
from localcloud.github.pulls import key_of
from localcloud.github.pushes import HEADS, moved, valid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from localcloud.context import Context
    from localcloud.github.deliveries import Deliveries
    from localcloud.github.events import Event
    from localcloud.github.hook_table import HookTable
    from localcloud.github.pulls import Pulls
    from localcloud.github.pushes import Pushes
    from localcloud.github.repositories import Repositories

Doc = dict[str, Any]
LOG = logging.getLogger(__name__)


class Journal:
    """Compares, makes events and hands them out."""

    def __init__(self, ctx: Context, repositories: Repositories, pushes: Pushes) -> None:
        """Tell nobody yet."""
        self._store, self._repositories, self._pushes = ctx.store, repositories, pushes
        self.pulls: Pulls
        self.hooks: HookTable
        self.deliveries: Deliveries
        """These three are set once all are made."""
        self.listeners: list[Callable[[Event], None]] = []

    async def settle(self, doc: Doc, by: str) -> None:
        """Tell of the refs that differ from those told of; the repository's lock has to be held.

        Args:
            doc: the repository.
            by: login of who changed them.
        """
        folder = self._repositories.folder(doc)
        found = await asyncio.to_thread(history.refs, folder)
        known = self._repositories.known_refs(doc)
        if found == known:
            return
        await asyncio.to_thread(self._choose_default, doc, found)
        known = await asyncio.to_thread(valid, folder, known)
        doc["pushed_at"] = iso(time.time())
        events = await asyncio.to_thread(self._pushes.events, doc, folder, known, found, by)
        pulls = await asyncio.to_thread(self.pulls.after_push, doc, moved(known, found), found, by)
        with self._store.transaction():
            for new, _ in pulls:
                self.pulls.table.put(key_of(doc, new["number"]), new)
            self.tell(doc, [*events, *(event for _, event in pulls if event)])
            self._repositories.remember_refs(doc, found)
            self._repositories.save(doc)

    def _choose_default(self, doc: Doc, found: Mapping[str, str]) -> None:
        """Make a branch the default one where there is none yet, as GitHub does with the first that is pushed."""
        branches = sorted(ref for ref in found if ref.startswith(HEADS))
        if HEADS + doc["default_branch"] not in found and branches and not self._repositories.known_refs(doc):
            doc["default_branch"] = branches[0].removeprefix(HEADS)
            git.run(self._repositories.folder(doc), "symbolic-ref", "HEAD", branches[0])

    async def settle_all(self) -> None:
        """Tell of everything that has not been told of; a repository that cannot be read is logged and left out."""
        for doc in self._repositories.table.values():
            async with self._repositories.lock(doc["full_name"]):
                try:
                    await self.settle(doc, "developer")
                except git.GitError as error:
                    LOG.warning("%s cannot be read: %s", doc["full_name"], error)

    def tell(self, doc: Doc, events: list[Event]) -> None:
        """Hand events to webhooks and listeners; all or nothing of it is durable."""
        with self._store.transaction():
            for event in events:
                self.post(doc, event.kind, event.payload)
                more = self._pushes.ref_event(doc, event) if event.kind == "push" else None
                if more:
                    self.post(doc, *more)
                for listener in self.listeners:
                    try:
                        listener(event)
                    except Exception:  # logged; the other listeners are told
                        LOG.exception("a listener failed at %s of %s %s", event.kind, event.repository, event.ref)

    def post(self, doc: Doc, event: str, payload: Doc) -> None:
        """Have an event delivered to the repository's webhooks that ask for it."""
        for hook in self.hooks.of(doc):
            if hook["active"] and {event, "*"} & set(hook["events"]):
                self.deliveries.send(hook, doc, event, payload)
