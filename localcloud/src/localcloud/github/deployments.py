"""Deployments of commits to environments, and their statuses."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from localcloud.github import git, history, names
from localcloud.github.history import iso
from localcloud.github.rest import UNPROCESSABLE, Call, GitHubError, Reply, Route, invalid
from localcloud.state.table import Table

if TYPE_CHECKING:
    from localcloud.context import Context
    from localcloud.github.repositories import Repositories
    from localcloud.github.statuses import Statuses
    from localcloud.github.views import Views

Doc = dict[str, Any]
STATES = ("error", "failure", "inactive", "in_progress", "queued", "pending", "success")
"""REST API, "Create a deployment status"."""
LONGEST = 140
"""Characters of a description of a status (REST API, "Create a deployment status")."""
AT = "/repos/{owner}/{repo}/deployments"
FILTERS = ("sha", "ref", "task", "environment")


class Deployments:
    """The deployments of all repositories, with their routes."""

    def __init__(self, ctx: Context, repositories: Repositories, statuses: Statuses, views: Views) -> None:
        """Load them from the store."""
        self._repositories, self._commit_statuses, self._views = repositories, statuses, views
        self.table = Table(ctx.store, "github-deployments")
        self.statuses = Table(ctx.store, "github-deployment-statuses")

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("POST", AT, self.create),
            Route("GET", AT, self.show_all),
            Route("GET", f"{AT}/{{id}}", self.show),
            Route("POST", f"{AT}/{{id}}/statuses", self.add_status),
            Route("GET", f"{AT}/{{id}}/statuses", self.show_statuses),
            Route("GET", f"{AT}/{{id}}/statuses/{{status}}", self.show_status),
        ]

    async def create(self, call: Call) -> Reply:
        """Create a deployment.

        Raises:
            GitHubError: 422, the ref is missing or unknown; 409, required commit statuses are not a success.
        """
        doc, ref = call.repository, call.text("Deployment", "ref")
        made = {
            name: call.text("Deployment", name, default)
            for name, default in (("task", "deploy"), ("environment", "production"), ("description", ""))
        }
        flags = {name: _flag(call, name, default=None) for name in ("transient_environment", "production_environment")}
        sha = await asyncio.to_thread(self._commit, doc, ref, merge=bool(_flag(call, "auto_merge", default=True)))
        self._require(doc, sha, ref, call.body.get("required_contexts"))
        now, production = iso(time.time()), flags["production_environment"]
        deployment = {
            "id": self._repositories.next_id(), "repository": names.key_of(doc["full_name"]), "sha": sha, "ref": ref,
            **made, "payload": call.body.get("payload") or {}, "original_environment": made["environment"],
            "transient_environment": bool(flags["transient_environment"]),
            "production_environment": made["environment"] == "production" if production is None else production,
            "creator": call.login, "created_at": now, "updated_at": now,
        }  # fmt: skip
        self.table.put(f"{deployment['id']:015}", deployment)
        return Reply(201, self.view(doc, deployment))

    def _commit(self, doc: Doc, ref: str, *, merge: bool) -> str:
        """Return the commit of a ref; runs git."""
        folder = self._repositories.folder(doc)
        sha = history.resolve(folder, ref)
        if sha is None:
            raise GitHubError(UNPROCESSABLE, f"No ref found for: {ref[:80]}")
        base = history.resolve(folder, doc["default_branch"])
        if merge and base and base != sha and history.resolve(folder, f"refs/heads/{ref}"):
            try:
                git.text(folder, "merge-base", "--is-ancestor", base, sha)
            except git.GitError as error:
                text = f"the local GitHub does not merge {doc['default_branch']} into {ref[:80]}: set auto_merge false"
                raise GitHubError(UNPROCESSABLE, text) from error
        return sha

    def _require(self, doc: Doc, sha: str, ref: str, wanted: object) -> None:
        """Require commit statuses: those named; without a list, all that the commit has."""
        if wanted is not None and not (isinstance(wanted, list) and all(isinstance(one, str) for one in wanted)):
            raise invalid("Deployment", "required_contexts", "required_contexts has to be a list of texts", "invalid")
        newest: dict[str, str] = {}
        for one in self._commit_statuses.of(doc, sha):
            newest.setdefault(one["context"], one["state"])
        required = newest if wanted is None else dict.fromkeys(wanted)
        states = [{"context": one, "state": newest.get(one, "pending")} for one in required]
        if any(one["state"] != "success" for one in states):
            error = {"resource": "Deployment", "field": "required_contexts", "code": "invalid", "contexts": states}
            raise GitHubError(409, f"Conflict: Commit status checks failed for {ref[:80]}.", error)

    def _of(self, doc: Doc) -> list[Doc]:
        key = names.key_of(doc["full_name"])
        return [one for one in reversed(self.table.values()) if one["repository"] == key]

    def _find(self, call: Call) -> Doc:
        found = self.table.get(f"{int(call.parts['id']):015}")
        if found is None or found["repository"] != names.key_of(call.repository["full_name"]):
            raise GitHubError(404, "Not Found")
        return found

    def show_all(self, call: Call) -> list[Doc]:
        """List the deployments, newest first; the query may filter by sha, ref, task and environment."""
        wanted = {name: call.query[name] for name in FILTERS if call.query.get(name, "none") != "none"}
        found = [one for one in self._of(call.repository) if wanted.items() <= one.items()]
        return [self.view(call.repository, one) for one in found]

    def show(self, call: Call) -> Doc:
        """Show a deployment."""
        return self.view(call.repository, self._find(call))

    def add_status(self, call: Call) -> Reply:
        """Create a status of a deployment; a success makes the environment's older ones inactive.

        Raises:
            GitHubError: 404, there is no such deployment; 422, the state is unknown or the description too long.
        """
        deployment, state = self._find(call), call.text("DeploymentStatus", "state")
        if state not in STATES:
            raise invalid("DeploymentStatus", "state", f"state has to be one of {', '.join(STATES)}", "invalid")
        fields = {name: call.text("DeploymentStatus", name, "") for name in ("description", "environment_url")}
        if len(fields["description"]) > LONGEST:
            text = f"description is too long (maximum is {LONGEST} characters)"
            raise invalid("DeploymentStatus", "description", text)
        fields["log_url"] = call.text("DeploymentStatus", "log_url", call.text("DeploymentStatus", "target_url", ""))
        deployment["environment"] = call.text("DeploymentStatus", "environment", deployment["environment"])
        replaces = _flag(call, "auto_inactive", default=True)
        made = self._put(deployment, state, call.login, fields)
        if state == "success" and replaces:
            self._replace(call.repository, deployment, call.login)
        return Reply(201, self.status_view(call.repository, made))

    def _put(self, deployment: Doc, state: str, login: str, fields: Doc) -> Doc:
        now = iso(time.time())
        deployment["updated_at"] = now
        self.table.save(f"{deployment['id']:015}")
        status = {
            "id": self._repositories.next_id(), "repository": deployment["repository"], "state": state,
            "deployment": deployment["id"], "environment": deployment["environment"], **fields, "creator": login,
            "created_at": now, "updated_at": now,
        }  # fmt: skip
        return self.statuses.put(f"{status['id']:015}", status)

    def _replace(self, doc: Doc, deployment: Doc, login: str) -> None:
        """Make prior deployments inactive, of neither transient nor production environments, as GitHub documents."""
        for one in self._of(doc):
            older = one["id"] < deployment["id"] and one["environment"] == deployment["environment"]
            held = self._statuses(one)
            kept = one["transient_environment"] or one["production_environment"]
            if older and not kept and held and held[0]["state"] == "success":
                same = {name: held[0][name] for name in ("description", "environment_url", "log_url")}
                self._put(one, "inactive", login, same)

    def _statuses(self, deployment: Doc) -> list[Doc]:
        return [one for one in reversed(self.statuses.values()) if one["deployment"] == deployment["id"]]

    def show_statuses(self, call: Call) -> list[Doc]:
        """List a deployment's statuses, newest first."""
        return [self.status_view(call.repository, one) for one in self._statuses(self._find(call))]

    def show_status(self, call: Call) -> Doc:
        """Show a status of a deployment."""
        for one in self._statuses(self._find(call)):
            if str(one["id"]) == call.parts["status"]:
                return self.status_view(call.repository, one)
        raise GitHubError(404, "Not Found")

    def view(self, doc: Doc, deployment: Doc) -> Doc:
        """Render a deployment as the API returns it."""
        url = f"{self._views.repository_url(doc)}/deployments/{deployment['id']}"
        return {name: value for name, value in deployment.items() if name != "repository"} | {
            "node_id": f"DE_{deployment['id']}", "creator": self._views.user(deployment["creator"]), "url": url,
            "statuses_url": f"{url}/statuses", "repository_url": self._views.repository_url(doc),
        }  # fmt: skip

    def status_view(self, doc: Doc, status: Doc) -> Doc:
        """Render a status as the API returns it."""
        at = f"{self._views.repository_url(doc)}/deployments/{status['deployment']}"
        shown = {name: value for name, value in status.items() if name not in ("repository", "deployment")}
        return shown | {
            "node_id": f"DES_{status['id']}", "creator": self._views.user(status["creator"]), "deployment_url": at,
            "url": f"{at}/statuses/{status['id']}", "target_url": status["log_url"],
            "repository_url": self._views.repository_url(doc),
        }  # fmt: skip


def _flag(call: Call, name: str, *, default: bool | None) -> bool | None:
    value = call.body.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid("Deployment", name, f"{name} has to be true or false", "invalid")
    return default if value is None else value
