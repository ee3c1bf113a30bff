"""The canary of a service's releases: ECS's deployment strategy CANARY, as a rollout follows and ends it.

ECS starts all new tasks, sends them a share of the requests for a while, then all, and stops the old ones. An alarm
rolls it back at any time; tasks that fail do not, since the circuit breaker is for rolling updates only (ECS API
reference, DeploymentCircuitBreaker): `Rollout` counts them by the same rule, and the mover has ECS roll back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from delivery.deploying import ecs_service
from diagnosis import tasks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from types_boto3_ecs.type_defs import (
        DeploymentConfigurationUnionTypeDef,
        LoadBalancerTypeDef,
        ServiceDeploymentTypeDef,
        ServiceTypeDef,
    )
    from types_boto3_elbv2 import ElasticLoadBalancingv2Client

    from delivery.deploying.revisions import Revision
    from delivery.environment import Service
    from delivery.session import Session

DENIED = ("AccessDenied", "AccessDeniedException")
ALL = 100.0
FEWEST, MOST = 3, 200
"""Between which the circuit breaker's threshold lies, half of the desired tasks (ECS developer guide, "How the Amazon
ECS deployment circuit breaker detects failures")."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Canary:
    """The share of the requests that goes to new tasks first, in percent, and for how many minutes.

    `bake` is for how many minutes the old tasks go on running once the new ones get all requests.
    """

    percent: float
    minutes: int
    bake: int

    def progress(self, row: ServiceDeploymentTypeDef) -> str:
        """Return which requests go to the new tasks; empty as long as none do."""
        weight = row.get("targetServiceRevision", {}).get("requestedProductionTrafficWeight")
        stage = row.get("lifecycleStage", "")
        shifting = stage == "PRODUCTION_TRAFFIC_SHIFT"
        if weight == ALL or stage in ("POST_PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME", "CLEAN_UP"):
            watched = f", watched for {self.bake} min" if stage == "BAKE_TIME" and self.bake else ""
            return f"all requests{watched or '; the old tasks stop'}"
        if not (weight or shifting):
            return ""
        return (
            f"canary: {self.percent:g} % of requests for {self.minutes} min" if self.minutes else "taking the requests"
        )


def of(service: Mapping[str, Any]) -> Canary | None:
    """Return the canary by which ECS deploys a service, from DescribeServices' answer; None for a rolling update."""
    held = service.get("deploymentConfiguration", {})
    if held.get("strategy") != "CANARY":
        return None
    share = held.get("canaryConfiguration", {})
    # The defaults are ECS's (API reference, CanaryConfiguration).
    percent, minutes = share.get("canaryPercent", 5.0), share.get("canaryBakeTimeInMinutes", 10)
    return Canary(percent=percent, minutes=minutes, bake=held.get("bakeTimeInMinutes", 0))


def configuration(service: ServiceTypeDef, one: Service, *, quick: bool) -> DeploymentConfigurationUnionTypeDef | None:
    """Return how ECS has to deploy a service from now on, None if that is as it is, or by rolling updates.

    UpdateService takes it together with the task definition. What puts a release back has no share of the requests
    first: nothing is to be found out by it. A deploy that was killed then may have left the service so, which the next
    one mends, as does `pulumi up`.

    Args:
        service: DescribeServices' answer.
        one: what its stack recorded.
        quick: whether a release is put back.
    """
    held = service.get("deploymentConfiguration", {})
    if of(service) is None or not one.canary_minutes:
        return None
    minutes, bake = (0, 0) if quick else (one.canary_minutes, one.bake_minutes)
    share = held.get("canaryConfiguration", {})
    if (share.get("canaryBakeTimeInMinutes"), held.get("bakeTimeInMinutes")) == (minutes, bake):
        return None
    return {**held, "canaryConfiguration": {**share, "canaryBakeTimeInMinutes": minutes}, "bakeTimeInMinutes": bake}


def settle(session: Session, service: Service) -> None:
    """Let ECS deploy a service by its canary again, after a release was put back; ECS begins no deployment for it."""
    held = ecs_service.describe(session, service)
    if wanted := configuration(held, service, quick=False):
        session.ecs.update_service(
            cluster=session.environment.cluster, service=service.ecs_service, deploymentConfiguration=wanted
        )


def threshold(desired: int) -> int:
    """Return how many failed tasks end a canary of so many desired ones."""
    return min(max(FEWEST, -(-desired // 2)), MOST)


def failed_tasks(session: Session, service: Service, revision: Revision, since: datetime) -> int:
    """Return how many tasks of a revision have failed since a moment."""
    cluster, name = session.environment.cluster, service.ecs_service
    found = tasks.failed(session.ecs, cluster, name, revision.arn)
    return len([task for task in found if task.get("createdAt", since) >= since])


def serving(elbv2: ElasticLoadBalancingv2Client, balancer: LoadBalancerTypeDef) -> list[str] | None:
    """Return the target group that gets the requests: the one of a service, or with a canary the one that has weight.

    None, where both have. Both, where this role may not read the rule: the pipeline's stack gives that if it has a
    service with a canary.
    """
    alternate = balancer.get("advancedConfiguration")
    if not alternate:
        return [balancer["targetGroupArn"]]
    groups = [balancer["targetGroupArn"], alternate["alternateTargetGroupArn"]]
    try:
        (rule,) = elbv2.describe_rules(RuleArns=[alternate["productionListenerRule"]])["Rules"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in DENIED:
            raise
        return groups
    forwards = [action.get("ForwardConfig", {}).get("TargetGroups", []) for action in rule["Actions"]]
    weights = {one["TargetGroupArn"]: one.get("Weight", 1) for some in forwards for one in some}
    found = [one for one in groups if weights.get(one)]
    return found if len(found) < len(groups) else None
