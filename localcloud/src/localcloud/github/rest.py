"""The REST API's frame: routes, tokens, bodies, pages, errors. What a route does is in the module of its topic."""

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
"""What stands for a {name} in a route; others take what has no slash."""
LOG = logging.getLogger(__name__)


class GitHubError(Exception):
    """An error as GitHub answers it."""

    def __init__(self, status: int, message: str, *errors: Doc) -> None:
        """Keep it.

        Args:
            status: of HTTP.
            message: one line.
            errors: for 422: resource, field, code, message each.
        """
        super().__init__(message if not errors else f"{message}: {'; '.join(str(one) for one in errors)}")
        self.status, self.message, self.errors = status, message, errors


def invalid(resource: str, name: str, message: str, code: str = "custom") -> GitHubError:
    """Return the error of a field that is not as it has to be."""
    error = {"resource": resource, "field": name, "code": code, "message": message}
    return GitHubError(UNPROCESSABLE, "Validation Failed", error)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is not 200 with JSON."""

    status: int
    body: Any = None


@dataclass(kw_only=True, slots=True)
class Call:
    """One request, taken apart."""

    login: str
    parts: dict[str, str]
    query: dict[str, str]
    body: Doc = field(default_factory=dict)
    repository: Doc = field(default_factory=dict)
    """The document of the repository in the path."""

    def text(self, resource: str, name: str, default: str | None = None) -> str:
        """Return a member of the body that has to be text.

        Raises:
            GitHubError: it is missing without a default, or no text.
        """
        value = self.body.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or (default is None and not value):
            code = "missing_field" if value in (None, "") else "invalid"
            raise invalid(resource, name, f"{name} has to be text", code)
        return value


@dataclass(frozen=True, slots=True)
class Route:
    """A method, a path with {names}, and what serves it: a function of a Call, plain or async."""

    method: str
    path: str
    serve: Callable[[Call], Any]

    def pattern(self) -> re.Pattern[str]:
        """Return what paths have to be like."""

        def named(found: re.Match[str]) -> str:
            return f"(?P<{found[1]}>{PARTS.get(found[1], '[^/]+')})"

        return re.compile(re.sub(r"\{(\w+)\}", named, self.path))


class Rest:
    """Finds the route of a request and answers it."""

    def __init__(self, repositories: Repositories, routes: Iterable[Route]) -> None:
        """Serve the routes; of two that fit, the first."""
        self._repositories = repositories
        self._routes = [(route.method, route.pattern(), route.serve) for route in routes]

    async def respond(self, request: Request) -> Response:
        """Answer one request."""
        try:
            return await self._respond(request)
        except GitHubError as error:
            return failure(error)
        except git.GitError as error:
            return failure(GitHubError(UNPROCESSABLE, str(error)))
        except Exception as error:  # whatever a route raises, the client gets an answer
            LOG.exception("%s %s failed", request.method, path_of(request))
            text = f"the local GitHub failed in {request.method} {path_of(request)}: {type(error).__name__}: {error}"
            return failure(GitHubError(400, text))

    async def _respond(self, request: Request) -> Response:
        path = path_of(request).removeprefix(ROOT).rstrip("/") or "/"
        method = "GET" if request.method == "HEAD" else request.method
        writes = method != "GET"
        login = authorized(request, required=writes)
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
            raise GitHubError(404, f"Not Found: repository {parts['owner']}/{parts['repo']}; a first push makes it")
        return doc


def authorized(request: Request, *, required: bool) -> str:
    """Return the login of whoever asks; any token is as good as any other.

    Raises:
        GitHubError: 401, where a token is required and there is none, or an empty one.
    """
    given = request.headers.get("authorization", "")
    kind, _, token = given.partition(" ")
    if given and (kind.lower() not in ("token", "bearer", "basic") or not token.strip()):
        raise GitHubError(401, "Bad credentials: Authorization has to be `Bearer TOKEN`, `token TOKEN` or Basic")
    if required and not given:
        raise GitHubError(401, "Requires authentication: any token will do, but there has to be one")
    return login_of(request) if kind.lower() == "basic" else SOMEBODY


async def body_of(request: Request) -> Doc:
    """Read a JSON object; no body is an empty one.

    Raises:
        GitHubError: it is none.
    """
    raw = await request.body()  # its size is the gateway's matter
    try:
        found = limits.decoded(raw) if raw.strip() else {}
    except ValueError as error:
        raise GitHubError(400, "Problems parsing JSON") from error
    if not isinstance(found, dict):
        raise GitHubError(400, "Body should be a JSON object")
    return found


def answer(request: Request, result: object) -> Response:
    """Return the answer; a list is cut into pages as the query asks."""
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
    """Return a query's number, or the default where it is none."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < len("9" * 10) else default


def failure(error: GitHubError) -> Response:
    """Return an error's answer."""
    body: Doc = {"message": error.message, "documentation_url": "https://docs.github.com/rest"}
    if error.errors:
        body["errors"] = list(error.errors)
    return JSONResponse(body | {"status": str(error.status)}, error.status)
