"""The status of a stack that no pipeline deploys to: its services, and why those that do not serve do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import diagnosis
from delivery.console import as_text, paint
from delivery.deploying import ecs_service
from delivery.operator import execution_text, status

if TYPE_CHECKING:
    from types_boto3_ecs.type_defs import ServiceTypeDef

    from delivery.session import Session


def show(session: Session, *, as_json: bool = False) -> int:
    """Print how many tasks of each service run, what the stack serves, and the reason where a service has none.

    Args:
        session: the stack.
        as_json: whether to print that as one JSON document.

    Returns:
        0 if every service runs a task, else 1.
    """
    services = ecs_service.of_cluster(session)
    down = {name: row for name, row in sorted(services.items()) if not row["runningCount"]}
    if as_json:
        counts = {
            name: {
                "running": row["runningCount"],
                "desired": row["desiredCount"],
                "reason": _reason(session, name, row) if name in down else [],
            }
            for name, row in sorted(services.items())
        }
        serving = None if down or not services else status.served(session.clients, session.stack).as_json()
        print(as_text({"stack": session.stack, "services": counts, "serving": serving}))
        return int(bool(down) or not services)
    print(f"stack {session.stack}, {session.environment.url}; no pipeline deploys to it")
    for name, row in sorted(services.items()):
        colour = "red" if name in down else "green"
        print(paint(f"{name}: {row['runningCount']} of {row['desiredCount']} tasks run", colour))
    if not services:
        print(f"it has no service yet; run: pulumi up -s {session.stack}")
    elif not down:
        print(execution_text.serves(status.served(session.clients, session.stack), session.clock.ago))
    for name, row in down.items():
        print("\n".join(f"{name}: {line}" for line in _reason(session, name, row)))
    return int(bool(down) or not services)


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
