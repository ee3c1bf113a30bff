"""Authorization tokens: new on every call, valid for 12 hours, needed for a push."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localcloud.context import Context

SECONDS = 12 * 3600
USER = "AWS"


class Access:
    """Issues and checks tokens; the key they are signed with outlives a restart."""

    def __init__(self, ctx: Context) -> None:
        """Take the signing key from the store, making it at the first start."""
        held = ctx.store.get("ecr-key", "key")
        if held is None:
            held = {"key": secrets.token_hex(32)}
            ctx.store.put("ecr-key", "key", held)
        self._key = bytes.fromhex(held["key"])
        self._endpoint = ctx.endpoint

    def get_authorization_token(self, _params: dict[str, Any]) -> dict[str, Any]:
        """Answer GetAuthorizationToken."""
        expires = time.time() + SECONDS
        token = base64.b64encode(f"{USER}:{self.issue(expires)}".encode()).decode()
        data = {"authorizationToken": token, "expiresAt": expires, "proxyEndpoint": self._endpoint}
        return {"authorizationData": [data]}

    def issue(self, expires: float) -> str:
        """Return a new password that is valid until a time in seconds since 1970."""
        text = f"{int(expires)}.{secrets.token_hex(16)}"
        return f"{text}.{self._sign(text)}"

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()

    def is_valid(self, password: str) -> bool:
        """Tell whether the password was issued here and has not expired."""
        text, _, signature = password.rpartition(".")
        expires = text.partition(".")[0]
        same = hmac.compare_digest(signature.encode(), self._sign(text).encode())
        return same and expires.isdigit() and int(expires) > time.time()

    def may_push(self, authorization: str) -> bool:
        """Tell whether an Authorization header, Basic or Bearer, holds a valid password."""
        kind, _, value = authorization.partition(" ")
        if kind.lower() == "bearer":
            return self.is_valid(value)
        if kind.lower() != "basic":
            return False
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return user == USER and self.is_valid(password)
