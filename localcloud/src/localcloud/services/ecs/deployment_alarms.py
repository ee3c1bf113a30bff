"""The CloudWatch alarms by which ECS detects that a service deployment failed.

Source: ECS developer guide, "How CloudWatch alarms detect Amazon ECS deployment failures".
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from localcloud.gateway.protocol import ApiError

if TYPE_CHECKING:
    from localcloud.ministack_adapter.cloudwatch import CloudWatch
    from localcloud.state.table import Doc

BAKE_MOST_SECONDS = 300
"""The guide: "The default bake time is less than 5 minutes", computed from the configuration of the alarms."""
MINUTE = 60


def check(configuration: dict[str, Any]) -> None:
    """Refuse alarms that name none.

    Raises:
        ApiError: InvalidParameterException.
    """
    alarms = configuration.get("alarms") or {}
    if alarms.get("enable") and not alarms["alarmNames"]:
        text = "deploymentConfiguration.alarms.alarmNames must name at least one alarm when alarms are enabled."
        raise ApiError("InvalidParameterException", text)


def settings(service: Doc) -> Doc:
    """Return a service's alarm settings, empty if it has none."""
    found: Doc = service["deploymentConfiguration"].get("alarms") or {}
    return found


def begun(service: Doc, cloudwatch: CloudWatch) -> Doc:
    """Return the member `alarms` of a service deployment that begins, empty if the service has no alarms.

    If one is in ALARM already, none is monitored: the deployment may be the one that ends it.
    """
    own = settings(service)
    if not own:
        return {}
    names = own["alarmNames"]
    monitored = own["enable"] and not firing(names, cloudwatch)
    status = "MONITORING" if monitored else "DISABLED"
    return {"alarms": {"status": status, "alarmNames": names, "triggeredAlarmNames": []}}


def firing(names: list[str], cloudwatch: CloudWatch) -> list[str]:
    """Return those of the alarms that are in ALARM; one that does not exist is none."""
    return [name for name in names if cloudwatch.state(name) == "ALARM"]


def monitored(rollout: Doc | None) -> list[str]:
    """Return the names of the alarms that a service deployment is watched by."""
    own = (rollout or {}).get("alarms") or {}
    return list(own["alarmNames"]) if own.get("status") == "MONITORING" else []


def bake_seconds(service: Doc, names: list[str], cloudwatch: CloudWatch) -> float:
    """Return how long alarms are watched once all tasks are healthy and the old ones are gone.

    By bakeTimeInMinutes if that is set, else as long as the slowest alarm needs for all of its periods.
    """
    minutes: int = service["deploymentConfiguration"].get("bakeTimeInMinutes") or 0
    if minutes:
        return minutes * MINUTE
    alarms = [alarm for name in names if (alarm := cloudwatch.alarm(name)) and "Period" in alarm]
    return float(min(max((row["Period"] * row["EvaluationPeriods"] for row in alarms), default=0), BAKE_MOST_SECONDS))


def is_baked(service: Doc, deployment: Doc, names: list[str], cloudwatch: CloudWatch) -> bool:
    """Tell whether a deployment that has reached its steady state has been watched long enough since."""
    if not names:
        return True
    if "bakedAt" not in deployment:
        deployment["bakedAt"] = time.time() + bake_seconds(service, names, cloudwatch)
    return bool(time.time() >= deployment["bakedAt"])
