"""Webhooks: the API operations, and the receiver of GitHub's deliveries."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from starlette.responses import JSONResponse

from localcloud.gateway import limits
from localcloud.gateway.protocol import ApiError, Params
from localcloud.github import names
from localcloud.services.codebuild import build_documents, filters, validation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from localcloud.services.codebuild.build_context import Parts
    from localcloud.services.codebuild.builds import Builds
    from localcloud.services.codebuild.state import State
    from localcloud.state.table import Doc

KEPT = ("filterGroups", "branchFilter", "pullRequestBuildPolicy")
FORM = "application/x-www-form-urlencoded"
INITIATOR = "GitHub-Hookshot/localcloud"
FIELDS = 10
"""Maximum number of form fields; GitHub's form has one."""
TRIGGER = re.compile(r"(branch|tag)/.+|pr/[0-9]{1,9}", re.DOTALL)
REFUSED, MISSING = 400, 404
LOG = logging.getLogger(__name__)


class DeliveryError(Exception):
    """A delivery is rejected; GitHub gets the message as the response."""


class Webhooks:
    """Implements the operations on webhooks and receives deliveries."""

    def __init__(self, parts: Parts, builds: Builds, call: Callable[..., Awaitable[Any]]) -> None:
        """Initialize with the parts, the build operations, and the function that runs blocking calls in threads."""
        self._parts, self._builds, self._call = parts, builds, call
        self._state: State = parts.state

    def create_webhook(self, params: Params) -> Params:
        """Create a project's webhook; the caller registers it on GitHub with payloadUrl and secret."""
        project = self._state.project(params["projectName"])
        if project.get("webhook"):
            raise ApiError("ResourceAlreadyExistsException", f"Webhook already exists for project {project['name']}")
        source = project["source"]
        if source["type"] != "GITHUB":
            raise validation.invalid(f"Webhooks are not supported for source type {source['type']}")
        self._authorised(source)
        if not params.get("manualCreation"):
            raise validation.unsupported("a webhook that CodeBuild registers at GitHub itself (set manualCreation)")
        hook: Doc = {
            "payloadUrl": self._state.ctx.control_url("codebuild", f"webhooks/{secrets.token_urlsafe(24)}"),
            "secret": secrets.token_hex(20),
            "lastModifiedSecret": self._state.now(),
            "manualCreation": True,
            "status": "ACTIVE",
        }
        project["webhook"] = self._changed(hook, params)
        self._state.projects.save(project["name"])
        return {"webhook": project["webhook"]}

    def _authorised(self, source: Doc) -> None:
        """Refuse a webhook for a source that CodeBuild has no permission to read."""
        imported = any(row["serverType"] == "GITHUB" for row in self._state.credentials.values())
        if not source.get("auth", {}).get("resource") and not imported:
            raise validation.invalid("Could not find access token for server type github")

    def _changed(self, hook: Doc, params: Params) -> Doc:
        if params.get("scopeConfiguration"):
            raise validation.unsupported("scopeConfiguration")
        if params.get("buildType", "BUILD") != "BUILD":
            raise validation.unsupported(f"buildType {params['buildType']}")
        changed = hook | {"buildType": "BUILD"}
        if params.get("filterGroups") or "branchFilter" in params:  # each replaces the other
            changed.pop("filterGroups", None)
            changed.pop("branchFilter", None)
        changed |= {name: params[name] for name in KEPT if params.get(name)}
        changed.setdefault("pullRequestBuildPolicy", {"requiresCommentApproval": "FORK_PULL_REQUESTS"})
        filters.check(changed.get("filterGroups", []), changed.get("branchFilter", ""))
        return changed

    def update_webhook(self, params: Params) -> Params:
        """Update filters and policy; rotateSecret creates a new secret and returns it."""
        project = self._with_hook(params["projectName"])
        hook = self._changed(project["webhook"], params)
        if params.get("rotateSecret"):
            hook |= {"secret": secrets.token_hex(20), "lastModifiedSecret": self._state.now()}
        project["webhook"] = hook
        self._state.projects.save(project["name"])
        told = dict(hook)
        if not params.get("rotateSecret"):
            told.pop("secret")
        return {"webhook": told}

    def delete_webhook(self, params: Params) -> Params:
        """Delete a project's webhook."""
        project = self._with_hook(params["projectName"])
        del project["webhook"]
        self._state.projects.save(project["name"])
        return {}

    def _with_hook(self, name: str) -> Doc:
        project = self._state.project(name)
        if not project.get("webhook"):
            raise ApiError("ResourceNotFoundException", f"Webhook does not exist for project {project['name']}")
        return project

    async def receive(self, request: Request) -> Response:
        """Receive a delivery from GitHub; an invalid one starts no build, and the response says why."""
        url = f"{self._state.ctx.endpoint}{request.url.path}"
        rows = self._state.projects.values()
        project = next((row for row in rows if (row.get("webhook") or {}).get("payloadUrl") == url), None)
        if request.method != "POST" or project is None:
            return JSONResponse({"message": "no webhook has this address"}, MISSING)
        try:
            payload = read(request, await request.body(), project["webhook"]["secret"])
            return await self._deliver(project, request, payload)
        except (DeliveryError, ApiError, KeyError, TypeError, AttributeError) as error:
            LOG.warning("webhook of %s: %s %s", project["name"], type(error).__name__, error)
            return JSONResponse({"message": f"{type(error).__name__}: {error}; nothing is started"}, REFUSED)

    async def _deliver(self, project: Doc, request: Request, payload: dict[str, Any]) -> Response:
        kind, delivery = request.headers.get("x-github-event", ""), request.headers.get("x-github-delivery", "")
        signature = request.headers["x-hub-signature-256"]
        if kind == "ping":
            return JSONResponse({"message": "pong"})
        if not delivery:
            raise DeliveryError("the header X-GitHub-Delivery is missing")
        told = await self._told(kind, payload)
        reason = unwanted(project, told)
        if told is None or reason:
            return JSONResponse({"message": f"{kind} {payload.get('action', '')}: {reason}; nothing is started"})
        with self._state.ctx.store.transaction():  # no await in here: a repeated delivery starts only one build
            if not self._state.first_delivery(f"{project['name']} {signature}"):  # a new GUID does not make it new
                return JSONResponse({"message": f"delivery {delivery!r} was here before; nothing is started"})
            build = self._start(project, told)
        return JSONResponse({"message": "started", "builds": [build["id"]]})

    async def _told(self, kind: str, payload: dict[str, Any]) -> filters.Happened | None:
        message = ""
        if kind == "pull_request":
            head, repository = payload["pull_request"]["head"]["sha"], payload["repository"]["full_name"]
            if not names.SHA.fullmatch(head):
                raise DeliveryError("the head of the pull request is no commit")
            found = await self._call(self._parts.github.commit, repository, head)
            message = found.message if found is not None else ""
        told = filters.happened(kind, payload, message)
        if told is not None:
            refuse_odd(told)
        return told

    def _start(self, project: Doc, told: filters.Happened) -> Doc:
        version = told.trigger if told.base else told.commit
        settings = build_documents.settings_of(project) | {"sourceVersion": version}
        variables = {
            "WEBHOOK_TRIGGER": told.trigger,
            "WEBHOOK_EVENT": told.event,
            "WEBHOOK_HEAD_REF": told.head,
            "WEBHOOK_BASE_REF": told.base,
            "WEBHOOK_ACTOR_ACCOUNT_ID": told.actor,
            "WEBHOOK_PREV_COMMIT": told.previous,
        }
        kept = {name: value for name, value in variables.items() if value}
        return self._builds.begun(project, settings, initiator=INITIATOR, _webhook=kept, _commit=told.commit)


def refuse_odd(told: filters.Happened) -> None:
    """Refuse malformed refs and commits: they would become build variables and arguments of git.

    Raises:
        DeliveryError: a ref or commit is malformed.
    """
    for ref in (told.head, told.base):
        if ref and not (ref.startswith(("refs/heads/", "refs/tags/")) and names.is_ref(ref)):
            raise DeliveryError(f"{ref[:80]!r} is no ref of a branch or tag")
    for sha in (told.commit, told.previous):
        if sha and not names.SHA.fullmatch(sha):
            raise DeliveryError(f"{sha[:80]!r} is no commit")
    if not TRIGGER.fullmatch(told.trigger) or not told.actor.isdecimal():
        raise DeliveryError("the number of the pull request or the sender's id is none")


def unwanted(project: Doc, told: filters.Happened | None) -> str:
    """Return why an event does not start a build of a project, or "" if it does."""
    hook, own = project["webhook"], validation.REPOSITORY.match(project["source"]["location"])
    if told is None or own is None or told.repository.lower() != own[1].lower():
        return "it starts no build here"
    if not filters.starts(hook.get("filterGroups", []), hook.get("branchFilter", ""), told):
        return "no filter group matches"
    policy = hook["pullRequestBuildPolicy"]["requiresCommentApproval"]
    if told.base and (policy == "ALL_PULL_REQUESTS" or (policy == "FORK_PULL_REQUESTS" and told.fork)):
        return f"{told.trigger} needs a comment's approval ({policy}), which the local cloud does not take"
    return ""


def signed(secret: str, body: bytes, signature: str) -> bool:
    """Return whether GitHub's X-Hub-Signature-256 header matches a body."""
    expected = f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
    return hmac.compare_digest(expected.encode(), signature.encode())


def read(request: Request, body: bytes, secret: str) -> dict[str, Any]:
    """Return a payload that was posted as JSON or as a form.

    Raises:
        DeliveryError: the signature does not match, or the payload is not a JSON object.
    """
    if not signed(secret, body, request.headers.get("x-hub-signature-256", "")):
        raise DeliveryError("the signature is missing or wrong")
    try:
        text = body.decode()
        if request.headers.get("content-type", "").startswith(FORM):
            text = parse_qs(text, max_num_fields=FIELDS).get("payload", [""])[0]
        found = limits.decoded(text)
    except ValueError as error:
        raise DeliveryError(f"the payload cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise DeliveryError("the payload is no JSON object")
    return found
