"""The check of `delivery doctor` that the branch which releases is protected at GitHub."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import quote

from delivery.errors import DeliveryError
from delivery.github import UNKNOWN as NOT_FOUND
from delivery.github import Rest
from delivery.operator.findings import OK, UNKNOWN, WARN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from delivery.operator.findings import Finding

RIGHTS = "read the repository"
RULES = ("pull_request", "required_status_checks", "update")
"""The types of a ruleset's rules that keep a person with write access from pushing to a branch (GitHub REST API, "Get
rules for a branch"); others, such as `deletion`, do not."""


def check(source: Mapping[str, str], environment: Mapping[str, str] = os.environ) -> Finding:
    """Check whether the branch of a source action is protected, by branch protection or by a ruleset.

    The builds of `checks` run the code of any branch, and may read the token of the connection: CodeBuild fetches the
    source with the project's role (CodeBuild user guide, "Connection access"). That token may do in the repository what
    the GitHub App behind the connection may.

    Args:
        source: the action's configuration, of a connection or of the GitHub version 1 action.
        environment: the environment variables, with the address and token of GitHub.

    Raises:
        DeliveryError: GitHub refuses the request.
    """
    repository = source.get("FullRepositoryId") or f"{source.get('Owner')}/{source.get('Repo')}"
    branch = source.get("BranchName") or source.get("Branch", "")
    told = f"branch {branch} of {repository}"
    if not environment.get("GITHUB_TOKEN"):
        return UNKNOWN, f"cannot check whether {told} is protected; set GITHUB_TOKEN to a token that may {RIGHTS}"
    try:
        protected = _protected(Rest(RIGHTS, environment), repository, branch)
    except DeliveryError as error:
        return UNKNOWN, f"whether {told} is protected: {error}"
    if protected:
        return OK, f"{told} is protected"
    return (
        WARN,
        f"{told} is not protected: whoever can push to any branch can have it released; require reviews and the status "
        "slipway/checks: GitHub, Settings, Rules",
    )


def _protected(github: Rest, repository: str, branch: str) -> bool:
    at = quote(branch, safe="")
    if github.ask("GET", f"/repos/{repository}/branches/{at}")["protected"]:
        return True
    rules = github.ask("GET", f"/repos/{repository}/rules/branches/{at}", but=(NOT_FOUND,)) or []
    return any(rule.get("type") in RULES for rule in rules)
