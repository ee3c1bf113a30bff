"""The REST API's framework: routing, authentication, request bodies, pagination, errors."""

from __future__ import annotations

import inspect
import logging
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from starlette.responses import JSONResponse, Response

from localcloud.gateway import limits
from localcloud.github import git, names
from localcloud.github.smart_http import SOMEBODY, login_of, path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.requests import Request

    from localcloud.github.repositories import Repositories

Doc = dict[str, Any]
ROOT = "/api/v3"
PAGE, LARGEST_PAGE = 30, 100
UNPROCESSABLE = 422
PARTS = {
    "owner": r"[^/]+",
    "repo": r"[^/]+",
    "id": r"[0-9]{1,15}",
    "number": r"[0-9]{1,9}",
    "path": r".+",
    "ref": r".+?",
}
"""The patterns of {name} parts in a route; any other part matches text without a slash."""
LOG = logging.getLogger(__name__)


class GitHubError(Exception):
    """An error response of the API."""

    def __init__(self, status: int, message: str, *errors: Doc) -> None:
        """Create an error response.

        Args:
            status: the HTTP status.
            message: the message, one line.
            errors: for a 422 the entries of `errors`: resource, field, code, message.
        """
        super().__init__(message if not errors else f"{message}: {'; '.join(str(one) for one in errors)}")
        self.status, self.message, self.errors = status, message, errors


def invalid(resource: str, name: str, message: str, code: str = "custom") -> GitHubError:
    """Return the validation error of a field."""
    error = {"resource": resource, "field": name, "code": code, "message": message}
    return GitHubError(UNPROCESSABLE, "Validation Failed", error)


@dataclass(frozen=True, slots=True)
class Reply:
    """A response other than 200 with JSON."""

    status: int
    body: Any = None


@dataclass(kw_only=True, slots=True)
class Call:
    """A parsed request."""

    login: str
    parts: dict[str, str]
    query: dict[str, str]
    body: Doc = field(default_factory=dict)
    repository: Doc = field(default_factory=dict)
    """The document of the repository that the path names."""

    def text(self, resource: str, name: str, default: str | None = None) -> str:
        """Return a string member of the body.

        Raises:
            GitHubError: it is missing and has no default, or is not a string.
        """
        value = self.body.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or (default is None and not value):
            code = "missing_field" if value in (None, "") else "invalid"
            raise invalid(resource, name, f"{name} has to be a string", code)
        return value


@dataclass(frozen=True, slots=True)
class Route:
    """A method, a path with {names}, and the handler: a function of a Call, plain or async."""

    method: str
    path: str
    serve: Callable[[Call], Any]

    def pattern(self) -> re.Pattern[str]:
        """Return the regular expression that matches the path."""

        def named(found: re.Match[str]) -> str:
            return f"(?P<{found[1]}>{PARTS.get(found[1], '[^/]+')})"

        return re.compile(re.sub(r"\{(\w+)\}", named, self.path))


class Rest:
    """The router: finds the route of a request and calls its handler."""

    def __init__(
        self, repositories: Repositories, routes: Iterable[Route], permit: Callable[[Request, str], None]
    ) -> None:
        """Serve the routes; the first match wins; `permit` refuses what a token may not do at a path."""
        self._repositories, self._permit = repositories, permit
        self._routes = [(route.method, route.pattern(), route.serve) for route in routes]

    async def respond(self, request: Request) -> Response:
        """Handle one request."""
        try:
            return await self._respond(request)
        except GitHubError as error:
            return failure(error)
        except git.GitError as error:
            return failure(GitHubError(UNPROCESSABLE, str(error)))
        except Exception as error:  # the client gets a response whatever a handler raises
            LOG.exception("%s %s failed", request.method, path_of(request))
            text = f"the local GitHub failed in {request.method} {path_of(request)}: {type(error).__name__}: {error}"
            return failure(GitHubError(400, text))

    async def _respond(self, request: Request) -> Response:
        path = path_of(request).removeprefix(ROOT).rstrip("/") or "/"
        method = "GET" if request.method == "HEAD" else request.method
        writes = method != "GET"
        login = authorized(request, required=writes)
        self._permit(request, path)
        for wanted, pattern, serve in self._routes:
            found = pattern.fullmatch(path)
            if wanted == method and found:
                call = Call(login=login, parts=found.groupdict(), query=dict(request.query_params))
                if "repo" in call.parts:
                    call.repository = self._find(call.parts)
                if writes:
                    call.body = await body_of(request)
                result = serve(call)
                if inspect.isawaitable(result):
                    result = await result
                return answer(request, result)
        raise GitHubError(404, f"Not Found: the local GitHub has no route {request.method} {path}")

    def _find(self, parts: dict[str, str]) -> Doc:
        doc = self._repositories.find(f"{parts['owner']}/{parts['repo']}")
        if doc is None or names.problem(parts["owner"], parts["repo"]):
            raise GitHubError(404, f"Not Found: repository {parts['owner']}/{parts['repo']}; the first push creates it")
        return doc


def authorized(request: Request, *, required: bool) -> str:
    """Return the caller's login; any token is accepted.

    Raises:
        GitHubError: 401, if a token is required and missing or empty.
    """
    given = request.headers.get("authorization", "")
    kind, _, token = given.partition(" ")
    if given and (kind.lower() not in ("token", "bearer", "basic") or not token.strip()):
        raise GitHubError(401, "Bad credentials: Authorization has to be `Bearer TOKEN`, `token TOKEN` or Basic")
    if required and not given:
        raise GitHubError(401, "Requires authentication: any token will do, but there has to be one")
    return login_of(request) if kind.lower() == "basic" else SOMEBODY


async def body_of(request: Request) -> Doc:
    """Read the body, a JSON object; a missing body is an empty object.

    Raises:
        GitHubError: it is not a JSON object.
    """
    raw = await request.body()  # the gateway limits its size
    try:
        found = limits.decoded(raw) if raw.strip() else {}
    except ValueError as error:
        raise GitHubError(400, "Problems parsing JSON") from error
    if not isinstance(found, dict):
        raise GitHubError(400, "Body should be a JSON object")
    return found


def answer(request: Request, result: object) -> Response:
    """Return the response to a handler's result; a list is paginated by the query."""
    if isinstance(result, Reply):
        return JSONResponse(result.body, result.status) if result.body is not None else Response(None, result.status)
    if not isinstance(result, list):
        return JSONResponse(result)
    query = request.query_params
    size = min(max(number(query.get("per_page"), PAGE), 1), LARGEST_PAGE)
    page = max(number(query.get("page"), 1), 1)
    last = max((len(result) + size - 1) // size, 1)
    pages = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
    shown = [name for name in pages if (page < last if name in ("next", "last") else page > 1)]
    base = f"{request.url.scheme}://{request.url.netloc}{quote(path_of(request))}"
    links = [f'<{base}?{urlencode({**query, "page": pages[name]})}>; rel="{name}"' for name in shown]
    return JSONResponse(result[(page - 1) * size : page * size], headers={"Link": ", ".join(links)} if links else {})


def number(text: str | None, default: int) -> int:
    """Return a query parameter as a number, or the default if it is not one."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < len("9" * 10) else default


def failure(error: GitHubError) -> Response:
    """Return the response to an error."""
    body: Doc = {"message": error.message, "documentation_url": "https://docs.github.com/rest"}
    if error.errors:
        body["errors"] = list(error.errors)
    return JSONResponse(body | {"status": str(error.status)}, error.status)
