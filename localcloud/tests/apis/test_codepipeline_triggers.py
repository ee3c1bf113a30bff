"""Triggers of pipelines: pushes and pull requests by a connection, and signed webhooks."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from support.pipelines import Works, action, approval
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cloud import Cloud
    from support.pipelines import Line

SECRET = "5igned-by-GitHub-alone"
GATE = {"name": "Gate", "actions": [approval()]}
"""Every pipeline here ends with an approval, so that no build is needed."""


@pytest.fixture(scope="module")
def works(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """A repository and a connection; responses are validated by botocore's shapes."""
    made = Works(cloud, tmp_path_factory.mktemp("triggers"), "triggers")
    yield made
    assert made.recorder.problems == []
    for row in made.pipelines.list_pipelines()["pipelines"]:
        made.pipelines.delete_pipeline(name=row["name"])


def triggered(works: Works, name: str, **filters: object) -> Line:
    """Create a pipeline with a declared trigger, whose first execution has completed its source."""
    git = {"sourceActionName": "Fetch", **filters}
    trigger = {"providerType": "CodeStarSourceConnection", "gitConfiguration": git}
    line = works.line(name, GATE, triggers=[trigger])
    line.entered("Gate", line.first())
    return line


def started(line: Line, count: int) -> dict[str, Any]:
    """Wait for a number of executions; returns the newest."""
    until(lambda: len(line.executions()) >= count)
    return line.executions()[0]


def quiet(line: Line, count: int) -> None:
    """Assert that no further execution starts."""
    time.sleep(1)
    assert len(line.executions()) == count


def test_a_push_to_the_branch_starts_a_pipeline_without_declared_triggers(works: Works) -> None:
    """DetectChanges is the default: only pushes to the branch start it."""
    line = works.line("triggers-default", works.source(DetectChanges="true"), GATE)
    works.push({"a.txt": "a"}, "other")
    quiet(line, 1)
    commit = works.push({"a.txt": "b"})
    execution = started(line, 2)
    assert execution["trigger"] == {"triggerType": "Webhook", "triggerDetail": works.connection}
    until(lambda: line.executions()[0]["sourceRevisions"])
    assert line.executions()[0]["sourceRevisions"][0]["revisionId"] == commit
    shown = line.api.get_pipeline(name=line.name)["pipeline"]["triggers"][0]["gitConfiguration"]
    assert shown["push"] == [{"branches": {"includes": ["main"]}}]


def test_a_declared_trigger_filters_branches_and_file_paths_and_takes_the_pushed_commit(works: Works) -> None:
    """Includes and excludes are globs; the commit is the pushed one, on any branch."""
    paths = {"includes": ["app/**"], "excludes": ["**/*.md"]}
    branches = {"includes": ["main", "release/*"], "excludes": ["release/old"]}
    line = triggered(works, "triggers-push", push=[{"branches": branches, "filePaths": paths}])
    works.push({"docs/a.txt": "a"})
    works.push({"app/a.md": "a"})
    works.push({"app/src/a.py": "1"}, "release/old")
    works.push({"app/src/a.py": "2"}, "feature/x")
    quiet(line, 1)
    commit = works.push({"app/src/b.py": "b", "docs/b.txt": "b"}, "release/1")
    execution = started(line, 2)
    assert execution["trigger"]["triggerType"] == "WebhookV2"
    assert json.loads(execution["trigger"]["triggerDetail"])["commit"] == commit
    until(lambda: line.executions()[0]["sourceRevisions"])
    variables = line.actions(execution["pipelineExecutionId"])[0]["output"]["outputVariables"]
    assert (variables["CommitId"], variables["BranchName"]) == (commit, "release/1")


def test_a_tag_starts_a_pipeline_that_waits_for_tags(works: Works) -> None:
    """Pushes to branches do not start it."""
    line = triggered(works, "triggers-tag", push=[{"tags": {"includes": ["v*"]}}])
    commit = works.push({"t.txt": "t"})
    quiet(line, 1)
    works.git("tag", "v1")
    works.git("push", "--quiet", "origin", "v1")
    execution = started(line, 2)
    assert json.loads(execution["trigger"]["triggerDetail"])["commit"] == commit


def test_a_pipeline_made_while_its_connection_was_pending_is_not_triggered(works: Works, cloud: Cloud) -> None:
    """Its source fails until the connection is AVAILABLE, and pushes start it only after an update."""
    pending = works.connect("triggers-pending", available=False)
    source = works.source(ConnectionArn=pending, DetectChanges="true")
    line = works.line("triggers-pending", source, GATE)
    assert line.outcome() == "Failed"
    assert "PENDING" in line.stage("Source")["actionStates"][0]["latestExecution"]["errorDetails"]["message"]
    cloud.command("connect", "triggers-pending")
    client = cloud.client("codestar-connections")
    assert client.get_connection(ConnectionArn=pending)["Connection"]["ConnectionStatus"] == "AVAILABLE"
    works.push({"p.txt": "1"})
    quiet(line, 1)
    line.entered("Gate", line.start())
    line.api.update_pipeline(pipeline=works.declaration(line.name, source, GATE))
    works.push({"p.txt": "2"})
    assert started(line, 3)["trigger"]["triggerType"] == "Webhook"


def github_source(name: str = "Fetch") -> dict[str, Any]:
    """Return the source stage with a GitHub (version 1) action."""
    values = {"Owner": "acme", "Repo": "triggers", "Branch": "main", "OAuthToken": "t0ken"}
    values["PollForSourceChanges"] = "false"
    return {"name": "Source", "actions": [action("Source/ThirdParty/GitHub", name, values, outputs=["Source"])]}


def hook(name: str, pipeline: str, **more: object) -> dict[str, Any]:
    """Return a webhook's definition."""
    return {
        "name": name,
        "targetPipeline": pipeline,
        "targetAction": "Fetch",
        "filters": [{"jsonPath": "$.ref", "matchEquals": "refs/heads/{Branch}"}],
        "authentication": "GITHUB_HMAC",
        "authenticationConfiguration": {"SecretToken": SECRET},
        **more,
    }


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    """Return GitHub's headers for a body."""
    return {"X-Hub-Signature-256": f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"}


def test_a_webhook_starts_its_pipeline_only_for_the_right_signature_and_branch(works: Works) -> None:
    """A wrong or missing signature is refused, another branch ignored; each valid delivery starts one execution."""
    line = works.line("triggers-webhook", github_source(), GATE)
    made = line.api.put_webhook(webhook=hook("contract-hook", line.name), tags=[{"key": "a", "value": "b"}])["webhook"]
    url = made["url"]
    body = json.dumps({"ref": "refs/heads/main"}).encode()
    assert works.post(url, body, signed(body, "wrong"))[0] == 403
    assert works.post(url, body, {})[0] == 403
    assert works.post(url, body + b" ", signed(body))[0] == 403
    other = json.dumps({"ref": "refs/heads/other"}).encode()
    assert works.post(url, other, signed(other))[0] == 200
    assert works.post(f"{url}x", body, signed(body))[0] == 404
    quiet(line, 1)
    status, answer = works.post(url, body, signed(body))
    assert status == 200
    execution = started(line, 2)
    assert execution["pipelineExecutionId"] == answer["pipelineExecutionId"]
    assert execution["trigger"] == {"triggerType": "Webhook", "triggerDetail": made["arn"]}
    again = line.api.put_webhook(webhook=hook("contract-hook", line.name))["webhook"]
    assert (again["url"], again["tags"]) == (url, [{"key": "a", "value": "b"}])
    assert line.api.list_webhooks()["webhooks"][0]["lastTriggered"]
    with pytest.raises(ClientError, match="RepositoryWebhook"):
        line.api.register_webhook_with_third_party(webhookName="contract-hook")
    line.api.delete_webhook(name="contract-hook")
    assert works.post(url, body, signed(body))[0] == 404


def test_a_real_push_reaches_the_pipeline_through_a_webhook_at_github(works: Works) -> None:
    """GitHub signs by the hook's secret; a hook with another secret starts nothing."""
    line = works.line("triggers-real-hook", github_source(), GATE)
    url = line.api.put_webhook(webhook=hook("contract-real", line.name))["webhook"]["url"]
    hooks = f"{works.endpoint}/api/v3/repos/{works.repository}/hooks"
    config = {"url": url, "content_type": "json", "secret": "another"}
    token = {"Authorization": "token t0ken"}
    made = works.post(hooks, json.dumps({"name": "web", "events": ["push"], "config": config}).encode(), token)
    assert made[0] == 201
    works.push({"h.txt": "1"})
    quiet(line, 1)
    right = {"name": "web", "events": ["push"], "config": config | {"secret": SECRET, "url": f"{url}?right"}}
    assert works.post(hooks, json.dumps(right).encode(), token)[0] == 201
    commit = works.push({"h.txt": "2"})
    assert started(line, 2)["trigger"]["triggerType"] == "Webhook"
    until(lambda: line.executions()[0]["sourceRevisions"])
    assert line.executions()[0]["sourceRevisions"][0]["revisionId"] == commit
    quiet(line, 2)


def test_a_replayed_delivery_builds_the_same_commit_again_and_nothing_else(works: Works) -> None:
    """GitHub signs the body only, so that a replay is valid: it runs the branch's head again."""
    line = works.line("triggers-replay", github_source(), GATE)
    url = line.api.put_webhook(webhook=hook("contract-replay", line.name))["webhook"]["url"]
    body = json.dumps({"ref": "refs/heads/main", "after": "0" * 39 + "1"}).encode()
    for count in (2, 3):
        works.post(url, body, signed(body))
        execution = started(line, count)["pipelineExecutionId"]
        line.waiting("Gate", execution)
        assert line.executions()[0]["sourceRevisions"][0]["revisionId"] == works.git("rev-parse", "origin/main")


def test_a_github_token_is_masked_wherever_it_is_read_and_kept_when_the_mask_comes_back(works: Works) -> None:
    """The mask in an update means the stored value, but only for the same action."""
    line = works.line("triggers-masked", github_source(), GATE)
    line.entered("Gate", line.first())
    shown = line.api.get_pipeline(name=line.name)["pipeline"]
    assert shown["stages"][0]["actions"][0]["configuration"]["OAuthToken"] == "****"
    rows = line.actions(line.first())
    assert "t0ken" not in json.dumps(rows, default=str)
    line.api.update_pipeline(pipeline=shown)
    line.waiting("Gate", line.start())
    shown["stages"][0]["actions"][0]["name"] = "Renamed"
    with pytest.raises(ClientError, match="masked"):
        line.api.update_pipeline(pipeline=shown)


def test_a_notification_rule_tells_its_topic_what_happened(works: Works, cloud: Cloud) -> None:
    """Only for the rule's events and pipeline."""
    topic = cloud.client("sns").create_topic(Name="contract-rules")["TopicArn"]
    queue = cloud.client("sqs").create_queue(QueueName="contract-rules")["QueueUrl"]
    attributes = cloud.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=attributes["QueueArn"])
    line = works.line("triggers-rule", GATE)
    token = line.token("Gate", line.first())
    rules = cloud.client("codestar-notifications")
    resource = f"arn:aws:codepipeline:eu-central-1:000000000000:{line.name}"
    events = ["codepipeline-pipeline-pipeline-execution-failed", "codepipeline-pipeline-manual-approval-failed"]
    rule = rules.create_notification_rule(
        Name="contract", EventTypeIds=events, Resource=resource, DetailType="FULL", Targets=[{"TargetAddress": topic}]
    )["Arn"]
    found = rules.describe_notification_rule(Arn=rule)
    assert [row["EventTypeId"] for row in found["EventTypes"]] == events
    assert found["Targets"] == [{"TargetAddress": topic, "TargetType": "SNS", "TargetStatus": "ACTIVE"}]
    rules.tag_resource(Arn=rule, Tags={"a": "b", "c": "d"})
    rules.untag_resource(Arn=rule, TagKeys=["a"])
    assert rules.list_tags_for_resource(Arn=rule)["Tags"] == {"c": "d"}
    line.decide("Gate", token, "Rejected")
    told: list[dict[str, Any]] = []

    def both() -> bool:
        rows = cloud.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        told.extend(json.loads(json.loads(row["Body"])["Message"]) for row in rows)
        return len(told) >= 2

    until(both)
    assert {(row["detailType"].split()[1], row["detail"]["state"]) for row in told} == {
        ("Action", "FAILED"),
        ("Pipeline", "FAILED"),
    }
    assert {row["detail"]["execution-id"] for row in told} == {line.first()}
    assert {row["additionalAttributes"]["failedStage"] for row in told} == {"Gate"}
    with pytest.raises(ClientError, match="subscribed"):
        rules.delete_target(TargetAddress=topic)
    rules.delete_notification_rule(Arn=rule)
    rules.delete_target(TargetAddress=topic)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        rules.describe_notification_rule(Arn=rule)
