"""Rules for services whose releases are tried by a canary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.aws import names
from infra.config.errors import Location, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.config.environment import Environment


def check(environment: Environment, stack: str, name: str) -> Iterator[Problem]:
    """Yield the problems of a service's canary, and of a service that is named like the parts of another one's.

    Args:
        environment: the section `slipway:environment`.
        stack: the stack's name.
        name: of the service.
    """
    services = environment.services
    location: Location = ("environment", "services", name)
    other = name.removesuffix(names.ALTERNATE)
    if other != name and other in services and services[other].canary:
        rule = f"is the name of the alternate target group of service {other}, which has a canary; rename the service"
        yield Problem(location, rule, (("environment", "services", other, "canary"),), invalidates=False)
    if services[name].canary is None:
        return
    key: Location = (*location, "canary")
    if problem := names.length_problem(stack, name, names.ALTERNATE):
        yield Problem(key, f"needs a shorter name of its service; {problem}; shorten it, or remove canary")
    if environment.rollout == "pulumi":
        rule = (
            "is set although `pulumi up` rolls out; ECS does not end a canary whose tasks fail (its circuit breaker is "
            "for rolling updates), `delivery` does; set rollout: pipeline, or remove canary"
        )
        yield Problem(key, rule, (("environment", "rollout"),))
