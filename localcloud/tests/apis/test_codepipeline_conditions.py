"""Conditions on entry of a stage: a CloudWatch alarm that is on keeps executions out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from support.pipelines import Works, stage
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cloud import Cloud

RULE = {"category": "Rule", "owner": "AWS", "provider": "CloudWatchAlarm", "version": "1"}


@pytest.fixture(scope="module")
def works(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """A repository, a project and a connection; responses are validated by botocore's shapes."""
    made = Works(cloud, tmp_path_factory.mktemp("conditions"), "conditions")
    yield made
    assert made.recorder.problems == []
    for row in made.pipelines.list_pipelines()["pipelines"]:
        made.pipelines.delete_pipeline(name=row["name"])


@pytest.fixture(scope="module")
def watch(cloud: Cloud) -> Any:
    """A boto3 client of CloudWatch, with an alarm that stays as it was set: it has no data."""
    watch = cloud.client("cloudwatch")
    watch.put_metric_alarm(
        AlarmName="gate", Namespace="tests", MetricName="none", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore",
    )  # fmt: skip
    return watch


def turn(watch: Any, state: str) -> None:
    """Set the alarm's state."""
    watch.set_alarm_state(AlarmName="gate", StateValue=state, StateReason="by the test")


def guarded(alarm: str = "gate", **configuration: str) -> dict[str, Any]:
    """Return a stage with a condition on entry."""
    rule = {"name": "Quiet", "ruleTypeId": RULE, "configuration": {"AlarmName": alarm, **configuration}}
    return stage("Work", "true") | {"beforeEntry": {"conditions": [{"result": "FAIL", "rules": [rule]}]}}


def test_a_stage_whose_alarm_is_on_is_not_entered(works: Works, watch: Any) -> None:
    """The stage and its execution fail, no action runs; once the alarm is off, the stage can be retried."""
    turn(watch, "ALARM")
    line = works.line("contract-guarded", guarded())
    first = line.first()
    assert line.outcome(first) == "Failed"
    assert [row["stageName"] for row in line.actions(first)] == ["Source"]
    state = line.stage("Work")
    assert state["latestExecution"]["status"] == "Failed"
    shown = state["beforeEntryConditionState"]
    assert shown["latestExecution"] == {"status": "Failed", "summary": "The alarm gate is in the state ALARM"}
    rule = shown["conditionStates"][0]["ruleStates"][0]
    assert (rule["ruleName"], rule["latestExecution"]["status"]) == ("Quiet", "Failed")
    listed = line.api.list_rule_executions(pipelineName=line.name, filter={"pipelineExecutionId": first})
    assert [(row["stageName"], row["status"]) for row in listed["ruleExecutionDetails"]] == [("Work", "Failed")]
    turn(watch, "OK")
    line.api.retry_stage_execution(
        pipelineName=line.name, stageName="Work", pipelineExecutionId=first, retryMode="FAILED_ACTIONS"
    )
    assert line.outcome(first) == "Succeeded"
    assert line.stage("Work")["beforeEntryConditionState"]["latestExecution"]["status"] == "Succeeded"
    declared = line.api.get_pipeline(name=line.name)["pipeline"]["stages"][1]["beforeEntry"]
    assert declared == guarded()["beforeEntry"]


def test_a_rule_waits_for_its_alarm_to_end(works: Works, watch: Any, cloud: Cloud) -> None:
    """Within WaitTime it succeeds as soon as the alarm is off, also after a kill; after it, it fails."""
    turn(watch, "ALARM")
    line = works.line("contract-waiting", guarded(WaitTime="5"))
    first = line.first()

    def status() -> str:
        shown = line.stage("Work").get("beforeEntryConditionState", {}).get("latestExecution", {})
        return str(shown.get("status"))

    until(lambda: status() == "InProgress")
    cloud.kill()
    cloud.command("up")
    assert status() == "InProgress"
    turn(watch, "OK")
    assert line.outcome(first) == "Succeeded"
    turn(watch, "ALARM")
    second = line.start()
    until(lambda: status() == "InProgress")
    cloud.command("clock", "300")
    assert line.outcome(second) == "Failed"


def test_a_condition_that_is_waited_for_can_be_overridden(works: Works, watch: Any) -> None:
    """Then the stage is entered with the alarm on; a condition that is over cannot be overridden."""
    turn(watch, "ALARM")
    line = works.line("contract-overridden", guarded(WaitTime="5"))
    first = line.first()
    names = {"pipelineName": line.name, "stageName": "Work", "pipelineExecutionId": first}
    until(lambda: "beforeEntryConditionState" in line.stage("Work"))
    line.api.override_stage_condition(**names, conditionType="BEFORE_ENTRY")
    assert line.outcome(first) == "Succeeded"
    assert line.stage("Work")["beforeEntryConditionState"]["latestExecution"]["status"] == "Overridden"
    with pytest.raises(ClientError, match="ConditionNotOverridable"):
        line.api.override_stage_condition(**names, conditionType="BEFORE_ENTRY")


def test_a_stopped_execution_does_not_wait_for_its_condition(works: Works, watch: Any) -> None:
    """The stop ends it at once, and the stage is free again."""
    turn(watch, "ALARM")
    line = works.line("contract-condition-stop", guarded(WaitTime="5"))
    first = line.first()
    until(lambda: "beforeEntryConditionState" in line.stage("Work"))
    line.api.stop_pipeline_execution(pipelineName=line.name, pipelineExecutionId=first)
    assert line.outcome(first) == "Stopped"
    assert line.stage("Work")["beforeEntryConditionState"]["latestExecution"]["status"] == "Cancelled"


def test_a_rule_fails_without_its_alarm_and_without_permission(works: Works, cloud: Cloud) -> None:
    """The rule's error says which alarm does not exist, or that its role may not read it."""

    def error(name: str, wanted: dict[str, Any]) -> dict[str, Any]:
        line = works.line(name, wanted)
        assert line.outcome(line.first()) == "Failed"
        condition = line.stage("Work")["beforeEntryConditionState"]["conditionStates"][0]
        return dict(condition["ruleStates"][0]["latestExecution"]["errorDetails"])

    assert error("contract-no-alarm", guarded("nowhere"))["message"] == "The alarm nowhere does not exist"
    wanted = guarded()
    wanted["beforeEntry"]["conditions"][0]["rules"][0]["roleArn"] = cloud.role("watching-nothing", [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    ])  # fmt: skip
    assert error("contract-no-right", wanted)["code"] == "PermissionError"
