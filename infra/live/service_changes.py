"""Changes of services: their health checks, and those that are new or removed beside the services of other stacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.health import is_in
from contract.names import release_family
from infra.aws import names
from infra.config.service_rules import receiver
from infra.live import canaries, probe
from infra.live.change import Change

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from contract.facts import Service as Facts
    from infra.config.environment import Service
    from infra.config.errors import Location
    from infra.config.stack import StackConfig
    from infra.live.records import Standing
    from infra.live.resources import Resources

SERVICES: Location = ("environment", "services")


@dataclass(frozen=True, kw_only=True, slots=True)
class Neighbours:
    """What other stacks and the services themselves answer, asked only where a change depends on it.

    `services` returns what the services of other stacks recorded, by `STACK/SERVICE`, None if that cannot be read.
    `url` returns the environment's URL, empty if it is not known.
    """

    services: Callable[[], Mapping[str, Facts | None]]
    url: Callable[[], str]


def check(config: StackConfig, up: Standing, resources: Resources, ask: Neighbours) -> Iterator[Change]:
    """Yield the changes of services that cannot be applied to what stands.

    Args:
        config: the stack's configuration, completed.
        up: what the services recorded.
        resources: what stands.
        ask: what else there is to know.
    """
    yield from _health_checks(config, resources, ask)
    yield from canaries.changes(config, up, resources)
    yield from _new_services(config, up, ask)
    yield from _removed_services(config, up, ask)


def _health_checks(config: StackConfig, resources: Resources, ask: Neighbours) -> Iterator[Change]:
    for name, running in resources.services.items():
        section = config.environment.services.get(name)
        if section is None or running.health_path is None:
            continue
        check = section.health_check
        for key, new, old in (
            ("path", check.path, running.health_path),
            ("status", check.status, running.health_status),
        ):
            if new != old and (answer := _wrong_answer(config, name, section, ask)):
                yield Change(
                    location=(*SERVICES, name, "health_check", key),
                    value=new,
                    stands=answer,
                    allowed_by=f"{name}:{check.path}",
                )


def _wrong_answer(config: StackConfig, name: str, section: Service, ask: Neighbours) -> str:
    """Return what the release that runs answers to the health check as configured; empty if it is as expected."""
    path = section.health_check.path
    if receiver(config.environment, path) != name:
        return f"no request from outside reaches service {name} under {path}, so what it answers there is not known"
    status, reason = probe.get(f"{ask.url()}{path}")
    if status is None:
        return f"what service {name} answers under {path} cannot be seen from here ({reason})"
    if is_in(status, section.health_check.status):
        return ""
    return f"service {name} answers {path} with {status}"


def _new_services(config: StackConfig, up: Standing, ask: Neighbours) -> Iterator[Change]:
    """Yield the new services whose task definition families another stack has: `a-b` of `c` is `b` of `c-a`."""
    new = [name for name in config.environment.services if not up.is_up(name) and "-" in config.stack + name]
    families = {release_family(*other.split("/")): other for other in ask.services()} if new else {}
    for name in new:
        if other := families.get(family := release_family(config.stack, name)):
            rule = "each would deploy the other's task definitions; rename one"
            text = f"service {other} has the task definition family {family}"
            yield Change(location=(*SERVICES, name), value=name, stands=text, rule=rule)


def _removed_services(config: StackConfig, up: Standing, ask: Neighbours) -> Iterator[Change]:
    removed = [name for name in up.services or {} if name not in config.environment.services]
    others = ask.services() if removed and config.registry else {}
    for name in removed:
        users = [
            other for other, facts in others.items() if facts is None or facts.repository == names.repository(name)
        ]
        if users:
            stacks = sorted({user.split("/")[0] for user in users})
            rule = (
                "its repository would be deleted with the images that these run or would roll back to; put it back, "
                f"or remove the service there first: {', '.join(f'pulumi up -s {stack}' for stack in stacks)}"
            )
            run = (
                "run"
                if any(others[user] for user in users)
                else "may run (another version of the program recorded that)"
            )
            text = f"{', '.join(users)} {run} its images"
            yield Change(location=(*SERVICES, name), value=None, stands=text, rule=rule)
