"""Why the tasks of an ECS service do not come up, read from ECS, the load balancer and the tasks' logs.

`pulumi up` and `delivery` both end with it. It makes requests with the clients that it is given, and imports nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from diagnosis import reasons, tasks

if TYPE_CHECKING:

    class Clients(Protocol):
        """A function from the name of an AWS service to its boto3 client."""

        def __call__(self, service: Any, /) -> Any: ...  # noqa: ANN401 - a client's type depends on the name


__all__ = ["Diagnosis", "of_service"]

HEADING = "its last lines:"


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnosis:
    """Why a task failed.

    `task` is its ID, empty if none has stopped. `lines` are the last that it wrote. `reason` is one sentence, `remedy`
    what to change, empty if nothing is known.
    """

    task: str
    reason: str
    remedy: str
    lines: tuple[str, ...]

    @property
    def summary(self) -> str:
        """Reason and remedy in one line."""
        return f"{self._who}: {self.reason}{f'; {self.remedy}' if self.remedy else ''}"

    @property
    def _who(self) -> str:
        return f"task {self.task[:8]}" if self.task else "its tasks"

    def __str__(self) -> str:
        if self.lines:
            return "\n".join([f"{self._who}: {HEADING}", *(f"  {line}" for line in self.lines), self.summary])
        return self.summary


def of_service(  # noqa: PLR0913 - what a service is, and where
    clients: Clients,
    *,
    cluster: str,
    service: str,
    container: str,
    port: int,
    health_path: str,
    task_definition: str = "",
) -> Diagnosis | None:
    """Return why the tasks of a service do not come up, None if nothing shows it.

    Args:
        clients: from an AWS service's name to its boto3 client: `ecs`, `elbv2` and `logs` are asked for.
        cluster: name of the ECS cluster.
        service: name of the ECS service.
        container: name of the container that the load balancer forwards requests to.
        port: that it has to listen on.
        health_path: path of the load balancer's health check.
        task_definition: ARN of the one whose tasks are meant; empty for any.
    """
    about = reasons.Context(port=port, health_path=health_path, memory="")
    failed = tasks.last_failed(clients("ecs"), cluster, service, task_definition)
    if failed is None:
        reason = tasks.unhealthy(clients("elbv2"), clients("ecs"), cluster, service)
        if not reason:
            return None
        text, remedy = reasons.explain(reason, None, (), about)
        return Diagnosis(task="", reason=text, remedy=remedy, lines=())
    definition = tasks.definition(clients("ecs"), failed)
    about = reasons.Context(port=port, health_path=health_path, memory=str(definition.get("memory", "")))
    stopped = tasks.container(failed, container)
    lines = tasks.last_lines(clients("logs"), failed, definition, stopped["name"])
    reason = " ".join(filter(None, [failed.get("stoppedReason", ""), stopped.get("reason", "")]))
    if tasks.is_health_failure(failed):
        reason += " " + tasks.unhealthy(clients("elbv2"), clients("ecs"), cluster, service)
    text, remedy = reasons.explain(reason, stopped.get("exitCode"), lines, about)
    return Diagnosis(task=failed["taskArn"].rpartition("/")[2], reason=text, remedy=remedy, lines=lines)
