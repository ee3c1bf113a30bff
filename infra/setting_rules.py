"""Rules of the configuration that look at more than one value. Pure, but for looking at build contexts."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import TYPE_CHECKING

from infra import content, naming, setting_pipeline, subnets
from infra.setting_errors import Location, Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.settings import Environment, HealthCheck, LoadBalancer, Network, Service, Settings

ROOT = Path(__file__).resolve().parent.parent
# Fargate's sizes: cpu to the memory sold with it, in MiB (ECS documentation, "Task size").
FARGATE = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
}
# What CloudWatch Logs takes (PutRetentionPolicy, retentionInDays).
RETENTION = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
PLACEHOLDER = re.compile(r"^<.*>$|change.?me|replace.?me|your[-_]|\btodo\b|\bxxx+\b|123456789012", re.IGNORECASE)
SET_BY_US = ("PORT", "IMAGE_DIGEST", "APP_VERSION")
VARIABLE = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
ENVIRONMENT_NAME = re.compile(r"^[a-z][a-z0-9-]*[a-z0-9]$")


def placeholders(values: object, where: Location = ()) -> list[Mistake]:
    """Find values that were meant to be replaced.

    Args:
        values: the configuration, or a part of it.
        where: the part's place.
    """
    if isinstance(values, dict):
        parts: list[tuple[str | int, object]] = list(values.items())
    elif isinstance(values, list):
        parts = list(enumerate(values))
    else:
        found = isinstance(values, str) and PLACEHOLDER.search(values)
        return [Mistake.value(where, values, "that is a placeholder; put the real value there")] if found else []
    return [mistake for key, value in parts for mistake in placeholders(value, (*where, key))]


def check(settings: Settings) -> list[Mistake]:
    """Return every mistake that takes more than one value to see."""
    found = [*_source(settings), *_names(settings)]
    environment = settings.environment
    found += _network(environment.network)
    found += _load_balancer(environment.load_balancer)
    found += _retention(("environment",), environment.log_retention_days)
    if settings.pipeline:
        found += _retention(("pipeline",), settings.pipeline.log_retention_days)
    found += setting_pipeline.check(settings)
    for name, service in environment.services.items():
        found += _service(("environment", "services", name), service, has_database=environment.database is not None)
    return found + list(_routes(environment))


def _source(settings: Settings) -> Iterator[Mistake]:
    if settings.registry is None and settings.images is None:
        yield Mistake(
            ("registry",), "is missing; images come from a registry or another stack; add it, or slipway:images"
        )
    if settings.registry is not None and settings.images is not None:
        yield Mistake(("images",), "is set beside slipway:registry; images come from one place; remove one of them")


def _retention(where: Location, days: int) -> Iterator[Mistake]:
    if days not in RETENTION:
        rule = f"CloudWatch Logs takes {_words(RETENTION)}; choose one"
        yield Mistake.value((*where, "log_retention_days"), days, rule)


def _names(settings: Settings) -> Iterator[Mistake]:
    if not ENVIRONMENT_NAME.match(settings.stack):
        rule = "a stack's name has lower-case letters, digits and hyphens here; rename the stack"
        yield Mistake((), f"cannot serve stack {settings.stack!r}; {rule}")
    for service in settings.environment.services:
        if problem := naming.over_budget(settings.stack, service):
            yield Mistake(("environment", "services", service), f"is too long a name; {problem}; shorten it")


def _network(network: Network) -> Iterator[Mistake]:
    where: Location = ("environment", "network")
    if problem := subnets.problem(network.cidr):
        yield Mistake.value((*where, "cidr"), network.cidr, problem)
    if network.nat_per_zone and not network.private_subnets:
        yield Mistake.value(
            (*where, "nat_per_zone"), value=True, rule="NAT serves private_subnets; set it or remove this"
        )


def _load_balancer(balancer: LoadBalancer) -> Iterator[Mistake]:
    where: Location = ("environment", "load_balancer")
    if (balancer.certificate_arn is None) != (balancer.domain_name is None):
        yield Mistake(where, "has one of certificate_arn and domain_name; HTTPS needs both; add the other or remove it")
    for index, cidr in enumerate(balancer.allowed_cidrs):
        try:
            ipaddress.IPv4Network(cidr)
        except ValueError as error:
            yield Mistake.value(
                (*where, "allowed_cidrs", index), cidr, f"it must be an IPv4 range ({error}); correct it"
            )


def _service(where: Location, service: Service, *, has_database: bool) -> Iterator[Mistake]:
    yield from _size(where, service)
    yield from _health((*where, "health_check"), service.health_check)
    scaling = service.autoscaling
    if scaling and scaling.minimum > scaling.maximum:
        rule = f"it is above maximum, {scaling.maximum}; lower it"
        yield Mistake.value((*where, "autoscaling", "minimum"), scaling.minimum, rule)
    reserved = (*SET_BY_US, *(("DATABASE_",) if has_database and service.database else ()))
    for kind, variables in (("environment", service.environment), ("secrets", service.secrets)):
        for name in variables:
            if not VARIABLE.match(name):
                yield Mistake((*where, kind, name), "is no variable's name; it has letters, digits and _; rename it")
            elif name.startswith(reserved) and (name in SET_BY_US or name.startswith("DATABASE_")):
                yield Mistake((*where, kind, name), "is set by the program; it would be overwritten; remove it")
    for name in service.environment.keys() & service.secrets.keys():
        yield Mistake((*where, "secrets", name), "is under environment too; a variable has one value; remove one")
    yield from _context(where, service)


def _size(where: Location, service: Service) -> Iterator[Mistake]:
    if service.cpu not in FARGATE:
        yield Mistake.value((*where, "cpu"), service.cpu, f"Fargate allows {_words(tuple(FARGATE))}; choose one")
    elif service.memory not in FARGATE[service.cpu]:
        rule = f"with cpu {service.cpu} Fargate allows {_words(FARGATE[service.cpu])}; choose one"
        yield Mistake.value((*where, "memory"), service.memory, rule)


def _health(where: Location, check: HealthCheck) -> Iterator[Mistake]:
    if check.timeout >= check.interval:
        rule = f"it must be below interval, {check.interval}; lower it"
        yield Mistake.value((*where, "timeout"), check.timeout, rule)


def _context(where: Location, service: Service) -> Iterator[Mistake]:
    folder = ROOT / service.context
    if not folder.is_dir() or not any(content.context_files(folder)):
        rule = "there is no file to build an image from; name a folder beside Pulumi.yaml"
        yield Mistake.value((*where, "context"), service.context, rule)
    elif not (folder / service.dockerfile).is_file():
        yield Mistake.value((*where, "dockerfile"), service.dockerfile, f"{service.context} has no such file; name it")


def _routes(environment: Environment) -> Iterator[Mistake]:
    taken: dict[str, str] = {}
    priorities: dict[int, str] = {}
    for name, service in environment.services.items():
        where: Location = ("environment", "services", name, "route")
        first = priorities.setdefault(service.route.priority, name)
        if first != name:
            rule = f"service {first} has this priority; give each service its own"
            yield Mistake.value((*where, "priority"), service.route.priority, rule)
        for index, path in enumerate(service.route.paths):
            first = taken.setdefault(path, name)
            if first != name:
                yield Mistake.value((*where, "paths", index), path, f"service {first} has this route; use another")


def _words(values: tuple[int, ...]) -> str:
    return ", ".join(str(value) for value in values)
