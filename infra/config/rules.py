"""Rules that a section's fields cannot express, most of them over several keys. They read files, but no AWS API."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from infra.aws import subnets
from infra.config import arn_rules, database_rules, limits, other_stack_rules, pipeline_rules, service_rules
from infra.config.errors import Location, Problem
from infra.config.service_rules import comma_separated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.config.environment import LoadBalancer, Network
    from infra.config.stack import StackConfig

# CloudWatch Logs PutRetentionPolicy, retentionInDays.
RETENTION_DAYS = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)
ENVIRONMENT_NAME = re.compile(r"[a-z]([a-z0-9]|-(?=[a-z0-9]))+")
# ELBv2 CreateLoadBalancer: a name must not begin with it.
RESERVED_PREFIX = "internal-"


def check(config: StackConfig) -> Iterator[Problem]:
    """Yield the problems of a configuration whose fields are valid by themselves."""
    yield from _image_source(config)
    yield from arn_rules.check(config)
    yield from _stack_name(config.stack)
    environment = config.environment
    yield from _network(environment.network)
    yield from _load_balancer(environment.load_balancer)
    if environment.database:
        yield from database_rules.check(environment.database)
    yield from _retention(("environment", "log_retention_days"), environment.log_retention_days)
    if environment.network.flow_log_days is not None:
        yield from _retention(("environment", "network", "flow_log_days"), environment.network.flow_log_days)
    if config.pipeline:
        yield from _retention(("pipeline", "log_retention_days"), config.pipeline.log_retention_days)
    yield from pipeline_rules.check(config)
    yield from limits.check(config)
    yield from service_rules.check(environment, config.stack)
    yield from other_stack_rules.check(config)


def _image_source(config: StackConfig) -> Iterator[Problem]:
    registry, images = ("registry",), ("images",)
    if config.registry is None and config.images is None:
        rule = "is missing; a stack needs its own image registry or another stack's images; add it, or slipway:images"
        yield Problem(registry, rule, (images,), invalidates=False)
    if config.registry is not None and config.images is not None:
        rule = "is set together with slipway:registry; a stack has one source of images; remove one of them"
        yield Problem(images, rule, (registry,), invalidates=False)


def _retention(location: Location, days: int) -> Iterator[Problem]:
    if days not in RETENTION_DAYS:
        rule = f"CloudWatch Logs accepts {comma_separated(RETENTION_DAYS)}; choose one"
        yield Problem.invalid(location, days, rule)


def _stack_name(stack: str) -> Iterator[Problem]:
    if not ENVIRONMENT_NAME.fullmatch(stack) or stack.startswith(RESERVED_PREFIX):
        rule = "use lower-case letters, digits and single hyphens, without internal- in front"
        yield Problem((), f"does not support the stack name {stack!r}; {rule}; rename the stack", invalidates=False)


def _network(network: Network) -> Iterator[Problem]:
    location: Location = ("environment", "network")
    if problem := subnets.cidr_problem(network.cidr):
        yield Problem.invalid((*location, "cidr"), network.cidr, problem)
    names = network.zone_names or ()
    if len(set(names)) < len(names):
        yield Problem.invalid((*location, "zone_names"), names, "it has a duplicate; list each zone once")
    if names and "zones" in network.model_fields_set:
        rule = "zone_names says how many there are; remove one of both"
        yield Problem.invalid((*location, "zones"), network.zones, rule, ((*location, "zone_names"),))
    if network.nat_per_zone and not network.private_subnets:
        rule = "NAT gateways need private_subnets: true; set it or remove nat_per_zone"
        yield Problem.invalid(
            (*location, "nat_per_zone"), value=True, rule=rule, depends_on=((*location, "private_subnets"),)
        )


def _load_balancer(balancer: LoadBalancer) -> Iterator[Problem]:
    location: Location = ("environment", "load_balancer")
    if (balancer.certificate_arn is None) != (balancer.domain_name is None):
        rule = "has only one of certificate_arn and domain_name; HTTPS needs both; set both or neither"
        yield Problem(location, rule, ((*location, "certificate_arn"), (*location, "domain_name")))
    seen: set[str] = set()
    for index, cidr in enumerate(balancer.allowed_cidrs):
        rule_location: Location = (*location, "allowed_cidrs", index)
        try:
            network = str(ipaddress.IPv4Network(cidr))
        except ValueError as error:
            yield Problem.invalid(rule_location, cidr, f"it must be an IPv4 CIDR block ({error}); correct it")
            continue
        if network in seen:
            yield Problem.invalid(rule_location, cidr, "AWS rejects duplicate rules; remove one")
        seen.add(network)
