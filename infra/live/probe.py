"""A request to an environment that serves, to see how what runs now answers."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from typing import Any

TIMEOUT_SECONDS = 10


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The handler that follows no redirect: a load balancer's health check follows none either."""

    def redirect_request(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - the signature of urllib
        """Return no further request."""


def get(url: str) -> tuple[int | None, str]:
    """Return the status code of a GET request, or None and the reason why there is no answer.

    Args:
        url: with scheme and path; redirects are not followed.
    """
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "slipway"})  # noqa: S310 - that of a load balancer
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=TIMEOUT_SECONDS) as response:
            return response.status, ""
    except urllib.error.HTTPError as error:
        return error.code, ""
    except (OSError, ValueError, http.client.HTTPException) as error:
        return None, " ".join(str(error).split())


def matches(status: int, matcher: str) -> bool:
    """Return whether a status code is one of a target group's matcher: `200`, `200,302` or `200-399`."""
    ranges = (part.split("-") for part in matcher.split(","))
    return any(int(part[0]) <= status <= int(part[-1]) for part in ranges)
