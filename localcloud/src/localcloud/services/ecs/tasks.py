"""Operations on tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.gateway.protocol import ApiError, Params
from localcloud.services.ecs.services import refuse
from localcloud.services.ecs.state import failure, tag_list
from localcloud.services.ecs.task_documents import subnets_of

if TYPE_CHECKING:
    from localcloud.services.ecs.runner import Runner
    from localcloud.services.ecs.state import State
    from localcloud.services.ecs.task_documents import Factory
    from localcloud.state.table import Doc

COUNT_AT_MOST = 10
NOT_OVERRIDDEN = ("inferenceAcceleratorOverrides", "ephemeralStorage")


class Tasks:
    """Run, stop, list and describe tasks."""

    def __init__(self, state: State, factory: Factory, runner: Runner) -> None:
        """Use ECS's documents, the task factory and the runner."""
        self._state, self._factory, self._runner = state, factory, runner

    def run_task(self, params: Params) -> Params:
        """Start one to ten standalone tasks."""
        cluster = self._state.cluster(params.get("cluster"))
        refuse(params)
        definition = self._state.active_definition(params["taskDefinition"])
        subnets = subnets_of(params)
        if not subnets:
            text = "Network Configuration must be provided when networkMode 'awsvpc' is specified."
            raise ApiError("InvalidParameterException", text)
        if not 1 <= params.get("count", 1) <= COUNT_AT_MOST:
            raise ApiError("InvalidParameterException", f"Count must be from 1 to {COUNT_AT_MOST}.")
        overrides = params.get("overrides", {})
        names = {container["name"] for container in definition["containerDefinitions"]}
        unknown = [row.get("name") for row in overrides.get("containerOverrides", []) if row.get("name") not in names]
        if unknown:
            text = f"Override for container named {unknown[0]} is not a container in the TaskDefinition."
            raise ApiError("InvalidParameterException", text)
        for name in NOT_OVERRIDDEN:
            if overrides.get(name):
                raise ApiError("UnsupportedFeatureException", f"the local cloud does not support overrides.{name}")
        members = {
            "clusterArn": cluster["clusterArn"],
            "group": params.get("group", f"family:{definition['family']}"),
            "startedBy": params.get("startedBy"),
            "overrides": {"containerOverrides": []} | overrides,
            "subnets": subnets,
            "tags": self._tags(params, definition),
        } | {name: overrides[name] for name in ("cpu", "memory") if name in overrides}
        tasks = [self._factory.task(definition, **members) for _ in range(params.get("count", 1))]
        for task in tasks:
            self._runner.launch(task)
        return {"tasks": tasks, "failures": []}

    def stop_task(self, params: Params) -> Params:
        """Stop a task; the scheduler replaces a service's task."""
        task = self._task(params.get("cluster"), params["task"])
        if task is None:
            raise ApiError("InvalidParameterException", "The referenced task was not found.")
        self._runner.stop(task, "UserInitiated", params.get("reason", "Task stopped by user"))
        return {"task": task}

    def describe_tasks(self, params: Params) -> Params:
        """Return tasks by id or ARN, stopped ones for an hour, with failures for missing ones."""
        cluster = self._state.cluster(params.get("cluster"))
        found, missing = [], []
        for name in params["tasks"]:
            task = self._task(params.get("cluster"), name)
            if task is None:
                missing.append(failure(self._key(cluster, name)))
            else:
                shown = dict(task)
                if "TAGS" not in params.get("include", []):
                    shown.pop("tags")
                found.append(shown)
        return {"tasks": found, "failures": missing}

    def list_tasks(self, params: Params) -> Params:
        """Return task ARNs by service, family, desired status, startedBy and launch type."""
        cluster = self._state.cluster(params.get("cluster"))["clusterArn"]
        wanted = params.get("desiredStatus", "RUNNING")
        rows = [task for task in self._state.tasks.values() if task["clusterArn"] == cluster]
        rows = [task for task in rows if task["desiredStatus"] == wanted]
        if "serviceName" in params:
            service = self._state.service(params.get("cluster"), params["serviceName"])["serviceArn"]
            rows = [task for task in rows if task.get("service") == service]
        if "family" in params:
            rows = [
                task for task in rows if task["taskDefinitionArn"].rpartition("/")[2].split(":")[0] == params["family"]
            ]
        if "startedBy" in params:
            rows = [task for task in rows if task.get("startedBy") == params["startedBy"]]
        if params.get("launchType", "FARGATE") != "FARGATE" or "containerInstance" in params:
            rows = []
        return {"taskArns": [task["taskArn"] for task in rows]}

    def _key(self, cluster: Doc, name: str) -> str:
        return self._state.arn(f"task/{cluster['clusterName']}/{name.rpartition('/')[2]}")

    def _task(self, cluster: str | None, name: str) -> Doc | None:
        return self._state.tasks.get(self._key(self._state.cluster(cluster), name))

    def _tags(self, params: Params, definition: Doc) -> list[Doc]:
        own = {tag["key"]: tag["value"] for tag in tag_list(params.get("tags"))}
        if params.get("propagateTags") == "TASK_DEFINITION":
            own = {tag["key"]: tag["value"] for tag in definition["tags"]} | own
        return [{"key": key, "value": value} for key, value in own.items()]
