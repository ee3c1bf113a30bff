"""Application Auto Scaling for ECS services: capacity bounds are enforced; policies are stored, not executed."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

from localcloud.gateway.protocol import Api, ApiError, Params, arn
from localcloud.state.table import Doc, Table

if TYPE_CHECKING:
    from localcloud.context import Context
    from localcloud.services.ecs.state import State

DIMENSION = "ecs:service:DesiredCount"
ROLE = "ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService"
NOT_SUSPENDED = {
    "DynamicScalingInSuspended": False,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}
KINDS = {
    "TargetTrackingScaling": "TargetTrackingScalingPolicyConfiguration",
    "StepScaling": "StepScalingPolicyConfiguration",
}


class ApplicationAutoScaling(Api):
    """The service behind the signing name application-autoscaling.

    Scaling policies are stored but never executed: the local cloud does not scale services by load.
    """

    api = "application-autoscaling"
    signing_name = "application-autoscaling"

    def __init__(self, ctx: Context, ecs: State) -> None:
        """Take the context and ECS's documents."""
        self._ctx, self._ecs = ctx, ecs
        self._targets = Table(ctx.store, "autoscaling.target")
        self._policies = Table(ctx.store, "autoscaling.policy")
        super().__init__([self])

    async def reset(self) -> None:
        """Delete all scalable targets and policies."""
        self._targets.clear()
        self._policies.clear()

    def register_scalable_target(self, params: Params) -> Params:
        """Handle RegisterScalableTarget; a desired count outside the bounds is changed to the nearer one."""
        key = target_key(params)
        service = self._service(params)
        doc = self._targets.get(key)
        if doc is None:
            missing = [name for name in ("MinCapacity", "MaxCapacity") if name not in params]
            if missing:
                raise ApiError(
                    "ValidationException", f"{' and '.join(missing)} must be given for a new scalable target"
                )
            doc = {name: params[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")} | {
                "ScalableTargetARN": arn(
                    self._ctx, "application-autoscaling", f"scalable-target/{uuid.uuid4().hex[:22]}"
                ),
                "CreationTime": time.time(),
                "SuspendedState": dict(NOT_SUSPENDED),
                "RoleARN": f"arn:aws:iam::{self._ctx.account}:role/aws-service-role/{ROLE}",
                "Tags": params.get("Tags", {}),
            }
        changed = doc | {name: params[name] for name in ("MinCapacity", "MaxCapacity") if name in params}
        changed["SuspendedState"] = doc["SuspendedState"] | params.get("SuspendedState", {})
        if changed["MinCapacity"] > changed["MaxCapacity"]:
            raise ApiError("ValidationException", "Maximum capacity cannot be less than minimum capacity")
        self._targets.put(key, changed)
        bounded = min(max(service["desiredCount"], changed["MinCapacity"]), changed["MaxCapacity"])
        if bounded != service["desiredCount"]:
            service["desiredCount"] = bounded
            service["deployments"][0]["desiredCount"] = bounded
            self._ecs.save_service(service)
        return {"ScalableTargetARN": changed["ScalableTargetARN"]}

    def describe_scalable_targets(self, params: Params) -> Params:
        """Handle DescribeScalableTargets, filtered by namespace, resource and dimension."""
        return {"ScalableTargets": chosen(self._targets, params, params.get("ResourceIds"))}

    def deregister_scalable_target(self, params: Params) -> None:
        """Handle DeregisterScalableTarget, which also deletes the target's policies."""
        key = target_key(params)
        self._target(params)
        for policy in self._policies.values():
            if target_key(policy) == key:
                self._policies.delete(f"{key}|{policy['PolicyName']}")
        self._targets.delete(key)

    def put_scaling_policy(self, params: Params) -> Params:
        """Handle PutScalingPolicy."""
        self._target(params)
        kind = params.get("PolicyType", "StepScaling")
        if kind not in KINDS:
            raise ApiError("ValidationException", f"the local cloud does not support the policy type {kind}")
        key = f"{target_key(params)}|{params['PolicyName']}"
        name = f"{uuid.uuid4()}:resource/ecs/{params['ResourceId']}:policyName/{params['PolicyName']}"
        doc = self._policies.get(key) or {
            "PolicyARN": f"arn:aws:autoscaling:{self._ctx.region}:{self._ctx.account}:scalingPolicy:{name}",
            "CreationTime": time.time(),
            "Alarms": [],
        }
        doc = doc | {"PolicyType": kind} | {name: value for name, value in params.items() if name != "PolicyType"}
        self._policies.put(key, doc)
        return {"PolicyARN": doc["PolicyARN"], "Alarms": []}

    def describe_scaling_policies(self, params: Params) -> Params:
        """Handle DescribeScalingPolicies, filtered by namespace, resource, dimension and name."""
        rows = chosen(self._policies, params, [params["ResourceId"]] if "ResourceId" in params else None)
        names = params.get("PolicyNames")
        return {"ScalingPolicies": [row for row in rows if not names or row["PolicyName"] in names]}

    def delete_scaling_policy(self, params: Params) -> None:
        """Handle DeleteScalingPolicy."""
        key = f"{target_key(params)}|{params['PolicyName']}"
        if self._policies.get(key) is None:
            raise ApiError("ObjectNotFoundException", f"No scaling policy found for: {params['PolicyName']}")
        self._policies.delete(key)

    def describe_scaling_activities(self, _params: Params) -> Params:
        """Handle DescribeScalingActivities: there are none."""
        return {"ScalingActivities": []}

    def describe_scheduled_actions(self, _params: Params) -> Params:
        """Handle DescribeScheduledActions: there are none."""
        return {"ScheduledActions": []}

    def list_tags_for_resource(self, params: Params) -> Params:
        """Handle ListTagsForResource."""
        return {"Tags": self._by_arn(params["ResourceARN"])[1]["Tags"]}

    def tag_resource(self, params: Params) -> None:
        """Handle TagResource."""
        key, doc = self._by_arn(params["ResourceARN"])
        doc["Tags"] = doc["Tags"] | params["Tags"]
        self._targets.save(key)

    def untag_resource(self, params: Params) -> None:
        """Handle UntagResource."""
        key, doc = self._by_arn(params["ResourceARN"])
        doc["Tags"] = {name: value for name, value in doc["Tags"].items() if name not in params["TagKeys"]}
        self._targets.save(key)

    def _target(self, params: Params) -> Doc:
        doc = self._targets.get(target_key(params))
        if doc is None:
            text = f"No scalable target registered for service namespace: ecs, resource ID: {params['ResourceId']}"
            raise ApiError("ObjectNotFoundException", text)
        return doc

    def _by_arn(self, key: str) -> tuple[str, Doc]:
        for name, doc in self._targets.rows.items():
            if doc["ScalableTargetARN"] == key:
                return name, doc
        raise ApiError("ResourceNotFoundException", f"The resource {key} does not exist", ResourceName=key)

    def _service(self, params: Params) -> Doc:
        """Return the ECS service that a resource id names; raise ApiError if it does not exist."""
        if params["ServiceNamespace"] != "ecs" or params["ScalableDimension"] != DIMENSION:
            text = f"the local cloud scales {DIMENSION} only, not {params['ScalableDimension']}"
            raise ApiError("ValidationException", text)
        _, _, path = params["ResourceId"].partition("service/")
        doc = self._ecs.services.get(self._ecs.arn(f"service/{path}"))
        if doc is None or doc["status"] != "ACTIVE":
            raise ApiError("ValidationException", f"ECS service doesn't exist: {params['ResourceId']}")
        return doc


def target_key(params: Params) -> str:
    """Return the key of a request's scalable target."""
    return "|".join((params["ServiceNamespace"], params["ResourceId"], params["ScalableDimension"]))


def chosen(table: Table, params: Params, resources: list[str] | None) -> list[Doc]:
    """Return the documents of a namespace, filtered by resources and dimension if given."""
    rows = [row for row in table.values() if row["ServiceNamespace"] == params["ServiceNamespace"]]
    rows = [row for row in rows if not resources or row["ResourceId"] in resources]
    return [row for row in rows if params.get("ScalableDimension") in (None, row["ScalableDimension"])]
