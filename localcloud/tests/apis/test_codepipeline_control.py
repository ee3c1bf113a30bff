"""CodePipeline through boto3: queues, stops, retries, transitions, kills, updates, rollbacks, variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from support.pipelines import Works, build, gate, stage
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cloud import Cloud


@pytest.fixture(scope="module")
def works(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """A repository, a project and a connection; responses are validated by botocore's shapes."""
    made = Works(cloud, tmp_path_factory.mktemp("control"), "control")
    yield made
    assert made.recorder.problems == []
    for row in made.pipelines.list_pipelines()["pipelines"]:
        made.pipelines.delete_pipeline(name=row["name"])


def test_queued_executions_run_in_their_order(works: Works) -> None:
    """In mode QUEUED no execution is superseded."""
    line = works.line("contract-queued", stage("Work", "sleep 1"), executionMode="QUEUED")
    identifiers = [line.first(), line.start(), line.start()]
    assert [line.outcome(identifier) for identifier in identifiers] == ["Succeeded"] * 3
    ends = [row["startTime"] for row in line.actions(identifiers[2]) if row["actionName"] == "Run1"]
    assert ends[0] >= next(row for row in line.actions(identifiers[1]) if row["actionName"] == "Run1")["lastUpdateTime"]


def test_a_stopped_execution_ends_after_or_without_its_actions(works: Works) -> None:
    """A stop waits for the action in progress, an abandon does not; the stage can be retried after both."""
    line = works.line("contract-stop", stage("Work", "sleep 4", "true"))
    first = line.first()
    line.entered("Work", first)
    names = {"pipelineName": line.name, "pipelineExecutionId": first}
    line.api.stop_pipeline_execution(**names, reason="enough")
    with pytest.raises(ClientError, match="DuplicatedStopRequest"):
        line.api.stop_pipeline_execution(**names)
    assert line.stage("Work")["latestExecution"]["status"] == "Stopping"
    assert line.outcome(first) == "Stopped"
    assert [row["status"] for row in line.actions(first)] == ["Succeeded", "Succeeded"]
    assert line.executions()[0]["stopTrigger"] == {"reason": "enough"}
    with pytest.raises(ClientError, match="PipelineExecutionNotStoppable"):
        line.api.stop_pipeline_execution(**names)
    second = line.start()
    line.entered("Work", second)
    line.api.stop_pipeline_execution(pipelineName=line.name, pipelineExecutionId=second, abandon=True)
    assert line.outcome(second) == "Stopped"
    assert line.actions(second)[-1]["status"] == "Abandoned"
    line.api.retry_stage_execution(
        pipelineName=line.name, stageName="Work", pipelineExecutionId=second, retryMode="FAILED_ACTIONS"
    )
    assert line.outcome(second) == "Succeeded"


def test_a_failed_stage_is_retried_from_its_failed_actions_or_from_all(works: Works, cloud: Cloud) -> None:
    """Succeeded actions only run again if all are requested; only the latest execution can be retried."""
    outcome = {"Name": "/contract/outcome", "Type": "String", "Overwrite": True}
    cloud.client("ssm").put_parameter(**outcome, Value="bad")
    variable = {"name": "OUTCOME", "value": "/contract/outcome", "type": "PARAMETER_STORE"}
    rows = [build("One", "true"), build("Two", 'test "$OUTCOME" = good', runOrder=2, variables=[variable])]
    line = works.line("contract-retry", {"name": "Work", "actions": rows}, stage("Last", "true"))
    first = line.first()
    assert line.outcome(first) == "Failed"
    retry = {"pipelineName": line.name, "stageName": "Work"}
    line.api.retry_stage_execution(**retry, pipelineExecutionId=first, retryMode="ALL_ACTIONS")
    assert line.outcome(first) == "Failed"
    cloud.client("ssm").put_parameter(**outcome, Value="good")
    line.api.retry_stage_execution(**retry, pipelineExecutionId=first, retryMode="FAILED_ACTIONS")
    assert line.outcome(first) == "Succeeded"
    assert [row["actionName"] for row in line.actions(first)] == ["Fetch", "One", "Two", "One", "Two", "Two", "Run1"]
    assert line.stage("Work")["retryStageMetadata"]["manualStageRetryAttempt"] == 2
    with pytest.raises(ClientError, match="StageNotRetryable"):
        line.api.retry_stage_execution(**retry, pipelineExecutionId=first, retryMode="FAILED_ACTIONS")
    second = line.start()
    assert line.outcome(second) == "Succeeded"
    with pytest.raises(ClientError, match="NotLatestPipelineExecution"):
        line.api.retry_stage_execution(**retry, pipelineExecutionId=first, retryMode="FAILED_ACTIONS")


def test_a_disabled_transition_holds_the_newest_execution_in_front_of_its_stage(works: Works) -> None:
    """Older ones are superseded there; once enabled, the newest continues; the reason is shown meanwhile."""
    line = works.line("contract-transition", gate("Gate"), stage("Work", "true"))
    which = {"pipelineName": line.name, "stageName": "Work", "transitionType": "Inbound"}
    line.api.disable_stage_transition(**which, reason="rolled back by hand")
    first = line.first()
    line.decide("Gate", line.token("Gate", first))
    held = line.waiting("Work", first)
    assert held["inboundTransitionState"]["enabled"] is False
    assert held["inboundTransitionState"]["disabledReason"] == "rolled back by hand"
    second = line.start()
    line.decide("Gate", line.token("Gate", second))
    assert line.outcome(first) == "Superseded"
    line.waiting("Work", second)
    line.api.enable_stage_transition(**which)
    assert line.outcome(second) == "Succeeded"
    with pytest.raises(ClientError, match="has no Inbound transition"):
        line.api.disable_stage_transition(**which | {"stageName": "Source"}, reason="no")


def test_executions_under_way_survive_a_kill(works: Works, cloud: Cloud) -> None:
    """A build in progress is tracked again, an approval keeps its token."""
    line = works.line("contract-kill", stage("Work", "sleep 4", "true"))
    other = works.line("contract-kill-approval", gate(), stage("After", "true"))
    token = other.token("Gate", other.first())
    line.entered("Work", line.first())
    until(lambda: line.actions(line.first())[-1]["output"]["executionResult"].get("externalExecutionId"))
    cloud.kill()
    cloud.command("up")
    assert other.token("Gate", other.first()) == token
    other.decide("Gate", token)
    assert line.outcome() == "Succeeded"
    assert other.outcome() == "Succeeded"
    assert [row["actionName"] for row in line.actions(line.first())] == ["Fetch", "Run1", "Run2"]


def test_an_update_fails_the_executions_in_progress_once_their_actions_have_completed(works: Works) -> None:
    """An approval in progress still takes its answer; nothing begins after it, and the stage cannot be retried."""
    line = works.line("contract-update", gate(), stage("Old", "true"))
    first = line.first()
    token = line.token("Gate", first)
    changed = works.declaration(line.name, works.source(), gate(), stage("New", "true"))
    assert line.api.update_pipeline(pipeline=changed)["pipeline"]["version"] == 2
    assert line.status(first) == "InProgress"
    line.decide("Gate", token)
    assert line.outcome(first) == "Failed"
    rows = line.actions(first)
    assert [(row["stageName"], row["status"]) for row in rows] == [("Source", "Succeeded"), ("Gate", "Succeeded")]
    assert line.stage("Gate")["latestExecution"]["status"] == "Failed"
    with pytest.raises(ClientError, match="structure has changed since"):
        line.api.retry_stage_execution(
            pipelineName=line.name, stageName="Gate", pipelineExecutionId=first, retryMode="ALL_ACTIONS"
        )
    assert line.api.get_pipeline(name=line.name, version=1)["pipeline"]["stages"][2]["name"] == "Old"
    second = line.start()
    line.decide("Gate", line.token("Gate", second))
    assert line.outcome(second) == "Succeeded"
    assert line.stage("New")["latestExecution"]["status"] == "Succeeded"


def test_a_stage_is_rolled_back_with_the_artifacts_of_an_earlier_execution(works: Works) -> None:
    """Only the stage runs, with the commit that passed it before."""
    line = works.line("contract-rollback", stage("Work", "true"))
    first = line.first()
    assert line.outcome(first) == "Succeeded"
    names = {"pipelineName": line.name, "targetPipelineExecutionId": first}
    back = line.api.rollback_stage(**names, stageName="Work")["pipelineExecutionId"]
    assert line.outcome(back) == "Succeeded"
    assert line.executions()[0]["executionType"] == "ROLLBACK"
    inputs = [row["input"]["inputArtifacts"] for row in line.actions(first) if row["actionName"] == "Run1"]
    assert [row["input"]["inputArtifacts"] for row in line.actions(back)] == inputs
    with pytest.raises(ClientError, match="UnableToRollbackStage"):
        line.api.rollback_stage(**names, stageName="Source")


def test_variables_of_the_pipeline_and_a_commit_can_be_given_at_the_start(works: Works) -> None:
    """Given values override defaults; a commit overrides the branch's head; a start is idempotent by its token."""
    earlier = works.git("rev-parse", "HEAD")
    works.push({"later.txt": "later"})
    variable = {"name": "SIZE", "value": "#{variables.Size}"}
    row = build("Run", 'test "$SIZE" = big && ! test -e later.txt', variables=[variable])
    declared = [{"name": "Size", "defaultValue": "small"}]
    line = works.line("contract-variables", {"name": "Work", "actions": [row]}, variables=declared)
    assert line.outcome() == "Failed"
    given = {
        "variables": [{"name": "Size", "value": "big"}],
        "sourceRevisions": [{"actionName": "Fetch", "revisionType": "COMMIT_ID", "revisionValue": earlier}],
        "clientRequestToken": "once",
    }
    second = line.start(**given)
    assert line.start(**given) == second
    assert line.outcome(second) == "Succeeded"
    with pytest.raises(ClientError, match="declares no variable"):
        line.start(variables=[{"name": "Other", "value": "x"}])


def test_a_variable_without_a_value_fails_its_action_with_its_name(works: Works) -> None:
    """The reason names a key that the earlier action has not exported."""
    rows = [build("One", "true", namespace="One"), build("Two", "echo #{One.MISSING}", runOrder=2)]
    line = works.line("contract-unresolved", {"name": "Work", "actions": rows})
    assert line.outcome() == "Failed"
    error = line.stage("Work")["actionStates"][1]["latestExecution"]["errorDetails"]
    assert "#{One.MISSING}" in error["message"]


def test_a_deleted_pipeline_leaves_nothing(works: Works, cloud: Cloud) -> None:
    """Its history is deleted, its build is stopped, and the name is available again."""
    line = works.line("contract-deleted", stage("Work", "sleep 60"))
    line.entered("Work", line.first())
    until(lambda: cloud.containers("build"))
    line.api.delete_pipeline(name=line.name)
    with pytest.raises(ClientError, match="PipelineNotFound"):
        line.executions()
    until(lambda: not cloud.containers("build"))
    line.api.delete_pipeline(name=line.name)
