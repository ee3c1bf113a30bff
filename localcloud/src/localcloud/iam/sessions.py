"""Temporary credentials of roles, persisted: builds and tasks keep theirs if the local cloud is killed."""

from __future__ import annotations

import hmac
import secrets
import string
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localcloud.state.store import Store

Doc = dict[str, Any]
LIFETIME, RENEWED = 6 * 3600.0, 3600.0
"""Seconds for which a task role's credentials are valid, and how long before their end others are handed out: AWS's
clients ask again a quarter of an hour before it (botocore's RefreshableCredentials)."""
KIND = "iam.session"
"""The kind of these documents in the store."""
TEMPORARY = "ASIA"
"""The prefix of AWS's temporary access keys."""
ENDED_KEPT = 500
"""How many ended sessions are kept, so that their keys are reported as expired rather than unknown."""
ALPHABET = string.ascii_uppercase + "234567"


class Sessions:
    """All role sessions, by access key."""

    def __init__(self, store: Store) -> None:
        """Load the sessions from the store."""
        self._store = store
        self._rows: dict[str, Doc] = store.all(KIND)

    def start(self, role: str, name: str, owner: str, expires: float | None = None) -> Doc:
        """Create a session.

        Args:
            role: the role's ARN.
            name: the session's name, the last part of the assumed role's ARN.
            owner: who uses it, such as "build web:0a1b"; one session per owner and role, unless it is "".
            expires: seconds since 1970; None if it ends with its owner.
        """
        known = next((row for row in self._of(owner, role) if row["expires"] is None), None) if owner else None
        return known or self._made(role, name, owner, expires)

    def expiring(self, role: str, name: str, owner: str) -> Doc:
        """Return the owner's session that is valid for an hour or more, else a new one; it ends with its owner, too."""
        now = time.time()
        rows = [row for row in self._of(owner, role) if row["expires"] is not None and row["expires"] - now > RENEWED]
        return rows[-1] if rows else self._made(role, name, owner, now + LIFETIME)

    def _made(self, role: str, name: str, owner: str, expires: float | None) -> Doc:
        key = TEMPORARY + "".join(secrets.choice(ALPHABET) for _ in range(16))
        made: Doc = {
            "key": key, "secret": secrets.token_urlsafe(30), "token": secrets.token_urlsafe(96), "role": role,
            "name": name, "owner": owner, "started": time.time(), "expires": expires, "ended": None,
        }  # fmt: skip
        self._store.put(KIND, key, made)
        self._rows[key] = made
        return made

    def get(self, key: str) -> Doc | None:
        """Return a session by access key, including ended ones."""
        return self._rows.get(key)

    def end(self, owner: str) -> None:
        """End all sessions of an owner."""
        for row in self._of(owner):
            row["ended"] = time.time()
            self._store.put(KIND, row["key"], row)
        over = [row["key"] for row in list(self._rows.values()) if not alive(row)]
        for key in over[:-ENDED_KEPT]:
            self._store.delete(KIND, key)
            self._rows.pop(key, None)

    def keep(self, kind: str, owners: set[str]) -> None:
        """End the sessions of a kind of owner ("build", "task"), except those of the given owners."""
        mine = {row["owner"] for row in list(self._rows.values()) if row["owner"].startswith(f"{kind} ") and alive(row)}
        for owner in mine - owners:
            self.end(owner)

    def _of(self, owner: str, role: str = "") -> list[Doc]:
        rows = [row for row in list(self._rows.values()) if row["owner"] == owner and alive(row)]
        return [row for row in rows if role in ("", row["role"])]


def alive(session: Doc) -> bool:
    """Tell whether a session is neither ended nor expired."""
    return session["ended"] is None and (session["expires"] is None or session["expires"] > time.time())


def is_token_of(session: Doc, token: str) -> bool:
    """Tell whether a session token is the session's, in constant time."""
    return hmac.compare_digest(session["token"].encode(), token.encode())


def variables(session: Doc) -> dict[str, str]:
    """Return the credentials as the environment variables of AWS clients."""
    return {
        "AWS_ACCESS_KEY_ID": session["key"],
        "AWS_SECRET_ACCESS_KEY": session["secret"],
        "AWS_SESSION_TOKEN": session["token"],
    }
