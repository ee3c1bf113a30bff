"""A fake ECS: services whose deployments go on as time passes, and end by what their image does."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.unit.delivery.aws import FakeError, pages
from tests.unit.delivery.definitions import Definitions, arn

if TYPE_CHECKING:
    from collections.abc import Callable

OVER = {"SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"}
LISTED, STARTED, ENDED, BROKEN, BACK = 1.0, 2.0, 8.0, 12.0, 5.0
"""Seconds until a deployment is listed, runs tasks, succeeds, fails by the circuit breaker, and is rolled back."""


@dataclass(kw_only=True)
class Task:
    """A task; it is a target of the load balancer by its address."""

    name: str
    service: str
    definition: str
    digest: str
    address: str
    status: str = "RUNNING"
    reason: str = ""
    code: int | None = None
    stop: str = ""
    created: datetime
    alternate: bool = False
    """Whether it is a target of its service's alternate target group."""


@dataclass(kw_only=True)
class Service:
    """A service; `rollouts` are its service deployments, oldest first."""

    name: str
    group: str
    definition: str
    desired: int = 2
    status: str = "ACTIVE"
    rollouts: list[dict[str, Any]] = field(default_factory=list)
    primary: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    breaker: bool = True
    port: int = 80
    """The container's port that the load balancer has."""
    canary: int = 0
    """The share of a canary in percent, 0 for rolling updates."""
    minutes: tuple[int, int] = (5, 2)
    """How long it has its share, and how long the old tasks run after that."""
    alternate: bool = False
    """Whether the alternate target group serves."""
    share: int = 0
    """The weight of the target group that does not serve."""

    @property
    def weights(self) -> dict[str, int]:
        """The weights of its target groups."""
        both = [100 - self.share, self.share]
        return dict(zip((self.group, f"{self.group}-alt"), both[::-1] if self.alternate else both, strict=True))


@dataclass(kw_only=True)
class Ecs(Definitions):
    """The services of one cluster.

    `behaviour` says by an image's digest how a rollout of it ends: `good` (as of any other), `crash`, `never` (no
    task becomes healthy), `full` (no capacity for tasks), `hangs` (never healthy, no circuit breaker). `listed`
    is how long UpdateService's deployment stays unlisted.
    """

    cluster: str = "the-cluster"
    services: dict[str, Service] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)
    behaviour: dict[str, str] = field(default_factory=dict)
    listed: float = LISTED
    rollback_fails: str = ""
    """How ECS's own rollback fails: it `stays` on the new revision, or leaves the service `empty`."""
    afterwards: list[Callable[[], None]] = field(default_factory=list)
    """What happens once, right after a deployment has succeeded."""
    shown: dict[str, str] = field(default_factory=dict)
    """What ECS shows as the digest of an image, where it is another than the image's own."""

    def when(self) -> datetime:
        """Return the time, as ECS tells it."""
        return datetime.fromtimestamp(self.aws.time.now, UTC)

    def create(self, name: str, definition: str, desired: int = 2) -> Service:
        """Make a service that is steady on a revision."""
        made = Service(name=name, group=f"arn:group/{name}", definition=definition, desired=desired)
        self.services[name] = made
        made.primary = [self._deployment(definition, desired)]
        self._launch(made, definition)
        return made

    def _deployment(self, definition: str, desired: int, state: str = "COMPLETED") -> dict[str, Any]:
        count = {"desiredCount": desired, "runningCount": desired if state == "COMPLETED" else 0}
        held = {"id": f"ecs-svc/{len(self.aws.calls)}", "status": "PRIMARY", "createdAt": self.when()}
        return held | count | {"taskDefinition": definition, "rolloutState": state}

    def _launch(self, service: Service, definition: str, status: str = "RUNNING", **held: Any) -> None:  # noqa: ANN401 - a Task's
        digest = self.image(definition).partition("@")[2]
        for _ in range(max(1, service.desired)):
            number = len(self.tasks) + 1
            self.tasks.append(
                Task(
                    name=arn("task", f"{self.cluster}/{number:032}"), service=service.name, definition=definition,
                    digest=self.shown.get(digest, digest), address=f"10.0.0.{number}", status=status,
                    created=self.when(), **{"alternate": service.alternate} | held,
                )
            )  # fmt: skip

    def event(self, service: str, message: str) -> None:
        """Let a service tell something."""
        held = self.services[service]
        held.events.insert(0, {"id": f"event-{len(held.events)}", "createdAt": self.when(), "message": message})

    # What is asked of ECS

    def _of(self, params: dict[str, Any], name: str) -> Service:
        if params["cluster"] != self.cluster:
            raise FakeError("ClusterNotFoundException")
        if name not in self.services:
            raise FakeError("ServiceNotFoundException")
        return self.services[name]

    def list_clusters(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the one cluster, on the second page."""
        return pages("clusterArns", [arn("cluster", "empty"), arn("cluster", "other"), self.cluster], params)

    def describe_clusters(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return clusters, none of which has tags."""
        return {"clusters": [{"clusterName": name, "status": "ACTIVE", "tags": []} for name in params["clusters"]]}

    def list_services(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the cluster's services."""
        assert params["maxResults"] <= 10, "DescribeServices takes ten"
        held = self.services if params["cluster"] == self.cluster else {}
        return pages("serviceArns", [arn("service", name) for name in held], params)

    def describe_services(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return services by name or ARN."""
        if params["cluster"] != self.cluster:
            raise FakeError("ClusterNotFoundException")
        names = [name.rpartition("/")[2] for name in params["services"]]
        return {"services": [self._shown(self.services[name]) for name in names if name in self.services]}

    def _shown(self, one: Service) -> dict[str, Any]:
        breaker = {"enable": one.breaker, "rollback": one.breaker}
        configuration: dict[str, Any] = {"deploymentCircuitBreaker": breaker, "strategy": "ROLLING"}
        balancer: dict[str, Any] = {"targetGroupArn": one.group, "containerName": "app", "containerPort": one.port}
        if one.canary:
            share = {"canaryPercent": one.canary, "canaryBakeTimeInMinutes": one.minutes[0]}
            configuration = {"strategy": "CANARY", "canaryConfiguration": share, "bakeTimeInMinutes": one.minutes[1]}
            balancer["advancedConfiguration"] = {
                "alternateTargetGroupArn": f"{one.group}-alt",
                "productionListenerRule": f"arn:rule/{one.name}",
                "roleArn": "arn:role/canary",
            }
        return {
            "serviceName": one.name,
            "status": one.status,
            "desiredCount": one.desired,
            "runningCount": len([task for task in self.tasks if task.service == one.name and task.status == "RUNNING"]),
            "taskDefinition": one.definition,
            "deployments": list(one.primary),
            "events": list(one.events),
            "deploymentConfiguration": configuration,
            "loadBalancers": [balancer],
        }

    def list_tasks(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the ARNs of tasks by service or family, and by what they are meant to do."""
        family, service = params.get("family"), params.get("serviceName")
        assert params["cluster"] == self.cluster
        stopped = params.get("desiredStatus") == "STOPPED"
        shown = [
            task.name
            for task in self.tasks
            if (task.status == "STOPPED") == stopped
            and service in (None, task.service)
            and family in (None, self.revisions[task.definition]["family"])
        ]
        return {"taskArns": shown} if stopped else pages("taskArns", shown, params)

    def describe_tasks(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return tasks."""
        assert params["tasks"], "DescribeTasks without tasks is refused"
        return {"tasks": [self._task(task) for task in self.tasks if task.name in params["tasks"]]}

    def _task(self, task: Task) -> dict[str, Any]:
        app: dict[str, Any] = {"name": "app"} | ({"imageDigest": task.digest} if task.status != "PENDING" else {})
        app |= {} if task.code is None else {"exitCode": task.code}
        detail = [{"name": "subnetId", "value": "s"}, {"name": "privateIPv4Address", "value": task.address}]
        shown: dict[str, Any] = {
            "taskArn": task.name,
            "taskDefinitionArn": task.definition,
            "lastStatus": task.status,
            "containers": [{"name": "proxy", "imageDigest": "sha256:proxy"}, app],
            "attachments": [{"details": detail}],
            "stoppedReason": task.reason,
            "createdAt": task.created,
        }
        return shown | ({"stopCode": task.stop} if task.stop else {})
