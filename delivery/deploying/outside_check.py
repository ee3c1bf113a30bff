"""The HTTP check of a service from outside, at the environment's URL: its health check, its route, and its `checks`."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from contract.health import is_in, opener
from delivery.deploying.answers import ANSWER_SECONDS, SERVER_ERROR, UNANSWERED
from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from delivery.environment import Environment, Service

BODY = 1024 * 1024
"""How many bytes of a response are searched for a check's text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A request and what has to answer it: a status in `statuses` (`200-399`), with `text` in its body."""

    path: str
    statuses: str
    text: str = ""


def requests(service: Service) -> Iterator[Request]:
    """Yield the requests that a release has to answer to be accepted: health check, route, and its key `checks`."""
    found = list(basic(service))
    yield from found
    if (route := _route(service)).path not in [request.path for request in found]:
        yield route
    yield from declared(service)


def basic(service: Service) -> Iterator[Request]:
    """Yield the request that any release of a service answers, an earlier one too.

    The health check, where the load balancer routes its path to the service; else the first path of its route.
    """
    prefix = _prefix(service)
    if service.health_path.startswith(f"{prefix}/"):
        yield Request(path=service.health_path, statuses=service.health_status)
    else:
        yield _route(service)


def _route(service: Service) -> Request:
    """Return the request for the first path of a service's route, which any answer but a server's error fulfils."""
    return Request(path=f"{_prefix(service)}/", statuses=f"100-{SERVER_ERROR - 1}")


def _prefix(service: Service) -> str:
    """Return the first path of a service's route without a trailing slash: its version is told below it."""
    return service.version_path.rpartition("/")[0] if service.version_path else service.route


def declared(service: Service) -> Iterator[Request]:
    """Yield the requests that a service's key `checks` declares."""
    for check in service.checks:
        yield Request(path=check["path"], statuses=str(check["status"]), text=check["text"])


def wrong(environment: Environment, service: Service, wanted: Iterable[Request]) -> str | None:
    """Make requests, each over a new connection; return what is wrong with the first bad answer, None if none is."""
    for request in wanted:
        url = f"{environment.url}{request.path}"
        try:
            status, body = _get(url)
        except UNANSWERED as error:
            return f"{service.name}: {url} does not answer: {getattr(error, 'reason', error)}"
        if not is_in(status, request.statuses):
            return f"{service.name}: {url} answers {status}, not {request.statuses}"
        if request.text and request.text not in body:
            return f"{service.name}: {url} answers {status} without the text {request.text!r}"
    return None


def _get(url: str) -> tuple[int, str]:
    """Return the status and the beginning of the body.

    Raises:
        OSError, http.client.HTTPException: no answer, or not a whole one.
    """
    request = urllib.request.Request(url, headers={"Connection": "close"})  # noqa: S310 - from the stack
    try:
        with opener(url).open(request, timeout=ANSWER_SECONDS) as answer:
            body = answer.read(BODY)
            if answer.length and len(body) < BODY:
                raise http.client.IncompleteRead(body, answer.length)
            return answer.status, body.decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read(BODY).decode("utf-8", "replace")


def report(cases: Sequence[tuple[Request, str | None]]) -> str:
    """Return a JUnit report of requests with what was wrong with the answer of each (None: nothing)."""
    root = ET.Element("testsuites")
    failures = str(sum(problem is not None for _, problem in cases))
    suite = ET.SubElement(
        root, "testsuite", name="check from outside", tests=str(len(cases)), failures=failures, errors="0"
    )
    for request, problem in cases:
        name = f"GET {request.path} answers {request.statuses}"
        case = ET.SubElement(suite, "testcase", classname="outside", name=name)
        if problem:
            ET.SubElement(case, "failure", message=problem)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def check(environment: Environment, service: Service) -> None:
    """Check what `checks` declares.

    Raises:
        DeliveryError: an answer is wrong.
    """
    if problem := wrong(environment, service, declared(service)):
        raise DeliveryError(problem)
