"""The API operations on pipelines and tags."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from localcloud.gateway.protocol import ApiError, Params
from localcloud.services.clients import client
from localcloud.services.codepipeline import structure
from localcloud.services.codepipeline.state import MASK, SECRETS, State, masked, page
from localcloud.services.codepipeline.trigger_rules import PROVIDER, explicit

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.services.codeconnections import CodeConnections
    from localcloud.services.codepipeline.execution_starts import Starter
    from localcloud.state.table import Doc

PRINCIPAL = "codepipeline.amazonaws.com"
TAGS = 50
PIPELINES = 1000
LOG = logging.getLogger(__name__)


class Pipelines:
    """Implements the operations on pipelines and tags."""

    def __init__(
        self, state: State, starter: Starter, connections: CodeConnections, abandon: Callable[[Doc], None]
    ) -> None:
        """Initialize; `abandon` is called with each execution of a deleted pipeline."""
        self._state, self._starter = state, starter
        self._connections, self._abandon = connections, abandon

    async def create_pipeline(self, params: Params) -> Params:
        """Create a pipeline and start its first execution, as AWS does."""
        name = params["pipeline"]["name"]
        self._check_free(name)
        if len(self._state.pipelines.rows) >= PIPELINES:
            raise ApiError("LimitExceededException", f"There are {PIPELINES} pipelines, AWS's limit")
        tags = checked_tags(params.get("tags", []))
        declaration = await self._checked(params["pipeline"], None)
        self._check_free(name)  # checked again: another request may have created it meanwhile
        now = self._state.now()
        pipeline = {
            "name": name,
            "version": 1,
            "versions": {"1": declaration | {"version": 1}},
            "created": now,
            "updated": now,
            "tags": tags,
            "connected": self._connected(declaration),
            "transitions": {},
            "latest": {},
            "latestActions": {},
            "tokens": {},
            "pushed": {},
        }
        with self._state.ctx.store.transaction():
            self._state.pipelines.put(name, pipeline)
            try:
                self._starter.start(pipeline, "CreatePipeline", self._state.caller)
            except ApiError as error:
                LOG.warning("%s: not started on creation: %s", name, error.message)
        return {"pipeline": masked(pipeline["versions"]["1"]), "tags": listed(tags)}

    async def update_pipeline(self, params: Params) -> Params:
        """Save a new version; an execution in progress fails once its running actions have completed."""
        pipeline = self._state.pipeline(params["pipeline"]["name"])
        declaration = await self._checked(params["pipeline"], self._state.declaration(pipeline))
        pipeline["version"] += 1
        pipeline["versions"][str(pipeline["version"])] = declaration | {"version": pipeline["version"]}
        pipeline["updated"] = self._state.now()
        pipeline["connected"] = self._connected(declaration)
        self._state.pipelines.save(pipeline["name"])
        self._starter.wake()
        return {"pipeline": masked(self._state.declaration(pipeline))}

    def get_pipeline(self, params: Params) -> Params:
        """Return a pipeline, in the current or the requested version."""
        pipeline = self._state.pipeline(params["name"])
        declaration = with_default_triggers(self._state.declaration(pipeline, params.get("version")))
        metadata = {
            "pipelineArn": self._state.arn(pipeline["name"]),
            "created": pipeline["created"],
            "updated": pipeline["updated"],
        }
        return {"pipeline": masked(declaration), "metadata": metadata}

    def delete_pipeline(self, params: Params) -> None:
        """Delete a pipeline with its history; succeeds if it does not exist, as on AWS."""
        name = params["name"]
        pipeline = self._state.pipelines.get(name)
        if pipeline is None:
            return
        with self._state.ctx.store.transaction():
            for execution in self._state.of_pipeline(name):
                self._abandon(execution)
                self._state.executions.delete(execution["id"])
            for action in [row for row in self._state.actions.values() if row["pipeline"] == name]:
                self._state.actions.delete(action["id"])
            self._state.pipelines.delete(name)

    def list_pipelines(self, params: Params) -> Params:
        """List all pipelines."""
        rows = []
        for pipeline in sorted(self._state.pipelines.values(), key=lambda row: str(row["name"])):
            declaration = self._state.declaration(pipeline)
            shown = {name: declaration[name] for name in ("pipelineType", "executionMode")}
            rows.append(shown | {name: pipeline[name] for name in ("name", "version", "created", "updated")})
        part, more = page(rows, params)
        return {"pipelines": part} | more

    def list_tags_for_resource(self, params: Params) -> Params:
        """Return the tags of a pipeline or a webhook."""
        rows, more = page(listed(self._tagged(params["resourceArn"])["tags"]), params)
        return {"tags": rows} | more

    def tag_resource(self, params: Params) -> None:
        """Add or change tags."""
        doc = self._tagged(params["resourceArn"])
        doc["tags"] = checked_tags([*listed(doc["tags"]), *params["tags"]])
        self._save_tagged(doc)

    def untag_resource(self, params: Params) -> None:
        """Remove tags."""
        doc = self._tagged(params["resourceArn"])
        doc["tags"] = {key: value for key, value in doc["tags"].items() if key not in params["tagKeys"]}
        self._save_tagged(doc)

    def _check_free(self, name: str) -> None:
        if self._state.pipelines.get(name) is not None:
            raise ApiError("PipelineNameInUseException", f"A pipeline with the name '{name}' already exists")

    def _tagged(self, resource: str) -> Doc:
        name = resource.split(":", 5)[5]
        doc = (
            self._state.webhooks.get(name.removeprefix("webhook:"))
            if name.startswith("webhook:")
            else self._state.pipelines.get(name)
        )
        if doc is None:
            raise ApiError("ResourceNotFoundException", f"There is no resource {resource}")
        return doc

    def _save_tagged(self, doc: Doc) -> None:
        table = self._state.pipelines if "versions" in doc else self._state.webhooks
        table.save(doc["name"])

    async def _checked(self, given: Doc, present: Doc | None) -> Doc:
        """Return a valid declaration, with masked values replaced by the stored secrets."""
        declaration = structure.check(copy.deepcopy(given), self._state.ctx.region)
        declaration.pop("version", None)
        keep_secrets(declaration, present)
        await asyncio.to_thread(self._check_role, declaration["roleArn"])
        return declaration

    def _check_role(self, role: str) -> None:
        """Refuse a role that does not exist or that CodePipeline may not assume (runs in a thread)."""
        error = structure.structure_error(f"CodePipeline is not authorized to perform AssumeRole on role {role}")
        iam = client(self._state.ctx, "iam")
        try:
            found = iam.get_role(RoleName=role.rpartition("/")[2])["Role"]
        except iam.exceptions.NoSuchEntityException:
            raise error from None
        if found["Arn"] != role or not trusts(found["AssumeRolePolicyDocument"]):
            raise error

    def _connected(self, declaration: Doc) -> dict[str, bool]:
        """Return which source actions have an AVAILABLE connection now: only those are ever triggered."""
        found = {}
        for action in declaration["stages"][0]["actions"]:
            if action["actionTypeId"]["provider"] == PROVIDER:
                status = self._connections.status(action["configuration"]["ConnectionArn"])
                found[action["name"]] = status == "AVAILABLE"
                if status != "AVAILABLE":
                    LOG.warning(
                        "%s: its connection is %s, so pushes will not start it, even when the connection becomes "
                        "AVAILABLE later: update the pipeline then",
                        declaration["name"],
                        status or "missing",
                    )
        return found


def trusts(document: Any) -> bool:
    """Return whether a role's trust policy allows CodePipeline to assume the role."""
    policy = json.loads(unquote(document)) if isinstance(document, str) else document
    statements = policy.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, dict) else principal
        if statement.get("Effect") == "Allow" and (services in ("*", PRINCIPAL) or PRINCIPAL in list(services)):
            return True
    return False


def keep_secrets(declaration: Doc, present: Doc | None) -> None:
    """Replace masked values by the stored secrets of the same action in the same stage.

    Raises:
        ApiError: there is no stored secret for a masked value.
    """
    kept = {
        (stage["name"], action["name"], key): value
        for stage in (present or {"stages": []})["stages"]
        for action in stage["actions"]
        for key, value in action["configuration"].items()
        if key in SECRETS
    }
    for stage in declaration["stages"]:
        for action in stage["actions"]:
            for key, value in action["configuration"].items():
                if key in SECRETS and value == MASK:
                    if (stage["name"], action["name"], key) not in kept:
                        text = f"{key} of action '{action['name']}' is masked, and no value is kept for it"
                        raise ApiError("InvalidActionDeclarationException", text)
                    action["configuration"][key] = kept[stage["name"], action["name"], key]


def with_default_triggers(declaration: Doc) -> Doc:
    """Return a V2 declaration with the trigger that AWS adds for a connection source without a declared one."""
    if declaration["pipelineType"] != "V2":
        return declaration
    added = [
        {
            "providerType": PROVIDER,
            "gitConfiguration": {
                "sourceActionName": action["name"],
                "push": [{"branches": {"includes": [action["configuration"]["BranchName"]]}}],
            },
        }
        for action in declaration["stages"][0]["actions"]
        if action["actionTypeId"]["provider"] == PROVIDER
        and action["configuration"].get("DetectChanges", "true").lower() == "true"
        and explicit(declaration, action["name"]) is None
    ]
    return declaration | {"triggers": [*declaration.get("triggers", []), *added]} if added else declaration


def checked_tags(tags: list[Doc]) -> dict[str, str]:
    """Return tags as a dict.

    Raises:
        ApiError: there are too many tags, or a key has AWS's reserved prefix.
    """
    found = {tag["key"]: tag["value"] for tag in tags}
    if len(found) > TAGS:
        raise ApiError("TooManyTagsException", f"A resource may have {TAGS} tags, not {len(found)}")
    for key in found:
        if key.lower().startswith("aws:"):
            raise ApiError("InvalidTagsException", f"The tag key {key} begins with aws:, which is reserved")
    return found


def listed(tags: dict[str, str]) -> list[Doc]:
    """Return tags as the API shows them."""
    return [{"key": key, "value": value} for key, value in tags.items()]
