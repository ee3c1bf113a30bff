"""Who is let through the gateway: this machine's user with any key, a role's session with what its policies allow."""

from __future__ import annotations

import ipaddress
import re
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.responses import PlainTextResponse

from localcloud.gateway import refusals
from localcloud.iam import s3_authorization
from localcloud.iam.authority import OPERATOR
from localcloud.iam.authorization import asks
from localcloud.iam.calls import CallError, read
from localcloud.iam.operation_resources import Names
from localcloud.iam.sessions import TEMPORARY, alive, is_token_of
from localcloud.iam.sts import Sts

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Scope

    from localcloud.iam.authority import Authority
    from localcloud.iam.lookups import Lookups
    from localcloud.iam.sessions import Doc

CALLER: ContextVar[str] = ContextVar("iam.caller", default=OPERATOR)
"""The access key of the session that the request under way is signed with, or the operator."""
HEADER = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/, ]+)/\d{8}/([^/, ]*)/([a-z0-9-]+)/aws4_request\b")
ONCE = (
    "authorization", "content-encoding", "content-type", "host", "smithy-protocol", "x-amz-security-token",
    "x-amz-target",
)  # fmt: skip
"""Headers that decide what a request is; given twice they could be read in two ways."""
PASSED = ("accept", "content-length", "user-agent", "amz-sdk-invocation-id", "amz-sdk-request", "x-amzn-query-mode")
"""Headers that a call may have beside those."""
INVALID = "The security token included in the request is invalid."
EXPIRED = "The security token included in the request is expired"
READING = {"GET", "HEAD", "OPTIONS"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Signed:
    """What a request's signature says."""

    key: str = ""
    region: str = ""
    token: str = ""


class Gate:
    """Decides on requests before anything serves them."""

    def __init__(self, authority: Authority, lookups: Lookups, hosts: set[str]) -> None:
        """Take who decides.

        Args:
            authority: sessions and policies.
            lookups: finds resources whose ARN their name does not tell.
            hosts: the gateway's own addresses with port.
        """
        self._authority, self._lookups, self._hosts = authority, lookups, hosts
        self._sts = Sts(authority)

    def outside(self, scope: Scope, path: str, *, git: bool) -> Response | None:
        """Refuse what only this machine may ask for: control pages, and writing to GitHub, which takes any token.

        Args:
            scope: the request.
            path: of it.
            git: whether it goes to GitHub.
        """
        if is_here(scope):
            return None
        if git and (not writes(scope)):
            return None
        text = "the local GitHub takes changes" if git else f"{path} is served"
        return PlainTextResponse(f"{text} from this machine only, not from a container\n", status_code=403)

    def signed(self, scope: Scope, headers: dict[str, str]) -> Signed:
        """Return what a request's signature says, an empty key where it has none of version 4."""
        if found := HEADER.match(headers.get("authorization", "")):
            return Signed(key=found[1], region=found[2], token=headers.get("x-amz-security-token", ""))
        if "authorization" in headers or b"X-Amz-Credential" not in scope["query_string"]:
            return Signed()
        query = {name: rows[0] for name, rows in parse_qs(scope["query_string"].decode("latin-1")).items()}
        key, *rest = query.get("X-Amz-Credential", "").split("/")
        token = query.get("X-Amz-Security-Token", "")
        return Signed(key=key, region=rest[1] if len(rest) > 1 else "", token=token)

    @staticmethod
    def _is_session(signed: Signed) -> bool:
        return signed.key.startswith(TEMPORARY)

    def decide(self, service: str, scope: Scope, headers: dict[str, str], body: bytes) -> tuple[Response | None, Scope]:
        """Return an answer to a request that goes no further, or None, and the request as it goes on.

        Args:
            service: that it is signed for, "" for none.
            scope: the request.
            headers: its headers.
            body: its body, of any service but S3.
        """
        signed = self.signed(scope, headers)
        if not self._is_session(signed):
            CALLER.set(OPERATOR)
            if not is_here(scope):
                return self._no_operator(service, headers, signed), scope
            return self._sts.for_operator(scope, headers, body) if service == "sts" else None, scope
        session = self._authority.sessions.get(signed.key)
        if session is None or not is_token_of(session, signed.token):
            return refusals.denial(service, headers, "invalid", INVALID), scope
        if not alive(session):
            return refusals.denial(service, headers, "expired", EXPIRED), scope
        CALLER.set(session["key"])
        try:
            return self._of_session(session, service, signed.region, scope, headers, body), cleaned(scope, service)
        except CallError as error:
            return refusals.denial(service, headers, "unreadable", str(error)), scope

    def _of_session(  # noqa: PLR0913 - the parts of a request
        self, session: Doc, service: str, region: str, scope: Scope, headers: dict[str, str], body: bytes
    ) -> Response | None:
        """Decide on a session's request."""
        names = [name for name, _ in scope["headers"] if name.decode("latin-1") in ONCE]
        if len(names) != len(set(names)) or headers.get("host") not in self._hosts:
            raise CallError(f"a header is given twice, or Host is none of {', '.join(sorted(self._hosts))}")
        query = scope["query_string"]
        if service == "s3":
            if "x-amz-target" in headers or headers.get("content-type", "").startswith("application/x-amz-json"):
                raise CallError("a request to S3 has no X-Amz-Target")
            if "authorization" not in headers:
                self._lookups.tell(session, self._authority.arn(session))
            wanted = s3_authorization.asks(scope["method"], scope["path"], query, headers)
        else:
            call = read(service, region, scope["method"], scope["path"], query, headers, body)
            if call.service == "sts":
                return self._sts.for_session(session, call, headers)
            authority = self._authority
            own = Names(
                account=authority.account,
                region=region,
                find=partial(self._lookups.find, region),
                roles=authority.roles_of_definition,
            )
            wanted = asks(call, own)
        extra = {"aws:sourceip": client(scope), "aws:requestedregion": region} | agent(headers)
        text = self._authority.refusal(session, wanted, extra)
        return refusals.denial(service, headers, "denied", text) if text else None

    @staticmethod
    def _no_operator(service: str, headers: dict[str, str], signed: Signed) -> Response:
        """Refuse a request from a container without a role's credentials."""
        if not signed.key:
            text = "Missing Authentication Token: a container needs a role's credentials"
            return refusals.denial(service, headers, "missing", text)
        text = f"{INVALID} The access key is taken from this machine only: a container needs a role's credentials"
        return refusals.denial(service, headers, "invalid", text)


def is_here(scope: Scope) -> bool:
    """Tell whether a request comes from this machine itself."""
    try:
        return ipaddress.ip_address(client(scope)).is_loopback
    except ValueError:
        return False


def client(scope: Scope) -> str:
    """Return the address that a request comes from."""
    return str((scope.get("client") or ("",))[0])


def writes(scope: Scope) -> bool:
    """Tell whether a request to GitHub changes something; git asks before a push what there is."""
    path, query = str(scope["path"]), scope["query_string"]
    if b"git-receive-pack" in query or path.endswith("/git-receive-pack"):
        return True
    return scope["method"] not in READING and not path.endswith("/git-upload-pack")


def agent(headers: dict[str, str]) -> dict[str, str | list[str]]:
    """Return the condition key of the client's program."""
    return {"aws:useragent": headers["user-agent"]} if "user-agent" in headers else {}


def cleaned(scope: Scope, service: str) -> Scope:
    """Return a session's call without headers that could make it another one."""
    if service == "s3":
        return scope
    kept = [row for row in scope["headers"] if row[0].decode("latin-1") in (*ONCE, *PASSED)]
    return {**scope, "headers": kept}
