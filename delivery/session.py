"""The session of a command: AWS's clients, the environment that it works on, its progress lines and its clock."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_ecs import ECSClient

    from delivery.aws.clients import Clients
    from delivery.console import Say
    from delivery.environment import Environment


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """A monotonic clock: the seconds since some moment, and a pause of so many seconds."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


SYSTEM = Clock()


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """What a command works with. `say` takes progress lines; `clock` measures what is waited for."""

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
