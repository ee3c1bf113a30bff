"""A model of how long a release takes on AWS: the pipeline as it is declared, and published figures of AWS's services.

None of it has been measured on AWS by this project. What an action's commands take is what they take here, on two
cores, as many as BUILD_GENERAL1_SMALL has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.pipeline import Action, Project
from contract.pipeline import Stage as StageName
from infra.pipeline import stages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.config.environment import Service
    from infra.pipeline.stages import Stage

ON_DEMAND = 70.0
"""Seconds until a build on demand runs: 60 in the queue and 10 of provisioning "are not unusual" (cloudonaut.io,
"Migrating CodePipeline to GitHub Actions to improve performance", 2022-10-28: 7 actions, more than 7 of 27 minutes)."""
AT_ONCE = 10.0
"""The same on reserved capacity and on Lambda compute, where no build is queued (CodeBuild user guide): the
provisioning alone, which is an assumption."""
ON_LAMBDA = (Action.PROMOTE,)
"""The actions that `lambda_compute` moves there, of a release for one platform."""
ORCHESTRATION = 1.0
"""Seconds that CodePipeline adds to an action (the same article)."""
SOURCE = 5.0
"""An assumption: one GitHub archive, copied to S3."""
NETWORK_INTERFACE = 10.0
"""Seconds until a Fargate task has its network interface (qiita.com/kjm, "Fargate ... image size", 2019; about 10)."""
PULL_RATE = 413 / (57 - NETWORK_INTERFACE)
"""MB a second of an image on Fargate: one of 413 MB started in 57 s (elasticscale.com, 2024-04-10, median of ten)."""
START = 3.0
"""Seconds until the example application listens."""
SCHEDULING = 10.0
"""An assumption: ECS notices a task, registers its target and ends the deployment in steps of some seconds."""
IMAGE_MB = 190.0
"""The example's image (docs/containers.md)."""
DEPLOYS = {f"{StageName.STAGING}/{Action.DEPLOY}", f"{StageName.PRODUCTION}/{Action.DEPLOY}"}


def declared(*, parallel_tests: bool) -> tuple[Stage, ...]:
    """Return the stages as the program declares them, without the time that a person takes to approve."""
    source = stages.connection_source("arn", "owner/name", "main")
    projects: dict[str, object] = {project: project for project in Project}
    return stages.release(
        source,
        projects,
        builds={Project.BUILD: "linux/amd64"},
        approve=None,
        production=True,
        parallel_tests=parallel_tests,
    )


def rollout(service: Service, image_mb: float = IMAGE_MB) -> float:
    """Return the seconds of a rolling deployment on Fargate, from UpdateService to its end.

    Args:
        service: the service's section; its health check and deregistration delay count.
        image_mb: compressed size of its image in MB.
    """
    starts = NETWORK_INTERFACE + image_mb / PULL_RATE + START
    healthy = service.health_check.interval * service.health_check.threshold
    return starts + healthy + service.deregistration_delay + SCHEDULING


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """Seconds of a release: the longest way through its actions.

    Attributes:
        commands: what the commands of each action take here in seconds, by `Stage/Action`.
        rollout: seconds of a deployment on AWS.
        at_once: actions whose builds wait in no queue.
    """

    commands: Mapping[str, float]
    rollout: float
    at_once: tuple[str, ...] = ()

    def seconds(self, given: Sequence[Stage]) -> float:
        """Return the seconds of a release through these stages; actions of one order run at the same time."""
        total = 0.0
        for stage in given:
            for order in sorted({action.order for action in stage.actions}):
                total += max(self._action(stage.name, one.name) for one in stage.actions if one.order == order)
        return total

    def _action(self, stage: str, action: str) -> float:
        if action == Action.SOURCE:
            return ORCHESTRATION + SOURCE
        # An action that was moved is known by the stage that it is measured in.
        moved = (key for key in self.commands if key.endswith(f"/{action}"))
        key = next(key for key in (f"{stage}/{action}", *moved) if key in self.commands)
        begins = AT_ONCE if action in self.at_once else ON_DEMAND
        return ORCHESTRATION + begins + self.commands[key] + (self.rollout if key in DEPLOYS else 0)


def ways(commands: Mapping[str, float], service: Service) -> dict[str, float]:
    """Return the modelled seconds of a release by the keys of `slipway:pipeline` that are set.

    Args:
        commands: seconds of each action's commands, measured here; those of a deploy with its rollout here.
        service: the service that is released.
    """
    taken = rollout(service)
    # A deploy's commands here are mostly the rollout, which is modelled; what is left is its start and its proof.
    here = {key: min(seconds, 3.0) if key in DEPLOYS else seconds for key, seconds in commands.items()}
    one_by_one, parallel = declared(parallel_tests=False), declared(parallel_tests=True)

    def model(*at_once: str) -> Model:
        return Model(commands=here, rollout=taken, at_once=at_once)

    return {
        "one action after the other": model().seconds(one_by_one),
        "with `parallel_tests`, as in the committed stack file": model().seconds(parallel),
        "with `parallel_tests` and `lambda_compute`": model(*ON_LAMBDA).seconds(parallel),
        "with `parallel_tests` and `fleet_arn` (reserved capacity)": model(*Action).seconds(parallel),
    }
