"""CodeBuild's state: projects, builds, report groups, reports, credentials, webhook deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.docker_engine import qemu
from localcloud.gateway.protocol import ApiError, arn
from localcloud.state.table import Table

if TYPE_CHECKING:
    from localcloud.context import Context
    from localcloud.state.table import Doc

DELIVERIES_KEPT = 1000
OVER = ("SUCCEEDED", "FAILED", "FAULT", "TIMED_OUT", "STOPPED")


class State:
    """The tables. Fields of a document with a leading "_" are internal and never returned by the API."""

    def __init__(self, ctx: Context) -> None:
        """Load the tables from the store."""
        self.ctx = ctx
        self.projects = Table(ctx.store, "codebuild.project")
        self.builds = Table(ctx.store, "codebuild.build")
        self.groups = Table(ctx.store, "codebuild.group")
        self.reports = Table(ctx.store, "codebuild.report")
        self.credentials = Table(ctx.store, "codebuild.credential")
        self.deliveries = Table(ctx.store, "codebuild.delivery")
        self.numbers = Table(ctx.store, "codebuild.number")

    def now(self) -> float:
        """Return the current time of builds, in seconds since 1970."""
        return round(self.ctx.clock.now(), 3)

    def architectures(self) -> set[str]:
        """Return the architectures that this machine can run."""
        return qemu.runs(self.ctx.docker)

    def arn(self, resource: str) -> str:
        """Return the ARN of "project/x", "build/x:uuid", "report-group/x" or "report/x:uuid"."""
        return arn(self.ctx, "codebuild", resource)

    def project(self, name: str) -> Doc:
        """Return a project by name or ARN.

        Raises:
            ApiError: the project does not exist.
        """
        short = name.removeprefix(self.arn("project/"))
        found = self.projects.get(short)
        if found is None:
            raise ApiError("ResourceNotFoundException", f"Project cannot be found: {self.arn(f'project/{short}')}")
        return found

    def build(self, name: str) -> Doc | None:
        """Return a build by identifier ("project:uuid") or ARN, or None if there is none."""
        return self.builds.get(name.removeprefix(self.arn("build/")))

    def group(self, group_arn: str) -> Doc:
        """Return a report group by ARN.

        Raises:
            ApiError: the group does not exist.
        """
        found = self.groups.get(group_arn)
        if found is None:
            raise ApiError("ResourceNotFoundException", f"Report group does not exist: {group_arn}")
        return found

    def next_number(self, project: str) -> int:
        """Return a project's next build number; numbering survives the project's deletion, as on AWS."""
        number = int((self.numbers.get(project) or {}).get("number", 0)) + 1
        self.numbers.put(project, {"number": number})
        return number

    def first_delivery(self, delivery: str) -> bool:
        """Record a webhook delivery; return False if it was already recorded."""
        if self.deliveries.get(delivery) is not None:
            return False
        self.deliveries.put(delivery, {})
        for old in list(self.deliveries.rows)[:-DELIVERIES_KEPT]:
            self.deliveries.delete(old)
        return True

    def clear(self) -> None:
        """Delete everything."""
        for table in (
            self.projects, self.builds, self.groups, self.reports,
            self.credentials, self.deliveries, self.numbers,
        ):  # fmt: skip
            table.clear()


def shown(doc: Doc) -> Doc:
    """Return a document as the API shows it."""
    return {key: value for key, value in doc.items() if not key.startswith("_")}


def page(items: list[str], params: Doc, default: int = 100) -> tuple[list[str], str | None]:
    """Return one page of a listing and the token of the next page.

    Raises:
        ApiError: the token is invalid.
    """
    token = params.get("nextToken") or "0"
    if not token.isdecimal():
        raise ApiError("InvalidInputException", f"Invalid next token: {token}")
    start, size = int(token), params.get("maxResults") or default
    return items[start : start + size], (str(start + size) if start + size < len(items) else None)


def directed(items: list[str], params: Doc, default: str = "ASCENDING") -> list[str]:
    """Return items, which are in ascending order, in the requested sort order."""
    return items[::-1] if params.get("sortOrder", default) == "DESCENDING" else items
