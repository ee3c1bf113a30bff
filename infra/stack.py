"""The architecture on one screen: what a stack's configuration becomes.

The one composer of components, with `infra/stack_pipeline.py` for those of the pipeline.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from contract.names import environment_parameter, of_service, service_parameter, template_family
from infra import account, records, stack_pipeline
from infra.environment import accepted_image
from infra.environment.autoscaling import Autoscaling
from infra.environment.cluster import Cluster
from infra.environment.database import Database
from infra.environment.first_image import FirstImage
from infra.environment.load_balancer import LoadBalancer
from infra.environment.monitoring import Monitoring, ServiceMetrics
from infra.environment.network import Network
from infra.environment.repository import Repository
from infra.environment.service import DatabaseAccess, Placement, Service
from infra.environment.task import Image, Task, TaskEnvironment
from infra.other_stacks import OtherStacks
from infra.pipeline.topic import Topic
from infra.previews import trust
from infra.previews.preview_role import PreviewRole
from infra.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.config.images import Registry
    from infra.config.previews import Previews
    from infra.config.stack import StackConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Outputs:
    """What a stack exports; by service name where it is a map. With a pipeline, its outputs too."""

    url: pulumi.Output[str]
    cluster: pulumi.Output[str]
    services: Mapping[str, pulumi.Output[str]]
    template_families: Mapping[str, str]
    repository_urls: Mapping[str, pulumi.Input[str]]
    image_digests: Mapping[str, pulumi.Output[str]]
    log_groups: list[pulumi.Output[str]]
    preview_role: pulumi.Output[str] | None
    pipeline: stack_pipeline.Outputs | None

    def export(self) -> dict[str, object]:
        """Return the exports by name."""
        own: dict[str, object] = {name: getattr(self, name) for name in self.__slots__ if name != "pipeline"}
        own = {name: value for name, value in own.items() if value is not None}
        return own | (self.pipeline.export() if self.pipeline else {})


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """What the services of an environment share."""

    network: Network
    balancer: LoadBalancer
    cluster: Cluster
    database: Database | None
    region: str


def build(config: StackConfig, secrets: Mapping[str, pulumi.Output[str] | None]) -> Outputs:
    """Declare everything that a stack has.

    Args:
        config: the stack's configuration, checked.
        secrets: by configuration key (`infra.config.secrets.SECRETS`), None where one is not set.

    Raises:
        pulumi.RunError: what another stack or the account has to have is missing; nothing is created then.
    """
    stack, others = config.stack, OtherStacks()
    known = stack_pipeline.look_up(config, config.pipeline, others) if config.pipeline else None
    provider = trust.provider_arn(f"Pulumi.{stack}.yaml: slipway:previews") if config.previews else None
    images = _own_images(config, config.registry) if config.registry else _accepted_images(config, others)
    base = _base(config)
    tasks = {name: _task(config, base, name, image) for name, image in images.items()}
    services = {name: _service(config, base, name, task) for name, task in tasks.items()}
    facts = _records(config, base, images, tasks, services)
    topic = Topic(stack, known.pipeline, account=known.home.account) if known else None
    _monitoring(stack, base, services, topic)
    after = [*services.values(), *facts]
    return Outputs(
        url=base.balancer.url,
        cluster=base.cluster.name,
        services={name: service.name for name, service in services.items()},
        template_families={name: template_family(stack, name) for name in services},
        repository_urls={name: image.repository_url for name, image in images.items()},
        image_digests={name: task.digest for name, task in tasks.items()},
        log_groups=[task.log_group for task in tasks.values()],
        preview_role=_preview_role(config, config.previews, provider) if config.previews and provider else None,
        pipeline=stack_pipeline.build(config, known, topic=topic, secrets=secrets, after=after)
        if known and topic
        else None,
    )


def _own_images(config: StackConfig, registry: Registry) -> dict[str, Image]:
    """Make the repositories, and build each service's first image into its own."""
    images, now = {}, datetime.now(UTC)
    for name, section in config.environment.services.items():
        repository = Repository(name, registry)
        image = FirstImage(
            name,
            section,
            repository_url=repository.url,
            registry_id=repository.registry_id,
            pushed_at=now,
            follow_source=config.environment.rollout == "pulumi",
        )
        images[name] = Image(
            repository_url=repository.url, repository_arn=repository.arn, digest=image.digest, version=image.version
        )
    return images


def _accepted_images(config: StackConfig, others: OtherStacks) -> dict[str, Image]:
    """Take the images that another stack accepted; refuse before anything is created."""
    asked_by = f"Pulumi.{config.stack}.yaml: slipway:images"
    source = others.get(config.image_stack)
    urls = dict(source.require("repository_urls", asked_by=asked_by))
    repositories = {service: url.split("/", 1)[1] for service, url in urls.items()}
    images, refusals = {}, []
    for service in config.environment.services:
        found = accepted_image.newest(repositories[service]) if service in repositories else None
        if found is None:
            refusals.append(
                f"{asked_by}: no image of service {service} has passed acceptance in {source.name}; "
                f"run: make acceptance STACK={source.name}, on AWS with CLOUD=aws"
            )
        else:
            images[service] = Image(**asdict(found))
    if refusals:
        raise pulumi.RunError("\n".join(refusals))
    return images


def _base(config: StackConfig) -> Base:
    """Make what the services share; the slow parts do not wait for one another."""
    name, environment = config.stack, config.environment
    only_zones = aws.GetAvailabilityZonesFilterArgs(name="zone-type", values=["availability-zone"])
    zones = aws.get_availability_zones(state="available", filters=[only_zones]).names
    network = Network(name, environment.network, zones=zones)
    vpc = network.vpc_id
    balancer = LoadBalancer(name, environment.load_balancer, vpc_id=vpc, subnet_ids=network.public_subnet_ids)
    cluster = Cluster(name, environment)
    database = None
    if environment.database:
        database = Database(name, environment.database, vpc_id=vpc, subnet_ids=network.database_subnet_ids)
    region = aws.get_region().region
    return Base(network=network, balancer=balancer, cluster=cluster, database=database, region=region)


def _task(config: StackConfig, base: Base, name: str, image: Image) -> Task:
    """Make a service's task definitions, with the database's address and password where it has one."""
    environment, section = config.environment, config.environment.services[name]
    database = base.database if section.database else None
    return Task(
        name,
        section,
        place=TaskEnvironment(
            environment=config.stack, region=base.region, log_retention_days=environment.log_retention_days
        ),
        image=image,
        variables=database.variables if database else {},
        secrets=database.secrets if database else {},
        secret_arns=[database.secret_arn] if database else [],
        follow_image=environment.rollout == "pulumi",
    )


def _service(config: StackConfig, base: Base, name: str, task: Task) -> Service:
    """Make a service, and its autoscaling where asked for."""
    environment, section, full = config.environment, config.environment.services[name], of_service(config.stack, name)
    database = base.database if section.database else None
    access = DatabaseAccess(security_group_id=database.security_group_id, port=database.port) if database else None
    service = Service(
        full,
        section,
        container=name,
        placement=Placement(
            vpc_id=base.network.vpc_id,
            subnet_ids=base.network.task_subnet_ids,
            public_ip=not environment.network.private_subnets,
            cluster_arn=base.cluster.arn,
            listener_arn=base.balancer.listener_arn,
            balancer_security_group_id=base.balancer.security_group_id,
        ),
        database=access,
        task_definition_arn=task.release_arn,
        follow_release=environment.rollout == "pulumi",
    )
    if section.autoscaling:
        Autoscaling(full, section.autoscaling, cluster_name=base.cluster.name, service_name=service.name)
    return service


def _records(
    config: StackConfig,
    base: Base,
    images: Mapping[str, Image],
    tasks: Mapping[str, Task],
    services: Mapping[str, Service],
) -> list[Record]:
    """Record what acceptance and delivery read when they run."""
    stack = config.stack
    payload = records.environment(url=base.balancer.url, cluster=base.cluster.name)
    made = [Record(stack, parameter=environment_parameter(stack), payload=payload)]
    for name, service in services.items():
        payload = records.service(
            stack,
            name,
            config.environment.services[name],
            ecs_service=service.name,
            target_group=service.target_group_arn,
            repository_url=images[name].repository_url,
            digest=tasks[name].digest,
            version=tasks[name].version,
        )
        made.append(Record(of_service(stack, name), parameter=service_parameter(stack, name), payload=payload))
    return made


def _monitoring(stack: str, base: Base, services: Mapping[str, Service], topic: Topic | None) -> None:
    """Make the alarms and the dashboard; alarms go to the pipeline's topic where there is one."""
    Monitoring(
        stack,
        region=base.region,
        balancer=base.balancer.metric_name,
        cluster_name=base.cluster.name,
        services={
            name: ServiceMetrics(service_name=service.name, targets=service.metric_name)
            for name, service in services.items()
        },
        topic_arns=[topic.arn] if topic else [],
    )


def _preview_role(config: StackConfig, section: Previews, provider: str) -> pulumi.Output[str]:
    """Make the role for previews of pull requests; returns its ARN."""
    statements = trust.statements(config, section, account.home(), provider)
    return PreviewRole(config.stack, section, trust=trust.trust(provider, section), statements=statements).arn
