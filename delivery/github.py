"""GitHub's REST API, or what speaks it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import urllib3

from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Mapping

OK, REFUSED, FORBIDDEN, UNKNOWN = 400, 401, 403, 404
RETRIES = urllib3.Retry(
    total=4, connect=2, redirect=0, backoff_factor=0.5, status_forcelist=(429, 502, 503, 504), raise_on_status=False,
    allowed_methods=("GET", "PATCH", "DELETE"),
)  # fmt: skip
TIMEOUT = urllib3.Timeout(connect=10, read=30)
ONCE, SHORT = urllib3.Retry(total=0, raise_on_status=False), urllib3.Timeout(connect=3, read=10)


class Rest:
    """The REST API, as the owner of a token."""

    def __init__(self, rights: str, environment: Mapping[str, str] = os.environ, *, patient: bool = True) -> None:
        """Take address and token from GITHUB_API_URL and GITHUB_TOKEN.

        Args:
            rights: what the token must be allowed, for messages: `read the repository`.
            environment: the environment variables.
            patient: whether a GitHub that does not answer is waited for and asked again; else once, for a few seconds.

        Raises:
            DeliveryError: there is no token, or it would travel unprotected.
        """
        self._rights = rights
        self._url = environment.get("GITHUB_API_URL", "").rstrip("/") or "https://api.github.com"
        token = environment.get("GITHUB_TOKEN", "")
        if not token:
            raise DeliveryError(f"GITHUB_TOKEN is not set; it has to be a token that may {rights}")
        parts = urlsplit(self._url)
        # What AWS_ENDPOINT_URL names stands for AWS itself, and has given out the token.
        own = parts.netloc == urlsplit(environment.get("AWS_ENDPOINT_URL", "")).netloc
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1") and not own:
            raise DeliveryError(f"GITHUB_API_URL is {self._url}; a token goes over https only: correct it")
        self._pool = urllib3.PoolManager(
            retries=RETRIES if patient else ONCE,
            timeout=TIMEOUT if patient else SHORT,
            headers={
                "Authorization": f"Bearer {token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
                "User-Agent": "slipway-delivery",
            },
        )

    def ask(self, method: str, path: str, sent: object = None, but: tuple[int, ...] = ()) -> Any:  # noqa: ANN401 - JSON
        """Return the answer to a request.

        Args:
            method: the HTTP method.
            path: below the API's address, `/repos/...`.
            sent: the body, as JSON.
            but: statuses of errors that are answered by None.

        Returns:
            The answer's JSON; None where its status is one of `but`, or it has no body.

        Raises:
            DeliveryError: GitHub cannot be reached, refuses the request or answers no JSON.
        """
        try:
            answer = self._pool.request(method, self._url + path, json=sent)
        except urllib3.exceptions.HTTPError as error:
            raise DeliveryError(f"{method} {self._url}{path} failed: {error}; is it reachable from here?") from error
        if answer.status in but:
            return None
        if answer.status >= OK:
            told = " ".join(answer.data[:300].decode("utf-8", "replace").split())
            denied = answer.status in (REFUSED, FORBIDDEN, UNKNOWN)
            remedy = f"the token has to be one that may {self._rights}" if denied else "try again"
            raise DeliveryError(f"GitHub answered {answer.status} to {method} {path.split('?')[0]}: {told}; {remedy}")
        try:
            return json.loads(answer.data) if answer.data else None
        except ValueError as error:
            raise DeliveryError(f"{self._url} answered {method} {path} with no JSON; check GITHUB_API_URL") from error
