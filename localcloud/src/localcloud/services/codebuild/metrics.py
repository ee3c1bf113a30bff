"""CodeBuild's metrics of a build, in the namespace AWS/CodeBuild (user guide, "CodeBuild CloudWatch metrics").

Those of the project that the pipeline's dashboard shows; AWS has more, and the sums of an account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.ministack_adapter.cloudwatch import CloudWatch
    from localcloud.state.table import Doc

NAMESPACE = "AWS/CodeBuild"
MINUTE = 60
OUTCOMES = {
    "SUCCEEDED": "SucceededBuilds",
    "FAILED": "FailedBuilds",
    "FAULT": "FailedBuilds",
    "TIMED_OUT": "FailedBuilds",
}
"""The metric that counts a build with this status; a build that somebody stopped is in none."""
PHASES = {"QUEUED": "QueuedDuration", "PROVISIONING": "ProvisioningDuration"}


def publish(cloudwatch: CloudWatch, build: Doc) -> None:
    """Publish the data points of a build that is complete, in the minute of its end.

    Args:
        cloudwatch: takes them.
        build: its document.
    """
    minute = build["endTime"] - build["endTime"] % MINUTE
    seconds = {
        PHASES[row["phaseType"]]: row["endTime"] - row["startTime"]
        for row in build["phases"]
        if row["phaseType"] in PHASES and "endTime" in row
    }
    counts = ["Builds", *([OUTCOMES[build["buildStatus"]]] if build["buildStatus"] in OUTCOMES else [])]
    points = [
        ("Count", dict.fromkeys(counts, 1.0)),
        ("Seconds", seconds | {"Duration": build["endTime"] - build["startTime"]}),
    ]
    for unit, values in points:
        for name, value in values.items():
            cloudwatch.publish(NAMESPACE, name, {"ProjectName": build["projectName"]}, minute, unit, [value])
