"""ECS services: their description, and the service deployment in progress on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from contract.names import of_service
from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from types_boto3_ecs.literals import ServiceDeploymentStatusType
    from types_boto3_ecs.type_defs import (
        ServiceDeploymentBriefTypeDef,
        ServiceTypeDef,
    )

    from delivery.environment import Service
    from delivery.session import Session

POLL_SECONDS = 1.0
SERVICES_AT_ONCE = 10
"""DescribeServices takes at most so many."""


def describe(session: Session, service: Service) -> ServiceTypeDef:
    """Return DescribeServices' answer for a service.

    Raises:
        DeliveryError: it does not exist (any more).
    """
    ecs, cluster, name = session.ecs, session.environment.cluster, service.ecs_service
    try:
        found = ecs.describe_services(cluster=cluster, services=[name])["services"]
    except ecs.exceptions.ClusterNotFoundException:
        found = []
    if not found or found[0]["status"] != "ACTIVE":
        raise DeliveryError(
            f"there is no ECS service {name!r} in cluster {cluster!r}; bring the stack up: pulumi up -s <stack>"
        )
    return found[0]


def of_cluster(session: Session) -> dict[str, ServiceTypeDef]:
    """Return the ECS services of an environment's cluster by the services' names, those that recorded nothing too."""
    cluster, prefix = session.environment.cluster, of_service(session.stack, "")
    pages = session.ecs.get_paginator("list_services").paginate(
        cluster=cluster, PaginationConfig={"PageSize": SERVICES_AT_ONCE}
    )
    arns = [page["serviceArns"] for page in pages]
    describe = session.ecs.describe_services
    rows = [row for some in arns if some for row in describe(cluster=cluster, services=some)["services"]]
    return {row["serviceName"].removeprefix(prefix): row for row in rows}


def under_way(session: Session, service: Service) -> ServiceDeploymentBriefTypeDef | None:
    """Return the newest service deployment in progress, None if there is none."""
    wanted: list[ServiceDeploymentStatusType] = [
        "PENDING",
        "IN_PROGRESS",
        "STOP_REQUESTED",
        "ROLLBACK_REQUESTED",
        "ROLLBACK_IN_PROGRESS",
    ]
    rows = session.ecs.list_service_deployments(
        cluster=session.environment.cluster, service=service.ecs_service, status=wanted
    )["serviceDeployments"]
    return max(rows, key=lambda row: row["createdAt"]) if rows else None


def steady(service: ServiceTypeDef) -> bool:
    """Tell from DescribeServices' answer whether a service has one completed deployment with all desired tasks."""
    deployments = service["deployments"]
    complete = len(deployments) == 1 and deployments[0].get("rolloutState", "COMPLETED") == "COMPLETED"
    return bool(complete and service["runningCount"] >= service["desiredCount"])


def stop(session: Session, service: Service) -> bool:
    """Ask ECS to roll back the service deployment in progress.

    Returns:
        Whether a rollback goes on now: not where nothing was under way, or where ECS cannot.
    """
    row = under_way(session, service)
    if row is None or row["status"] not in ("PENDING", "IN_PROGRESS"):
        return row is not None
    try:
        session.ecs.stop_service_deployment(serviceDeploymentArn=row["serviceDeploymentArn"], stopType="ROLLBACK")
        session.say(f"{service.name}: asked ECS to roll back what was under way")
    except ClientError as error:
        # Such as: no completed revision to go back to. What comes next replaces the deployment.
        session.say(f"{service.name}: ECS does not roll back ({error})")
        return False
    return True


def wait_until_over(session: Session, service: Service, seconds: float) -> ServiceDeploymentBriefTypeDef | None:
    """Wait until no service deployment is in progress; return the one that still is at the time limit, else None."""
    end, told = session.clock.now() + seconds, ""
    while row := under_way(session, service):
        if row["status"] != told:
            session.say(
                f"{service.name}: a service deployment of {row['createdAt']:%H:%M:%S} is {row['status']}; waiting"
            )
            told = row["status"]
        if session.clock.now() > end:
            return row
        session.clock.sleep(POLL_SECONDS)
    return None


def container_of(service: ServiceTypeDef, one: Service) -> str:
    """Return the name of the container that receives a service's requests, from ECS or else from the stack."""
    balancers = service.get("loadBalancers", [])
    return str(balancers[0]["containerName"]) if balancers else one.container or one.name
