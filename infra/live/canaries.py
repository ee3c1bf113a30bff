"""Canaries that are switched on or off, and what cannot change while a service has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.live.change import Change

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.config.stack import StackConfig
    from infra.live.records import Standing
    from infra.live.resources import Resources, Running


def changes(config: StackConfig, up: Standing, resources: Resources) -> Iterator[Change]:
    """Yield the changes of services with a canary that cannot be applied to what stands.

    Args:
        config: the stack's configuration, completed.
        up: what the services recorded.
        resources: what stands.
    """
    for name, running in resources.services.items():
        section = config.environment.services.get(name)
        if section is None:
            continue
        location = ("environment", "services", name)
        rule = _rule(config.stack, name, running, up) if bool(section.canary) != running.canary else ""
        if rule:
            value = section.canary.model_dump() if section.canary else None
            stands = f"service {name} stands {'with' if running.canary else 'without'} a canary"
            yield Change(location=(*location, "canary"), value=value, stands=stands, rule=rule)
        if (section.canary or running.canary) and running.port and section.effective_port != running.port:
            rule = (
                "with a canary its load balancer cannot move to another port, nor while one is switched; put the port "
                "back, remove canary in an `up` of its own, release the new port, then set canary again"
            )
            stands = f"service {name} listens on {running.port}"
            yield Change(location=(*location, "port"), value=section.effective_port, stands=stands, rule=rule)


def _rule(stack: str, name: str, running: Running, up: Standing) -> str:
    """Return why a canary can be switched neither on nor off now, with the remedy; empty if it can."""
    if running.deploying:
        return f"a deployment of it is under way; wait until it is over: delivery status --stack {stack}"
    facts = up.facts(name)
    if running.canary and facts and running.serving != {facts.target_group}:
        return (
            "the alternate target group serves, which would be deleted; put canary back, deploy once more so that the "
            f"first one serves: delivery restart --stack {stack} --service {name}, then remove it"
        )
    return ""
