"""Access control at the gateway: this machine's user with any key, a role session within its role's policies."""

from __future__ import annotations

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
from localcloud.iam.callers import client, has_limited_token, is_here
from localcloud.iam.calls import CallError, read
from localcloud.iam.names import Names
from localcloud.iam.sessions import TEMPORARY, alive, is_token_of
from localcloud.iam.sts import Sts

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Scope

    from localcloud.iam.authority import Authority
    from localcloud.iam.lookups import Lookups
    from localcloud.iam.sessions import Doc

CALLER: ContextVar[str] = ContextVar("iam.caller", default=OPERATOR)
"""The access key of the session that signed the current request, or the operator."""
HEADER = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/, ]+)/\d{8}/([^/, ]*)/([a-z0-9-]+)/aws4_request\b")
ONCE = (
    "authorization", "content-encoding", "content-type", "host", "smithy-protocol", "x-amz-security-token",
    "x-amz-target",
)  # fmt: skip
"""Headers that determine what a request is; repeated, they would be ambiguous."""
PASSED = ("accept", "content-length", "user-agent", "amz-sdk-invocation-id", "amz-sdk-request", "x-amzn-query-mode")
"""Other headers that are passed on with a call."""
INVALID = "The security token included in the request is invalid."
EXPIRED = "The security token included in the request is expired"
OF_TASKS = "/_localcloud/ecs/"
"""Pages that tasks read: their metadata and the credentials of their role."""
READING = {"GET", "HEAD", "OPTIONS"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Signed:
    """The content of a request's signature."""

    key: str = ""
    region: str = ""
    token: str = ""


class Gate:
    """Authenticates and authorizes requests before they are routed."""

    def __init__(self, authority: Authority, lookups: Lookups, hosts: set[str]) -> None:
        """Create a gate.

        Args:
            authority: role sessions and policy decisions.
            lookups: finds resources whose ARN cannot be derived from their name.
            hosts: the gateway's own addresses, with port.
        """
        self._authority, self._lookups, self._hosts = authority, lookups, hosts
        self._sts = Sts(authority)

    def outside(self, scope: Scope, path: str, *, git: bool) -> Response | None:
        """Refuse remote requests to control pages but those of tasks, and remote writes to GitHub.

        GitHub accepts any token; what one with limited rights may change, it decides itself.
        The pages of tasks have identities in their paths that nobody else knows.

        Args:
            scope: the request.
            path: the request's path.
            git: whether the request is for GitHub.
        """
        if is_here(scope) or (path.startswith(OF_TASKS) and scope["method"] == "GET"):
            return None
        if git and (not writes(scope) or has_limited_token(scope)):
            return None
        text = "the local GitHub takes changes" if git else f"{path} is served"
        return PlainTextResponse(f"{text} from this machine only, not from a container\n", status_code=403)

    def signed(self, scope: Scope, headers: dict[str, str]) -> Signed:
        """Return the content of a request's signature; the key is empty if there is no Signature Version 4."""
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
        """Return the response to a request that is not passed on, or None, and the request as passed on.

        Args:
            service: the service that the request is signed for, "" if unsigned.
            scope: the request.
            headers: the request's headers.
            body: the request's body, for any service but S3.
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
        """Authorize a role session's request; return the response to a denied one, else None."""
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
            path = (scope.get("raw_path") or b"").decode() or scope["path"]  # raw: an ARN in it contains %2F
            call = read(service, region, scope["method"], path, query, headers, body)
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
        """Return the refusal of a request from a container without a role's credentials."""
        if not signed.key:
            text = "Missing Authentication Token: a container needs a role's credentials"
            return refusals.denial(service, headers, "missing", text)
        text = f"{INVALID} The access key is taken from this machine only: a container needs a role's credentials"
        return refusals.denial(service, headers, "invalid", text)


def writes(scope: Scope) -> bool:
    """Tell whether a request to GitHub writes; the ref advertisement that precedes a push counts."""
    path, query = str(scope["path"]), scope["query_string"]
    if b"git-receive-pack" in query or path.endswith("/git-receive-pack"):
        return True
    return scope["method"] not in READING and not path.endswith("/git-upload-pack")


def agent(headers: dict[str, str]) -> dict[str, str | list[str]]:
    """Return the condition key aws:useragent."""
    return {"aws:useragent": headers["user-agent"]} if "user-agent" in headers else {}


def cleaned(scope: Scope, service: str) -> Scope:
    """Return a session's call without headers that could change its meaning."""
    if service == "s3":
        return scope
    kept = [row for row in scope["headers"] if row[0].decode("latin-1") in (*ONCE, *PASSED)]
    return {**scope, "headers": kept}
