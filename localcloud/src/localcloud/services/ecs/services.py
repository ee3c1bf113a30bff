"""Operations on services."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from localcloud.gateway.protocol import ApiError, Params
from localcloud.services.ecs import deployment_alarms, strategies
from localcloud.services.ecs.rollouts import SHAPING, fingerprint
from localcloud.services.ecs.state import PENDING, failure, tag_list

if TYPE_CHECKING:
    from localcloud.services.ecs.rollouts import Rollouts
    from localcloud.services.ecs.scheduler import Scheduler
    from localcloud.services.ecs.state import State
    from localcloud.services.ecs.traffic import Traffic
    from localcloud.state.table import Doc

NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
ROLE = "aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"
ROLLING = {"minimumHealthyPercent": 100, "maximumPercent": 200}
PLAIN = (
    "availabilityZoneRebalancing", "healthCheckGracePeriodSeconds", "enableECSManagedTags", "propagateTags",
    "enableExecuteCommand", "desiredCount",
)  # fmt: skip
"""Members that UpdateService changes without a new deployment."""
NOT_RUN = ("serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations", "serviceRegistries")
NOT_ROLLED = (
    "lifecycleHooks",
    "linearConfiguration",
    "earlySuccessCriteria",
)


class Services:
    """Create, describe, change and delete services."""

    def __init__(self, state: State, rollouts: Rollouts, scheduler: Scheduler, traffic: Traffic) -> None:
        """Use ECS's documents, deployments, the scheduler and the load balancers' traffic."""
        self._state, self._rollouts, self._scheduler, self._traffic = state, rollouts, scheduler, traffic

    def create_service(self, params: Params) -> Params:
        """Create a service and start its first deployment."""
        cluster = self._state.cluster(params.get("cluster"))
        name = params["serviceName"]
        if not NAME.fullmatch(name):
            raise ApiError("InvalidParameterException", f"Service name {name!r} contains invalid characters.")
        refuse(params)
        key = self._state.service_arn(cluster, name)
        known = self._state.services.get(key)
        if known is not None and known["status"] == "ACTIVE":
            raise ApiError("InvalidParameterException", "Creation of service was not idempotent.")
        if known is not None and known["status"] == "DRAINING":
            raise ApiError("InvalidParameterException", "Unable to Start a service that is still Draining.")
        if "taskDefinition" not in params:
            raise ApiError("InvalidParameterException", "TaskDefinition can not be blank.")
        definition = self._state.active_definition(params["taskDefinition"])
        self._check_balancers(params.get("loadBalancers", []), definition, params.get("deploymentConfiguration", {}))
        doc = self._new(params, cluster, key, definition)
        self._state.services.put(key, doc)
        self._rollouts.begin(doc)
        self._scheduler.watch(doc)
        return {"service": self.view(doc)}

    def update_service(self, params: Params) -> Params:
        """Update a service; a change that affects its tasks, or forceNewDeployment, starts a new deployment."""
        doc = self._state.service(params.get("cluster"), params["service"])
        if doc["status"] != "ACTIVE":
            raise ApiError("ServiceNotActiveException", "Service was not ACTIVE.")
        rollout = self._new_configuration(doc, params)
        named = str(params.get("taskDefinition") or doc["taskDefinition"])
        changed = "taskDefinition" in params or params.get("forceNewDeployment") or "loadBalancers" in params
        definition = self._state.active_definition(named) if changed else self._state.definition(named)
        balancers: list[dict[str, Any]] = params["loadBalancers"] if "loadBalancers" in params else doc["loadBalancers"]
        canary = rollout.get("strategy") == strategies.CANARY
        if "loadBalancers" in params or (canary and rollout != doc["deploymentConfiguration"]):
            self._check_balancers(balancers, definition, rollout)
        if canary and doc["deployments"]:
            self._traffic.check_change(strategies.groups_of(doc["deployments"][0]), balancers)
        if strategies.advanced(doc["loadBalancers"]) and not strategies.advanced(balancers):
            self._traffic.check_removal(doc["loadBalancers"], balancers)
        before = fingerprint(doc)
        doc.update({member: params[member] for member in (*PLAIN, *SHAPING) if member in params})
        doc["taskDefinition"] = definition["taskDefinitionArn"]
        if "capacityProviderStrategy" in params:
            doc["launchType"] = None
        doc["deploymentConfiguration"] = rollout
        if params.get("forceNewDeployment") or fingerprint(doc) != before:
            self._rollouts.begin(doc, forced=bool(params.get("forceNewDeployment")))
        elif "desiredCount" in params and doc["deployments"]:
            doc["deployments"][0].update(desiredCount=params["desiredCount"], updatedAt=time.time())
        self._state.save_service(doc)
        self._scheduler.watch(doc)
        return {"service": self.view(doc)}

    def describe_services(self, params: Params) -> Params:
        """Return services by name or ARN, with failures for missing ones."""
        found, missing = [], []
        for name in params["services"]:
            doc = self._state.service_or_none(params.get("cluster"), name)
            if doc is None:
                missing.append(failure(self._state.service_arn(self._state.cluster(params.get("cluster")), name)))
            else:
                shown = self.view(doc)
                if "TAGS" not in params.get("include", []):
                    shown.pop("tags")
                found.append(shown)
        return {"services": found, "failures": missing}

    def list_services(self, params: Params) -> Params:
        """Return the ARNs of a cluster's services, except INACTIVE ones."""
        cluster = self._state.cluster(params.get("cluster"))["clusterArn"]
        rows = [
            row for row in self._state.services.values() if row["clusterArn"] == cluster and row["status"] != "INACTIVE"
        ]
        return {"serviceArns": [row["serviceArn"] for row in rows]}

    def delete_service(self, params: Params) -> Params:
        """Drain a service; its tasks stop in parallel, then it becomes INACTIVE."""
        doc = self._state.service(params.get("cluster"), params["service"])
        if doc["desiredCount"] > 0 and not params.get("force"):
            raise ApiError("InvalidParameterException", "The service cannot be stopped while it is scaled above 0.")
        if doc["status"] == "ACTIVE":
            doc["status"], doc["desiredCount"] = "DRAINING", 0
            self._rollouts.end(doc, "The service was deleted.")
            self._state.save_service(doc)
        self._scheduler.watch(doc)
        return {"service": self.view(doc)}

    def view(self, doc: Doc) -> Doc:
        """Return a service as in API responses, with its task counts."""
        tasks = [(task["startedBy"], task["lastStatus"]) for task in self._state.tasks_of(doc)]
        deployments = [deployment | counts(tasks, deployment["id"]) for deployment in doc["deployments"]]
        revisions = [
            {
                "arn": row["revision"],
                "requestedTaskCount": row["desiredCount"],
                **revision_counts(counts(tasks, row["id"])),
            }
            for row in doc["deployments"]
        ]
        own = counts(tasks, None)
        return doc | own | {"deployments": deployments, "currentServiceRevisions": revisions}

    def _new(self, params: Params, cluster: Doc, key: str, definition: Doc) -> Doc:
        if not (params.get("networkConfiguration") or {}).get("awsvpcConfiguration", {}).get("subnets"):
            text = "Network Configuration must be provided when networkMode 'awsvpc' is specified."
            raise ApiError("InvalidParameterException", text)
        strategy = params.get("capacityProviderStrategy")
        if not strategy and "launchType" not in params:
            strategy = cluster["defaultCapacityProviderStrategy"] or None
        given = {member: params[member] for member in (*SHAPING, *PLAIN) if member in params}
        defaults: Doc = {
            "desiredCount": 1,
            "loadBalancers": [],
            "serviceRegistries": [],
            "launchType": None if strategy else "FARGATE",
            "capacityProviderStrategy": strategy,
            "platformVersion": "LATEST",
            "platformFamily": "Linux",
            "enableECSManagedTags": False,
            "enableExecuteCommand": False,
            "propagateTags": "NONE",
            "availabilityZoneRebalancing": "ENABLED",
        }
        if params.get("loadBalancers"):
            defaults["healthCheckGracePeriodSeconds"] = 0
        return defaults | given | {
            "serviceArn": key,
            "serviceName": params["serviceName"],
            "clusterArn": cluster["clusterArn"],
            "status": "ACTIVE",
            "taskDefinition": definition["taskDefinitionArn"],
            "deploymentConfiguration": configuration(params.get("deploymentConfiguration", {})),
            "deploymentController": {"type": "ECS"},
            "schedulingStrategy": "REPLICA",
            "roleArn": f"arn:aws:iam::{self._state.ctx.account}:role/{ROLE}",
            "createdBy": f"arn:aws:iam::{self._state.ctx.account}:root",
            "createdAt": time.time(),
            "placementConstraints": [],
            "placementStrategy": [],
            "deployments": [],
            "events": [],
            "tags": tag_list(params.get("tags")),
        }  # fmt: skip

    def _new_configuration(self, doc: Doc, params: Params) -> Doc:
        """Return the deployment configuration that a service has after an update; refuse what it cannot have."""
        known: Doc = doc["deploymentConfiguration"]
        if "deploymentConfiguration" not in params:
            refuse(params)
            return known
        rollout = known | params["deploymentConfiguration"]
        given = params["deploymentConfiguration"] | {"strategy": rollout.get("strategy", "ROLLING")}
        refuse(params | {"deploymentConfiguration": given})
        state = doc["deployments"][0]["rolloutState"] if doc["deployments"] else "COMPLETED"
        split = known.get("strategy") == strategies.CANARY and state == "FAILED"  # it may have left traffic on both
        if rollout.get("strategy") != known.get("strategy") and (state == "IN_PROGRESS" or split):
            text = "The deployment strategy cannot be changed before the latest service deployment has completed"
            raise ApiError("InvalidParameterException", f"{text}; it is {state}.")
        return strategies.completed(rollout)

    def _check_balancers(self, balancers: list[dict[str, Any]], definition: Doc, rollout: dict[str, Any]) -> None:
        """Refuse load balancers that do not match the task definition, or whose target group no load balancer uses."""
        strategies.check_balancers(rollout, balancers)
        self._traffic.check(balancers)
        for balancer in balancers:
            group = balancer.get("targetGroupArn", "")
            if not group:
                text = "the local cloud supports loadBalancers with a targetGroupArn"
                raise ApiError("UnsupportedFeatureException", text)
            if not self._traffic.is_served(group):
                text = f"The target group with targetGroupArn {group} does not have an associated load balancer."
                raise ApiError("InvalidParameterException", text)
            container = next(
                (c for c in definition["containerDefinitions"] if c["name"] == balancer["containerName"]), None
            )
            if container is None:
                text = f"The container {balancer['containerName']} does not exist in the task definition."
                raise ApiError("InvalidParameterException", text)
            if balancer["containerPort"] not in [port["containerPort"] for port in container["portMappings"]]:
                port = balancer["containerPort"]
                text = f"The container {container['name']} did not have a container port {port} defined."
                raise ApiError("InvalidParameterException", text)


def refuse(params: Params) -> None:
    """Refuse what the local cloud does not support, naming it.

    Raises:
        ApiError: UnsupportedFeatureException or, for values that AWS refuses too, InvalidParameterException.
    """
    rollout = params.get("deploymentConfiguration", {})
    wrong = [name for name in NOT_RUN if params.get(name)] + [name for name in NOT_ROLLED if rollout.get(name)]
    rolling = rollout.get("strategy", "ROLLING") == "ROLLING"
    if rollout.get("bakeTimeInMinutes") and "alarms" not in rollout and rolling:
        wrong.append("bakeTimeInMinutes without alarms")
    if not rolling and rollout["strategy"] != strategies.CANARY:
        wrong.append(f"the deployment strategy {rollout['strategy']}")
    if params.get("deploymentController", {}).get("type", "ECS") != "ECS":
        wrong.append(f"the deployment controller {params['deploymentController']['type']}")
    if params.get("schedulingStrategy", "REPLICA") != "REPLICA":
        wrong.append(f"the scheduling strategy {params['schedulingStrategy']}")
    if params.get("launchType", "FARGATE") != "FARGATE":
        wrong.append(f"the launch type {params['launchType']}")
    wrong += [
        f"the capacity provider {row['capacityProvider']}"
        for row in params.get("capacityProviderStrategy", [])
        if row["capacityProvider"] not in ("FARGATE", "FARGATE_SPOT")
    ]
    if wrong:
        raise ApiError("UnsupportedFeatureException", f"the local cloud does not support {', '.join(wrong)}")
    strategies.check(rollout)
    deployment_alarms.check(rollout)
    if "launchType" in params and params.get("capacityProviderStrategy"):
        text = (
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."
        )
        raise ApiError("InvalidParameterException", text)
    if params.get("desiredCount", 0) < 0:
        raise ApiError("InvalidParameterException", "desiredCount must not be negative.")


def configuration(given: dict[str, Any]) -> Doc:
    """Return a deployment configuration with AWS's defaults."""
    off = {"deploymentCircuitBreaker": {"enable": False, "rollback": False}}
    full: Doc = strategies.completed(ROLLING | off | {"strategy": "ROLLING", "bakeTimeInMinutes": 0} | given)
    if full["maximumPercent"] < 100 or full["maximumPercent"] <= full["minimumHealthyPercent"] == 100:  # noqa: PLR2004 - HTTP's and AWS's own numbers
        text = "maximumPercent and minimumHealthyPercent leave no room to start or stop a task."
        raise ApiError("InvalidParameterException", text)
    return full


def counts(tasks: list[tuple[str, str]], deployment: str | None) -> Doc:
    """Return runningCount and pendingCount of a deployment, or of the whole service."""
    states = [state for owner, state in tasks if deployment in (None, owner)]
    return {"runningCount": states.count("RUNNING"), "pendingCount": sum(state in PENDING for state in states)}


def revision_counts(own: Doc) -> Doc:
    """Return the task counts under the names that service revisions use."""
    return {"runningTaskCount": own["runningCount"], "pendingTaskCount": own["pendingCount"]}
