"""The pages of the runbook: one for each alarm, for each action that fails, and for what else people are told of."""

from __future__ import annotations

from enum import StrEnum

from contract.pipeline import Action

FOLDER = "docs/runbook"


class Alarm(StrEnum):
    """The kinds of alarms; the name of an alarm of a service has the service's name in place of `service`."""

    BALANCER_ERRORS = "balancer-5xx"
    SERVICE_ERRORS = "service-5xx"
    UNHEALTHY = "service-unhealthy"
    DATABASE_STORAGE = "database-storage"
    DATABASE_CPU = "database-cpu"
    DATABASE_CONNECTIONS = "database-connections"

    def of(self, service: str) -> str:
        """Return the suffix of an alarm's name: with the name of its service, if it has one."""
        return self.replace("service", service, 1) if service else str(self)

    @property
    def page(self) -> str:
        """The name of its page."""
        return f"alarm-{self}.md"


ROLLED_BACK, RELEASED, STUCK, NO_MESSAGE = "rolled-back", "released", "deployment-stuck", "no-message"
"""Further pages."""


def of_action(action: str) -> str:
    """Return the path of the page on an action that failed; `Build-arm64` has that of `Build`."""
    return f"{FOLDER}/{Action(action.partition('-')[0]).lower()}-failed.md"


def of_alarm(alarm: Alarm) -> str:
    """Return the path of the page on an alarm."""
    return f"{FOLDER}/{alarm.page}"


def page(name: str) -> str:
    """Return the path of a further page."""
    return f"{FOLDER}/{name}.md"
