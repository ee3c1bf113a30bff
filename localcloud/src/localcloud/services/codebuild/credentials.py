"""Source credentials: one for each server type and region."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.gateway.protocol import ApiError, Params
from localcloud.services.codebuild import validation

if TYPE_CHECKING:
    from localcloud.services.codebuild.state import State

AUTHS = {"GITHUB": ("PERSONAL_ACCESS_TOKEN", "CODECONNECTIONS", "SECRETS_MANAGER")}


class Credentials:
    """Implements the operations on source credentials."""

    def __init__(self, state: State) -> None:
        """Initialize with the service's state."""
        self._state = state

    def import_source_credentials(self, params: Params) -> Params:
        """Store a credential without its token; only shouldOverwrite replaces one of the same server type."""
        server, auth = params["serverType"], params["authType"]
        if server not in AUTHS:
            raise validation.unsupported(f"serverType {server}")
        if auth not in AUTHS[server]:
            raise validation.invalid(f"authType {auth} is not valid for server type {server}; it takes {AUTHS[server]}")
        arn = self._state.arn(f"token/{server.lower()}")
        if self._state.credentials.get(arn) is not None and not params.get("shouldOverwrite", True):
            raise ApiError("ResourceAlreadyExistsException", f"Access token with server type {server} already exists")
        doc = {"arn": arn, "serverType": server, "authType": auth}
        if auth != "PERSONAL_ACCESS_TOKEN":
            doc["resource"] = params["token"]
        self._state.credentials.put(arn, doc)
        return {"arn": arn}

    def list_source_credentials(self, params: Params) -> Params:
        """Return the credentials without their tokens."""
        del params
        return {"sourceCredentialsInfos": self._state.credentials.values()}

    def delete_source_credentials(self, params: Params) -> Params:
        """Delete a credential."""
        arn = params["arn"]
        if self._state.credentials.get(arn) is None:
            raise ApiError("ResourceNotFoundException", f"Access token with ARN {arn} not found")
        self._state.credentials.delete(arn)
        return {"arn": arn}
