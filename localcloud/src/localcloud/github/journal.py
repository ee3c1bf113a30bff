"""Events of changed refs: exactly one for each change, even if the process is killed in between.

The journal stores the refs whose events were sent. After a push, and on every start, they are compared with the refs in
the repository; the differences become events. Webhook deliveries, the listeners' writes to the store and the journal
are committed in one transaction.
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
    """Compares refs, and sends the events to webhooks and listeners."""

    def __init__(self, ctx: Context, repositories: Repositories, pushes: Pushes) -> None:
        """Initialize without listeners."""
        self._store, self._repositories, self._pushes = ctx.store, repositories, pushes
        self.pulls: Pulls
        self.hooks: HookTable
        self.deliveries: Deliveries
        """These three are set once all parts are constructed."""
        self.listeners: list[Callable[[Event], None]] = []

    async def settle(self, doc: Doc, by: str) -> None:
        """Send the events of refs that have changed; the repository's lock must be held.

        Args:
            doc: the repository.
            by: the login of the user who changed them.
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
        """Set the default branch if there is none, as GitHub does on the first push."""
        branches = sorted(ref for ref in found if ref.startswith(HEADS))
        if HEADS + doc["default_branch"] not in found and branches and not self._repositories.known_refs(doc):
            doc["default_branch"] = branches[0].removeprefix(HEADS)
            git.run(self._repositories.folder(doc), "symbolic-ref", "HEAD", branches[0])

    async def settle_all(self) -> None:
        """Send the events of all unsent changes; an unreadable repository is logged and skipped."""
        for doc in self._repositories.table.values():
            async with self._repositories.lock(doc["full_name"]):
                try:
                    await self.settle(doc, "developer")
                except git.GitError as error:
                    LOG.warning("%s cannot be read: %s", doc["full_name"], error)

    def tell(self, doc: Doc, events: list[Event]) -> None:
        """Send events to webhooks and listeners, in one transaction."""
        with self._store.transaction():
            for event in events:
                self.post(doc, event.kind, event.payload)
                more = self._pushes.ref_event(doc, event) if event.kind == "push" else None
                if more:
                    self.post(doc, *more)
                for listener in self.listeners:
                    try:
                        listener(event)
                    except Exception:  # logged; the other listeners still get the event
                        LOG.exception("a listener failed at %s of %s %s", event.kind, event.repository, event.ref)

    def post(self, doc: Doc, event: str, payload: Doc) -> None:
        """Queue an event for the repository's webhooks that subscribe to it."""
        for hook in self.hooks.of(doc):
            if hook["active"] and {event, "*"} & set(hook["events"]):
                self.deliveries.send(hook, doc, event, payload)
