"""Rules of the configuration that look at more than one value. Pure, but for looking at files."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from infra.aws import subnets
from infra.config import other_stack_rules, pipeline_rules, service_rules
from infra.config.errors import Location, Mistake
from infra.config.service_rules import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.config.environment import LoadBalancer, Network
    from infra.config.stack import StackConfig

# What CloudWatch Logs takes (PutRetentionPolicy, retentionInDays).
RETENTION = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
ENVIRONMENT_NAME = re.compile(r"[a-z]([a-z0-9]|-(?=[a-z0-9]))+")
# ELBv2 CreateLoadBalancer, Name: it may not begin so.
RESERVED = "internal-"


def check(config: StackConfig) -> Iterator[Mistake]:
    """Yield every mistake that takes more than one value to see."""
    yield from _source(config)
    yield from _name(config.stack)
    environment = config.environment
    yield from _network(environment.network)
    yield from _load_balancer(environment.load_balancer)
    yield from _retention(("environment",), environment.log_retention_days)
    if config.pipeline:
        yield from _retention(("pipeline",), config.pipeline.log_retention_days)
    yield from pipeline_rules.check(config)
    yield from service_rules.check(environment, config.stack)
    yield from other_stack_rules.check(config)


def _source(config: StackConfig) -> Iterator[Mistake]:
    registry, images = ("registry",), ("images",)
    if config.registry is None and config.images is None:
        rule = "is missing; images come from a registry or another stack; add it, or slipway:images"
        yield Mistake(registry, rule, (images,), spoils=False)
    if config.registry is not None and config.images is not None:
        rule = "is set beside slipway:registry; images come from one place; remove one of them"
        yield Mistake(images, rule, (registry,), spoils=False)


def _retention(where: Location, days: int) -> Iterator[Mistake]:
    if days not in RETENTION:
        rule = f"CloudWatch Logs takes {listed(RETENTION)}; choose one"
        yield Mistake.value((*where, "log_retention_days"), days, rule)


def _name(stack: str) -> Iterator[Mistake]:
    if not ENVIRONMENT_NAME.fullmatch(stack) or stack.startswith(RESERVED):
        rule = "a stack's name has lower-case letters, digits and single hyphens here, and no internal- in front"
        yield Mistake((), f"cannot serve stack {stack!r}; {rule}; rename the stack", spoils=False)


def _network(network: Network) -> Iterator[Mistake]:
    where: Location = ("environment", "network")
    if problem := subnets.problem(network.cidr):
        yield Mistake.value((*where, "cidr"), network.cidr, problem)
    if network.nat_per_zone and not network.private_subnets:
        rule = "NAT serves private_subnets; set it or remove this"
        yield Mistake.value((*where, "nat_per_zone"), value=True, rule=rule, needs=((*where, "private_subnets"),))


def _load_balancer(balancer: LoadBalancer) -> Iterator[Mistake]:
    where: Location = ("environment", "load_balancer")
    if (balancer.certificate_arn is None) != (balancer.domain_name is None):
        rule = "has one of certificate_arn and domain_name; HTTPS needs both; add the other or remove it"
        yield Mistake(where, rule, ((*where, "certificate_arn"), (*where, "domain_name")))
    known: set[str] = set()
    for index, cidr in enumerate(balancer.allowed_cidrs):
        place: Location = (*where, "allowed_cidrs", index)
        try:
            network = str(ipaddress.IPv4Network(cidr))
        except ValueError as error:
            yield Mistake.value(place, cidr, f"it must be an IPv4 range ({error}); correct it")
            continue
        if network in known:
            yield Mistake.value(place, cidr, "it is there twice, which AWS refuses; remove one")
        known.add(network)
