"""A health check's request, made as a load balancer makes it, and the answers that it takes."""

from __future__ import annotations

import ipaddress
import urllib.request
from urllib.parse import urlsplit


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect, which is an answer then."""

    def redirect_request(self, *_: object) -> None:
        """Follow none."""


def opener(url: str) -> urllib.request.OpenerDirector:
    """Return an opener that follows no redirect and bypasses any configured proxy for private addresses."""
    try:
        direct = ipaddress.ip_address(urlsplit(url).hostname or "").is_private
    except ValueError:
        direct = False
    return urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if direct else []), NoRedirects())


def is_in(status: int, statuses: str) -> bool:
    """Return whether a status is one of `200`, `200,302` or `200-399` (the load balancer's matcher)."""
    for part in statuses.split(","):
        first, _, last = part.partition("-")
        if int(first) <= status <= int(last or first):
            return True
    return False
