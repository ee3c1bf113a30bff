"""Verification of what is served: tasks, targets and the URL itself, never the deployment's own status.

The proof of a service is `digest, health, version` where it tells its version, else `digest, health, http`: then every
running task has the digest as well, and the URL is checked from outside. A service that told its version has to go on
telling it: what it tells now decides, and while it does not serve, the proof of the revision that it runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.limits import PROOF_SECONDS
from delivery.deploying import answers, canary, ecs_service, outside_check, revisions, running_tasks
from delivery.errors import DeliveryError
from delivery.release import indexing
from delivery.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_ecs.type_defs import KeyValuePairTypeDef, ServiceTypeDef, TaskTypeDef
    from types_boto3_elbv2 import ElasticLoadBalancingv2Client
    from types_boto3_elbv2.type_defs import TargetHealthTypeDef

    from delivery.aws.clients import Clients
    from delivery.environment import Environment, Service

VERSION = "version"
STRONG, WEAK = f"digest, health, {VERSION}", "digest, health, http"
PAUSE_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What one service must serve."""

    service: Service
    revision: str
    digest: str
    version: str


@dataclass(frozen=True, slots=True)
class Telling:
    """The services of an environment that have to tell their version."""

    must: frozenset[str]

    @classmethod
    def now(cls, session: Session) -> Telling:
        """Return the services that tell their version, or whose revision, or last good one, was proved by it."""
        environment = revisions.as_run(session)
        return cls(frozenset(one.name for one in environment.services if cls._tells(session, environment, one)))

    @staticmethod
    def _tells(session: Session, environment: Environment, service: Service) -> bool:
        if not service.version_path:
            return False
        now = revisions.current(session, service)
        served = [now, revisions.good(session.ecs, now, service.release_family)]
        proved = any(VERSION in one.tags.get(revisions.PROOF, "") for one in served if one)
        return proved or bool(answers.tells(environment, service))


def prove(
    session: Session, expected: Sequence[Expected], telling: Telling, seconds: float = PROOF_SECONDS
) -> dict[str, str]:
    """Verify that an environment serves what is expected, and nothing else.

    Every running task has the revision and digest, as many run and are healthy targets of the load balancer as are
    desired, nothing else is one, and of each service ten answers in a row, where it tells its version, are right.
    Tasks above the desired number may still come up: ECS adds them when it scales or spreads a service over zones,
    which must not put a release back. A service that tells no version is checked from outside instead.

    Args:
        session: where.
        expected: what each service must serve.
        telling: the services that have to tell their version.
        seconds: until when it has to be so.

    Returns:
        The proof by service.

    Raises:
        DeliveryError: not so within the time, with what is wrong.
    """
    clock = session.clock
    end = clock.now() + seconds
    while wrong := _wrong(session, expected, telling):
        if clock.now() > end:
            raise DeliveryError(f"{wrong} (for {seconds:.0f} s after the rollout)")
        clock.sleep(PAUSE_SECONDS)
    tells = {one.name: of(session, one) for one in revisions.as_run(session).services if one.name not in telling.must}
    proofs = {one.service.name: tells.get(one.service.name, STRONG) for one in expected}
    for one in expected:
        where, name = session.environment.url, one.service.name
        session.say(f"{name}: serves {one.version} as {one.digest} at {where} (proof: {proofs[name]})")
    return proofs


def of(session: Session, service: Service) -> str:
    """Return the proof that a service has: whether it tells its version is asked."""
    return STRONG if answers.tells(session.environment, service) else WEAK


@dataclass(frozen=True, slots=True)
class Served:
    """What the services of an environment serve: version and image digest by service, and the proof of that."""

    versions: dict[str, tuple[str, str]]
    proof: str

    def __str__(self) -> str:
        return answers.told(self.versions)


def served(clients: Clients, environment: Environment) -> Served:
    """Return what an environment serves: as the services tell it, or else as their running tasks show it.

    Raises:
        DeliveryError: a service does not serve.
    """
    session = Session(clients=clients, environment=environment, say=lambda _: None)
    environment = revisions.as_run(session)
    versions, proof = {}, STRONG
    for service in environment.services:
        try:
            versions[service.name] = answers.version(environment, service)
        except answers.NoVersionError:
            digest, version = running_tasks.release(session, service)
            versions[service.name], proof = (version, digest), WEAK
    return Served(versions, proof)


def _wrong(session: Session, expected: Sequence[Expected], telling: Telling) -> str | None:
    for one in expected:
        service = ecs_service.describe(session, one.service)
        tasks = running_tasks.of_service(session.ecs, session.environment.cluster, one.service.ecs_service)
        wrong = _wrong_tasks(session.clients, one, service, tasks)
        wrong = wrong or _wrong_targets(session.clients("elbv2"), one, service, tasks)
        if wrong:
            return wrong
    wanted = {one.service.name: (one.version, one.digest) for one in expected}
    return wrong_from_outside(session, wanted, telling)


def wrong_from_outside(session: Session, wanted: Mapping[str, tuple[str, str]], telling: Telling) -> str | None:
    """Return what is wrong with the answers of services, None if they are right.

    Args:
        session: where.
        wanted: version and digest by service.
        telling: the services that have to tell their version.
    """
    environment = revisions.as_run(session)
    if wrong := answers.wrong_answers(environment, wanted, telling.must):
        return wrong
    silent = [service for service in environment.services if service.name not in telling.must]
    problems = (outside_check.wrong(environment, one, outside_check.basic(one)) for one in silent)
    return next((problem for problem in problems if problem), None)


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
        groups = canary.serving(elbv2, balancer)
        if groups is None:
            return f"{one.service.name}: both of its target groups get requests"
        health = [elbv2.describe_target_health(TargetGroupArn=group) for group in groups]
        rows = [row for answer in health for row in answer["TargetHealthDescriptions"]]
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
