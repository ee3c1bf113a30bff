"""The last step of `pulumi up`: every service of the environment serves, or the command fails with the reason.

The AWS provider waits for a service only when it changes it. After an `up` that failed, the next one would find nothing
to change and end in success, although nothing runs.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from botocore.exceptions import BotoCoreError, ClientError

import diagnosis
from contract.names import of_service
from diagnosis import tasks
from infra import clients
from infra.aws import names

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from infra.clients import Clients
    from infra.config.stack import StackConfig

LIMIT_SECONDS = 20 * 60
"""The provider's own limit for a service to become steady (aws_ecs_service, timeouts)."""
POLL_SECONDS = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Declared:
    """A service that has to serve.

    `task_definition` is the ARN that it has to run, None where the pipeline decides that. `service` is the name of the
    ECS service, `name` that in the stack file, which is also its container's.
    """

    name: str
    service: str
    port: int
    health_path: str
    task_definition: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """The check of an environment's services; the clock is given so that tests do not wait."""

    clients: Clients
    stack: str
    cluster: str
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def run(self, services: Sequence[Declared]) -> None:
        """Wait until every service serves; deploy again what does not and is not being deployed.

        Raises:
            pulumi.RunError: a service does not serve after that; the message has the reason.
        """
        failed = [reason for declared in services if (reason := self._reason(declared))]
        if failed:
            raise pulumi.RunError("\n".join(failed))

    def _reason(self, declared: Declared) -> str | None:
        """Return why a service does not serve, None if it does."""
        end, deployed = self.now() + LIMIT_SECONDS, False
        while True:
            service = self._describe(declared)
            if service["desiredCount"] == 0:
                pulumi.log.warn(f"service {declared.name} is scaled to 0 tasks and serves nothing")
                return None
            if self._serves(declared, service):
                return None
            if any(one.get("rolloutState") == "IN_PROGRESS" for one in service["deployments"]):
                if self.now() > end:
                    return self._text(declared, f"has not become steady within {LIMIT_SECONDS // 60} minutes")
            elif deployed:
                return self._text(declared, "does not come up")
            else:
                self._deploy(declared, service)
                deployed = True
            self.sleep(POLL_SECONDS)

    def _describe(self, declared: Declared) -> dict[str, Any]:
        found = self.clients("ecs").describe_services(cluster=self.cluster, services=[declared.service])["services"]
        if not found or found[0]["status"] != "ACTIVE":
            raise pulumi.RunError(
                f"service {declared.name}: cluster {self.cluster} has no ECS service {declared.service}, although "
                f"Pulumi's state has it; run: pulumi refresh -s {self.stack}, then pulumi up"
            )
        result: dict[str, Any] = found[0]
        return result

    def _serves(self, declared: Declared, service: dict[str, Any]) -> bool:
        """Return whether a service runs what it has to, with at least one healthy target."""
        if declared.task_definition not in (None, service["taskDefinition"]) and self._went_back(declared):
            return False
        health = self.clients("elbv2").describe_target_health
        rows = [
            row
            for group in tasks.target_groups(service)
            for row in health(TargetGroupArn=group)["TargetHealthDescriptions"]
        ]
        return any(row["TargetHealth"]["State"] == "healthy" for row in rows)

    def _went_back(self, declared: Declared) -> bool:
        """Return whether the newest deployment of a service failed: what it runs then is not what anybody asked for."""
        rows = self.clients("ecs").list_service_deployments(cluster=self.cluster, service=declared.service)
        newest = max(rows["serviceDeployments"], key=lambda row: row["createdAt"], default=None)
        if newest is None or newest["status"] != "SUCCESSFUL":
            return True
        pulumi.log.warn(
            f"service {declared.name} runs another release than the one that this stack declares, since somebody "
            f"deployed or rolled it back by hand; it stays until the source changes"
        )
        return False

    def _deploy(self, declared: Declared, service: dict[str, Any]) -> None:
        definition = declared.task_definition or service["taskDefinition"]
        pulumi.log.info(f"service {declared.name} does not serve; deploying {definition.rpartition('/')[2]} again")
        moved = service["loadBalancers"]
        if declared.task_definition:  # ECS refuses the port of the release that it went back to
            moved = [{**one, "containerPort": declared.port} for one in moved]
        self.clients("ecs").update_service(
            cluster=self.cluster,
            service=declared.service,
            taskDefinition=definition,
            loadBalancers=moved,
            forceNewDeployment=True,
        )

    def _text(self, declared: Declared, problem: str) -> str:
        return "\n".join([f"service {declared.name} {problem}", *self.explain(declared)])

    def explain(self, declared: Declared) -> list[str]:
        """Return, as lines, why the tasks of a service do not come up; empty if nothing shows it."""
        try:
            found = diagnosis.of_service(
                self.clients,
                cluster=self.cluster,
                service=declared.service,
                container=declared.name,
                port=declared.port,
                health_path=declared.health_path,
            )
        except (ClientError, BotoCoreError) as error:
            return [f"why cannot be read: {error}"]
        return str(found).splitlines() if found else []


def check(
    config: StackConfig,
    task_definitions: Mapping[str, pulumi.Input[str] | None],
    *,
    waiting: Collection[str],
    after: Sequence[pulumi.Input[object]],
    then: Callable[[], None],
) -> None:
    """Fail `pulumi up` if a service does not serve once it is created; a preview checks nothing.

    Args:
        config: the stack's configuration.
        task_definitions: ARNs by service of what it has to run, None where the pipeline decides that.
        waiting: services that cannot serve before their next release; a warning names the command.
        after: outputs that resolve when the services are created.
        then: what to do once all serve, before Pulumi deletes what is no longer declared.
    """
    if pulumi.runtime.is_dry_run():
        return
    for name in waiting:
        pulumi.log.warn(
            f"service {name} has the address of the database that is gone and does not serve until its next release; "
            f"run: delivery deploy --stack {config.stack} --commit COMMIT, or push a commit"
        )

    async def run(values: list[Any]) -> bool:
        services = [
            _declared(config, name, definition) for name, definition in values[0].items() if name not in waiting
        ]
        await asyncio.to_thread(_check(config).run, services)
        await asyncio.to_thread(then)
        return True

    pulumi.Output.all(dict(task_definitions), *after).apply(run)  # type: ignore[arg-type] # the overload with Awaitable infers Never


def failure_hook(config: StackConfig, name: str) -> pulumi.ErrorHook:
    """Return the hook that logs why the tasks of a service do not come up; the provider tells only that they do not."""

    def log_reason(_: pulumi.ErrorHookArgs) -> bool:
        if lines := _check(config).explain(_declared(config, name, None)):
            pulumi.log.error("\n".join([f"the tasks of service {name} do not come up:", *lines]))
        return False

    return pulumi.ErrorHook(f"{name}-not-steady", log_reason)


def _check(config: StackConfig) -> Check:
    return Check(clients=clients.of(config), stack=config.stack, cluster=names.cluster(config.stack))


def _declared(config: StackConfig, name: str, task_definition: str | None) -> Declared:
    section = config.environment.services[name]
    return Declared(
        name=name,
        service=of_service(config.stack, name),
        port=section.effective_port,
        health_path=section.health_check.path,
        task_definition=task_definition,
    )
