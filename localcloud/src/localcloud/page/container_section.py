"""The sections of clusters with their services, and of load balancers with their targets."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from localcloud.page import parts
from localcloud.page.markup import Html, link, tag

if TYPE_CHECKING:
    from localcloud.page.balancers import Balancer
    from localcloud.page.containers import Cluster, Service, Task
    from localcloud.page.markup import Content
    from localcloud.page.parts import Forms

NO_CLUSTER = "No cluster yet. CreateCluster makes one, CreateService a service in it."
NO_SERVICE = "No service yet. CreateService makes one in this cluster."
NO_BALANCER = "No load balancer yet. CreateLoadBalancer makes one; listeners and target groups belong to it."
ECS_KNOWS = (
    "ECS knows that the tasks of this task definition came up, not whether what they ran was good. Whatever releases "
    "to this service is not told, and its next release replaces this one. If it has a rollback of its own, use that."
)


def section(clusters: list[Cluster], forms: Forms, endpoint: str) -> list[Html]:
    """Return all clusters; `endpoint` is for commands to copy."""
    return [cluster(each, forms, endpoint) for each in clusters] or [tag("p", NO_CLUSTER, class_="empty")]


def cluster(found: Cluster, forms: Forms, endpoint: str) -> Html:
    """Return a cluster."""
    services = [service(each, forms, endpoint) for each in found.services]
    others = tasks(f"Tasks of {found.name} outside of services", found.others)
    return tag("article", tag("h3", found.name), services or tag("p", NO_SERVICE, class_="empty"), others)


def service(found: Service, forms: Forms, endpoint: str) -> Html:
    """Return a service: what it serves, its deployment, its tasks."""
    desired, running, pending = found.counts
    rows: list[tuple[str, Content]] = [
        ("Task definition", parts.code(found.definition)),
        ("Tasks", f"{running} running, {pending} pending, {desired} desired"),
        ("Deployment", [parts.state(found.rollout), " ", found.reason]),
    ]
    for image in found.images:
        rows.append((f"Image of {image.container}", parts.code(image.name)))
        rows.append((f"Digest of {image.container}", parts.code(image.digest) if image.digest else None))
        rows += [(name, parts.code(value)) for name, value in image.versions.items()]
    return tag(
        "div",
        tag("h4", found.name, " ", parts.state(found.status)),
        parts.pairs(rows),
        under_way(found, forms) if found.deployment else None,
        back(found, forms, endpoint) if found.previous and not found.deployment else None,
        tasks(f"Tasks of {found.name}", found.tasks),
        tag("ul", [tag("li", parts.moment(when), " ", text) for when, text in found.events], class_="events"),
        class_="service",
    )


def under_way(found: Service, forms: Forms) -> Html:
    """Return the form that rolls back the deployment in progress."""
    key = f"{found.cluster}.{found.name}"
    stop = parts.button("Roll back this deployment", f"stop-{key}", kind="no")
    return forms("deployment", f"deployment-{key}", {"serviceDeploymentArn": found.deployment}, stop)


def back(found: Service, forms: Forms, endpoint: str) -> Html:
    """Return the form that deploys the previous task definition, and the command that does the same."""
    key = f"{found.cluster}.{found.name}"
    own = {"cluster": found.cluster, "service": found.name}
    words = ["aws", "--endpoint-url", endpoint, "ecs", "update-service", "--cluster", found.cluster]
    words += ["--service", found.name, "--task-definition", found.previous]
    return tag(
        "details",
        tag("summary", f"Go back to {found.previous}"),
        tag("p", ECS_KNOWS),
        forms(
            "service", f"service-{key}", {**own, "taskDefinition": found.previous, "from": found.definition},
            parts.button(f"Deploy {found.previous} again", f"deploy-{key}"),
        ),
        tag("p", "The same in a shell: ", parts.code(shlex.join(words))),
        id=f"back-{key}",
    )  # fmt: skip


def tasks(caption: str, rows: list[Task]) -> Html:
    """Return a table of tasks."""
    heads = ("Task", "Task definition", "Status", "Health", "Address", "Started")
    lines: list[list[Content]] = [
        [
            parts.code(row.id[:8]),
            parts.code(row.definition),
            parts.state(row.status),
            parts.state(row.health),
            row.address,
            parts.moment(row.started),
        ]
        for row in rows
    ]
    return parts.table(caption, heads, lines)


def balancers(rows: list[Balancer]) -> list[Html]:
    """Return all load balancers."""
    return [balancer(each) for each in rows] or [tag("p", NO_BALANCER, class_="empty")]


def balancer(found: Balancer) -> Html:
    """Return a load balancer with its listeners and targets."""
    listeners = [
        tag("li", f"{name}: ", link(url, url), tag("ul", [tag("li", rule) for rule in rules]))
        for name, url, rules in found.listeners
    ]
    groups = [
        parts.table(
            f"Targets of {group.name}, checked at {group.check}",
            ("Target", "Health", "Reason", "Task"),
            [[row.address, parts.state(row.state), row.reason, row.task] for row in group.targets],
        )
        or tag("p", f"The target group {group.name} has no targets.", class_="empty")
        for group in found.groups
    ]
    return tag("article", tag("h3", found.name, " ", parts.state(found.state)), tag("ul", listeners), groups)
