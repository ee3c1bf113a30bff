"""CodePipeline through boto3 alone: real commits, real builds, approvals, locks, stops, retries, kills."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from tests.contract.pipelines import BUCKET, Works, approval, build, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.cloud import Cloud

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def works(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """A repository, a project, a connection; every answer is checked against botocore's shapes."""
    made = Works(cloud, tmp_path_factory.mktemp("works"))
    yield made
    assert made.recorder.problems == []
    for row in made.pipelines.list_pipelines()["pipelines"]:
        made.pipelines.delete_pipeline(name=row["name"])


def gate(name: str = "Gate") -> dict[str, object]:
    """Return a stage that holds an approval."""
    return {"name": name, "actions": [approval()]}


def stage(name: str, *commands: str) -> dict[str, object]:
    """Return a stage that runs commands one after the other."""
    return {"name": name, "actions": [build(f"Run{n}", command, runOrder=n) for n, command in enumerate(commands, 1)]}


def test_a_commit_goes_through_real_builds_with_its_artifacts_and_variables(works: Works, cloud: Cloud) -> None:
    """The source's commit, a build's exported variable and a build's files reach the later actions."""
    commit = works.git("rev-parse", "HEAD")
    first = build("Make", "export WORD=hello; echo made > made.txt", outputs=["Made"], namespace="Making")
    check = 'test "$WORDS" = "#{Making.WORD}" && test "$COMMIT" = %s && grep made made.txt' % commit  # noqa: UP031
    variables = [{"name": "WORDS", "value": "hello"}, {"name": "COMMIT", "value": "#{SourceVariables.CommitId}"}]
    second = build("Use", check, inputs=["Made"], variables=variables)
    line = works.line("contract-two", {"name": "Make", "actions": [first]}, {"name": "Use", "actions": [second]})
    assert line.outcome() == "Succeeded"
    source, made, used = line.actions(line.first())
    assert source["output"]["outputVariables"]["CommitId"] == commit
    assert source["output"]["outputVariables"]["FullRepositoryName"] == "acme/app"
    assert made["output"]["outputVariables"] == {"WORD": "hello"}
    assert made["output"]["executionResult"]["externalExecutionId"].startswith("contract-work:")
    resolved = json.loads(used["input"]["resolvedConfiguration"]["EnvironmentVariables"])
    assert {"name": "COMMIT", "value": commit} in resolved
    place = made["output"]["outputArtifacts"][0]["s3location"]
    assert place["key"].startswith("contract-two/Made/")
    body = cloud.client("s3").get_object(Bucket=BUCKET, Key=place["key"])["Body"].read()
    assert "made.txt" in zipfile.ZipFile(io.BytesIO(body)).namelist()
    summary = line.executions()[0]
    assert summary["trigger"]["triggerType"] == "CreatePipeline"
    assert summary["sourceRevisions"][0]["revisionId"] == commit
    assert line.stage("Source")["actionStates"][0]["currentRevision"]["revisionId"] == commit


def test_a_failing_build_stops_the_pipeline_at_its_place(works: Works) -> None:
    """The rest of the stage and later stages never start; the reason and the build's link are in the state."""
    line = works.line("contract-failing", stage("Test", "exit 3", "true"), stage("Later", "true"))
    assert line.outcome() == "Failed"
    assert [(row["actionName"], row["status"]) for row in line.actions(line.first())] == [
        ("Fetch", "Succeeded"),
        ("Run1", "Failed"),
    ]
    state = line.stage("Test")
    assert state["latestExecution"]["status"] == "Failed"
    failed = state["actionStates"][0]["latestExecution"]
    assert failed["errorDetails"]["code"] == "JobFailed"
    assert "Build terminated with state: FAILED" in failed["errorDetails"]["message"]
    assert "exit" in failed["errorDetails"]["message"]
    assert "contract-work" in failed["externalExecutionUrl"]
    assert "latestExecution" not in line.stage("Later")


def test_a_project_that_does_not_exist_fails_its_action_by_name(works: Works) -> None:
    """CodePipeline accepts the name, as AWS does; the action says what CodeBuild says."""
    row = build("Run", "true")
    row["configuration"]["ProjectName"] = "contract-nothing"
    line = works.line("contract-no-project", {"name": "Work", "actions": [row]})
    assert line.outcome() == "Failed"
    error = line.stage("Work")["actionStates"][0]["latestExecution"]["errorDetails"]
    assert "contract-nothing" in error["message"]


def test_parallel_actions_all_end_before_their_stage_fails(works: Works) -> None:
    """Actions of one run order run at the same time; a failure lets the others end and stops the next order."""
    rows = [build("Bad", "exit 1"), build("Good", "sleep 2"), build("Next", "true", runOrder=2)]
    line = works.line("contract-parallel", {"name": "Both", "actions": rows})
    assert line.outcome() == "Failed"
    by_name = {row["actionName"]: row for row in line.actions(line.first())}
    assert {name: row["status"] for name, row in by_name.items()} == {
        "Fetch": "Succeeded",
        "Bad": "Failed",
        "Good": "Succeeded",
    }
    assert by_name["Good"]["startTime"] < by_name["Bad"]["lastUpdateTime"]


def test_an_approval_waits_for_its_own_token_and_lets_the_execution_pass(works: Works) -> None:
    """A wrong token is refused, the right one approves once, and who approved is shown."""
    line = works.line("contract-approve", gate(), stage("After", "true"))
    token = line.token("Gate", line.first())
    with pytest.raises(ClientError, match="InvalidApprovalToken"):
        line.decide("Gate", "00000000-0000-0000-0000-000000000000")
    assert "latestExecution" not in line.stage("After")
    line.decide("Gate", token)
    with pytest.raises(ClientError, match="ApprovalAlreadyCompleted"):
        line.decide("Gate", token)
    assert line.outcome() == "Succeeded"
    decided = line.stage("Gate")["actionStates"][0]["latestExecution"]
    assert (decided["status"], decided["summary"]) == ("Succeeded", "seen")
    assert decided["lastUpdatedBy"].startswith("arn:aws:iam::")


def test_a_rejected_approval_fails_the_execution(works: Works) -> None:
    """Nothing after it starts, and the reviewer's words are the reason."""
    line = works.line("contract-reject", gate(), stage("After", "true"))
    line.decide("Gate", line.token("Gate", line.first()), "Rejected")
    assert line.outcome() == "Failed"
    rejected = line.stage("Gate")["actionStates"][0]["latestExecution"]
    assert "Rejected by" in rejected["errorDetails"]["message"]
    assert rejected["summary"] == "seen"
    assert "latestExecution" not in line.stage("After")


def test_an_approval_expires_by_the_clock(works: Works, cloud: Cloud) -> None:
    """Five minutes pass at once: the action fails, and its token approves nothing any more."""
    line = works.line("contract-expire", gate(), stage("After", "true"))
    token = line.token("Gate", line.first())
    cloud.command("clock", "400")
    assert line.outcome(seconds=5) == "Failed"
    assert "timed out" in line.stage("Gate")["actionStates"][0]["latestExecution"]["errorDetails"]["message"]
    with pytest.raises(ClientError, match="ApprovalAlreadyCompleted"):
        line.decide("Gate", token)
    assert "latestExecution" not in line.stage("After")


def test_an_approval_tells_its_topic_in_aws_s_form(works: Works, cloud: Cloud) -> None:
    """The message carries the token, the links, the text with its variables, and when it expires."""
    topic = cloud.client("sns").create_topic(Name="contract-approvals")["TopicArn"]
    queue = cloud.client("sqs").create_queue(QueueName="contract-approvals")["QueueUrl"]
    attributes = cloud.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=attributes["QueueArn"])
    configuration = {"NotificationArn": topic, "CustomData": "commit #{SourceVariables.CommitId}"}
    link = {"ExternalEntityLink": "http://example.com"}
    line = works.line("contract-told", {"name": "Gate", "actions": [approval(**configuration, **link)]})
    token = line.token("Gate", line.first())
    body = until(lambda: cloud.client("sqs").receive_message(QueueUrl=queue).get("Messages"))[0]["Body"]
    told = json.loads(json.loads(body)["Message"])["approval"]
    assert told["token"] == token
    assert told["customData"] == f"commit {works.git('rev-parse', 'HEAD')}"
    assert told["externalEntityLink"] == "http://example.com"
    assert "contract-told" in told["approvalReviewLink"]
    assert told["expires"].endswith("Z")


def test_of_three_quick_starts_the_middle_one_is_superseded(works: Works) -> None:
    """The first goes on in its locked stage, the newest follows, the one between them is Superseded."""
    line = works.line("contract-quick", stage("Work", "sleep 3"), stage("Last", "true"))
    first = line.first()
    line.entered("Work", first)
    second = line.start()
    line.waiting("Work", second)
    third = line.start()
    assert line.outcome(second) == "Superseded"
    assert line.outcome(first) == "Succeeded"
    assert line.outcome(third) == "Succeeded"
    assert [row["actionName"] for row in line.actions(second)] == ["Fetch"]


def test_an_execution_that_waits_for_approval_is_never_superseded(works: Works) -> None:
    """Newer ones wait in front of its stage, where the newest supersedes; approved, it goes on first."""
    line = works.line("contract-held", gate(), stage("After", "true"))
    first = line.first()
    token = line.token("Gate", first)
    second = line.start()
    line.waiting("Gate", second)
    third = line.start()
    assert line.outcome(second) == "Superseded"
    assert line.waiting("Gate", third)["latestExecution"] == {
        "pipelineExecutionId": first,
        "status": "InProgress",
        "type": "STANDARD",
    }
    assert line.status(first) == "InProgress"
    line.decide("Gate", token)
    assert line.outcome(first) == "Succeeded"
    assert line.token("Gate", third) != token


def test_queued_executions_run_in_their_order(works: Works) -> None:
    """With the mode QUEUED none is superseded."""
    line = works.line("contract-queued", stage("Work", "sleep 1"), executionMode="QUEUED")
    identifiers = [line.first(), line.start(), line.start()]
    assert [line.outcome(identifier) for identifier in identifiers] == ["Succeeded"] * 3
    ends = [row["startTime"] for row in line.actions(identifiers[2]) if row["actionName"] == "Run1"]
    assert ends[0] >= next(row for row in line.actions(identifiers[1]) if row["actionName"] == "Run1")["lastUpdateTime"]


def test_a_stopped_execution_ends_after_or_without_its_actions(works: Works) -> None:
    """Stop waits for the action under way; abandon does not; both leave a stage that can be retried."""
    line = works.line("contract-stop", stage("Work", "sleep 2", "true"))
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
    assert line.outcome(second, 2) == "Stopped"
    assert line.actions(second)[-1]["status"] == "Abandoned"
    line.api.retry_stage_execution(
        pipelineName=line.name, stageName="Work", pipelineExecutionId=second, retryMode="FAILED_ACTIONS"
    )
    assert line.outcome(second) == "Succeeded"


def test_a_failed_stage_is_retried_from_its_failed_actions_or_from_all(works: Works, cloud: Cloud) -> None:
    """Actions that succeeded do not run again, unless all are asked for; only the latest execution can be retried."""
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
    """Older ones are superseded there; once enabled, the newest goes on; the reason is shown meanwhile."""
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
    """A build under way is followed again, an approval still waits for the same token."""
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


def test_an_execution_goes_on_with_the_structure_it_started_with(works: Works) -> None:
    """An update makes a new version; the execution that waits keeps its own stages, and cannot be retried."""
    line = works.line("contract-update", gate(), stage("Old", "true"))
    first = line.first()
    token = line.token("Gate", first)
    changed = works.declaration(line.name, works.source(), gate(), stage("New", "true"))
    assert line.api.update_pipeline(pipeline=changed)["pipeline"]["version"] == 2
    line.decide("Gate", token)
    assert line.outcome(first) == "Succeeded"
    assert [row["stageName"] for row in line.actions(first)] == ["Source", "Gate", "Old"]
    assert line.api.get_pipeline(name=line.name, version=1)["pipeline"]["stages"][2]["name"] == "Old"
    assert "latestExecution" not in line.stage("New")


def test_a_stage_is_rolled_back_with_the_artifacts_of_an_earlier_execution(works: Works) -> None:
    """The stage runs alone, with the commit that passed it before."""
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
    """Given values replace the defaults; the commit replaces the branch's tip; the same token starts once."""
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
    """A key that the action before has not exported is named in the reason."""
    rows = [build("One", "true", namespace="One"), build("Two", "echo #{One.MISSING}", runOrder=2)]
    line = works.line("contract-unresolved", {"name": "Work", "actions": rows})
    assert line.outcome() == "Failed"
    error = line.stage("Work")["actionStates"][1]["latestExecution"]["errorDetails"]
    assert "#{One.MISSING}" in error["message"]


def test_a_deleted_pipeline_leaves_nothing(works: Works, cloud: Cloud) -> None:
    """Its history goes, its build is stopped, and the name is free again."""
    line = works.line("contract-deleted", stage("Work", "sleep 60"))
    line.entered("Work", line.first())
    until(lambda: cloud.containers("build"))
    line.api.delete_pipeline(name=line.name)
    with pytest.raises(ClientError, match="PipelineNotFound"):
        line.executions()
    until(lambda: not cloud.containers("build"))
    line.api.delete_pipeline(name=line.name)
