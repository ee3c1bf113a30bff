"""Commit statuses on GitHub that report a build's state."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from localcloud.services.codebuild import validation
from localcloud.services.codebuild.build_documents import console

if TYPE_CHECKING:
    from localcloud.services.codebuild.build_context import Parts
    from localcloud.state.table import Doc

STATES = {"IN_PROGRESS": "pending", "SUCCEEDED": "success", "FAILED": "failure", "STOPPED": "error"}
WORDS = {"pending": "started", "success": "succeeded", "failure": "failed", "error": "did not end"}
LOG = logging.getLogger(__name__)


def wanted(build: Doc) -> bool:
    """Return whether the build reports its status: if its source says so, or if a webhook started it, as on AWS."""
    source = build["source"]
    return source["type"] == "GITHUB" and bool(source.get("reportBuildStatus") or build.get("_webhook"))


async def report(parts: Parts, build: Doc) -> None:
    """Report the build's current state, unless it was already reported."""
    state = STATES.get(build["buildStatus"], "error")
    sha = build.get("_commit") or build.get("resolvedSourceVersion")
    repository = validation.REPOSITORY.match(build["source"].get("location", ""))
    if not wanted(build) or not sha or repository is None or build.get("_reported") == state:
        return
    config = build["source"].get("buildStatusConfig") or {}
    default = f"AWS CodeBuild {parts.state.ctx.region} ({build['projectName']})"
    try:
        await parts.engine.call(
            parts.github.set_status,
            repository[1],
            sha,
            state=state,
            context=filled(config.get("context") or default, build),
            description=f"Build {WORDS[state]} for project {build['projectName']}",
            target_url=filled(config.get("targetUrl") or console(parts.state.ctx.region, build), build),
        )
    except Exception:  # a build's outcome does not depend on its GitHub commit status
        LOG.exception("the status of %s cannot be set", build["id"])
        return
    build["_reported"] = state
    parts.state.builds.save(build["id"])


def filled(text: str, build: Doc) -> str:
    """Replace CodeBuild's variables in a context or target URL."""
    told = {
        "CODEBUILD_BUILD_ID": build["id"],
        "CODEBUILD_BUILD_ARN": build["arn"],
        "CODEBUILD_BUILD_NUMBER": str(build["buildNumber"]),
        "CODEBUILD_RESOLVED_SOURCE_VERSION": build.get("resolvedSourceVersion", ""),
        **{f"CODEBUILD_{name}": value for name, value in build.get("_webhook", {}).items()},
    }
    return re.sub(r"\$\{?(CODEBUILD_[A-Z_]+)\}?", lambda found: told.get(found[1], found[0]), text)
