"""Pull requests between branches of one repository: their routes, and their updates after a push."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from localcloud.github import history, names
from localcloud.github.events import ZEROS, Event
from localcloud.github.history import iso
from localcloud.github.pushes import HEADS
from localcloud.github.rest import Call, GitHubError, Reply, Route, invalid
from localcloud.state.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from localcloud.context import Context
    from localcloud.github.pushes import Moved
    from localcloud.github.repositories import Repositories
    from localcloud.github.views import Views

Doc = dict[str, Any]
AT = "/repos/{owner}/{repo}/pulls"
STATES = ("open", "closed", "all")


class Pulls:
    """The pull requests of all repositories, with their routes."""

    def __init__(
        self, ctx: Context, repositories: Repositories, views: Views, tell: Callable[[Doc, list[Event]], None]
    ) -> None:
        """Load the pull requests from the store; `tell` sends a repository's events."""
        self._repositories, self._views, self._tell = repositories, views, tell
        self.table = Table(ctx.store, "github-pulls")

    def routes(self) -> list[Route]:
        """Return the routes of pull requests."""
        return [
            Route("GET", AT, self.show_all),
            Route("POST", AT, self.create),
            Route("GET", f"{AT}/{{number}}", self.show),
            Route("PATCH", f"{AT}/{{number}}", self.update),
            Route("GET", f"{AT}/{{number}}/files", self.show_files),
            Route("GET", f"{AT}/{{number}}/commits", self.show_commits),
        ]

    def of(self, repository: Doc) -> list[Doc]:
        """Return a repository's pull requests, oldest first."""
        key = names.key_of(repository["full_name"])
        return [pull for pull in self.table.values() if pull["repository"] == key]

    def pull(self, call: Call) -> Doc:
        """Return the pull request that a path names.

        Raises:
            GitHubError: it does not exist.
        """
        found = self.table.get(key_of(call.repository, int(call.parts["number"])))
        if found is None:
            raise GitHubError(404, f"Not Found: pull request {call.parts['number']}")
        return found

    async def show(self, call: Call) -> Doc:
        """Show a pull request."""
        return await asyncio.to_thread(self.view, call.repository, self.pull(call))

    async def show_all(self, call: Call) -> list[Doc]:
        """List pull requests, newest first, filtered by state (default: open), head and base."""
        state, head, base = (call.query.get(name) for name in ("state", "head", "base"))
        if (state := state or "open") not in STATES:
            raise invalid("PullRequest", "state", f"state has to be one of {', '.join(STATES)}", "invalid")
        head = head and head.rpartition(":")[2]
        found = [
            pull for pull in reversed(self.of(call.repository))
            if state in ("all", pull["state"]) and head in (None, pull["head"]) and base in (None, pull["base"])
        ]  # fmt: skip
        return await asyncio.to_thread(lambda: [self.view(call.repository, pull) for pull in found])

    async def show_files(self, call: Call) -> list[Doc]:
        """List the files that a pull request changes."""
        pull, folder = self.pull(call), self._repositories.folder(call.repository)
        return [{"filename": path, "status": "modified"} for path in await asyncio.to_thread(self.files, folder, pull)]

    async def show_commits(self, call: Call) -> list[Doc]:
        """List the commits of a pull request, oldest first."""
        pull, folder = self.pull(call), self._repositories.folder(call.repository)
        found = await asyncio.to_thread(history.log, folder, ["--topo-order", pull["head_sha"]], [pull["base_sha"]])
        return [self._views.commit(call.repository, one.commit) for one in reversed(found)]

    async def create(self, call: Call) -> Reply:
        """Open a pull request."""
        doc, title = call.repository, call.text("PullRequest", "title")
        owner, _, head = call.text("PullRequest", "head").rpartition(":")
        base = call.text("PullRequest", "base")
        if owner and owner.lower() != doc["owner"].lower():
            raise invalid("PullRequest", "head", "the local GitHub has no forks: head is a branch of the repository")
        async with self._repositories.lock(doc["full_name"]):
            folder = self._repositories.folder(doc)
            shas = [
                await asyncio.to_thread(self._tip, folder, name, branch)
                for name, branch in (("head", head), ("base", base))
            ]
            if await asyncio.to_thread(history.is_ancestor, folder, *shas):
                raise invalid("PullRequest", "head", f"No commits between {base} and {head}")
            self._refuse_second(doc, head, base)
            now = iso(time.time())
            pull: Doc = {
                "repository": names.key_of(doc["full_name"]), "id": self._repositories.next_id(),
                "number": self._repositories.next_number(doc), "title": title, "state": "open", "merged": False,
                "body": call.text("PullRequest", "body", ""), "draft": bool(call.body.get("draft")), "head": head,
                "head_sha": shas[0], "base": base, "base_sha": shas[1], "user": call.login, "created_at": now,
                "updated_at": now, "closed_at": None, "merged_at": None, "merge_commit_sha": None,
            }  # fmt: skip
            await asyncio.to_thread(history.set_ref, folder, f"refs/pull/{pull['number']}/head", shas[0])
            event = await asyncio.to_thread(self.event, doc, pull, "opened", call.login)
            self.table.put(key_of(doc, pull["number"]), pull)
            self._tell(doc, [event])
        return Reply(201, event.payload["pull_request"])

    @staticmethod
    def _tip(folder: Any, name: str, branch: str) -> str:
        """Return a branch's head commit.

        Raises:
            GitHubError: the branch does not exist.
        """
        sha = history.resolve(folder, HEADS + branch) if names.is_ref(branch) else None
        if sha is None:
            raise invalid("PullRequest", name, f"{name} {branch[:80]!r} is not a branch", "invalid")
        return sha

    def _refuse_second(self, doc: Doc, head: str, base: str) -> None:
        same = [one for one in self.of(doc) if (one["head"], one["base"], one["state"]) == (head, base, "open")]
        if same:
            raise invalid("PullRequest", "head", f"A pull request already exists for {doc['owner']}:{head}.")

    async def update(self, call: Call) -> Doc:
        """Change the title, body, base or state of a pull request."""
        doc = call.repository
        async with self._repositories.lock(doc["full_name"]):
            pull, folder = self.pull(call), self._repositories.folder(doc)
            new, before = dict(pull), {}
            for name in ("title", "body", "base"):
                given = call.text("PullRequest", name, pull[name])
                if given != pull[name]:
                    new[name], before[name] = given, {"from": pull[name]}
            if "base" in before:
                new["base_sha"] = await asyncio.to_thread(self._tip, folder, "base", new["base"])
            state = call.text("PullRequest", "state", pull["state"])
            if state not in ("open", "closed"):
                raise invalid("PullRequest", "state", "state has to be open or closed", "invalid")
            if state == "open" and pull["state"] == "closed":
                await self._reopen(doc, new)
            new["closed_at"] = None if state == "open" else pull["closed_at"] or iso(time.time())
            new["state"] = state
            actions = ["edited"] if before else []
            actions += [{"open": "reopened", "closed": "closed"}[state]] if state != pull["state"] else []
            new["updated_at"] = iso(time.time()) if actions else pull["updated_at"]
            events = [await asyncio.to_thread(self.event, doc, new, action, call.login) for action in actions]
            for event in events:
                event.payload.update({"changes": before} if event.action == "edited" else {})
            pull.update(new)
            self.table.save(key_of(doc, pull["number"]))
            self._tell(doc, events)
        return await self.show(call)

    async def _reopen(self, doc: Doc, new: Doc) -> None:
        """Update a closed pull request that is being reopened.

        Raises:
            GitHubError: it is merged, one of its branches is deleted, or another one for them is open.
        """
        if new["merged"]:
            raise invalid("PullRequest", "state", "state cannot be changed: the pull request is merged")
        self._refuse_second(doc, new["head"], new["base"])
        folder = self._repositories.folder(doc)
        for name in ("head", "base"):
            new[f"{name}_sha"] = await asyncio.to_thread(self._tip, folder, name, new[name])
        await asyncio.to_thread(history.set_ref, folder, f"refs/pull/{new['number']}/head", new["head_sha"])

    def after_push(self, doc: Doc, moves: list[Moved], found: Mapping[str, str], by: str) -> list[tuple[Doc, Event]]:
        """Return the updated open pull requests that a push changes, with their events; blocks.

        Args:
            doc: the repository.
            moves: the refs that moved.
            found: all refs after the push.
            by: the login of the pusher.
        """
        by_ref = {move.ref: move for move in moves}
        result = []
        for pull in self.of(doc):
            head, base = by_ref.get(HEADS + pull["head"]), by_ref.get(HEADS + pull["base"])
            if pull["state"] == "open" and (head or base):
                new = dict(pull)
                action = self._moved(doc, new, found)
                if action:
                    event = self.event(doc, new, action, by, pull["head_sha"] if action == "synchronize" else ZEROS)
                    result.append((new, event))
                elif new != pull:
                    result.append((new, None))  # type: ignore[arg-type]  # updated without an event
        return result

    def _moved(self, doc: Doc, new: Doc, found: Mapping[str, str]) -> str:
        """Update a pull request from its branches and return the resulting action, or "" for none."""
        folder, now = self._repositories.folder(doc), iso(time.time())
        head, base = found.get(HEADS + new["head"]), found.get(HEADS + new["base"])
        if base and base != new["base_sha"] and history.is_ancestor(folder, head or new["head_sha"], base):
            new |= {"merged": True, "merged_at": now, "merge_commit_sha": base}
        elif head and base:
            action = "synchronize" if head != new["head_sha"] else ""
            new |= {"head_sha": head, "base_sha": base} | ({"updated_at": now} if action else {})
            if action:
                history.set_ref(folder, f"refs/pull/{new['number']}/head", head)
            return action
        new |= {"state": "closed", "closed_at": now, "updated_at": now}
        return "closed"

    @staticmethod
    def files(folder: Any, pull: Doc) -> tuple[str, ...]:
        """Return the paths that a pull request changes, against the merge base."""
        start = history.merge_base(folder, pull["base_sha"], pull["head_sha"]) or pull["base_sha"]
        return history.changed(folder, start, pull["head_sha"])

    def event(self, doc: Doc, pull: Doc, action: str, by: str, before: str = ZEROS) -> Event:
        """Return the event of an action on a pull request; blocks."""
        payload = {
            "action": action, "number": pull["number"], "pull_request": self.view(doc, pull),
            "repository": self._views.repository(doc), "organization": self._views.organization(doc["owner"]),
            "sender": self._views.user(by),
        }  # fmt: skip
        if action == "synchronize":
            payload |= {"before": before, "after": pull["head_sha"]}
        return Event(
            kind="pull_request", repository=doc["full_name"], ref=HEADS + pull["head"], before=before,
            after=pull["head_sha"], files=self.files(self._repositories.folder(doc), pull), payload=payload,
            action=action, number=pull["number"], head_branch=pull["head"], head_sha=pull["head_sha"],
            base_branch=pull["base"],
        )  # fmt: skip

    def view(self, doc: Doc, pull: Doc) -> Doc:
        """Render a pull request as the API returns it; blocks."""
        url, site = self._views.repository_url(doc), f"{self._views.site}/{doc['full_name']}/pull/{pull['number']}"
        shown, owner = self._views.repository(doc), self._views.user(doc["owner"], "Organization")
        kept = ("id", "number", "title", "body", "state", "draft", "merged", "merge_commit_sha")
        times = ("created_at", "updated_at", "closed_at", "merged_at")
        ends = {
            end: {
                "label": f"{doc['owner']}:{pull[end]}",
                "ref": pull[end],
                "sha": pull[f"{end}_sha"],
                "user": owner,
                "repo": shown,
            }
            for end in ("head", "base")
        }
        files = self.files(self._repositories.folder(doc), pull)
        return {
            **{name: pull[name] for name in (*kept, *times)}, **ends, "node_id": f"PR_{pull['id']}", "html_url": site,
            "url": f"{url}/pulls/{pull['number']}", "issue_url": f"{url}/issues/{pull['number']}",
            "commits_url": f"{url}/pulls/{pull['number']}/commits",
            "statuses_url": f"{url}/statuses/{pull['head_sha']}",
            "comments_url": f"{url}/issues/{pull['number']}/comments", "user": self._views.user(pull["user"]),
            "locked": False, "labels": [], "assignees": [], "requested_reviewers": [], "mergeable": None,
            "author_association": "OWNER", "changed_files": len(files),
        }  # fmt: skip


def key_of(repository: Doc, number: int) -> str:
    """Return a pull request's key in the store."""
    return f"{names.key_of(repository['full_name'])}#{number:09}"
