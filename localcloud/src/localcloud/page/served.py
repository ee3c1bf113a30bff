"""The page's requests: the document at the root, its forms, the log of a build, its files."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse

from localcloud.gateway.protocol import ApiError
from localcloud.page import (
    answers,
    balancers,
    container_section,
    containers,
    document,
    guard,
    pipeline_section,
    pipelines,
)
from localcloud.page.markup import Content, escaped, tag
from localcloud.page.parts import Forms

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from starlette.requests import Request

    from localcloud.page.operations import Operations

FILES = {"style.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
FOLDER = Path(__file__).parent / "static"
FORM_BYTES = 2**16
POLL_SECONDS = 1.0
"""How often a log that is still being written is read again."""
LOG = logging.getLogger(__name__)


class Page:
    """The page of one local cloud."""

    def __init__(self, operations: Operations, endpoint: str, facts: str, health: Callable[[], dict[str, Any]]) -> None:
        """Take what the page shows.

        Args:
            operations: the operations of the AWS APIs.
            endpoint: the local cloud's URL.
            facts: account and region, in one line.
            health: returns the content of the health page.
        """
        self._operations, self._endpoint, self._facts, self._health = operations, endpoint, facts, health
        self._token, self._outcomes = guard.FormToken(), answers.Outcomes()
        self.stopping: Callable[[], bool] = lambda: False
        """Tells whether the process is about to stop, which ends the logs that are being followed."""

    async def __call__(self, request: Request) -> Response:
        """Handle a request for the page or for anything below /_localcloud/page/."""
        if refused := guard.outside(request.scope, request.headers):
            response: Response = PlainTextResponse(f"{refused}\n", 403)
        else:
            response = await self._answer(request)
        response.headers.update(guard.HEADERS)
        return response

    async def _answer(self, request: Request) -> Response:
        name = request.url.path.removeprefix(document.ADDRESS) if request.url.path != "/" else ""
        allowed = "POST" if name in answers.FORMS else "GET, HEAD"
        if name and name != "log" and name not in FILES and name not in answers.FORMS:
            return PlainTextResponse(f"{request.url.path} is not served here\n", 404)
        if request.method not in allowed.split(", "):
            return PlainTextResponse(f"{request.url.path} takes {allowed}\n", 405, {"allow": allowed})
        if name in answers.FORMS:
            return await self._form(request, name)
        if name in FILES:
            return Response((FOLDER / name).read_bytes(), media_type=FILES[name])
        return await (self._log(request) if name == "log" else self._overview(request))

    async def _overview(self, request: Request) -> Response:
        """Return the whole page."""
        forms, health = Forms(self._token.value), self._health()
        clusters: list[containers.Cluster] = []

        async def of_clusters() -> Content:
            clusters.extend(await containers.read(self._operations))
            return container_section.section(clusters, forms, self._endpoint)

        async def of_pipelines() -> Content:
            return pipeline_section.section(await pipelines.read(self._operations), forms)

        async def of_balancers() -> Content:
            return container_section.balancers(await balancers.read(self._operations, clusters))

        sections = {
            "services": await told(of_clusters),
            "pipelines": await told(of_pipelines),
            "balancers": await told(of_balancers),
        }
        problems = [f"{service} did not start: {reason}" for service, reason in health["failed"].items()]
        if not health["ready"]:
            problems.append("The local cloud is starting.")
        outcome = self._outcomes.get(request.query_params.get("outcome", ""))
        body = document.overview(sections, f"{self._facts}, {self._endpoint}", outcome, problems)
        refreshed = request.query_params.get("refresh") != "no"
        return HTMLResponse(document.page("Local cloud", body, refreshed=refreshed))

    async def _form(self, request: Request, name: str) -> Response:
        """Do what a form asks for, and lead the browser back to the page with the outcome."""
        refused = guard.foreign(request.headers)
        body = b"" if refused else await request.body()
        fields = read(body) if len(body) <= FORM_BYTES else {}
        if refused is None and not self._token.is_in(fields):
            refused = "the local cloud was started again since the page was loaded: nothing was changed; load it again"
        if refused is not None:
            back = tag("p", tag("a", "The page", href="/"))
            return HTMLResponse(
                document.page("Refused", [tag("h1", "Refused"), tag("p", refused), back], refreshed=False), 403
            )
        outcome = await answers.answer(self._operations, name, fields)
        LOG.info("page: %s: %s", name, outcome.text)
        return RedirectResponse(f"/?outcome={self._outcomes.keep(outcome)}", 303)

    async def _log(self, request: Request) -> Response:
        """Return the log of a build, as it is written."""
        build = request.query_params.get("build", "")
        logs = await pipelines.log_of(self._operations, build) if build else None
        if logs is None or "groupName" not in logs:
            what = [
                tag("h1", "No log"),
                tag("p", f"There is no log of a build {build!r}."),
                tag("a", "The page", href="/"),
            ]
            return HTMLResponse(document.page("No log", what, refreshed=False), 404)
        return StreamingResponse(self._lines(build, logs), media_type="text/html; charset=utf-8")

    async def _lines(self, build: str, logs: Mapping[str, Any]) -> AsyncIterator[str]:
        """Yield the document of a build's log, to its end."""
        body = [tag("p", tag("a", "← Local cloud", href="/")), tag("h1", f"Log of {build}")]
        start, mark = document.page(f"Log of {build}", body, refreshed=False).rsplit("</body>", 1)[0], ""
        yield f'{start}<div class="log" tabindex="0" role="log" aria-label="Log"><pre>'
        over = False
        while not self.stopping():
            found = await self._operations.log(logs["groupName"], logs["streamName"], token=mark)
            mark = found.token or mark
            yield "".join(escaped(line) + "\n" for line in found.lines)
            if found.lines:
                continue
            if over:
                break
            row = await pipelines.log_of(self._operations, build)
            over = row is None or row["over"]
            if not over:
                await asyncio.sleep(POLL_SECONDS)
        yield f"</pre></div>{tag('p', 'The log ends here.' if over else 'The local cloud stops.')}</body></html>\n"


def read(body: bytes) -> dict[str, str]:
    """Return a form's fields; none if they cannot be read."""
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20))
    except ValueError:
        return {}


async def told(section: Callable[[], Awaitable[Content]]) -> Content:
    """Return a section, or why it cannot be shown: the others are."""
    try:
        return await section()
    except ApiError as error:
        return tag("p", f"{error.code}: {error.message}", class_="outcome bad")
    except Exception as error:  # one section's fault must not take the others from the page
        LOG.exception("a section of the page failed")
        return tag("p", f"This section failed: {type(error).__name__}: {error}", class_="outcome bad")
