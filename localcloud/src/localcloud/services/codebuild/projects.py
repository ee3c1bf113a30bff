"""The API operations on projects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.gateway.protocol import ApiError, Params
from localcloud.services.codebuild import lambda_compute, validation
from localcloud.services.codebuild.state import State, directed, page, shown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from localcloud.state.table import Doc

GIVEN = (
    "description", "source", "secondarySources", "sourceVersion", "secondarySourceVersions", "artifacts",
    "secondaryArtifacts", "cache", "environment", "serviceRole", "timeoutInMinutes", "queuedTimeoutInMinutes",
    "encryptionKey", "tags", "vpcConfig", "logsConfig", "fileSystemLocations", "buildBatchConfig",
    "concurrentBuildLimit", "autoRetryLimit",
)  # fmt: skip
TIMEOUT_MINUTES, QUEUED_MINUTES = 60, 480
NO_LIMIT = -1
"""The value that the Terraform provider sends to remove concurrentBuildLimit."""
PROJECTS_AT_MOST = 5000


class Projects:
    """Implements the operations on projects."""

    def __init__(
        self, state: State, removed: Callable[[str], Awaitable[None]], emptied: Callable[[str], Awaitable[None]]
    ) -> None:
        """Initialize with the service's state.

        Args:
            state: the service's state.
            removed: awaited with the name of a project that is being deleted, to remove its builds and caches.
            emptied: awaited with the name of a project whose cache is to be cleared.
        """
        self._state, self._removed, self._emptied = state, removed, emptied

    def create_project(self, params: Params) -> Params:
        """Create a project."""
        name = params["name"]
        if self._state.projects.get(name) is not None:
            raise ApiError(
                "ResourceAlreadyExistsException", f"Project already exists: {self._state.arn(f'project/{name}')}"
            )
        now = self._state.now()
        doc: Doc = {"name": name, "arn": self._state.arn(f"project/{name}"), "created": now}
        return {"project": self._store(doc, params)}

    def update_project(self, params: Params) -> Params:
        """Update the given fields; each replaces the whole previous value."""
        return {"project": self._store(self._state.project(params["name"]), params)}

    def _store(self, old: Doc, params: Params) -> Doc:
        doc = old | {name: params[name] for name in GIVEN if name in params}
        if doc.get("concurrentBuildLimit") == NO_LIMIT:
            doc.pop("concurrentBuildLimit")
        filled(doc, self._state)
        validation.project(doc, given=params)
        doc["badge"] = {"badgeEnabled": badge(params, old)}
        doc["lastModified"] = self._state.now()
        return shown(self._state.projects.put(doc["name"], doc))

    async def delete_project(self, params: Params) -> Params:
        """Delete a project with its webhook, builds and cache; succeeds if it does not exist."""
        name = params["name"].removeprefix(self._state.arn("project/"))
        await self._removed(name)
        self._state.projects.delete(name)
        return {}

    def batch_get_projects(self, params: Params) -> Params:
        """Return projects by name or ARN."""
        prefix = self._state.arn("project/")
        found = {name: self._state.projects.get(name.removeprefix(prefix)) for name in params["names"]}
        return {
            "projects": [public(doc) for doc in found.values() if doc is not None],
            "projectsNotFound": [name for name, doc in found.items() if doc is None],
        }

    def list_projects(self, params: Params) -> Params:
        """List the project names."""
        keys = {"NAME": "name", "CREATED_TIME": "created", "LAST_MODIFIED_TIME": "lastModified"}
        key = keys[params.get("sortBy", "NAME")]
        rows = sorted(self._state.projects.values(), key=lambda doc: doc[key])
        names, token = page(directed([doc["name"] for doc in rows], params), params)
        return {"projects": names, "nextToken": token}

    async def invalidate_project_cache(self, params: Params) -> Params:
        """Clear a project's cache."""
        await self._emptied(self._state.project(params["projectName"])["name"])
        return {}

    def update_project_visibility(self, params: Params) -> Params:
        """Accept only PRIVATE: no project is public here."""
        if params["projectVisibility"] != "PRIVATE":
            raise validation.unsupported("projectVisibility PUBLIC_READ")
        name = params["projectArn"].removeprefix(self._state.arn("project/"))
        return {"projectArn": self._state.project(name)["arn"], "projectVisibility": "PRIVATE"}


def filled(doc: Doc, state: State) -> None:
    """Fill in AWS's defaults."""
    on_lambda = lambda_compute.used(doc["environment"])
    doc.setdefault("timeoutInMinutes", lambda_compute.MINUTES if on_lambda else TIMEOUT_MINUTES)
    doc.setdefault("queuedTimeoutInMinutes", QUEUED_MINUTES)
    if not doc.get("encryptionKey"):
        doc["encryptionKey"] = f"arn:aws:kms:{state.ctx.region}:{state.ctx.account}:alias/aws/s3"
    doc.setdefault("cache", {"type": "NO_CACHE"})
    doc.setdefault("tags", [])
    doc["projectVisibility"] = "PRIVATE"
    doc["source"] = {"insecureSsl": False} | doc["source"]
    doc["environment"] = environment(doc["environment"])
    doc["artifacts"] = artifacts(doc["artifacts"], doc["name"])
    for name in ("vpcConfig", "logsConfig"):
        if not doc.get(name):
            doc.pop(name, None)


def environment(env: Doc) -> Doc:
    """Return an environment with its defaults filled in."""
    rows = [{"type": "PLAINTEXT"} | row for row in env.get("environmentVariables", [])]
    return {"privilegedMode": False, "imagePullCredentialsType": "CODEBUILD"} | env | {"environmentVariables": rows}


def artifacts(doc: Doc, project: str) -> Doc:
    """Return artifacts with their defaults filled in."""
    if doc["type"] == "NO_ARTIFACTS":
        return doc
    defaults = {"name": project, "packaging": "NONE", "encryptionDisabled": False}
    return defaults | ({"namespaceType": "NONE"} if doc["type"] == "S3" else {}) | doc


def badge(params: Params, old: Doc) -> bool:
    """Return whether the build badge is enabled, which is refused here: there is no public badge URL."""
    if params.get("badgeEnabled"):
        raise validation.unsupported("badgeEnabled")
    return bool((old.get("badge") or {}).get("badgeEnabled"))


def public(doc: Doc) -> dict[str, Any]:
    """Return a project as the API shows it: with its webhook, without the webhook's secret."""
    result = shown(doc)
    if "webhook" in result:
        result["webhook"] = {key: value for key, value in result["webhook"].items() if key != "secret"}
    return result
