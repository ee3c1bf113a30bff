"""The status of a stack that no pipeline deploys to: its services, and why those that do not serve do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

import diagnosis
from delivery.console import paint
from delivery.deploying import ecs_service, proof
from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from types_boto3_ecs.type_defs import ServiceTypeDef

    from delivery.session import Session


def show(session: Session) -> int:
    """Print how many tasks of each service run, what the stack serves, and the reason where a service has none.

    Returns:
        0 if every service runs a task, else 1.
    """
    services = ecs_service.of_cluster(session)
    down = {name: row for name, row in sorted(services.items()) if not row["runningCount"]}
    print(f"stack {session.stack}, {session.environment.url}; no pipeline deploys to it")
    for name, row in sorted(services.items()):
        colour = "red" if name in down else "green"
        print(paint(f"{name}: {row['runningCount']} of {row['desiredCount']} tasks run", colour))
    if not services:
        print(f"it has no service yet; run: pulumi up -s {session.stack}")
    elif not down:
        print(_served(session))
    for name, row in down.items():
        print("\n".join(f"{name}: {line}" for line in _reason(session, name, row)))
    return int(bool(down) or not services)


def _served(session: Session) -> str:
    try:
        found = proof.served(session.clients, session.environment)
    except (DeliveryError, ClientError) as unknown:
        return f"what it serves is not known: {unknown}"
    return f"{session.stack} serves {found} at {session.environment.url} (proof: {found.proof})"


def _reason(session: Session, name: str, row: ServiceTypeDef) -> list[str]:
    balancer = row["loadBalancers"][0]
    (group,) = session.clients("elbv2").describe_target_groups(TargetGroupArns=[balancer["targetGroupArn"]])[
        "TargetGroups"
    ]
    found = diagnosis.of_service(
        session.clients,
        cluster=session.environment.cluster,
        service=row["serviceName"],
        container=balancer.get("containerName", name),
        port=balancer.get("containerPort", 0),
        health_path=group.get("HealthCheckPath", "/"),
    )
    return str(found).splitlines() if found else ["nothing shows why; see: delivery logs"]
