"""From configuration to the arguments of components: which setting goes where. Creates nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi

from infra import content, naming, platforms, policies
from infra.components.autoscaling import AutoscalingArgs
from infra.components.cluster import ClusterArgs
from infra.components.database import Database, DatabaseArgs
from infra.components.first_image import FirstImageArgs
from infra.components.load_balancer import LoadBalancer, LoadBalancerArgs
from infra.components.monitoring import MonitoringArgs, ServiceMetrics
from infra.components.network import Network, NetworkArgs
from infra.components.repository import Repository, RepositoryArgs
from infra.components.service import HealthCheckArgs, Service, ServiceArgs
from infra.components.task import Task, TaskArgs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from infra import settings
    from infra.components.cluster import Cluster

Inputs = dict[str, pulumi.Input[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """A service's image: where it lies and what it is."""

    repository_url: pulumi.Input[str]
    repository_arn: pulumi.Input[str]
    digest: pulumi.Input[str]
    version: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """What the services of an environment share."""

    network: Network
    balancer: LoadBalancer
    cluster: Cluster
    database: Database | None
    region: str


def follows(chosen: settings.Settings) -> bool:
    """Say whether `pulumi up` rolls out releases after the first."""
    return chosen.environment.rollout == "pulumi"


def repository(registry: settings.Registry, service: str) -> RepositoryArgs:
    """Return a service's repository."""
    lifecycle = policies.image_lifecycle(
        releases=registry.keep_releases,
        accepted=registry.keep_accepted,
        built=registry.keep_built,
        candidate_days=registry.candidate_days,
    )
    return RepositoryArgs(repository_name=naming.repository(service), lifecycle=lifecycle, protected=registry.protect)


def first_image(chosen: settings.Settings, name: str, held_in: Repository, now: datetime) -> FirstImageArgs:
    """Return a service's first image; reads its build context to hash it, and may copy it unless this is a preview.

    Raises:
        pulumi.RunError: a file of the context cannot be read.
    """
    service = chosen.environment.services[name]
    folder = Path(service.context)
    platform = platforms.OF_ARCHITECTURE[service.cpu_architecture]
    try:
        content_hash = content.image_hash(
            folder,
            dockerfile=service.dockerfile,
            target=service.target,
            platform=platform,
            build_args=service.build_args,
        )
        sent = folder if pulumi.runtime.is_dry_run() else content.settled(folder, service.dockerfile)
    except OSError as error:
        raise pulumi.RunError(
            f"{error.filename} cannot be read ({error.strerror}) and is in the context of service {name}; "
            f"correct its owner or mode, or name it in {service.context}/.dockerignore"
        ) from error
    return FirstImageArgs(
        repository_url=held_in.url,
        registry_id=held_in.registry_id,
        context=service.context,
        sent=str(sent),
        dockerfile=service.dockerfile,
        target=service.target,
        platform=platform,
        build_args=service.build_args,
        content_hash=content_hash,
        tag=naming.image_tag(content_hash, now),
        follow_source=follows(chosen),
    )


def network(chosen: settings.Settings, zones: Sequence[str]) -> NetworkArgs:
    """Return the network; `zones` are all that the region has."""
    wanted = chosen.environment.network
    return NetworkArgs(
        cidr=wanted.cidr,
        zones=sorted(zones)[: wanted.zones],
        private_subnets=wanted.private_subnets,
        nat_per_zone=wanted.nat_per_zone,
    )


def load_balancer(chosen: settings.Settings, around: Network) -> LoadBalancerArgs:
    """Return the load balancer."""
    wanted = chosen.environment.load_balancer
    return LoadBalancerArgs(
        vpc_id=around.vpc_id,
        subnet_ids=around.public_subnet_ids,
        certificate_arn=wanted.certificate_arn,
        domain_name=wanted.domain_name,
        allowed_cidrs=wanted.allowed_cidrs,
        idle_timeout=wanted.idle_timeout,
        deletion_protection=wanted.deletion_protection,
    )


def cluster(chosen: settings.Settings) -> ClusterArgs:
    """Return the cluster."""
    environment = chosen.environment
    return ClusterArgs(
        cluster_name=naming.cluster(chosen.stack),
        insights_log_group=naming.insights_log_group(chosen.stack) if environment.container_insights else None,
        log_retention_days=environment.log_retention_days,
        spot=any(service.spot for service in environment.services.values()),
    )


def database(chosen: settings.Settings, wanted: settings.Database, around: Network) -> DatabaseArgs:
    """Return the database."""
    return DatabaseArgs(
        vpc_id=around.vpc_id,
        subnet_ids=around.database_subnet_ids,
        engine_version=wanted.engine_version,
        instance_class=wanted.instance_class,
        storage=wanted.storage,
        multi_az=wanted.multi_az,
        backup_days=wanted.backup_days,
        deletion_protection=wanted.deletion_protection,
        final_snapshot=naming.final_snapshot(chosen.stack) if wanted.final_snapshot else None,
        password_rotation_days=wanted.password_rotation_days,
        database=wanted.name,
        user=wanted.user,
    )


def task(chosen: settings.Settings, base: Base, name: str, image: Image) -> TaskArgs:
    """Return a service's task definitions, with the database's address and password where it has one."""
    service = chosen.environment.services[name]
    held = base.database if service.database else None
    secret_arns: list[pulumi.Input[str]] = [
        *map(naming.secret_resource, service.secrets.values()),
        *([held.secret_arn] if held else []),
    ]
    return TaskArgs(
        service=name,
        template_family=naming.template_family(chosen.stack, name),
        release_family=naming.release_family(chosen.stack, name),
        repository_url=image.repository_url,
        repository_arn=image.repository_arn,
        digest=image.digest,
        version=image.version,
        template_tag=naming.TEMPLATE_TAG,
        role_path=naming.task_role_path(chosen.stack),
        port=service.port,
        cpu=service.cpu,
        memory=service.memory,
        cpu_architecture=service.cpu_architecture,
        stop_timeout=service.stop_timeout,
        environment={**service.environment, **(_address(held) if held else {})},
        secrets={**service.secrets, **(_login(held) if held else {})},
        secret_arns=secret_arns,
        log_group=naming.log_group(chosen.stack, name),
        log_retention_days=chosen.environment.log_retention_days,
        region=base.region,
        follow_image=follows(chosen),
    )


def _address(held: Database) -> Inputs:
    """Return where the database is, as the application's contract names it."""
    return {"DATABASE_HOST": held.host, "DATABASE_PORT": held.port.apply(str), "DATABASE_NAME": held.database}


def _login(held: Database) -> Inputs:
    """Return references to the keys of the secret that RDS keeps (ECS: `ARN:key:stage:version`)."""
    return {
        "DATABASE_USER": pulumi.Output.concat(held.secret_arn, ":username::"),
        "DATABASE_PASSWORD": pulumi.Output.concat(held.secret_arn, ":password::"),
    }


def service(chosen: settings.Settings, base: Base, name: str, tasks: Task) -> ServiceArgs:
    """Return a service."""
    wanted = chosen.environment.services[name]
    held = base.database if wanted.database else None
    return ServiceArgs(
        service_name=naming.of_service(chosen.stack, name),
        container=name,
        port=wanted.port,
        desired_count=wanted.desired_count,
        paths=wanted.route.paths,
        priority=wanted.route.priority,
        health_check=HealthCheckArgs(**dict(wanted.health_check)),
        deregistration_delay=wanted.deregistration_delay,
        grace_period=wanted.grace_period,
        autoscaled=wanted.autoscaling is not None,
        spot=wanted.spot,
        vpc_id=base.network.vpc_id,
        subnet_ids=base.network.task_subnet_ids,
        public_ip=not chosen.environment.network.private_subnets,
        cluster_arn=base.cluster.arn,
        listener_arn=base.balancer.listener_arn,
        balancer_security_group_id=base.balancer.security_group_id,
        database_security_group_id=held.security_group_id if held else None,
        database_port=held.port if held else None,
        task_definition_arn=tasks.release_arn,
        follow_release=follows(chosen),
    )


def autoscaling(base: Base, service: Service, wanted: settings.Autoscaling) -> AutoscalingArgs:
    """Return how a service follows its load."""
    return AutoscalingArgs(
        cluster_name=base.cluster.name,
        service_name=service.name,
        minimum=wanted.minimum,
        maximum=wanted.maximum,
        cpu_percent=wanted.cpu_percent,
    )


def monitoring(
    chosen: settings.Settings, base: Base, services: Mapping[str, Service], topics: Sequence[pulumi.Input[str]]
) -> MonitoringArgs:
    """Return what is watched; alarms go to `topics`."""
    return MonitoringArgs(
        dashboard_name=naming.dashboard(chosen.stack),
        region=base.region,
        balancer=base.balancer.metric_name,
        cluster_name=base.cluster.name,
        services={
            name: ServiceMetrics(service_name=one.name, targets=one.metric_name) for name, one in services.items()
        },
        actions=topics,
    )


def service_facts(
    chosen: settings.Settings, name: str, image: Image, held: Task, running: Service
) -> dict[str, pulumi.Input[object]]:
    """Return what delivery and acceptance have to know of a service."""
    wanted = chosen.environment.services[name]
    return {
        "service": running.name,
        "container": name,
        "desired_count": wanted.desired_count,
        "port": wanted.port,
        "health_path": wanted.health_check.path,
        "version_path": wanted.tells_version_at,
        "target_group": running.target_group_arn,
        "template_family": naming.template_family(chosen.stack, name),
        "release_family": naming.release_family(chosen.stack, name),
        "repository_url": image.repository_url,
        "digest": held.digest,
        "version": held.version,
        "context": wanted.context,
        "dockerfile": wanted.dockerfile,
        "target": wanted.target,
        "platform": platforms.OF_ARCHITECTURE[wanted.cpu_architecture],
        "build_args": wanted.build_args,
    }
