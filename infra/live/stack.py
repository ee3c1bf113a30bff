"""The stack as it stands before an `up`, and what is done to it beside what Pulumi does."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

from infra import clients
from infra.live import (
    account_names,
    changes,
    images_in_use,
    records,
    resources,
    restore,
    routing,
    service_linked,
    snapshots,
    upgrades,
)
from infra.live.resources import Resources
from infra.live.service_changes import Neighbours

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from infra.clients import Clients
    from infra.config.stack import StackConfig
    from infra.live.records import Standing
    from infra.live.resources import Database


@dataclass(frozen=True, kw_only=True, slots=True)
class Live:
    """The resources that stand, and what the configuration makes of them.

    `attachments` are the priorities of the rules that attach each service's target group, 0 for none. `destroyed` are
    the databases that this `up` destroys, `upgraded` those that it upgrades to another major version.
    """

    config: StackConfig
    up: Standing
    resources: Resources
    clients: Clients
    attachments: Mapping[str, int]
    destroyed: Sequence[Database]
    upgraded: Sequence[Database]

    @property
    def database(self) -> Database | None:
        """The database that stands and stays, None if there is none."""
        return None if self.destroyed else self.resources.database

    @property
    def losing_database(self) -> list[str]:
        """The services whose running release has the address of a database that this `up` destroys."""
        return [name for name, one in self.resources.services.items() if self.destroyed and one.uses_database]

    def ports(self, service: str) -> list[int]:
        """Return the ports that a service's releases listen on, the first one first.

        None is taken away: what runs may listen on another than the next release, and a rollback goes further back.
        Where the record cannot be read, that is the port of the load balancer.
        """
        facts, running = self.up.facts(service), self.resources.services.get(service)
        served = facts.ports or [facts.port] if facts else [running.port] if running and running.port else []
        return list(dict.fromkeys([*served, self.config.environment.services[service].effective_port]))

    def first_version_path(self, service: str) -> str:
        """Return the version path of a service's first image, which is replaced where Pulumi rolls out."""
        facts, path = self.up.facts(service), self.config.environment.services[service].effective_version_path
        if facts is None or self.config.environment.rollout == "pulumi":
            return path
        return facts.first_version_path or facts.version_path

    def prepare(self, images: Iterable[str]) -> None:
        """Take the snapshots of what is destroyed, and bring the listener rules into order; a preview does nothing.

        Args:
            images: that this `up` may roll out; they are marked as in use, as are those that run.

        Raises:
            pulumi.RunError: a snapshot cannot be taken, or AWS refuses the order.
        """
        if not pulumi.runtime.is_dry_run():
            snapshots.take(self.clients, self.destroyed)
            snapshots.take(self.clients, self.upgraded, done="upgraded")
            running = (one.image for one in self.resources.services.values())
            images_in_use.mark(self.clients, self.config.stack, (*images, *running))
            routing.settle(self.clients, self.config, self.resources, self.attachments.values())

    def retire(self) -> None:
        """Take the services that are removed off the load balancer, before Pulumi deletes their tasks."""
        routing.retire(self.clients, self.config, self.resources)


def read(config: StackConfig, up: Standing) -> Live:
    """Return what stands, once it is certain that the configuration can be applied to it.

    Args:
        config: the stack's configuration, completed.
        up: what its services recorded.

    Raises:
        ConfigError: the configuration cannot be applied to what stands.
        pulumi.RunError: what stands cannot be read.
    """
    stack = config.stack
    own = functools.cache(clients.of(config))
    found = resources.read(own, stack, up.services or ()) or Resources()
    ask = Neighbours(services=lambda: records.others(stack), url=lambda: records.url(stack))
    destroyed = changes.check(config, up, found, ask)
    if found.database is None:
        restore.check(own, config)
    service_linked.check(own, config, up, found)
    account_names.check(own, config, up)
    upgraded = upgrades.permitted(config, found.database)
    attachments = routing.attachments(config, up, found)
    return Live(
        config=config,
        up=up,
        resources=found,
        clients=own,
        attachments=attachments,
        destroyed=destroyed,
        upgraded=upgraded,
    )
