"""The dashboard of a pipeline, from the metrics that CodeBuild publishes by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws

from contract.pipeline import ACTIONS, Action, Project, Stage
from infra.aws import names
from infra.aws.widgets import grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.aws.widgets import Graph

NAMESPACE = "AWS/CodeBuild"
DAY = 24 * 60 * 60
SHOWN = "-P28D"
"""What is shown at first, in data points of a day: without it the graphs of the last hours have shorter periods
(CloudWatch API reference, "Dashboard body structure and syntax": start, periodOverride)."""
FAILURE_RATE = "100 * (FILL(deploys, 0) + FILL(tests, 0)) / reached"
"""In percent. A day without failed builds has no data point of them (CloudWatch user guide, "Using math expressions
with CloudWatch metrics": FILL)."""


class PipelineDashboard(pulumi.ComponentResource):
    """A CloudWatch dashboard of a pipeline's releases and of how long their actions take.

    Args:
        stack: the stack's name.
        keys: of the build projects, in the order of the stages.
        region: of the metrics.
        parallel_tests: whether Test is an action of the stage Build.
    """

    def __init__(
        self,
        stack: str,
        *,
        keys: Sequence[str],
        region: str,
        parallel_tests: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("slipway:infra:PipelineDashboard", stack, None, opts)
        shown = widgets(stack, keys, region, parallel_tests=parallel_tests)
        aws.cloudwatch.Dashboard(
            f"{stack}-pipeline",
            dashboard_name=names.pipeline_dashboard(stack),
            dashboard_body=pulumi.Output.json_dumps(
                {"start": SHOWN, "periodOverride": "inherit", "widgets": shown}, sort_keys=True
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})


def widgets(stack: str, keys: Sequence[str], region: str, *, parallel_tests: bool) -> list[dict[str, Any]]:
    """Return the widgets: a data point of each is that of a day.

    The metrics are those of CodeBuild (user guide, "CodeBuild CloudWatch metrics"). A release has reached the last
    environment when its Deploy is begun, and is through when the tests after it have passed.

    Args:
        stack: the stack's name.
        keys: of the build projects, in the order of the stages.
        region: of the metrics.
        parallel_tests: whether Test is an action of the stage Build.
    """
    production = Project.PRODUCTION_DEPLOY in keys
    deploy = Project.PRODUCTION_DEPLOY if production else Project.STAGING_DEPLOY
    tests = Project.PRODUCTION_SMOKE if production else Project.STAGING_ACCEPTANCE

    def metric(name: str, key: str, **options: object) -> list[Any]:
        return [NAMESPACE, name, "ProjectName", names.build_project(stack, key), options]

    def by_action(name: str) -> list[list[Any]]:
        return [metric(name, key, label=label(key, parallel_tests=parallel_tests)) for key in keys]

    failure_rate = [
        [{"expression": FAILURE_RATE, "label": "change failure rate"}],
        metric("FailedBuilds", deploy, id="deploys", visible=False),
        metric("FailedBuilds", tests, id="tests", visible=False),
        metric("Builds", deploy, id="reached", visible=False),
    ]
    rows: list[list[Graph]] = [
        [
            ("releases a day", "Sum", [metric("SucceededBuilds", tests, label="deployment frequency")]),
            ("failed deploys and tests after them, in % of deploys", "Sum", failure_rate),
            ("failed actions a day", "Sum", by_action("FailedBuilds")),
        ],
        [
            ("seconds in the queue", "Average", by_action("QueuedDuration")),
            ("seconds until the machine is there", "Average", by_action("ProvisioningDuration")),
            ("seconds of each action", "Average", by_action("Duration")),
        ],
    ]
    return grid(rows, region, period=DAY)


def label(key: str, *, parallel_tests: bool) -> str:
    """Return how a build project is called in the graphs: by stage and action; of a further platform, with that."""
    if key == Project.TEST and parallel_tests:
        return f"{Stage.BUILD}/{Action.TEST}"
    if key in ACTIONS:
        return "/".join(ACTIONS[Project(key)])
    return f"{Stage.BUILD}/{Action.BUILD} ({key.removeprefix(f'{Project.BUILD}-')})"
