"""The proof of what is served: tasks, targets and the url itself, never a deployment's own word."""

from __future__ import annotations

import ipaddress
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from contract.containers import APP_VERSION, IMAGE_DIGEST
from delivery.deploying.rollout import held
from delivery.errors import DeliveryError
from delivery.release import indexing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_ecs import ECSClient
    from types_boto3_ecs.type_defs import KeyValuePairTypeDef, ServiceTypeDef, TaskTypeDef
    from types_boto3_elbv2 import ElasticLoadBalancingv2Client
    from types_boto3_elbv2.type_defs import TargetHealthTypeDef

    from delivery.aws.clients import Clients
    from delivery.environment import Environment, Service
    from delivery.session import Session

ANSWERS = 10
PROOF_SECONDS = 30
PAUSE_SECONDS = 1.0
ANSWER_SECONDS = 10
BATCH = 100  # DescribeTasks takes at most so many


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
        service = held(session, one.service)
        tasks = running(session.ecs, session.environment.cluster, one.service.ecs_service)
        wrong = _wrong_tasks(session.clients, one, service, tasks)
        wrong = wrong or _wrong_targets(session.clients("elbv2"), one, service, tasks)
        if wrong:
            return wrong
    return wrong_answers(session.environment, {one.service.name: (one.version, one.digest) for one in expected})


def running(ecs: ECSClient, cluster: str, service: str) -> list[TaskTypeDef]:
    """Return the tasks of a service that run and are meant to; none that is only coming up."""
    pages = ecs.get_paginator("list_tasks").paginate(cluster=cluster, serviceName=service, desiredStatus="RUNNING")
    arns = [arn for page in pages for arn in page["taskArns"]]
    starts = range(0, len(arns), BATCH)
    return [
        task
        for start in starts
        for task in ecs.describe_tasks(cluster=cluster, tasks=arns[start : start + BATCH])["tasks"]
        if task["lastStatus"] == "RUNNING"
    ]


def container_of(service: ServiceTypeDef, one: Service) -> str:
    """Return the name of the container that gets a service's requests, by what ECS or else the stack says."""
    balancers = service.get("loadBalancers", [])
    return str(balancers[0]["containerName"]) if balancers else one.container or one.name


def digest_of(task: TaskTypeDef, container: str) -> str:
    """Return the digest of the image that a task's container really runs, empty where ECS does not show it."""
    found = next((each for each in task["containers"] if each["name"] == container), task["containers"][0])
    return str(found.get("imageDigest", ""))


def _wrong_tasks(clients: Clients, one: Expected, service: ServiceTypeDef, tasks: list[TaskTypeDef]) -> str | None:
    name, container = one.service.name, container_of(service, one.service)
    if len(tasks) < service["desiredCount"]:
        return f"{name}: {len(tasks)} of {service['desiredCount']} tasks run"
    for task in tasks:
        if task["taskDefinitionArn"] != one.revision:
            return f"{name}: a task runs {task['taskDefinitionArn'].rpartition('/')[2]}, not {one.revision}"
        shown = digest_of(task, container)
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


def wrong_answers(environment: Environment, wanted: Mapping[str, tuple[str, str]]) -> str | None:
    """Ask each of an environment's services ten times; return what is wrong with an answer, None when none is.

    Args:
        environment: where.
        wanted: version and digest by service.
    """
    for service in environment.services:
        for _ in range(ANSWERS):
            try:
                got = version(environment, service)
            except DeliveryError as error:
                return str(error)
            if got != wanted[service.name]:
                served, right = (f"{one[0]} ({one[1]})" for one in (got, wanted[service.name]))
                where = f"{environment.url}{service.version_path}"
                return f"{service.name}: a wrong version is served: {where} tells {served}, not {right}"
    return None


def served(environment: Environment) -> dict[str, tuple[str, str]]:
    """Return the version and the image digest that each service of an environment serves.

    Raises:
        DeliveryError: one does not tell it.
    """
    return {service.name: version(environment, service) for service in environment.services}


def told(found: Mapping[str, tuple[str, str]]) -> str:
    """Return what services serve for people: the version once where all have the same."""
    digests = [digest if len(found) == 1 else f"{name}@{digest}" for name, (_, digest) in found.items()]
    versions = [one for one, _ in found.values()]
    if len(set(versions)) == 1:
        return f"{versions[0]} ({' '.join(digests)})"
    return ", ".join(f"{one} ({digest})" for one, digest in zip(versions, digests, strict=True))


def version(environment: Environment, service: Service) -> tuple[str, str]:
    """Ask a service, by a connection of its own, for the version and the image digest that it serves.

    Raises:
        DeliveryError: no answer, or one that is no JSON object with `commit` and `digest`.
    """
    url = f"{environment.url}{service.version_path}"
    request = urllib.request.Request(url, headers={"Connection": "close"})  # noqa: S310 - from the stack
    try:
        with _opener(url).open(request, timeout=ANSWER_SECONDS) as answer:
            held = json.loads(answer.read())
            return str(held["commit"]), str(held["digest"])
    except urllib.error.HTTPError as error:
        raise DeliveryError(f"{url} answers {error.code} {error.reason}") from error
    except OSError as error:
        raise DeliveryError(f"{url} does not answer: {getattr(error, 'reason', error)}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DeliveryError(
            f'{url} does not tell {{"commit": ..., "digest": ...}} from {APP_VERSION} and {IMAGE_DIGEST}'
        ) from error


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Return an opener that asks a private address directly, whatever proxy the environment names."""
    try:
        direct = ipaddress.ip_address(urlsplit(url).hostname or "").is_private
    except ValueError:
        direct = False
    return urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if direct else []))
