"""Role sessions, and authorization by the policies and trust policy of the role."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from localcloud.iam.conditions import PolicyError
from localcloud.iam.policies import Ask, decide, trusted
from localcloud.iam.sessions import Sessions, alive

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.iam.conditions import Context
    from localcloud.iam.roles import Roles
    from localcloud.iam.sessions import Doc
    from localcloud.state.store import Store

OPERATOR = "operator"
"""The principal of this machine's user, who may do everything."""
LOG = logging.getLogger(__name__)


class DeniedError(Exception):
    """The role is not authorized; the message is worded as AWS's."""


class Authority:
    """Role sessions and authorization decisions."""

    def __init__(self, store: Store, roles: Roles, account: str, region: str) -> None:
        """Create an authority from the stored sessions and IAM's roles."""
        self.sessions = Sessions(store)
        self.roles = roles
        self.account, self.region = account, region
        self.password: Callable[[str], str] = lambda _principal: ""
        """Issues an image registry password for a principal; set by ECR."""
        self.roles_of_definition: Callable[[str], list[str]] = lambda _definition: []
        """Returns the roles of a task definition; set by ECS."""
        self.decided: Callable[[str, Ask, str], None] = lambda _role, _ask, _reason: None
        """Is told each decision: the role, what had to be authorized, and why it was refused; set by the server."""

    def assume(  # noqa: PLR0913 - what sts:AssumeRole takes
        self, role: str, service: str, name: str, owner: str, context: Context | None = None, *, expiring: bool = False
    ) -> Doc:
        """Assume a role as a service, and return the owner's session, the same one on every call.

        Args:
            role: the role's ARN.
            service: the service principal, such as "codebuild.amazonaws.com".
            name: the session's name.
            owner: who uses the credentials; "" to create new ones on every call.
            context: condition keys for the trust policy, such as aws:sourcearn.
            expiring: whether the session expires; a later call returns another one in time.

        Raises:
            DeniedError: the role does not exist, or does not trust the service.
        """
        keys: Context = {"aws:sourceaccount": self.account, **(context or {})}
        self._check_trust(role, "Service", {service}, keys, f"service: {service}")
        return self.sessions.expiring(role, name, owner) if expiring else self.sessions.start(role, name, owner)

    def assume_as(self, caller: str, role: str, name: str, expires: float, context: Context) -> Doc:
        """Assume a role as a principal of the account (sts:AssumeRole), and return a new session.

        Raises:
            DeniedError: the role does not exist, or does not trust the principal.
        """
        names = {caller, self.account, f"arn:aws:iam::{self.account}:root"}
        session = self.sessions.get(caller)
        if session is not None:
            names |= {self.arn(session), session["role"]}
        shown = self.arn(session) if session else f"arn:aws:iam::{self.account}:root"
        self._check_trust(role, "AWS", names, context, shown)
        return self.sessions.start(role, name, "", expires)

    def _check_trust(self, role: str, kind: str, names: set[str], context: Context, shown: str) -> None:
        """Raise DeniedError if the role does not trust the principal."""
        try:
            good = trusted(self.roles.trust(role), kind, names, context)
        except PolicyError as error:
            raise DeniedError(f"{role}: {error}") from error
        if not good:
            text = f"User: {shown} is not authorized to perform: sts:AssumeRole on resource: {role}"
            LOG.warning("refused: %s", text)
            raise DeniedError(text)

    def arn(self, session: Doc) -> str:
        """Return the ARN of the assumed role."""
        return f"arn:aws:sts::{self.account}:assumed-role/{session['role'].rpartition('/')[2]}/{session['name']}"

    def user_id(self, session: Doc) -> str:
        """Return the assumed role's identifier."""
        role = self.roles.get(session["role"]) or {}
        return f"{role.get('RoleId', 'AROAUNKNOWN')}:{session['name']}"

    def principal(self, identity: str) -> Doc | None:
        """Return the session of an identity other than the operator, or None if it has ended or is unknown."""
        session = self.sessions.get(identity)
        return session if session is not None and alive(session) else None

    def refusal(self, session: Doc, asks: list[Ask], extra: Context | None = None) -> str:
        """Return AWS's error message if one of several asks is not allowed, "" if all are."""
        try:
            rights = self.roles.rights(session["role"])
        except PolicyError as error:
            return f"User: {self.arn(session)} is not authorized, because {error}"
        context = self.context(session) | (extra or {})
        for ask in asks:
            reason = decide(rights, ask, context)
            self.decided(session["role"], ask, reason)
            if reason:
                who = f"User: {self.arn(session)} is not authorized to perform: {ask.action}"
                text = f"{who} on resource: {ask.resource} {reason}"
                LOG.warning("refused: %s", text)
                return text
        return ""

    def require(self, session: Doc, action: str, resource: str = "*", **keys: str) -> None:
        """Raise DeniedError if the role may not do what a service does on its behalf.

        Args:
            session: the role's session.
            action: the IAM action, such as "logs:PutLogEvents".
            resource: the resource's ARN.
            keys: condition keys of the action, with `__` for the colon: `iam__passedtoservice="..."`.

        Raises:
            DeniedError: the role is not authorized.
        """
        named = {name.replace("__", ":"): value for name, value in keys.items()}
        text = self.refusal(session, [Ask(action=action, resource=resource, keys={**named})])
        if text:
            raise DeniedError(text)

    def context(self, session: Doc) -> Context:
        """Return the condition keys that every request of a session has."""
        now = time.time()
        found: dict[str, Any] = {
            "aws:principalarn": session["role"],
            "aws:principalaccount": self.account,
            "aws:principaltype": "AssumedRole",
            "aws:userid": self.user_id(session),
            "aws:principalisawsservice": "false",
            "aws:viaawsservice": "false",
            "aws:securetransport": "false",
            "aws:resourceaccount": self.account,
            "aws:requestedregion": self.region,
            "aws:currenttime": datetime.fromtimestamp(now, UTC).isoformat(),
            "aws:epochtime": str(int(now)),
            "aws:tokenissuetime": datetime.fromtimestamp(session["started"], UTC).isoformat(),
        }
        tags = (self.roles.get(session["role"]) or {}).get("Tags") or []
        return found | {f"aws:principaltag/{tag['Key']}".lower(): tag["Value"] for tag in tags}
