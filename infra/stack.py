"""The architecture on one screen: what a stack's configuration becomes. The one composer of components."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra import accepted, content, naming, policies, settings
from infra.components.cluster import Cluster, ClusterArgs
from infra.components.database import Database, DatabaseArgs
from infra.components.first_image import FirstImage, FirstImageArgs
from infra.components.load_balancer import LoadBalancer, LoadBalancerArgs
from infra.components.network import Network, NetworkArgs
from infra.components.record import Record, RecordArgs
from infra.components.repository import Repository, RepositoryArgs
from infra.components.service import AutoscalingArgs, HealthCheckArgs, Service, ServiceArgs
from infra.components.task import Task, TaskArgs

if TYPE_CHECKING:
    from collections.abc import Mapping

PLATFORMS = {"X86_64": "linux/amd64", "ARM64": "linux/arm64"}


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Outputs:
    """What a stack exports; by service name where it is a map."""

    url: pulumi.Output[str]
    cluster: pulumi.Output[str]
    services: Mapping[str, pulumi.Output[str]]
    template_families: Mapping[str, str]
    repository_urls: Mapping[str, pulumi.Input[str]]
    image_digests: Mapping[str, pulumi.Output[str]]
    log_groups: list[pulumi.Output[str]]

    def export(self) -> dict[str, object]:
        """Return the exports by name."""
        return {name: getattr(self, name) for name in self.__slots__}


def build(chosen: settings.Settings) -> Outputs:
    """Declare everything that a stack has.

    Args:
        chosen: the stack's configuration, checked.

    Raises:
        pulumi.RunError: images come from another stack that has accepted none; nothing is created then.
    """
    images = _accepted_images(chosen) if chosen.image_stack else _own_images(chosen)
    base = _base(chosen)
    tasks = {name: _task(chosen, base, name, image) for name, image in images.items()}
    services = {name: _service(chosen, base, name, task) for name, task in tasks.items()}
    # A place for the pipeline section: it needs the names below and the repositories.
    outputs = Outputs(
        url=base.balancer.url,
        cluster=base.cluster.name,
        services={name: service.name for name, service in services.items()},
        template_families={name: naming.template_family(chosen.stack, name) for name in services},
        repository_urls={name: image.repository_url for name, image in images.items()},
        image_digests={name: task.digest for name, task in tasks.items()},
        log_groups=[task.log_group for task in tasks.values()],
    )
    _records(chosen, outputs, tasks)
    return outputs


def _accepted_images(chosen: settings.Settings) -> dict[str, Image]:
    """Take what another stack accepted; refuse before anything is created."""
    qualified = str(chosen.image_stack)
    source = qualified.rsplit("/", 1)[-1]
    repositories = accepted.ImageStack(qualified).repositories()
    images, missing = {}, []
    for service in chosen.environment.services:
        found = accepted.newest(repositories[service]) if service in repositories else None
        if found is None:
            missing.append(
                f"Pulumi.{chosen.stack}.yaml: slipway:images: no image of service {service} has passed acceptance "
                f"in {source}; run: delivery acceptance --stack {source}"
            )
        else:
            images[service] = Image(**asdict(found))
    if missing:
        raise pulumi.RunError("\n".join(missing))
    return images


def _own_images(chosen: settings.Settings) -> dict[str, Image]:
    """Make the repositories, and build each service's first image into its own."""
    registry = chosen.registry or settings.Registry()
    lifecycle = policies.image_lifecycle(
        releases=registry.keep_releases,
        accepted=registry.keep_accepted,
        built=registry.keep_built,
        candidate_days=registry.candidate_days,
    )
    images = {}
    for name, service in chosen.environment.services.items():
        repository = Repository(
            name,
            RepositoryArgs(repository_name=naming.repository(name), lifecycle=lifecycle, protected=registry.protect),
        )
        platform = PLATFORMS[service.cpu_architecture]
        image = FirstImage(
            name,
            FirstImageArgs(
                repository_url=repository.url,
                registry_id=repository.registry_id,
                context=service.context,
                dockerfile=service.dockerfile,
                target=service.target,
                platform=platform,
                build_args=service.build_args,
                content_hash=content.image_hash(
                    Path(service.context),
                    dockerfile=service.dockerfile,
                    target=service.target,
                    platform=platform,
                    build_args=service.build_args,
                ),
                follow_source=_follows(chosen),
            ),
        )
        images[name] = Image(
            repository_url=repository.url, repository_arn=repository.arn, digest=image.digest, version=image.version
        )
    return images


def _base(chosen: settings.Settings) -> Base:
    """Make what the services share; the slow parts do not wait for one another."""
    name, environment = chosen.stack, chosen.environment
    zones = aws.get_availability_zones(
        state="available", filters=[aws.GetAvailabilityZonesFilterArgs(name="zone-type", values=["availability-zone"])]
    ).names
    network = Network(
        name,
        NetworkArgs(
            cidr=environment.network.cidr,
            zones=sorted(zones)[: environment.network.zones],
            private_subnets=environment.network.private_subnets,
            nat_per_zone=environment.network.nat_per_zone,
        ),
    )
    balancer = LoadBalancer(
        name,
        LoadBalancerArgs(
            vpc_id=network.vpc_id, subnet_ids=network.public_subnet_ids, **dict(environment.load_balancer)
        ),
    )
    cluster = Cluster(
        name,
        ClusterArgs(
            cluster_name=naming.cluster(name),
            insights_log_group=naming.insights_log_group(name) if environment.container_insights else None,
            log_retention_days=environment.log_retention_days,
            spot=any(service.spot for service in environment.services.values()),
        ),
    )
    database = _database(chosen, network) if environment.database else None
    return Base(network=network, balancer=balancer, cluster=cluster, database=database, region=aws.get_region().region)


def _database(chosen: settings.Settings, network: Network) -> Database:
    """Make the environment's database."""
    wanted = chosen.environment.database or settings.Database()
    return Database(
        chosen.stack,
        DatabaseArgs(
            vpc_id=network.vpc_id,
            subnet_ids=network.database_subnet_ids,
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
        ),
    )


def _task(chosen: settings.Settings, base: Base, name: str, image: Image) -> Task:
    """Make a service's task definitions, with the database's address and password where it has one."""
    service, environment = chosen.environment.services[name], chosen.environment
    variables: dict[str, pulumi.Input[str]] = dict(service.environment)
    secrets: dict[str, pulumi.Input[str]] = dict(service.secrets)
    arns: dict[str, pulumi.Input[str]] = dict(service.secrets)
    if base.database and service.database:
        held = base.database
        variables |= {"DATABASE_HOST": held.host, "DATABASE_PORT": held.port.apply(str), "DATABASE_NAME": held.database}
        secrets["DATABASE_USER"] = pulumi.Output.concat(held.secret_arn, ":username::")
        secrets["DATABASE_PASSWORD"] = pulumi.Output.concat(held.secret_arn, ":password::")
        arns["DATABASE"] = held.secret_arn
    return Task(
        naming.of_service(chosen.stack, name),
        TaskArgs(
            service=name,
            template_family=naming.template_family(chosen.stack, name),
            release_family=naming.release_family(chosen.stack, name),
            repository_url=image.repository_url,
            repository_arn=image.repository_arn,
            digest=image.digest,
            version=image.version,
            template_tag=naming.TEMPLATE_TAG,
            port=service.port,
            cpu=service.cpu,
            memory=service.memory,
            cpu_architecture=service.cpu_architecture,
            stop_timeout=service.stop_timeout,
            environment=variables,
            secrets=secrets,
            secret_arns=arns,
            log_group=naming.log_group(chosen.stack, name),
            log_retention_days=environment.log_retention_days,
            region=base.region,
            follow_image=_follows(chosen),
        ),
    )


def _service(chosen: settings.Settings, base: Base, name: str, task: Task) -> Service:
    """Run a service's tasks."""
    service = chosen.environment.services[name]
    database = base.database if service.database else None
    return Service(
        naming.of_service(chosen.stack, name),
        ServiceArgs(
            service_name=naming.of_service(chosen.stack, name),
            container=name,
            port=service.port,
            desired_count=service.desired_count,
            paths=service.route.paths,
            priority=service.route.priority,
            health_check=HealthCheckArgs(**dict(service.health_check)),
            deregistration_delay=service.deregistration_delay,
            grace_period=service.grace_period,
            autoscaling=AutoscalingArgs(**dict(service.autoscaling)) if service.autoscaling else None,
            spot=service.spot,
            vpc_id=base.network.vpc_id,
            subnet_ids=base.network.task_subnet_ids,
            public_ip=not chosen.environment.network.private_subnets,
            cluster_arn=base.cluster.arn,
            cluster_name=base.cluster.name,
            listener_arn=base.balancer.listener_arn,
            balancer_security_group_id=base.balancer.security_group_id,
            database_security_group_id=database.security_group_id if database else None,
            database_port=database.port if database else None,
            task_definition_arn=task.release_arn,
            follow_release=_follows(chosen),
        ),
    )


def _records(chosen: settings.Settings, outputs: Outputs, tasks: Mapping[str, Task]) -> None:
    """Write what acceptance and delivery read when they run."""
    facts: dict[str, pulumi.Input[object]] = {"url": outputs.url, "cluster": outputs.cluster}
    Record(chosen.stack, RecordArgs(parameter=naming.environment_parameter(chosen.stack), facts=facts))
    for name, task in tasks.items():
        service = chosen.environment.services[name]
        Record(
            naming.of_service(chosen.stack, name),
            RecordArgs(
                parameter=naming.service_parameter(chosen.stack, name),
                facts={
                    "service": outputs.services[name],
                    "template_family": outputs.template_families[name],
                    "release_family": naming.release_family(chosen.stack, name),
                    "repository_url": outputs.repository_urls[name],
                    "digest": task.digest,
                    "version": task.version,
                    "context": service.context,
                    "build_args": service.build_args,
                },
            ),
        )


def _follows(chosen: settings.Settings) -> bool:
    """Say whether `pulumi up` rolls out releases after the first."""
    return chosen.environment.rollout == "pulumi"
