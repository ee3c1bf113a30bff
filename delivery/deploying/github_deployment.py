"""A release's deploy to an environment, as GitHub shows it: a deployment with its status, and a commit status.

Switched on by `slipway:pipeline.github_token_secret_arn`, which the pipeline's record has. The token needs
`deployments: write` and `statuses: write` on the repository. What cannot be told is one line in the log, and never
fails a release.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from contract.pipeline import EXECUTION, Stage
from delivery import failure
from delivery.aws.clients import sentence
from delivery.errors import DeliveryError, InterruptedDeliveryError
from delivery.github import Rest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from delivery.session import Session

RIGHTS = "write deployments and commit statuses (deployments: write, statuses: write)"
LIMIT = 140
"""Characters of a description (REST API, "Create a deployment status" and "Create a commit status")."""
CONTEXT = "slipway/"
"""The commit status is `slipway/<stack>`."""
COMMIT_STATES = {"in_progress": "pending", "success": "success", "failure": "failure", "error": "error"}
LOG = "CODEBUILD_BUILD_URL"
SHA = re.compile(r"[0-9a-f]{40}")


@contextmanager
def told(
    session: Session, commit: str, *, first: bool, last: bool, environment: Mapping[str, str] = os.environ
) -> Iterator[None]:
    """Tell GitHub of a step of a release while it runs, and how it ended.

    Args:
        session: the stack that is deployed to.
        commit: what is deployed.
        first: whether this step begins the deployment (Deploy); a later one goes on with the newest of that commit.
        last: whether the deployment has succeeded with this step (Acceptance, Smoke).
        environment: the environment variables.
    """
    deployment = _deployment(session, commit, environment)
    if deployment is None or not environment.get(EXECUTION):
        yield
        return
    deployment.tell("in_progress", "deploying" if first else "deployed, being tested", new=first)
    try:
        yield
    except (KeyboardInterrupt, InterruptedDeliveryError):
        deployment.tell("error", "interrupted")
        raise
    except (DeliveryError, BotoCoreError, ClientError) as error:
        deployment.tell("failure", failure.cause(sentence(error)))
        raise
    if last:
        deployment.tell("success", "released")


def rolled_back(session: Session, bad: str, target: str, environment: Mapping[str, str] = os.environ) -> None:
    """Tell GitHub of a rollback by hand: a new deployment of the older commit; the one of the bad commit is inactive.

    Args:
        session: the stack that was rolled back.
        bad: what it served before.
        target: what it serves again.
        environment: the environment variables.
    """
    deployment = _deployment(session, target, environment)
    if deployment is None:
        return
    if not SHA.fullmatch(target):
        session.say(f"GitHub is not told that {session.stack} was rolled back: {target or 'nothing'} is not one commit")
        return
    deployment.tell("success", f"rolled back from {bad[:7]} by hand", new=True)
    if SHA.fullmatch(bad) and (before := _deployment(session, bad, environment)):
        before.retire(f"rolled back to {target[:7]} by hand")


def _deployment(session: Session, commit: str, environment: Mapping[str, str]) -> _Deployment | None:
    of = session.environment.pipeline
    if of is None or not of.github_secret:
        return None
    return _Deployment(
        session=session, commit=commit, repository=of.repository, secret=of.github_secret, environment=environment
    )


@dataclass(kw_only=True)
class _Deployment:
    """The deployment of a commit to a stack; `number` is GitHub's, 0 until it is known."""

    session: Session
    commit: str
    repository: str
    secret: str
    environment: Mapping[str, str]
    number: int = 0
    token: str = ""

    def tell(self, state: str, description: str, *, new: bool = False) -> None:
        """Set the states of the deployment and of the commit; a failure to do so is one line."""
        try:
            rest = self._rest()
            self._deployment_status(rest, state, description[:LIMIT], new=new)
            self._commit_status(rest, COMMIT_STATES[state], description[:LIMIT])
        except (DeliveryError, BotoCoreError, ClientError, KeyError, TypeError, ValueError) as error:
            self.session.say(f"GitHub is not told that {self.session.stack} is {state}: {sentence(error)}")

    def retire(self, description: str) -> None:
        """Make the newest deployment of the commit inactive, if there is one; a failure to do so is one line."""
        try:
            rest = self._rest()
            if number := self._newest(rest):
                sent = {"state": "inactive", "description": description[:LIMIT]}
                rest.ask("POST", f"/repos/{self.repository}/deployments/{number}/statuses", sent)
        except (DeliveryError, BotoCoreError, ClientError, KeyError, TypeError, ValueError) as error:
            self.session.say(f"GitHub is not told that {self.commit[:7]} is rolled back: {sentence(error)}")

    def _newest(self, rest: Rest) -> int:
        query = f"sha={self.commit}&environment={self.session.stack}&task=deploy&per_page=1"
        found = rest.ask("GET", f"/repos/{self.repository}/deployments?{query}")
        return int(found[0]["id"]) if found else 0

    def _rest(self) -> Rest:
        if not self.token:
            held = self.session.clients("secretsmanager").get_secret_value(SecretId=self.secret)
            self.token = str(held["SecretString"]).strip()
        return Rest(RIGHTS, {**self.environment, "GITHUB_TOKEN": self.token}, patient=False)

    def _deployment_status(self, rest: Rest, state: str, description: str, *, new: bool) -> None:
        at = f"/repos/{self.repository}/deployments"
        if not new and not self.number:
            self.number = self._newest(rest)
        if not self.number:
            self.number = int(rest.ask("POST", at, self._wanted())["id"])
        links = {"environment_url": self.session.environment.url, "log_url": self.environment.get(LOG, "")}
        sent = {"state": state, "description": description, "auto_inactive": True}
        rest.ask("POST", f"{at}/{self.number}/statuses", sent | {name: url for name, url in links.items() if url})

    def _wanted(self) -> dict[str, Any]:
        """Return a deployment as GitHub takes it: of this very commit, whatever other statuses it has."""
        pipeline = self.session.environment.pipeline
        return {
            "ref": self.commit,
            "task": "deploy",
            "auto_merge": False,
            "required_contexts": [],
            "environment": self.session.stack,
            "description": f"slipway: {self.commit[:7]} to {self.session.stack}"[:LIMIT],
            "production_environment": bool(pipeline and pipeline.stage == Stage.PRODUCTION),
        }

    def _commit_status(self, rest: Rest, state: str, description: str) -> None:
        sent = {"state": state, "context": f"{CONTEXT}{self.session.stack}", "description": description}
        log = self.environment.get(LOG, "")
        rest.ask(
            "POST", f"/repos/{self.repository}/statuses/{self.commit}", sent | ({"target_url": log} if log else {})
        )
