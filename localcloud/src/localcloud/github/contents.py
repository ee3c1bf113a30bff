"""Accounts, repositories, branches, refs and commits in the REST API."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from localcloud.github import git, history, names
from localcloud.github.events import ZEROS
from localcloud.github.pushes import HEADS, TAGS
from localcloud.github.rest import LARGEST_PAGE, UNPROCESSABLE, Call, GitHubError, Reply, Route, invalid, number

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from localcloud.github.repositories import Repositories
    from localcloud.github.views import Views

Doc = dict[str, Any]
AT = "/repos/{owner}/{repo}"
RATE = {"limit": 5000, "remaining": 5000, "reset": 4102444800, "used": 0}
"""No rate limit applies; `reset` is in the year 2100."""
NEW = {"name", "description", "private", "visibility", "homepage", "has_issues", "has_projects", "has_wiki"}
"""Accepted members of a new repository; the last four have no effect."""


class Contents:
    """The routes of accounts, repositories, branches, refs and commits."""

    def __init__(
        self,
        repositories: Repositories,
        views: Views,
        pushed: Callable[[Doc, str], Awaitable[None]],
        removed: Callable[[Doc], None],
    ) -> None:
        """Use the repositories.

        Args:
            repositories: all repositories.
            views: the renderer of API objects.
            pushed: called with repository and login after a ref has changed, with the repository's lock held.
            removed: called with a repository that is being deleted.
        """
        self._repositories, self._views, self._pushed, self._removed = repositories, views, pushed, removed

    def routes(self) -> list[Route]:
        """Return the routes of repositories and their contents."""
        views = self._views
        return [
            Route("GET", "/", lambda _call: {"current_user_url": f"{views.api}/user"}),
            Route("GET", "/meta", lambda _call: {"installed_version": "3.17.0"}),
            Route("GET", "/rate_limit", lambda _call: {"resources": {"core": RATE, "graphql": RATE}, "rate": RATE}),
            Route("GET", "/user", lambda call: views.user(call.login)),
            Route("GET", "/users/{owner}", lambda call: views.user(owner_of(call))),
            Route("GET", "/orgs/{owner}", lambda call: views.organization(owner_of(call))),
            Route("GET", "/orgs/{owner}/repos", self.list_repositories),
            Route("GET", "/users/{owner}/repos", self.list_repositories),
            Route("POST", "/orgs/{owner}/repos", lambda call: self.create_repository(call, owner_of(call))),
            Route("POST", "/user/repos", lambda call: self.create_repository(call, call.login)),
            Route("GET", AT, lambda call: views.repository(call.repository)),
            Route("DELETE", AT, self.delete_repository),
            Route("GET", f"{AT}/branches", self.list_branches),
            Route("GET", f"{AT}/branches/{{path}}", self.show_branch),
            Route("GET", f"{AT}/git/refs", self.list_refs),
            Route("GET", f"{AT}/git/matching-refs/{{path}}", self.list_refs),
            Route("GET", f"{AT}/git/refs?/{{path}}", self.show_ref),
            Route("POST", f"{AT}/git/refs", self.create_ref),
            Route("PATCH", f"{AT}/git/refs/{{path}}", self.update_ref),
            Route("DELETE", f"{AT}/git/refs/{{path}}", self.delete_ref),
            Route("GET", f"{AT}/commits", self.list_commits),
            Route("GET", f"{AT}/commits/{{path}}", self.show_commit),
        ]  # fmt: skip

    def list_repositories(self, call: Call) -> list[Doc]:
        """List an owner's repositories."""
        owner = owner_of(call).lower()
        return [
            self._views.repository(doc) for doc in self._repositories.table.values() if doc["owner"].lower() == owner
        ]

    async def create_repository(self, call: Call, owner: str) -> Reply:
        """Create an empty repository."""
        name = call.text("Repository", "name")
        if wrong := names.problem(owner, name):
            raise invalid("Repository", "name", wrong)
        if unknown := sorted(key for key in call.body if key not in NEW and call.body[key]):
            raise invalid(
                "Repository", unknown[0], f"the local GitHub does not support {unknown[0]} of a new repository"
            )
        async with self._repositories.lock(f"{owner}/{name}"):
            if self._repositories.find(f"{owner}/{name}"):
                raise invalid("Repository", "name", "name already exists on this account")
            private = bool(call.body.get("private")) or call.body.get("visibility") in ("private", "internal")
            described = call.text("Repository", "description", "") or None
            doc = self._repositories.create(owner, name, private=private, description=described)
        return Reply(201, self._views.repository(doc))

    async def delete_repository(self, call: Call) -> Reply:
        """Delete a repository and everything that belongs to it."""
        async with self._repositories.lock(call.repository["full_name"]):
            self._removed(call.repository)
            await asyncio.to_thread(self._repositories.delete, call.repository)
        return Reply(204)

    def _folder(self, call: Call) -> Path:
        return self._repositories.folder(call.repository)

    async def _refs(self, call: Call, start: str) -> list[tuple[str, str]]:
        found = await asyncio.to_thread(history.refs, self._folder(call))
        return [(ref, sha) for ref, sha in found.items() if ref.startswith(start)]

    async def list_branches(self, call: Call) -> list[Doc]:
        """List a repository's branches."""
        url = self._views.repository_url(call.repository)
        return [
            {"name": ref.removeprefix(HEADS), "commit": {"sha": sha, "url": f"{url}/commits/{sha}"}, "protected": False}
            for ref, sha in await self._refs(call, HEADS)
        ]

    async def show_branch(self, call: Call) -> Doc:
        """Show a branch with its commit."""
        name = call.parts["path"]
        found = await asyncio.to_thread(history.commit, self._folder(call), HEADS + name)
        if found is None:
            raise GitHubError(404, f"Branch not found: {name[:80]}")
        return {"name": name, "commit": self._views.commit(call.repository, found), "protected": False}

    async def _kind(self, call: Call, sha: str) -> str:
        return (await asyncio.to_thread(git.text, self._folder(call), "cat-file", "-t", sha)).strip()

    async def list_refs(self, call: Call) -> list[Doc]:
        """List the refs with the path's prefix."""
        found = await self._refs(call, "refs/" + call.parts.get("path", ""))
        return [self._views.ref(call.repository, ref, sha, await self._kind(call, sha)) for ref, sha in found]

    async def show_ref(self, call: Call) -> Doc:
        """Show one ref."""
        name = "refs/" + call.parts["path"]
        for ref, sha in await self._refs(call, name):
            if ref == name:
                return self._views.ref(call.repository, ref, sha, await self._kind(call, sha))
        raise GitHubError(404, f"Not Found: {name[:80]}")

    async def create_ref(self, call: Call) -> Reply:
        """Create a branch or a tag."""
        name, sha = call.text("Reference", "ref"), call.text("Reference", "sha")
        if not name.startswith((HEADS, TAGS)) or not names.is_ref(name):
            raise invalid("Reference", "ref", f"{name[:80]!r} is not a name below refs/heads/ or refs/tags/", "invalid")
        await self._set_ref(call, name, await self._object(call, sha), ZEROS, "Reference already exists")
        return Reply(201, await self.show_ref(pointed(call, name)))

    async def update_ref(self, call: Call) -> Doc:
        """Update a branch or a tag; only a fast-forward unless forced."""
        name, sha = "refs/" + call.parts["path"], await self._object(call, call.text("Reference", "sha"))
        before = (await self.show_ref(call))["object"]["sha"]
        forward = await asyncio.to_thread(history.is_ancestor, self._folder(call), before, sha)
        if not forward and call.body.get("force") is not True:
            raise GitHubError(UNPROCESSABLE, "Update is not a fast forward")
        await self._set_ref(call, name, sha, before, "Reference was changed meanwhile")
        return await self.show_ref(call)

    async def delete_ref(self, call: Call) -> Reply:
        """Delete a branch or a tag."""
        name = "refs/" + call.parts["path"]
        before = (await self.show_ref(call))["object"]["sha"]
        if name == HEADS + call.repository["default_branch"]:
            raise GitHubError(UNPROCESSABLE, "Cannot delete the default branch")
        await self._set_ref(call, name, ZEROS, before, "Reference was changed meanwhile")
        return Reply(204)

    async def _object(self, call: Call, sha: str) -> str:
        if not names.SHA.fullmatch(sha) or await asyncio.to_thread(history.resolve, self._folder(call), sha) is None:
            raise GitHubError(UNPROCESSABLE, f"Object does not exist: {sha[:60]}")
        return sha

    async def _set_ref(self, call: Call, name: str, sha: str, before: str, otherwise: str) -> None:
        """Change a ref and emit its events."""
        async with self._repositories.lock(call.repository["full_name"]):
            try:
                await asyncio.to_thread(history.set_ref, self._folder(call), name, sha, before)
            except git.GitError as error:
                raise GitHubError(UNPROCESSABLE, otherwise) from error
            await self._pushed(call.repository, call.login)

    async def list_commits(self, call: Call) -> list[Doc]:
        """List the commits reachable from a branch or sha (by default from the default branch), newest first."""
        wanted = call.query.get("sha") or call.repository["default_branch"]
        folder = self._folder(call)
        sha = await asyncio.to_thread(history.resolve, folder, wanted)
        if sha is None:
            raise GitHubError(
                409 if wanted == call.repository["default_branch"] else 404, f"no commits at {wanted[:80]}"
            )
        most = number(call.query.get("per_page"), LARGEST_PAGE) * number(call.query.get("page"), 1) + 1
        found = await asyncio.to_thread(history.log, folder, [f"-{most}", sha])
        return [self._views.commit(call.repository, one.commit) for one in found]

    async def show_commit(self, call: Call) -> Doc:
        """Show a commit with its changed files."""
        folder, wanted = self._folder(call), call.parts["path"]
        sha = await asyncio.to_thread(history.resolve, folder, wanted)
        if sha is None:
            raise GitHubError(UNPROCESSABLE, f"No commit found for SHA: {wanted[:80]}")
        one = (await asyncio.to_thread(history.log, folder, ["-1", sha]))[0]
        by_status = (("added", one.added), ("removed", one.removed), ("modified", one.modified))
        files = [{"filename": path, "status": status} for status, paths in by_status for path in paths]
        return self._views.commit(call.repository, one.commit) | {"files": files}


def owner_of(call: Call) -> str:
    """Return the account that a path names.

    Raises:
        GitHubError: it is not a valid account name.
    """
    owner = call.parts["owner"]
    if names.problem(owner, "x"):
        raise GitHubError(404, f"Not Found: {owner[:60]!r} is not a valid account name")
    return owner


def pointed(call: Call, ref: str) -> Call:
    """Return a copy of a call with the path of a ref, given by its full name."""
    return Call(
        login=call.login, parts=call.parts | {"path": ref.removeprefix("refs/")}, query={}, repository=call.repository
    )
