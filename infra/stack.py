"""The architecture on one screen: the components of a stack and how they depend on each other.

The only composer of components; `infra/stack_pipeline.py` is its part for the pipeline.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from contract.names import environment_parameter, of_service, service_parameter, template_family
from infra import account, parameter_payloads, serving, stack_pipeline
from infra.aws import names
from infra.config import application
from infra.environment import accepted_image
from infra.environment.access_logs import AccessLogs
from infra.environment.autoscaling import Autoscaling
from infra.environment.cluster import Cluster
from infra.environment.dashboard import ServiceMetrics
from infra.environment.database import Database
from infra.environment.first_image import FirstImage
from infra.environment.flow_logs import FlowLogs
from infra.environment.load_balancer import LoadBalancer
from infra.environment.monitoring import DatabaseMetrics, Monitoring
from infra.environment.network import Network
from infra.environment.repository import Repository
from infra.environment.service import Service
from infra.environment.task import Image, Task, TaskEnvironment
from infra.environment.task_security_group import DatabaseAccess, Placement
from infra.live import records, zones
from infra.live import stack as live_stack
from infra.other_stacks import OtherStacks
from infra.pipeline.topic import Topic
from infra.previews import access
from infra.previews.preview_role import PreviewRole
from infra.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.config.images import Registry
    from infra.config.previews import Previews
    from infra.config.stack import StackConfig
    from infra.live.records import Standing
    from infra.live.stack import Live


@dataclass(frozen=True, kw_only=True, slots=True)
class Outputs:
    """The outputs of a stack; maps are by service name. None is not exported."""

    url: pulumi.Output[str]
    cluster: pulumi.Output[str]
    services: Mapping[str, pulumi.Output[str]]
    template_families: Mapping[str, str]
    repository_urls: Mapping[str, pulumi.Input[str]]
    log_groups: list[pulumi.Output[str]]
    preview_role: pulumi.Output[str] | None
    pipeline: stack_pipeline.Outputs | None

    def export(self) -> dict[str, object]:
        """Return the outputs by name, with those of the pipeline."""
        outputs: dict[str, object] = {name: getattr(self, name) for name in self.__slots__ if name != "pipeline"}
        outputs = {name: value for name, value in outputs.items() if value is not None}
        return outputs | (self.pipeline.export() if self.pipeline else {})


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedComponents:
    """The components that the services of an environment share."""

    network: Network
    balancer: LoadBalancer
    cluster: Cluster
    database: Database | None
    region: str


def build(config: StackConfig, secrets: Mapping[str, pulumi.Output[str] | None]) -> Outputs:
    """Declare all components of a stack.

    Args:
        config: the stack's validated configuration.
        secrets: by configuration key (`infra.config.secrets.SECRETS`); None if a key is not set.

    Raises:
        pulumi.RunError: another stack or the account lacks a prerequisite; no resource has been declared then.
    """
    stack, others, up = config.stack, OtherStacks(), records.read(config.stack)
    config = _complete(config, up)
    stands = live_stack.read(config, up)
    context = stack_pipeline.look_up(config, config.pipeline, others) if config.pipeline else None
    provider = access.provider_arn(f"Pulumi.{stack}.yaml: slipway:previews") if config.previews else None
    images = _built_images(config, config.registry, up) if config.registry else _accepted_images(config, others)
    # What has never been stable is rolled out by each `up`; after that the configured `rollout` applies.
    follow = {name: config.environment.rollout == "pulumi" or not up.is_up(name) for name in images}
    # An image that this stack builds has no digest yet, and stays as the newest one that was pushed.
    accepted = [f"{one.repository_url}@{one.digest}" for name, one in images.items() if config.images and follow[name]]
    stands.prepare(accepted)
    shared = _shared_components(config, stands)
    tasks = {name: _task(config, shared, name, image, follow=follow[name]) for name, image in images.items()}
    services = {name: _service(config, shared, name, task, stands, follow=follow[name]) for name, task in tasks.items()}
    shared.balancer.redirect(list(services.values()))
    facts = _records(config, shared, images, tasks, services, stands)
    topic = Topic(stack, context.pipeline, account=context.home.account) if context else None
    _monitoring(config, shared, services, topic)
    # The pipeline decides which task definition a service runs; `pulumi up` does where it rolls out.
    by_pulumi = config.environment.rollout == "pulumi"
    definitions = {name: task.release_arn if by_pulumi else None for name, task in tasks.items()}
    steady = [service.name for service in services.values()]
    # What ran on a database that is gone comes up with the next release, unless this `up` rolls one out.
    waiting = [] if by_pulumi else stands.losing_database
    serving.check(config, definitions, waiting=waiting, after=steady, then=stands.retire)
    after = [*services.values(), *facts]
    return Outputs(
        url=shared.balancer.url,
        cluster=shared.cluster.name,
        services={name: service.name for name, service in services.items()},
        template_families={name: template_family(stack, name) for name in services},
        repository_urls={name: image.repository_url for name, image in images.items()},
        log_groups=[task.log_group for task in tasks.values()],
        preview_role=_preview_role(config, config.previews, provider) if config.previews and provider else None,
        pipeline=stack_pipeline.build(config, context, topic=topic, secrets=secrets, after=after)
        if context and topic
        else None,
    )


def _complete(config: StackConfig, up: Standing) -> StackConfig:
    """Return the configuration with the values that it leaves to the applications."""
    services = {
        name: application.complete(section, is_up=up.is_up(name), facts=up.facts(name))
        for name, section in config.environment.services.items()
    }
    return config.model_copy(update={"environment": config.environment.model_copy(update={"services": services})})


def _built_images(config: StackConfig, registry: Registry, up: Standing) -> dict[str, Image]:
    """Create each service's repository and its first image."""
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
            keep=up.is_up(name),
        )
        images[name] = Image(
            repository_url=repository.url, repository_arn=repository.arn, digest=image.digest, version=image.version
        )
    return images


def _accepted_images(config: StackConfig, others: OtherStacks) -> dict[str, Image]:
    """Return the newest accepted image of each service.

    Raises:
        pulumi.RunError: the other stack cannot be read, or has accepted no image of a service.
    """
    key = f"Pulumi.{config.stack}.yaml: slipway:images"
    source = others.get(config.image_stack)
    urls = dict(source.require("repository_urls", config_key=key))
    repositories = {service: url.split("/", 1)[1] for service, url in urls.items()}
    images, errors = {}, []
    for service in config.environment.services:
        image = accepted_image.newest(repositories[service]) if service in repositories else None
        if image is None:
            errors.append(
                f"{key}: no image of service {service} has passed acceptance in {source.name}; "
                f"run: make acceptance STACK={source.name}, on AWS with CLOUD=aws"
            )
        else:
            images[service] = Image(**asdict(image))
    if errors:
        raise pulumi.RunError("\n".join(errors))
    return images


def _shared_components(config: StackConfig, stands: Live) -> SharedComponents:
    """Create what the services share; load balancer, cluster and database are created in parallel.

    Raises:
        pulumi.RunError: the availability zones cannot be those that are configured.
    """
    name, environment = config.stack, config.environment
    zone_filter = aws.GetAvailabilityZonesFilterArgs(name="zone-type", values=["availability-zone"])
    available = aws.get_availability_zones(state="available", filters=[zone_filter]).names
    standing = stands.resources.zones
    network_zones = zones.chosen(name, environment.network, available=available, standing=standing)
    network = Network(name, environment.network, zones=network_zones)
    home = account.home()
    vpc = network.vpc_id
    if environment.network.flow_log_days:
        FlowLogs(name, days=environment.network.flow_log_days, vpc_id=vpc, home=home)
    days = environment.load_balancer.access_log_days
    balancer = LoadBalancer(
        name,
        environment.load_balancer,
        vpc_id=vpc,
        subnet_ids=network.public_subnet_ids,
        log_bucket=AccessLogs(name, days=days, home=home).bucket if days else None,
    )
    keeps_providers = any(one.providers for one in stands.resources.services.values())
    cluster = Cluster(name, environment, keeps_providers=keeps_providers)
    database = None
    if environment.database:
        database = Database(
            name,
            environment.database,
            identifier=stands.database.identifier if stands.database else names.database(name),
            replaced=bool(stands.destroyed),
            upgrades=bool(stands.upgraded),
            log_retention_days=environment.log_retention_days,
            vpc_id=vpc,
            subnet_ids=network.database_subnet_ids,
        )
    return SharedComponents(network=network, balancer=balancer, cluster=cluster, database=database, region=home.region)


def _task(config: StackConfig, shared: SharedComponents, name: str, image: Image, *, follow: bool) -> Task:
    """Create a service's task definitions; with a database they have its address and password."""
    environment, section = config.environment, config.environment.services[name]
    database = shared.database if section.database else None
    return Task(
        name,
        section,
        place=TaskEnvironment(
            environment=config.stack, region=shared.region, log_retention_days=environment.log_retention_days
        ),
        image=image,
        variables=database.variables if database else {},
        secrets=database.secrets if database else {},
        secret_arns=[database.secret_arn] if database else [],
        follow_image=follow,
    )


def _service(  # noqa: PLR0913
    config: StackConfig, shared: SharedComponents, name: str, task: Task, stands: Live, *, follow: bool
) -> Service:
    """Create a service and, if configured, its autoscaling."""
    environment, section, full = config.environment, config.environment.services[name], of_service(config.stack, name)
    running = stands.resources.services.get(name)
    # Tasks that run keep their access until a release without it has replaced them.
    database = shared.database if section.database or (running and running.uses_database) else None
    access = DatabaseAccess(security_group_id=database.security_group_id, port=database.port) if database else None
    service = Service(
        full,
        section,
        container=name,
        placement=Placement(
            vpc_id=shared.network.vpc_id,
            subnet_ids=shared.network.task_subnet_ids,
            public_ip=not environment.network.private_subnets,
            cluster_arn=shared.cluster.arn,
            listener_arn=shared.balancer.listener_arn,
            balancer_metric_name=shared.balancer.metric_name,
            balancer_security_group_id=shared.balancer.security_group_id,
        ),
        database=access,
        task_definition_arn=task.release_arn,
        follow_release=follow,
        hooks=pulumi.ResourceHookBinding(on_error=[serving.failure_hook(config, name)]),
        attachment=stands.attachments[name],
        ports=stands.ports(name),
        has_canary=bool(running and running.canary),
        stands_on=running.providers if running else None,
    )
    if section.autoscaling:
        Autoscaling(full, section.autoscaling, cluster_name=shared.cluster.name, service_name=service.name)
    return service


def _records(  # noqa: PLR0913 - each is made by another step
    config: StackConfig,
    shared: SharedComponents,
    images: Mapping[str, Image],
    tasks: Mapping[str, Task],
    services: Mapping[str, Service],
    stands: Live,
) -> list[Record]:
    """Create the parameters that `delivery` reads at run time."""
    stack = config.stack
    payload = parameter_payloads.environment(url=shared.balancer.url, cluster=shared.cluster.name)
    result = [Record(stack, parameter=environment_parameter(stack), payload=payload)]
    for name, service in services.items():
        payload = parameter_payloads.service(
            stack,
            name,
            config.environment.services[name],
            ecs_service=service.name,
            target_group=service.target_group_arn,
            repository_url=images[name].repository_url,
            digest=tasks[name].digest,
            version=tasks[name].version,
            attachment=stands.attachments[name],
            ports=stands.ports(name),
            first_version_path=stands.first_version_path(name),
        )
        result.append(Record(of_service(stack, name), parameter=service_parameter(stack, name), payload=payload))
    return result


def _monitoring(
    config: StackConfig, shared: SharedComponents, services: Mapping[str, Service], topic: Topic | None
) -> None:
    """Create the alarms and the dashboard; alarms are published to the pipeline's topic, or to the configured one."""
    topic_arn = config.environment.alarm_topic_arn or (topic.arn if topic else None)
    Monitoring(
        config.stack,
        region=shared.region,
        balancer=shared.balancer.metric_name,
        cluster_name=shared.cluster.name,
        services={
            name: ServiceMetrics(
                service_name=service.name, targets=service.metric_name, alternate=service.alternate_metric_name
            )
            for name, service in services.items()
        },
        database=DatabaseMetrics(identifier=shared.database.identifier, section=section)
        if shared.database and (section := config.environment.database)
        else None,
        topic_arns=[topic_arn] if topic_arn is not None else [],
        runbook_url=config.environment.runbook_url,
    )


def _preview_role(config: StackConfig, section: Previews, provider: str) -> pulumi.Output[str]:
    """Create the role for previews of pull requests; return its ARN."""
    statements = access.statements(config, section, account.home(), provider)
    return PreviewRole(
        config.stack, section, trust_policy=access.trust_policy(provider, section), statements=statements
    ).arn
