"""The session of a command: AWS clients, environment, progress output and clock."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from delivery import interruption
from delivery.console import age

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from types_boto3_ecs import ECSClient

    from delivery.aws.clients import Clients
    from delivery.console import Say
    from delivery.environment import Environment


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """A monotonic clock: `now` in seconds, and `sleep`; tests inject one that does not wait.

    `today` is the time of day, in seconds since 1970, for ages.
    """

    now: Callable[[], float] = time.monotonic
    today: Callable[[], float] = time.time
    sleep: Callable[[float], None] = interruption.sleep

    def ago(self, moment: datetime) -> str:
        """Return how long ago a moment was: `6 min ago`."""
        return f"{age(self.today() - moment.timestamp())} ago"


SYSTEM = Clock()


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """The context of a command. `say` takes progress lines; `clock` measures time limits."""

    clients: Clients
    environment: Environment
    say: Say
    clock: Clock = SYSTEM

    @property
    def ecs(self) -> ECSClient:
        """The client of ECS."""
        return self.clients("ecs")

    @property
    def stack(self) -> str:
        """The name of the environment's stack."""
        return self.environment.stack
