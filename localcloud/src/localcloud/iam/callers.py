"""Where a request comes from, and what it brings to prove who it is."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Scope

LIMITED = "github_pat_"
"""How tokens with limited rights begin: GitHub's fine-grained personal access tokens."""


def is_here(scope: Scope) -> bool:
    """Tell whether a request comes from this machine."""
    try:
        return ipaddress.ip_address(client(scope)).is_loopback
    except ValueError:
        return False


def has_limited_token(scope: Scope) -> bool:
    """Tell whether a request to GitHub's REST API has a token with limited rights, valid or not."""
    given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
    kind, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    limited = kind.lower() in ("bearer", "token") and token.strip().startswith(LIMITED)
    return limited and str(scope["path"]).startswith("/api/")


def client(scope: Scope) -> str:
    """Return the client address of a request."""
    return str((scope.get("client") or ("",))[0])
