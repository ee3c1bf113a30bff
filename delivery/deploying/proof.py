"""The proof of what is served: tasks, targets and the url itself, never a deployment's own word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from delivery.deploying import answers, ecs_service, running_tasks
from delivery.errors import DeliveryError
from delivery.release import indexing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_ecs.type_defs import KeyValuePairTypeDef, ServiceTypeDef, TaskTypeDef
    from types_boto3_elbv2 import ElasticLoadBalancingv2Client
    from types_boto3_elbv2.type_defs import TargetHealthTypeDef

    from delivery.aws.clients import Clients
    from delivery.environment import Service
    from delivery.session import Session

PROOF_SECONDS = 30
PAUSE_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What one service must serve."""

    service: Service
    revision: str
    digest: str
    version: str


def prove(session: Session, expected: Sequence[Expected], seconds: float = PROOF_SECONDS) -> None:
    """Prove that an environment serves what is expected, and nothing else.

    Every running task has the revision and digest, as many run and are healthy targets of the load balancer as are
    desired, nothing else is one, and of each service ten answers in a row, where it tells its version, are right.
    Tasks above the desired number may still come up: ECS adds them when it scales or spreads a service over zones,
    which must not put a release back.

    Raises:
        DeliveryError: not so within the time, with what is wrong.
    """
    clock = session.clock
    end = clock.now() + seconds
    while wrong := _wrong(session, expected):
        if clock.now() > end:
            raise DeliveryError(f"{wrong} (for {seconds:.0f} s after the rollout)")
        clock.sleep(PAUSE_SECONDS)
    for one in expected:
        session.say(f"{one.service.name}: serves {one.version} as {one.digest} at {session.environment.url}")


def _wrong(session: Session, expected: Sequence[Expected]) -> str | None:
    for one in expected:
        service = ecs_service.describe(session, one.service)
        tasks = running_tasks.of_service(session.ecs, session.environment.cluster, one.service.ecs_service)
        wrong = _wrong_tasks(session.clients, one, service, tasks)
        wrong = wrong or _wrong_targets(session.clients("elbv2"), one, service, tasks)
        if wrong:
            return wrong
    return answers.wrong_answers(session.environment, {one.service.name: (one.version, one.digest) for one in expected})


def _wrong_tasks(clients: Clients, one: Expected, service: ServiceTypeDef, tasks: list[TaskTypeDef]) -> str | None:
    name, container = one.service.name, ecs_service.container_of(service, one.service)
    if len(tasks) < service["desiredCount"]:
        return f"{name}: {len(tasks)} of {service['desiredCount']} tasks run"
    for task in tasks:
        if task["taskDefinitionArn"] != one.revision:
            return f"{name}: a task runs {task['taskDefinitionArn'].rpartition('/')[2]}, not {one.revision}"
        shown = running_tasks.digest_of(task, container)
        if shown != one.digest and not indexing.is_part(clients("ecr"), one.service, shown, one.digest):
            return f"{name}: a task runs the image {shown or '(not shown)'}, not {one.digest}"
    return None


def _wrong_targets(
    elbv2: ElasticLoadBalancingv2Client, one: Expected, service: ServiceTypeDef, tasks: list[TaskTypeDef]
) -> str | None:
    addresses = {detail["value"] for task in tasks for detail in _details(task) if detail["name"].startswith("private")}
    for balancer in service.get("loadBalancers", []):
        rows = elbv2.describe_target_health(TargetGroupArn=balancer["targetGroupArn"])["TargetHealthDescriptions"]
        healthy = {row["Target"]["Id"] for row in rows if row["TargetHealth"]["State"] == "healthy"}
        if left := healthy - addresses:
            return f"{one.service.name}: {', '.join(sorted(left))} still gets requests but belongs to no task of it"
        if len(healthy) < (wanted := service["desiredCount"]):
            states = sorted(f"{row['Target']['Id']} {_health(row['TargetHealth'])}" for row in rows)
            return f"{one.service.name}: {len(healthy)} of {wanted} tasks are healthy targets: {'; '.join(states)}"
    return None


def _details(task: TaskTypeDef) -> list[KeyValuePairTypeDef]:
    return [detail for attachment in task.get("attachments", []) for detail in attachment.get("details", [])]


def _health(health: TargetHealthTypeDef) -> str:
    return f"{health['State']} {health.get('Description', '')}".strip()
