"""The notifications of a pipeline: a step that failed, a release, an approval that waits, a rollback by hand.

A step tells of its failure itself, since CodePipeline's own event has neither its reason nor what serves now. What ends
without this code (a time limit, a stopped build, packages that cannot be installed) is told by that event alone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract import runbook
from contract.pipeline import ACTIONS, COMMIT, EXECUTION, STAGE, Action, Project, Stage
from delivery import environment
from delivery.aws.clients import sentence
from delivery.console import short
from delivery.errors import DeliveryError, FailedReleaseError
from delivery.failure import cause
from delivery.notifications import channels, links
from delivery.notifications.message import Message, reason, subject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from delivery.aws.clients import Clients
    from delivery.console import Say
    from delivery.environment import Pipeline
    from delivery.release.manifest import Manifest

BUILD = "CODEBUILD_BUILD_ID"
"""`project:id` (CodeBuild user guide, "Environment variables in build environments")."""
UNCHANGED = "what served before: this step deploys nothing"
DEPLOYS = (Action.DEPLOY, Action.ACCEPTANCE, Action.SMOKE)
"""The actions that may leave something else serving, and whose cause may be in the logs of the tasks."""
WHOLE_STAGE = (Action.ACCEPTANCE, Action.SMOKE)
"""The actions whose failure puts the stage's deployment back, so that a retry has to deploy again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """What is told: the subject without project and commit, what happened, what serves, the next commands, the page."""

    title: str
    happened: str
    serving: str
    commands: tuple[str, ...]
    page: str
    commit: str = ""
    execution: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Teller:
    """What sends the notifications of the pipeline that deploys to a stack."""

    clients: Clients
    stack: str
    say: Say

    def failed(self, error: BaseException, line: str, build: Mapping[str, str] = os.environ) -> None:
        """Notify of a step of the pipeline that failed; by hand, and in the checks of a push, nobody is notified.

        Args:
            error: what ended the command.
            line: its line for people.
            build: the environment variables of the build.
        """
        if build.get(EXECUTION) and build.get(BUILD):
            told = (error.failure, error.serves) if isinstance(error, FailedReleaseError) else (line, "")
            self._tell(lambda of: _failure(of, self.stack, told, build))

    def released(self, release: Manifest, execution: str) -> None:
        """Notify of a release that production serves and that has passed its smoke test."""
        commit = short(release.commit)
        notice = Notice(
            title=f"released to {self.stack}",
            happened=f"{commit} passed its smoke test and is released",
            serving=f"{self.stack} serves {commit}",
            commands=(f"delivery history --stack {self.stack}", f"delivery rollback --stack {self.stack}"),
            page=runbook.page(runbook.RELEASED),
            commit=release.commit,
            execution=execution,
        )
        self._tell(lambda _: notice)

    def waits(self, release: Manifest, execution: str) -> None:
        """Tell the chat that a release waits for its approval, if it needs one; the topic is told by AWS."""
        commit, which = short(release.commit), f"--stack {self.stack} --execution {execution}"
        notice = Notice(
            title=f"{Stage.APPROVAL}/{Action.APPROVE} waits",
            happened=f"{commit} passed acceptance and waits for its approval",
            serving=f"{self.stack} serves {commit}, production what it served before",
            commands=(f"delivery approve {which}", f"delivery reject {which} --reason TEXT"),
            page=runbook.of_action(Action.APPROVE),
            commit=release.commit,
            execution=execution,
        )
        self._tell(lambda of: notice if of.approval_stage else None, topic=False)

    def rolled_back(self, target: str) -> None:
        """Notify of a rollback by hand.

        Args:
            target: the commits, or first images' versions, that are served again.
        """
        now = " ".join(map(short, target.split()))
        notice = Notice(
            title=f"{self.stack} is rolled back to {now}",
            happened=f"{self.stack} was rolled back by hand, and the pipeline releases nothing to it for now",
            serving=f"{self.stack} serves {now}",
            commands=(f"delivery history --stack {self.stack}", f"delivery resume --stack {self.stack}"),
            page=runbook.page(runbook.ROLLED_BACK),
        )
        self._tell(lambda _: notice)

    def _tell(self, notice_of: Callable[[Pipeline], Notice | None], *, topic: bool = True) -> None:
        """Send a notice, if the stack file asks for notifications; what goes wrong is a line of output."""
        try:
            of = environment.read(self.clients("ssm"), self.stack).pipeline
            if of and (of.topic or of.chat_secret) and (notice := notice_of(of)):
                self._send(of, notice, topic=topic)
        except (Exception, KeyboardInterrupt) as problem:  # noqa: BLE001 - a notification never decides how a step ends
            self.say(f"nobody is notified: {sentence(problem) or type(problem).__name__}")

    def _send(self, of: Pipeline, notice: Notice, *, topic: bool) -> None:
        region = str(self.clients("ssm").meta.region_name)
        facts = {
            "What happened": reason(notice.happened),
            "Serving now": reason(notice.serving),
            "Execution": links.execution(of, notice.execution, region) if notice.execution else "",
            "Commit": links.commit(of, notice.commit) if notice.commit else "",
            "Next": "\n".join(notice.commands),
            "Runbook": links.page(of, notice.page),
        }
        message = Message(subject=subject(notice.commit, notice.title), facts=facts)
        channels.send(self.clients, of, message, self.say, topic=topic)


def _failure(of: Pipeline, stack: str, told: tuple[str, str], build: Mapping[str, str]) -> Notice:
    """Return the notice of a step that failed; `told` is the failure and what serves since, empty if not known."""
    stage, action = _place(of, build[BUILD])
    stage = build.get(STAGE) or stage
    execution = build[EXECUTION]
    which = f"--stack {stack} --execution {execution}"
    tasks = (f"delivery logs --stack {stack}",) if action in DEPLOYS else ()
    again = " --all" if action in WHOLE_STAGE else ""
    return Notice(
        title=f"{stage}/{action} failed",
        happened=cause(told[0]),
        serving=told[1] or ("" if action in DEPLOYS else UNCHANGED),
        commands=(
            f"delivery logs {which} --build {stage}/{action}",
            *tasks,
            f"delivery retry {which}{again}",
        ),
        page=runbook.of_action(action),
        commit=build.get(COMMIT, ""),
        execution=execution,
    )


def _place(of: Pipeline, build: str) -> tuple[str, str]:
    """Return the stage and action that started a build."""
    project = build.partition(":")[0]
    key = next((key for key, name in of.projects.items() if name == project), "")
    if key.startswith(f"{Project.BUILD}-"):  # that of a further platform
        return Stage.BUILD, key.capitalize()
    if key not in ACTIONS:
        raise DeliveryError(f"pipeline {of.name} has no action that runs the build project {project!r}")
    return ACTIONS[Project(key)]
