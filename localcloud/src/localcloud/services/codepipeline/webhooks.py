"""Webhooks of source actions: the API operations, and the receiver of GitHub's deliveries."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import logging
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from starlette.responses import JSONResponse

from localcloud.gateway import limits
from localcloud.gateway.protocol import ApiError, Params
from localcloud.services.codepipeline import json_path
from localcloud.services.codepipeline.pipelines import checked_tags, listed
from localcloud.services.codepipeline.state import State, page

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from localcloud.services.codepipeline.execution_starts import Starter
    from localcloud.state.table import Doc

FILTERS = (1, 5)
WEBHOOKS = 300
HOOKABLE = "GitHub"
FIELDS = 10
"""Maximum number of form fields; GitHub's form has one."""
LOG = logging.getLogger(__name__)


class Webhooks:
    """Implements the operations on webhooks, and receives deliveries."""

    def __init__(self, state: State, starter: Starter) -> None:
        """Initialize with the service's state and the starter of executions."""
        self._state, self._starter = state, starter

    def put_webhook(self, params: Params) -> Params:
        """Create or update a webhook; an update keeps its URL."""
        given = params["webhook"]
        check_authentication(given)
        check_filters(given)
        pipeline = self._state.pipeline(given["targetPipeline"])
        self._target(pipeline, given["targetAction"])
        present = self._state.webhooks.get(given["name"])
        if present is None and len(self._state.webhooks.rows) >= WEBHOOKS:
            raise ApiError("LimitExceededException", f"There are {WEBHOOKS} webhooks, AWS's limit")
        key = present["key"] if present else secrets.token_urlsafe(24)
        tags = checked_tags(params["tags"]) if "tags" in params else (present or {}).get("tags", {})
        doc = {"name": given["name"], "definition": given, "key": key, "tags": tags}
        if present and "lastTriggered" in present:
            doc["lastTriggered"] = present["lastTriggered"]
        self._state.webhooks.put(given["name"], doc)
        return {"webhook": self._shown(doc)}

    def list_webhooks(self, params: Params) -> Params:
        """Return all webhooks."""
        rows = [self._shown(doc) for doc in self._state.webhooks.values()]
        part, more = page(rows, params, "MaxResults", "NextToken")
        return {"webhooks": part} | more

    def delete_webhook(self, params: Params) -> None:
        """Delete a webhook; succeeds if it does not exist, as on AWS."""
        self._state.webhooks.delete(params["name"])

    def register_webhook_with_third_party(self, params: Params) -> None:
        """Refuse the request: CodePipeline would need a user's permission on GitHub."""
        self._refuse_registration(params)

    def deregister_webhook_with_third_party(self, params: Params) -> None:
        """Refuse the request, for the same reason."""
        self._refuse_registration(params)

    async def receive(self, request: Request, key: str) -> Response:
        """Receive a delivery: verify its signature over the raw body, apply its filters, then start the pipeline."""
        doc = next(
            (row for row in self._state.webhooks.values() if hmac.compare_digest(row["key"].encode(), key.encode())),
            None,
        )
        if doc is None:
            return JSONResponse({"message": "there is no webhook of this address"}, 404)
        body = await request.body()
        definition = doc["definition"]
        client = request.client.host if request.client else ""
        if not authentic(definition, dict(request.headers), body, client):
            LOG.warning("%s: a delivery was refused: its signature or address is wrong", doc["name"])
            return JSONResponse({"message": "the delivery is not authentic: its signature or address is wrong"}, 403)
        try:
            payload = payload_of(request.headers.get("content-type", ""), body)
        except ValueError as error:
            LOG.warning("%s: a delivery was refused: %s", doc["name"], error)
            return JSONResponse({"message": f"the payload is no JSON: {error}"}, 400)
        return self._take(doc, payload, request.headers.get("x-github-delivery", ""))

    def _take(self, doc: Doc, payload: Any, delivery: str) -> Response:
        """Start the pipeline if the filters match; return a response in either case."""
        definition = doc["definition"]
        try:
            pipeline = self._state.pipeline(definition["targetPipeline"])
            action = self._target(pipeline, definition["targetAction"])
            unmatched = [row for row in definition["filters"] if not matches(row, action["configuration"], payload)]
            if unmatched:
                text = f"no execution: the payload does not match the filter {unmatched[0]['jsonPath']}"
                return JSONResponse({"message": text})
            detail = self._state.arn(f"webhook:{doc['name']}")
            with self._state.ctx.store.transaction():
                execution = self._starter.start(pipeline, "Webhook", detail)
                doc["lastTriggered"] = self._state.now()
                self._state.webhooks.save(doc["name"])
        except ApiError as error:
            LOG.warning("%s: the delivery %s starts nothing: %s", doc["name"], delivery, error.message)
            return JSONResponse({"message": error.message}, 409)
        return JSONResponse({"pipelineExecutionId": execution})

    def _target(self, pipeline: Doc, name: str) -> Doc:
        """Return the source action that a webhook targets, or raise AWS's error if there is none."""
        for action in self._state.declaration(pipeline)["stages"][0]["actions"]:
            if action["name"] == name:
                provider = action["actionTypeId"]["provider"]
                if provider != HOOKABLE:
                    text = f"The action {name} is of {provider}, which takes no webhook; only {HOOKABLE} version 1 does"
                    raise ApiError("ValidationException", text)
                return dict(action)
        raise ApiError("ValidationException", f"The pipeline {pipeline['name']} has no source action {name}")

    def _shown(self, doc: Doc) -> Doc:
        """Return a webhook as the API shows it."""
        return {
            "definition": doc["definition"],
            "url": self._state.ctx.control_url("codepipeline", f"webhooks/{doc['key']}"),
            "arn": self._state.arn(f"webhook:{doc['name']}"),
            "lastTriggered": doc.get("lastTriggered"),
            "tags": listed(doc["tags"]),
        }

    def _refuse_registration(self, params: Params) -> None:
        name = params.get("webhookName", "")
        if self._state.webhooks.get(name) is None:
            raise ApiError("WebhookNotFoundException", f"There is no webhook {name}")
        text = "the local cloud does not register webhooks at GitHub: add its url and secret there, as Pulumi's GitHub"
        raise ApiError("UnsupportedOperation", f"{text} provider does (github.RepositoryWebhook)")


def check_authentication(given: Doc) -> None:
    """Refuse a configuration that does not match the type of authentication."""
    kind, configuration = given["authentication"], given["authenticationConfiguration"]
    needed = {"GITHUB_HMAC": {"SecretToken"}, "IP": {"AllowedIPRange"}, "UNAUTHENTICATED": set()}[kind]
    if set(configuration) != needed:
        text = f"{kind} needs {' '.join(needed) or 'no authenticationConfiguration'}, and nothing else"
        raise ApiError("InvalidWebhookAuthenticationParametersException", text)
    if kind == "IP":
        try:
            ipaddress.ip_network(configuration["AllowedIPRange"])
        except ValueError as error:
            text = f"AllowedIPRange must be a range of addresses: {error}"
            raise ApiError("InvalidWebhookAuthenticationParametersException", text) from None


def check_filters(given: Doc) -> None:
    """Refuse an invalid number of filters, or invalid JSON paths."""
    if not FILTERS[0] <= len(given["filters"]) <= FILTERS[1]:
        text = f"A webhook has {FILTERS[0]} to {FILTERS[1]} filters, not {len(given['filters'])}"
        raise ApiError("InvalidWebhookFilterPatternException", text)
    for row in given["filters"]:
        if json_path.steps(row["jsonPath"]) is None:
            text = f"The filter {row['jsonPath']} is no JSONPath of the kinds $.a.b, $['a'], $.a[0], $.a[*].b"
            raise ApiError("InvalidWebhookFilterPatternException", text)


def authentic(definition: Doc, headers: dict[str, str], body: bytes, client: str) -> bool:
    """Return whether a delivery is authentic by GitHub's signature over the raw body, or by the sender's IP address."""
    configuration = definition["authenticationConfiguration"]
    if definition["authentication"] == "GITHUB_HMAC":
        secret = configuration["SecretToken"].encode()
        for header, kind in (("x-hub-signature-256", "sha256"), ("x-hub-signature", "sha1")):
            if header in headers:
                right = f"{kind}={hmac.new(secret, body, getattr(hashlib, kind)).hexdigest()}"
                return hmac.compare_digest(right.encode(), headers[header].encode())
        return False
    if definition["authentication"] == "IP":
        try:
            return ipaddress.ip_address(client) in ipaddress.ip_network(configuration["AllowedIPRange"])
        except ValueError:
            return False
    return True


def payload_of(kind: str, body: bytes) -> Any:
    """Return the payload of a delivery; GitHub posts JSON, or a form that contains JSON."""
    if kind.startswith("application/x-www-form-urlencoded"):
        return limits.decoded(parse_qs(body.decode(), max_num_fields=FIELDS).get("payload", [""])[0])
    return limits.decoded(body)


def matches(row: Doc, configuration: dict[str, str], payload: Any) -> bool:
    """Return whether a payload matches a filter; {Name} is replaced by the target action's configuration value."""
    found = json_path.values(payload, row["jsonPath"])
    wanted = row.get("matchEquals")
    if wanted is None:
        return bool(found)
    for key, value in configuration.items():
        wanted = wanted.replace(f"{{{key}}}", value)
    return any(json_path.text(value) == wanted for value in found)
