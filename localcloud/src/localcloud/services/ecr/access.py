"""Authorization tokens: new on every call, valid for 12 hours, issued to the calling principal."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from typing import TYPE_CHECKING, Any

from localcloud.iam.gate import CALLER

if TYPE_CHECKING:
    from localcloud.context import Context

SECONDS = 12 * 3600
USER = "AWS"


class Access:
    """Issues and verifies tokens; the signing key survives a restart."""

    def __init__(self, ctx: Context) -> None:
        """Load the signing key from the store, creating it at the first start."""
        held = ctx.store.get("ecr-key", "key")
        if held is None:
            held = {"key": secrets.token_hex(32)}
            ctx.store.put("ecr-key", "key", held)
        self._key = bytes.fromhex(held["key"])
        self._endpoint = ctx.endpoint
        ctx.iam.password = lambda principal: self.issue(time.time() + SECONDS, principal)

    def get_authorization_token(self, _params: dict[str, Any]) -> dict[str, Any]:
        """Handle GetAuthorizationToken."""
        expires = time.time() + SECONDS
        token = base64.b64encode(f"{USER}:{self.issue(expires, CALLER.get())}".encode()).decode()
        data = {"authorizationToken": token, "expiresAt": expires, "proxyEndpoint": self._endpoint}
        return {"authorizationData": [data]}

    def issue(self, expires: float, principal: str) -> str:
        """Return a new password.

        Args:
            expires: the expiry, in seconds since 1970.
            principal: its owner: a session's access key, or the operator.
        """
        text = f"{int(expires)}.{principal}.{secrets.token_hex(16)}"
        return f"{text}.{self._sign(text)}"

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()

    def _principal(self, password: str) -> str | None:
        text, _, signature = password.rpartition(".")
        expires, _, rest = text.partition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(text).encode()) or not expires.isdigit():
            return None
        return rest.rpartition(".")[0] or None if int(expires) > time.time() else None

    def principal(self, authorization: str) -> str | None:
        """Return the principal of a valid Authorization header (Basic or Bearer), or None."""
        kind, _, value = authorization.partition(" ")
        if kind.lower() == "bearer":
            return self._principal(value)
        if kind.lower() != "basic":
            return None
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return self._principal(password) if user == USER else None
