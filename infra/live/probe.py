"""A request to an environment that serves, to see how what runs now answers."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request

from contract.health import opener

TIMEOUT_SECONDS = 10


def get(url: str) -> tuple[int | None, str]:
    """Return the status code of a GET request, or None and the reason why there is no answer.

    Args:
        url: with scheme and path; redirects are not followed.
    """
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "slipway"})  # noqa: S310 - that of a load balancer
        with opener(url).open(request, timeout=TIMEOUT_SECONDS) as response:
            return response.status, ""
    except urllib.error.HTTPError as error:
        return error.code, ""
    except (OSError, ValueError, http.client.HTTPException) as error:
        return None, " ".join(str(error).split())
