"""The HTTP check of a service from outside, at the environment's URL: its health check, its route, and its `checks`."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

from delivery.deploying.answers import ANSWER_SECONDS, opener
from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from delivery.environment import Environment, Service

BODY = 1024 * 1024
"""How many bytes of a response are searched for a check's text."""
SERVER_ERROR = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A request and what has to answer it: a status in `statuses` (`200-399`), with `text` in its body."""

    path: str
    statuses: str
    text: str = ""


def requests(service: Service) -> Iterator[Request]:
    """Yield the requests that a service has to answer.

    The health check, where the load balancer routes its path to the service; else the first path of its route, which
    may answer anything but a server's error; and those that its key `checks` declares.
    """
    route = service.version_path.rpartition("/")[0]
    if service.health_path.startswith(f"{route}/"):
        yield Request(path=service.health_path, statuses=service.health_status)
    else:
        yield Request(path=f"{route}/", statuses=f"100-{SERVER_ERROR - 1}")
    yield from declared(service)


def declared(service: Service) -> Iterator[Request]:
    """Yield the requests that a service's key `checks` declares."""
    for check in service.checks:
        yield Request(path=check["path"], statuses=str(check["status"]), text=check["text"])


def wrong(environment: Environment, service: Service, wanted: Iterator[Request]) -> str | None:
    """Make requests, each over a new connection; return what is wrong with the first bad answer, None if none is."""
    for request in wanted:
        url = f"{environment.url}{request.path}"
        try:
            status, body = _get(url)
        except OSError as error:
            return f"{service.name}: {url} does not answer: {getattr(error, 'reason', error)}"
        if not _is_in(status, request.statuses):
            return f"{service.name}: {url} answers {status}, not {request.statuses}"
        if request.text and request.text not in body:
            return f"{service.name}: {url} answers {status} without the text {request.text!r}"
    return None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow none: a redirect is an answer."""


def _get(url: str) -> tuple[int, str]:
    """Return the status and the beginning of the body.

    Raises:
        OSError: no answer.
    """
    request = urllib.request.Request(url, headers={"Connection": "close"})  # noqa: S310 - from the stack
    try:
        with opener(url, _NoRedirects()).open(request, timeout=ANSWER_SECONDS) as answer:
            return answer.status, answer.read(BODY).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read(BODY).decode("utf-8", "replace")


def _is_in(status: int, statuses: str) -> bool:
    """Return whether a status is one of `200`, `200,302` or `200-399` (the load balancer's matcher)."""
    for part in statuses.split(","):
        first, _, last = part.partition("-")
        if int(first) <= status <= int(last or first):
            return True
    return False


def check(environment: Environment, service: Service) -> None:
    """Check what `checks` declares.

    Raises:
        DeliveryError: an answer is wrong.
    """
    if problem := wrong(environment, service, declared(service)):
        raise DeliveryError(problem)
