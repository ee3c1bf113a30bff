"""Links in notifications: to an execution in AWS's console, to a commit, to a page of the runbook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract import console
from delivery import checkout

if TYPE_CHECKING:
    from delivery.environment import Pipeline

GITHUB = "https://github.com"


def execution(of: Pipeline, identity: str, region: str) -> str:
    """Return the URL of an execution in the console."""
    path = f"codesuite/codepipeline/pipelines/{of.name}/executions/{identity}/timeline"
    return console.url(region, f"{path}?region={region}")


def commit(of: Pipeline, digits: str) -> str:
    """Return the URL of a commit."""
    return f"{GITHUB}/{of.repository}/commit/{digits}"


def page(of: Pipeline, path: str) -> str:
    """Return the URL of a page in the repository that the pipeline releases, or its path where that has none.

    Whoever adopts Slipway as a template has its documents in that repository; whoever removed them has not.
    """
    return f"{GITHUB}/{of.repository}/blob/{of.branch}/{path}" if (checkout.ROOT / path).is_file() else path
