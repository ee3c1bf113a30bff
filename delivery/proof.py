"""The proof of what is served: tasks, targets and the url itself, never a deployment's own word."""

from __future__ import annotations

import ipaddress
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from delivery.errors import DeliveryError
from delivery.rollout import described

if TYPE_CHECKING:
    from collections.abc import Sequence

    from delivery.clients import Client, Clients, Document
    from delivery.console import Progress
    from delivery.environment import Environment, Service

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


def prove(
    clients: Clients,
    environment: Environment,
    expected: Sequence[Expected],
    say: Progress,
    seconds: float = PROOF_SECONDS,
) -> None:
    """Prove that an environment serves what is expected, and nothing else.

    Every running task has the revision and digest, as many run and are healthy targets of the load balancer as are
    desired, nothing else is one, and ten answers in a row of `<url>/version` tell version and digest of one of the
    services (of the only service, where there is one). Tasks above the desired number may still come up: ECS adds
    them when it scales or spreads a service over zones, which must not put a release back.

    Raises:
        DeliveryError: not so within the time, with what is wrong.
    """
    end = time.monotonic() + seconds
    while wrong := _wrong(clients, environment, expected):
        if time.monotonic() > end:
            raise DeliveryError(f"{wrong} (for {seconds:.0f} s after the rollout)")
        time.sleep(PAUSE_SECONDS)
    for one in expected:
        say(f"{one.service.name}: serves {one.version} as {one.digest} at {environment.url}")


def _wrong(clients: Clients, environment: Environment, expected: Sequence[Expected]) -> str | None:
    for one in expected:
        service = described(clients("ecs"), environment.cluster, one.service.ecs_service)
        tasks = running(clients("ecs"), environment.cluster, one.service.ecs_service)
        wrong = _wrong_tasks(one, service, tasks) or _wrong_targets(clients("elbv2"), one, service, tasks)
        if wrong:
            return wrong
    return wrong_answers(environment.url, {(one.version, one.digest) for one in expected})


def running(ecs: Client, cluster: str, service: str) -> list[Document]:
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


def container_of(service: Document, one: Service) -> str:
    """Return the name of the container that gets a service's requests, by what ECS or else the stack says."""
    balancers = service.get("loadBalancers", [])
    return str(balancers[0]["containerName"]) if balancers else one.container or one.name


def digest_of(task: Document, container: str) -> str:
    """Return the digest of the image that a task's container really runs, empty where ECS does not show it."""
    found = next((each for each in task["containers"] if each["name"] == container), task["containers"][0])
    return str(found.get("imageDigest", ""))


def _wrong_tasks(one: Expected, service: Document, tasks: list[Document]) -> str | None:
    name, container = one.service.name, container_of(service, one.service)
    if len(tasks) < service["desiredCount"]:
        return f"{name}: {len(tasks)} of {service['desiredCount']} tasks run"
    for task in tasks:
        if task["taskDefinitionArn"] != one.revision:
            return f"{name}: a task runs {task['taskDefinitionArn'].rpartition('/')[2]}, not {one.revision}"
        if digest_of(task, container) != one.digest:
            return f"{name}: a task runs the image {digest_of(task, container) or '(not shown)'}, not {one.digest}"
    return None


def _wrong_targets(elbv2: Client, one: Expected, service: Document, tasks: list[Document]) -> str | None:
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


def _details(task: Document) -> list[Document]:
    return [detail for attachment in task.get("attachments", []) for detail in attachment.get("details", [])]


def _health(health: Document) -> str:
    return f"{health['State']} {health.get('Description', '')}".strip()


def wrong_answers(url: str, wanted: set[tuple[str, str]]) -> str | None:
    """Ask a url ten times; return what is wrong with an answer, None when all tell one of version and digest."""
    for _ in range(ANSWERS):
        try:
            got = version(url)
        except DeliveryError as error:
            return str(error)
        if got not in wanted:
            served, those = f"{got[0]} ({got[1]})", " or ".join(sorted(f"{a} ({b})" for a, b in wanted))
            return f"a wrong version is served: {url}/version tells {served}, not {those}"
    return None


def version(url: str) -> tuple[str, str]:
    """Ask a url, by a connection of its own, for the version and the image digest that it serves.

    Raises:
        DeliveryError: no answer, or one that is no JSON object with `commit` and `digest`.
    """
    request = urllib.request.Request(f"{url}/version", headers={"Connection": "close"})  # noqa: S310 - from the stack
    try:
        with _opener(url).open(request, timeout=ANSWER_SECONDS) as answer:
            held = json.loads(answer.read())
            return str(held["commit"]), str(held["digest"])
    except urllib.error.HTTPError as error:
        raise DeliveryError(f"{url}/version answers {error.code} {error.reason}") from error
    except OSError as error:
        raise DeliveryError(f"{url}/version does not answer: {getattr(error, 'reason', error)}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DeliveryError(
            f'{url}/version does not tell {{"commit": ..., "digest": ...}} from APP_VERSION and IMAGE_DIGEST'
        ) from error


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Return an opener that asks a private address directly, whatever proxy the environment names."""
    try:
        direct = ipaddress.ip_address(urlsplit(url).hostname or "").is_private
    except ValueError:
        direct = False
    return urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if direct else []))
