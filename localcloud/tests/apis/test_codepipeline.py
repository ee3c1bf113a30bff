"""CodePipeline through boto3: commits, builds, approvals, stage locks."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from support.pipelines import BUCKET, Works, approval, build, gate, stage
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cloud import Cloud


@pytest.fixture(scope="module")
def works(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """A repository, a project and a connection; responses are validated by botocore's shapes."""
    made = Works(cloud, tmp_path_factory.mktemp("works"))
    yield made
    assert made.recorder.problems == []
    for row in made.pipelines.list_pipelines()["pipelines"]:
        made.pipelines.delete_pipeline(name=row["name"])


def test_a_commit_goes_through_real_builds_with_its_artifacts_and_variables(works: Works, cloud: Cloud) -> None:
    """The source's commit, and a build's exported variable and files, reach later actions."""
    commit = works.git("rev-parse", "HEAD")
    first = build("Make", "export WORD=hello; echo made > made.txt", outputs=["Made"], namespace="Making")
    check = 'test "$WORDS" = "#{Making.WORD}" && test "$COMMIT" = %s && grep made made.txt' % commit  # noqa: UP031 - the text has braces
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
    """Later actions and stages never start; the state has the reason and the build's link."""
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
    """CodePipeline accepts the name, as AWS does; the action fails with CodeBuild's message."""
    row = build("Run", "true")
    row["configuration"]["ProjectName"] = "contract-nothing"
    line = works.line("contract-no-project", {"name": "Work", "actions": [row]})
    assert line.outcome() == "Failed"
    error = line.stage("Work")["actionStates"][0]["latestExecution"]["errorDetails"]
    assert "contract-nothing" in error["message"]


def test_parallel_actions_all_end_before_their_stage_fails(works: Works) -> None:
    """Actions with the same run order are concurrent; after a failure the others end, and the next order is skipped."""
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
    """A wrong token is refused, the right one approves once, and the approver is shown."""
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
    """No later action starts, and the reviewer's summary is the reason."""
    line = works.line("contract-reject", gate(), stage("After", "true"))
    line.decide("Gate", line.token("Gate", line.first()), "Rejected")
    assert line.outcome() == "Failed"
    rejected = line.stage("Gate")["actionStates"][0]["latestExecution"]
    assert "Rejected by" in rejected["errorDetails"]["message"]
    assert rejected["summary"] == "seen"
    assert "latestExecution" not in line.stage("After")


def test_an_approval_expires_by_the_clock(works: Works, cloud: Cloud) -> None:
    """After five minutes of clock time the action fails, and its token is no longer valid."""
    line = works.line("contract-expire", gate(), stage("After", "true"))
    token = line.token("Gate", line.first())
    cloud.command("clock", "400")
    assert line.outcome() == "Failed"
    assert "timed out" in line.stage("Gate")["actionStates"][0]["latestExecution"]["errorDetails"]["message"]
    with pytest.raises(ClientError, match="ApprovalAlreadyCompleted"):
        line.decide("Gate", token)
    assert "latestExecution" not in line.stage("After")


def test_an_approval_tells_its_topic_in_aws_s_form(works: Works, cloud: Cloud) -> None:
    """The message contains the token, the links, the text with resolved variables, and the expiry."""
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
    """The first continues in its locked stage, the newest follows, the one in between is Superseded."""
    line = works.line("contract-quick", stage("Work", "sleep 12"), stage("Last", "true"))
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
    """Newer ones wait before its stage, where the newest supersedes the others; once approved, it continues first."""
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
