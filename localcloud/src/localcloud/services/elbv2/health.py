"""Health checks of targets over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from localcloud.state.table import Doc

HEADERS = {"User-Agent": "ELB-HealthChecker/2.0", "Connection": "close"}


class Prober:
    """Sends health checks directly to targets, over a new connection each time."""

    def __init__(self) -> None:
        """Create the HTTP client for all targets."""
        self._client = httpx.AsyncClient(
            verify=False,  # noqa: S501 - AWS does not check targets' certificates either
            trust_env=False,
            headers=HEADERS,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def close(self) -> None:
        """Close the HTTP client."""
        await self._client.aclose()

    async def failure(self, target: Doc, group: Doc) -> tuple[str, str] | None:
        """Run one health check.

        Returns:
            None if it passed, else AWS's reason code and description.
        """
        port = group["HealthCheckPort"]
        port = target["Port"] if port == "traffic-port" else int(port)
        url = f"{group['HealthCheckProtocol'].lower()}://{target['Id']}:{port}{group['HealthCheckPath']}"
        try:
            response = await self._client.get(url, timeout=group["HealthCheckTimeoutSeconds"])
        except httpx.TimeoutException:
            return "Target.Timeout", "Request timed out"
        except httpx.HTTPError:
            return "Target.FailedHealthChecks", "Health checks failed"
        if matches(response.status_code, group["Matcher"]["HttpCode"]):
            return None
        return "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{response.status_code}]"


def matches(code: int, matcher: str) -> bool:
    """Tell whether a status code matches a matcher such as `200,301-302`."""
    for part in matcher.split(","):
        least, _, most = part.partition("-")
        if int(least) <= code <= int(most or least):
            return True
    return False
