"""The architecture on one screen: what a stack's configuration becomes.

The one composer of components, with `infra/release.py` for those of the pipeline.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra import accepted, naming, previews, release, release_wiring, wiring
from infra.components.autoscaling import Autoscaling
from infra.components.cluster import Cluster
from infra.components.database import Database
from infra.components.first_image import FirstImage
from infra.components.load_balancer import LoadBalancer
from infra.components.monitoring import Monitoring
from infra.components.network import Network
from infra.components.preview_role import PreviewRole
from infra.components.record import Record, RecordArgs
from infra.components.repository import Repository
from infra.components.service import Service
from infra.components.task import Task
from infra.components.topic import Topic
from infra.stacks import OtherStacks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra import settings


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
    release: release.Outputs | None

    def export(self) -> dict[str, object]:
        """Return the exports by name."""
        own: dict[str, object] = {name: getattr(self, name) for name in self.__slots__ if name != "release"}
        own = {name: value for name, value in own.items() if value is not None}
        return own | (self.release.export() if self.release else {})


def build(chosen: settings.Settings, secrets: Mapping[str, pulumi.Output[str] | None]) -> Outputs:
    """Declare everything that a stack has.

    Args:
        chosen: the stack's configuration, checked.
        secrets: those of `settings.SECRETS`, None where one is not set.

    Raises:
        pulumi.RunError: what another stack or the account has to have is missing; nothing is created then.
    """
    others = OtherStacks()
    known = release.survey(chosen, chosen.pipeline, others) if chosen.pipeline else None
    previewer = previews.survey(chosen)
    images = _own_images(chosen, chosen.registry) if chosen.registry else _accepted_images(chosen, others)
    base = _base(chosen)
    tasks, services = {}, {}
    for name, image in images.items():
        full = naming.of_service(chosen.stack, name)
        tasks[name] = Task(full, wiring.task(chosen, base, name, image))
        services[name] = Service(full, wiring.service(chosen, base, name, tasks[name]))
        if scaling := chosen.environment.services[name].autoscaling:
            Autoscaling(full, wiring.autoscaling(base, services[name], scaling))
    records = _records(chosen, base, images, tasks, services)
    topic = Topic(chosen.stack, release_wiring.topic(chosen, known)) if known else None
    Monitoring(chosen.stack, wiring.monitoring(chosen, base, services, [topic.arn] if topic else []))
    after = [*services.values(), *records]
    return Outputs(
        url=base.balancer.url,
        cluster=base.cluster.name,
        services={name: service.name for name, service in services.items()},
        template_families={name: naming.template_family(chosen.stack, name) for name in services},
        repository_urls={name: image.repository_url for name, image in images.items()},
        image_digests={name: task.digest for name, task in tasks.items()},
        log_groups=[task.log_group for task in tasks.values()],
        preview_role=PreviewRole(chosen.stack, previewer).arn if previewer else None,
        release=release.build(chosen, known, topic=topic, secrets=secrets, after=after) if known and topic else None,
    )


def _own_images(chosen: settings.Settings, registry: settings.Registry) -> dict[str, wiring.Image]:
    """Make the repositories, and build each service's first image into its own."""
    images, now = {}, datetime.now(UTC)
    for name in chosen.environment.services:
        held_in = Repository(name, wiring.repository(registry, name))
        image = FirstImage(name, wiring.first_image(chosen, name, held_in, now))
        images[name] = wiring.Image(
            repository_url=held_in.url, repository_arn=held_in.arn, digest=image.digest, version=image.version
        )
    return images


def _accepted_images(chosen: settings.Settings, others: OtherStacks) -> dict[str, wiring.Image]:
    """Take what another stack accepted; refuse before anything is created."""
    asked_by = f"Pulumi.{chosen.stack}.yaml: slipway:images"
    source = others.get(chosen.image_stack)
    urls = dict(source.require("repository_urls", asked_by=asked_by))
    repositories = {service: url.split("/", 1)[1] for service, url in urls.items()}
    images, refusals = {}, []
    for service in chosen.environment.services:
        found = accepted.newest(repositories[service]) if service in repositories else None
        if found is None:
            refusals.append(
                f"{asked_by}: no image of service {service} has passed acceptance in {source.name}; "
                f"run: make acceptance STACK={source.name}, on AWS with CLOUD=aws"
            )
        else:
            images[service] = wiring.Image(**asdict(found))
    if refusals:
        raise pulumi.RunError("\n".join(refusals))
    return images


def _base(chosen: settings.Settings) -> wiring.Base:
    """Make what the services share; the slow parts do not wait for one another."""
    name, wanted = chosen.stack, chosen.environment.database
    only_zones = aws.GetAvailabilityZonesFilterArgs(name="zone-type", values=["availability-zone"])
    zones = aws.get_availability_zones(state="available", filters=[only_zones]).names
    network = Network(name, wiring.network(chosen, zones))
    return wiring.Base(
        network=network,
        balancer=LoadBalancer(name, wiring.load_balancer(chosen, network)),
        cluster=Cluster(name, wiring.cluster(chosen)),
        database=Database(name, wiring.database(chosen, wanted, network)) if wanted else None,
        region=aws.get_region().region,
    )


def _records(
    chosen: settings.Settings,
    base: wiring.Base,
    images: Mapping[str, wiring.Image],
    tasks: Mapping[str, Task],
    services: Mapping[str, Service],
) -> list[Record]:
    """Write what acceptance and delivery read when they run."""
    facts: dict[str, pulumi.Input[object]] = {"url": base.balancer.url, "cluster": base.cluster.name}
    records = [Record(chosen.stack, RecordArgs(parameter=naming.environment_parameter(chosen.stack), facts=facts))]
    for name, task in tasks.items():
        facts = wiring.service_facts(chosen, name, images[name], task, services[name])
        parameter = naming.service_parameter(chosen.stack, name)
        records.append(Record(naming.of_service(chosen.stack, name), RecordArgs(parameter=parameter, facts=facts)))
    return records
