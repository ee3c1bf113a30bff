"""STS for our own role sessions: GetCallerIdentity and AssumeRole."""

from __future__ import annotations

import datetime as dt
import re
import time
import uuid
from typing import TYPE_CHECKING
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from starlette.responses import Response

from localcloud.gateway import refusals
from localcloud.iam.authority import OPERATOR, DeniedError
from localcloud.iam.authorization import asks
from localcloud.iam.names import Names

if TYPE_CHECKING:
    from starlette.types import Scope

    from localcloud.iam.authority import Authority
    from localcloud.iam.calls import Call
    from localcloud.iam.sessions import Doc

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}")
SHORTEST, LONGEST, USUAL = 900, 43200, 3600
"""Minimum, maximum and default session duration in seconds, as in AWS."""
GIVES_KEYS = ("AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "AssumeRoot", "GetFederationToken", "GetSessionToken")


class Sts:
    """Handles the STS calls that concern sessions unknown to ministack."""

    def __init__(self, authority: Authority) -> None:
        """Create the handler from the authority, which has the sessions."""
        self._authority = authority

    def for_operator(self, _scope: Scope, headers: dict[str, str], body: bytes) -> Response | None:
        """Handle the operator's AssumeRole; return None for calls that ministack handles."""
        params = {name: rows[0] for name, rows in parse_qs(body.decode("latin-1")).items()}
        operation = params.pop("Action", "")
        if operation == "AssumeRole":
            return self._assume(OPERATOR, params, headers)
        return without_keys(operation, headers) if operation in GIVES_KEYS else None

    def for_session(self, session: Doc, call: Call, headers: dict[str, str]) -> Response | None:
        """Handle a session's call; return None for calls that ministack handles."""
        if call.operation == "GetCallerIdentity":
            return self._who(session)
        authority = self._authority
        wanted = asks(call, Names(account=authority.account, region=call.region))
        if text := authority.refusal(session, wanted):
            return refusals.denial("sts", headers, "denied", text)
        if call.operation == "AssumeRole":
            return self._assume(session["key"], call.params, headers)
        return without_keys(call.operation, headers) if call.operation in GIVES_KEYS else None

    def _who(self, session: Doc) -> Response:
        return answer("GetCallerIdentity", {
            "Arn": self._authority.arn(session),
            "UserId": self._authority.user_id(session),
            "Account": self._authority.account,
        })  # fmt: skip

    def _assume(self, caller: str, params: dict[str, str], headers: dict[str, str]) -> Response:
        role, name = params.get("RoleArn", ""), params.get("RoleSessionName", "")
        seconds = params.get("DurationSeconds") or str(USUAL)
        if not SESSION_NAME.fullmatch(name) or not seconds.isdecimal() or not SHORTEST <= int(seconds) <= LONGEST:
            text = f"RoleSessionName has 2 to 64 of A-Z a-z 0-9 _+=,.@-, DurationSeconds is {SHORTEST} to {LONGEST}"
            return refusals.refusal(headers, "ValidationError", text)
        if others := sorted(set(params) - {"RoleArn", "RoleSessionName", "DurationSeconds", "ExternalId", "Version"}):
            text = f"the local cloud does not support {others[0]} of AssumeRole; leave it out"
            return refusals.refusal(headers, "UnsupportedOperation", text)
        context: dict[str, str | list[str]] = {"sts:rolesessionname": name}
        context |= {"sts:externalid": params["ExternalId"]} if "ExternalId" in params else {}
        expires = time.time() + int(seconds)
        try:
            session = self._authority.assume_as(caller, role, name, expires, context)
        except DeniedError as error:
            return refusals.denial("sts", headers, "denied", str(error))
        when = dt.datetime.fromtimestamp(expires, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        credentials = {
            "AccessKeyId": session["key"],
            "SecretAccessKey": session["secret"],
            "SessionToken": session["token"],
            "Expiration": when,
        }
        user = {"AssumedRoleId": self._authority.user_id(session), "Arn": self._authority.arn(session)}
        return answer("AssumeRole", {"Credentials": credentials, "AssumedRoleUser": user})


def without_keys(operation: str, headers: dict[str, str]) -> Response:
    """Return the refusal of operations that issue keys unknown to the local cloud."""
    text = f"the local cloud does not support sts {operation}: use AssumeRole"
    return refusals.refusal(headers, "UnsupportedOperation", text)


def answer(operation: str, members: dict[str, str | dict[str, str]]) -> Response:
    """Return a query-protocol response."""

    def xml(value: str | dict[str, str]) -> str:
        if isinstance(value, str):
            return escape(value)
        return "".join(f"<{name}>{escape(text)}</{name}>" for name, text in value.items())

    inner = "".join(f"<{name}>{xml(value)}</{name}>" for name, value in members.items())
    body = (
        f'<{operation}Response xmlns="{NAMESPACE}"><{operation}Result>{inner}</{operation}Result>'
        f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></{operation}Response>"
    )
    return Response(body, media_type="text/xml")
