"""What the page tells of load balancers: their addresses, and the targets that they forward to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.page.containers import Cluster
    from localcloud.page.operations import Doc, Operations

STANDARD = {"HTTP": 80, "HTTPS": 443}


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A target of a target group."""

    address: str
    state: str
    reason: str
    task: str
    """The task with this address and its service, if there is one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """A target group."""

    name: str
    check: str
    targets: list[Target]


@dataclass(frozen=True, kw_only=True, slots=True)
class Balancer:
    """A load balancer."""

    name: str
    state: str
    listeners: list[tuple[str, str, list[str]]]
    """Protocol and port, the URL, and what is done with requests, a line for each rule."""
    groups: list[Group]


async def read(operations: Operations, clusters: list[Cluster]) -> list[Balancer]:
    """Return all load balancers; the clusters tell which task a target is."""
    rows = (await operations("elbv2", "DescribeLoadBalancers"))["LoadBalancers"]
    tasks = {
        task.address: f"{service.name}, task {task.id[:8]}"
        for cluster in clusters
        for service in cluster.services
        for task in service.tasks
        if task.address
    }
    return [await balancer(operations, row, tasks) for row in rows]


async def balancer(operations: Operations, row: Doc, tasks: dict[str, str]) -> Balancer:
    """Return a load balancer."""
    arn = row["LoadBalancerArn"]
    listeners = (await operations("elbv2", "DescribeListeners", LoadBalancerArn=arn))["Listeners"]
    groups = (await operations("elbv2", "DescribeTargetGroups", LoadBalancerArn=arn))["TargetGroups"]
    return Balancer(
        name=row["LoadBalancerName"],
        state=row["State"]["Code"],
        listeners=[await listener(operations, row["DNSName"], each) for each in listeners],
        groups=[await group(operations, each, tasks) for each in groups],
    )


async def listener(operations: Operations, host: str, row: Doc) -> tuple[str, str, list[str]]:
    """Return a listener: protocol and port, its URL, its rules."""
    protocol, port = row["Protocol"], row["Port"]
    url = f"{protocol.lower()}://{host}{'' if STANDARD.get(protocol) == port else f':{port}'}/"
    rules = (await operations("elbv2", "DescribeRules", ListenerArn=row["ListenerArn"]))["Rules"]
    return f"{protocol} {port}", url, [rule(each) for each in rules]


def rule(row: Doc) -> str:
    """Return a rule in one line."""
    conditions = " and ".join(condition(each) for each in row["Conditions"]) or "anything else"
    return f"{row['Priority']}: {conditions} → {', '.join(action(each) for each in row['Actions'])}"


def condition(row: Doc) -> str:
    """Return a rule's condition in words."""
    values: list[str] = row.get("Values") or next(
        (each["Values"] for each in row.values() if isinstance(each, dict)), []
    )
    return f"{row['Field']} {' or '.join(map(str, values))}"


def action(row: Doc) -> str:
    """Return what a rule does with a request, in words."""
    if row["Type"] == "forward" and row.get("TargetGroupArn"):
        return str(row["TargetGroupArn"].split("/")[1])
    if groups := row.get("ForwardConfig", {}).get("TargetGroups"):
        return ", ".join(f"{each['TargetGroupArn'].split('/')[1]} ({each['Weight']})" for each in groups)
    fixed = row.get("FixedResponseConfig", {}).get("StatusCode")
    return f"{row['Type']} {fixed}" if fixed else str(row["Type"])


async def group(operations: Operations, row: Doc, tasks: dict[str, str]) -> Group:
    """Return a target group."""
    found = await operations("elbv2", "DescribeTargetHealth", TargetGroupArn=row["TargetGroupArn"])
    targets = [target(each, tasks) for each in found["TargetHealthDescriptions"]]
    return Group(name=row["TargetGroupName"], check=row.get("HealthCheckPath", ""), targets=targets)


def target(row: Doc, tasks: dict[str, str]) -> Target:
    """Return a target."""
    health = row["TargetHealth"]
    words = [health.get("Reason"), health.get("Description")]
    return Target(
        address=f"{row['Target']['Id']}:{row['Target']['Port']}",
        state=health["State"],
        reason=": ".join(word for word in words if word),
        task=tasks.get(row["Target"]["Id"], ""),
    )
