"""Connections to GitHub, by both AWS APIs: codeconnections and the older codestar-connections.

A new connection is PENDING. Instead of the handshake in AWS's console, it becomes AVAILABLE by a POST of
{"ConnectionArn": ...} to /_localcloud/codeconnections/complete, or by `localcloud connect NAME_OR_ARN`.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from localcloud.gateway import limits
from localcloud.gateway.protocol import Api, ApiError, Params, arn
from localcloud.state.table import Doc, Table

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from localcloud.context import Context

PROVIDER = "GitHub"
TAGS_AT_MOST = 200
SHOWN = ("ConnectionName", "ConnectionArn", "ProviderType", "OwnerAccountId", "ConnectionStatus")


class CodeConnections:
    """The connections, and the two services that serve them."""

    def __init__(self, ctx: Context) -> None:
        """Load the connections from the store."""
        self._ctx = ctx
        self._table = Table(ctx.store, "codeconnections.connection")
        self.services: list[Api] = [
            ConnectionsApi(self, "codeconnections"),
            ConnectionsApi(self, "codestar-connections"),
        ]

    def status(self, key: str) -> str | None:
        """Return PENDING or AVAILABLE, or None if the connection does not exist; the ARN may have either prefix."""
        doc = self._find(key)
        return None if doc is None else str(doc["ConnectionStatus"])

    def create(self, api: str, params: Params) -> Params:
        """Create a PENDING connection."""
        if "HostArn" in params:
            raise ApiError("UnsupportedOperation", "the local cloud has no hosts: HostArn is not supported")
        if params.get("ProviderType") != PROVIDER:
            text = f"the local cloud connects to {PROVIDER} only, not to {params.get('ProviderType')}"
            raise ApiError("UnsupportedOperation", text)
        identifier = str(uuid.uuid4())
        doc = {
            "ConnectionName": params["ConnectionName"],
            "ConnectionArn": arn(self._ctx, api, f"connection/{identifier}"),
            "ProviderType": PROVIDER,
            "OwnerAccountId": self._ctx.account,
            "ConnectionStatus": "PENDING",
            "Tags": params.get("Tags", []),
        }
        self._table.put(identifier, doc)
        return {"ConnectionArn": doc["ConnectionArn"], "Tags": doc["Tags"]}

    def connection(self, key: str) -> Doc:
        """Return a connection by its ARN; raise ApiError if it does not exist."""
        doc = self._find(key)
        if doc is None:
            raise ApiError("ResourceNotFoundException", f"Connection not found: {key}")
        return doc

    def save(self, doc: Doc) -> None:
        """Save a connection that was changed in place."""
        self._table.save(identifier_of(doc["ConnectionArn"]))

    def delete(self, key: str) -> None:
        """Delete a connection."""
        self._table.delete(identifier_of(self.connection(key)["ConnectionArn"]))

    def listed(self) -> list[Doc]:
        """Return all connections as the API returns them."""
        return [shown(doc) for doc in self._table.values()]

    def clear(self) -> None:
        """Delete all connections."""
        self._table.clear()

    async def control(self, request: Request) -> Response:
        """Handle /_localcloud/codeconnections/: GET lists connections, POST complete makes one AVAILABLE."""
        if request.method == "GET":
            return JSONResponse({"Connections": self.listed()})
        try:
            wanted = str(limits.decoded(await request.body())["ConnectionArn"])
        except (ValueError, KeyError, TypeError):
            return JSONResponse({"message": 'give {"ConnectionArn": ARN or name}'}, 400)
        found = [doc for doc in self._table.values() if wanted == doc["ConnectionName"]]
        by_arn = self._find(wanted)
        found = [by_arn] if by_arn else found
        if len(found) != 1:
            names = ", ".join(f"{doc['ConnectionName']} ({doc['ConnectionArn']})" for doc in self._table.values())
            text = f"{wanted} names {len(found)} connections; give the ARN of one of: {names or 'none exists'}"
            return JSONResponse({"message": text}, 404)
        found[0]["ConnectionStatus"] = "AVAILABLE"
        self.save(found[0])
        return JSONResponse(shown(found[0]))

    def _find(self, key: str) -> Doc | None:
        return self._table.get(identifier_of(key)) if ":connection/" in key else None


class ConnectionsApi(Api):
    """One of the two APIs of the same connections."""

    def __init__(self, connections: CodeConnections, api: str) -> None:
        """Serve the API with that name."""
        self.api = self.signing_name = api
        self._connections = connections
        self.control = connections.control
        super().__init__([self])

    async def reset(self) -> None:
        """Delete all connections."""
        self._connections.clear()

    def create_connection(self, params: Params) -> Params:
        """Handle CreateConnection, for GitHub only."""
        return self._connections.create(self.api, params)

    def get_connection(self, params: Params) -> Params:
        """Handle GetConnection."""
        return {"Connection": shown(self._connections.connection(params["ConnectionArn"]))}

    def delete_connection(self, params: Params) -> None:
        """Handle DeleteConnection; executions of pipelines that use it then fail."""
        self._connections.delete(params["ConnectionArn"])

    def list_connections(self, params: Params) -> Params:
        """Handle ListConnections, filtered by provider."""
        if "HostArnFilter" in params:
            return {"Connections": []}
        wanted = params.get("ProviderTypeFilter", PROVIDER)
        return {"Connections": [row for row in self._connections.listed() if row["ProviderType"] == wanted]}

    def list_tags_for_resource(self, params: Params) -> Params:
        """Handle ListTagsForResource."""
        return {"Tags": self._connections.connection(params["ResourceArn"])["Tags"]}

    def tag_resource(self, params: Params) -> None:
        """Handle TagResource."""
        doc = self._connections.connection(params["ResourceArn"])
        tags = {tag["Key"]: tag["Value"] for tag in [*doc["Tags"], *params["Tags"]]}
        if len(tags) > TAGS_AT_MOST:
            raise ApiError("LimitExceededException", f"a connection may have {TAGS_AT_MOST} tags")
        doc["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
        self._connections.save(doc)

    def untag_resource(self, params: Params) -> None:
        """Handle UntagResource."""
        doc = self._connections.connection(params["ResourceArn"])
        doc["Tags"] = [tag for tag in doc["Tags"] if tag["Key"] not in params["TagKeys"]]
        self._connections.save(doc)


def identifier_of(key: str) -> str:
    """Return the id at the end of a connection's ARN."""
    return key.rpartition(":connection/")[2]


def shown(doc: Doc) -> Params:
    """Return a connection as the API returns it."""
    return {name: doc[name] for name in SHOWN}
