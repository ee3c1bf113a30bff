"""What delivery asks of the pipeline and makes of its answers; the answers are checked against AWS's models."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from delivery import environment
from delivery.aws import pipeline
from delivery.console import Progress, typed
from delivery.deploying import answers, pipeline_hold
from delivery.environment import Environment, Pipeline
from delivery.errors import DeliveryError
from delivery.operator import approval, logs, retry
from delivery.operator.approval import Answer
from delivery.operator.status import Status
from delivery.session import Session

ONE, TWO = "11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"
COMMIT, OTHER = "a" * 40, "b" * 40
DIGEST = f"sha256:{'0' * 64}"
PRODUCTION = Pipeline(
    name="slipway-prod", stage="Production", deploy_action="Deploy", approval_stage="Approval",
    approval_action="Approve", repository="me/shop", branch="main", projects={},
)  # fmt: skip
LOG = """earlier
the step that failed: [dev 3/4] RUN pip
  ERROR: no nope
staging is put back
delivery build: web: building failed (exit code 1) in [dev 3/4] RUN pip: ERROR: no nope
[Container] 2026/11/21 15:00:00 Phase complete: BUILD State: FAILED
"""
"""How the log of a build that failed ends on CodeBuild."""
NOW = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)


class Clients:
    """Clients by service, stubbed: what is asked and answered is checked against the service's model."""

    def __init__(self) -> None:
        """Begin without any."""
        self.stubs: dict[str, Stubber] = {}

    def __call__(self, service: str) -> Any:  # noqa: ANN401 - boto3's clients have no static type
        """Return a client."""
        if service not in self.stubs:
            made = boto3.client(service, region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
            self.stubs[service] = Stubber(made)
            self.stubs[service].activate()
        return self.stubs[service].client

    def answer(self, service: str, operation: str, answer: dict[str, Any], wanted: dict[str, Any]) -> None:
        """Expect a call."""
        self(service)
        self.stubs[service].add_response(operation, answer, wanted)

    def all_asked(self) -> None:
        """Assert that every expected call was made."""
        for stub in self.stubs.values():
            stub.assert_no_pending_responses()


def held(*, waiting: str = "", closed: str = "", before: str = "", running: str = "") -> dict[str, Any]:
    """Return GetPipelineState's answer: who waits for approval, why Production is closed and who waits there."""
    approve: dict[str, Any] = {"actionName": "Approve"}
    stage: dict[str, Any] = {"stageName": "Approval", "actionStates": [approve]}
    if waiting:
        approve["latestExecution"] = {"status": "InProgress", "token": "the-token"}
        stage["latestExecution"] = {"pipelineExecutionId": waiting, "status": "InProgress"}
    transition = {"enabled": False, "disabledReason": closed} if closed else {"enabled": True}
    production: dict[str, Any] = {
        "stageName": "Production",
        "inboundTransitionState": transition,
        "actionStates": [{"actionName": "Deploy"}],
    }
    if before:
        production["inboundExecutions"] = [{"pipelineExecutionId": before, "status": "InProgress"}]
    if running:
        production["latestExecution"] = {"pipelineExecutionId": running, "status": "InProgress"}
    return {
        "pipelineName": "slipway-prod",
        "stageStates": [{"stageName": "Staging", "actionStates": []}, stage, production],
    }


def summaries(*executions: tuple[str, str, str]) -> dict[str, Any]:
    """Return ListPipelineExecutions' answer of (id, status, commit)."""
    rows = [
        {
            "pipelineExecutionId": identity,
            "status": status,
            "startTime": NOW,
            "sourceRevisions": [{"actionName": "Source", "revisionId": commit}],
        }
        for identity, status, commit in executions
    ]
    return {"pipelineExecutionSummaries": rows}


def run_of(stage: str, action: str, status: str, **output: Any) -> dict[str, Any]:  # noqa: ANN401 - any output
    """Return an action's run."""
    kind = {"category": "Approval" if action == "Approve" else "Build", "owner": "AWS", "provider": "x", "version": "1"}
    return {
        "pipelineExecutionId": ONE,
        "actionExecutionId": f"{stage}-{action}",
        "stageName": stage,
        "actionName": action,
        "startTime": NOW,
        "lastUpdateTime": NOW,
        "status": status,
        "input": {"actionTypeId": kind},
        "output": output,
    }


def parameters(**environments: Pipeline) -> dict[str, Any]:
    """Return GetParametersByPath's answer: the pipeline's parameter of each environment."""
    return {
        "Parameters": [
            {"Name": f"/slipway/{stack}/pipeline", "Value": facts.payload()} for stack, facts in environments.items()
        ]
    }


def asked(name: str = "slipway-prod") -> dict[str, Any]:
    """Return what asks for one pipeline's state."""
    return {"name": name}


def approving(monkeypatch: pytest.MonkeyPatch, served: str) -> Clients:
    """Return clients for an approval of ONE while staging serves a commit."""
    clients = Clients()
    clients.answer("codepipeline", "get_pipeline_state", held(waiting=ONE), asked())
    clients.answer(
        "codepipeline",
        "list_pipeline_executions",
        summaries((ONE, "InProgress", COMMIT)),
        {"pipelineName": "slipway-prod"},
    )
    built = run_of("Build", "Build", "Succeeded", outputVariables={"RELEASE": f"web@{DIGEST}"})
    clients.answer(
        "codepipeline",
        "list_action_executions",
        {"actionExecutionDetails": [built]},
        {"pipelineName": "slipway-prod", "filter": {"pipelineExecutionId": ONE}},
    )
    staging = replace(PRODUCTION, stage="Staging")
    clients.answer(
        "ssm", "get_parameters_by_path", parameters(staging=staging), {"Path": "/slipway", "Recursive": True}
    )
    monkeypatch.setattr(
        environment, "read", lambda _, stack: Environment(stack=stack, url="http://s", cluster="c", services=())
    )
    monkeypatch.setattr(answers, "served", lambda _: {"web": (served, DIGEST)})
    return clients


def expect_result(clients: Clients, status: str, summary: str) -> None:
    """Expect the answer to the approval, with the state's token."""
    wanted = {
        "pipelineName": "slipway-prod",
        "stageName": "Approval",
        "actionName": "Approve",
        "result": {"status": status, "summary": summary},
        "token": "the-token",
    }
    clients.answer("codepipeline", "put_approval_result", {}, wanted)


def test_what_waits_is_approved_with_its_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Staging serves what was tested, so nothing is asked."""
    clients = approving(monkeypatch, COMMIT)
    expect_result(clients, "Approved", "looks good")
    approval.run(clients, PRODUCTION, Answer(approved=True, execution=ONE[:8], reason="looks good", yes=False))
    clients.all_asked()


def test_approving_while_staging_serves_another_release_needs_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The warning names both commits; without a terminal and without --yes nothing is approved."""
    clients = approving(monkeypatch, OTHER)
    with pytest.raises(DeliveryError, match="--yes"):
        approval.run(clients, PRODUCTION, Answer(approved=True, execution="", reason="", yes=False))
    told = capsys.readouterr().out
    assert f"WARNING: staging serves {OTHER}" in told
    assert f"approving releases {COMMIT}" in told


def test_a_rejection_never_needs_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its reason goes into the pipeline's history."""
    clients = approving(monkeypatch, OTHER)
    expect_result(clients, "Rejected", "not on a Friday")
    approval.run(clients, PRODUCTION, Answer(approved=False, execution="", reason="not on a Friday", yes=True))
    clients.all_asked()


@pytest.mark.parametrize(("execution", "told"), [(TWO, f"those that wait: {ONE}"), ("", "no approval waits")])
def test_an_execution_that_does_not_wait_is_not_approved(execution: str, told: str) -> None:
    """Those that do are named."""
    clients = Clients()
    clients.answer("codepipeline", "get_pipeline_state", held(waiting=ONE if execution else ""), asked())
    with pytest.raises(DeliveryError, match=told):
        approval.run(clients, PRODUCTION, Answer(approved=True, execution=execution, reason="", yes=True))


def ended(status: str, stage: str, *, closed: str = "") -> Clients:
    """Return clients for a retry of ONE, which ended so in a stage."""
    clients = Clients()
    found = summaries((ONE, status, COMMIT))
    clients.answer("codepipeline", "list_pipeline_executions", found, {"pipelineName": "slipway-prod"})
    answer = held(closed=closed)
    for row in answer["stageStates"]:
        latest = {"pipelineExecutionId": ONE, "status": status if row["stageName"] == stage else "Succeeded"}
        row["latestExecution"] = latest
    clients.answer("codepipeline", "get_pipeline_state", answer, asked())
    return clients


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
@pytest.mark.parametrize(("everything", "mode"), [(False, "FAILED_ACTIONS"), (True, "ALL_ACTIONS")])
def test_a_retry_is_of_the_stage_that_failed(*, status: str, everything: bool, mode: str) -> None:
    """Not of those before it; all of its actions only where asked."""
    clients = ended(status, "Production")
    wanted = {
        "pipelineName": "slipway-prod",
        "stageName": "Production",
        "pipelineExecutionId": ONE,
        "retryMode": mode,
    }
    clients.answer("codepipeline", "retry_stage_execution", {"pipelineExecutionId": ONE}, wanted)
    retry.run(clients, PRODUCTION, ONE[:8], everything=everything)
    clients.all_asked()


def test_what_did_not_fail_is_not_retried() -> None:
    """The execution's status is told, and how to name another."""
    with pytest.raises(DeliveryError, match=f"{ONE} is Succeeded.*--execution"):
        retry.run(ended("Succeeded", "Production"), PRODUCTION, ONE, everything=False)


def test_a_retry_does_not_pass_a_rollback_by() -> None:
    """The way into the stage is closed for it too."""
    with pytest.raises(DeliveryError, match=r"Production is closed \(rolled back\).*delivery resume"):
        retry.run(ended("Stopped", "Production", closed="rolled back"), PRODUCTION, ONE, everything=False)


def test_a_stage_that_codepipeline_does_not_retry_is_named() -> None:
    """The remedy is a push."""
    clients = ended("Failed", "Staging")
    clients.stubs["codepipeline"].add_client_error(
        "retry_stage_execution", "NotLatestPipelineExecutionException", "not the latest"
    )
    with pytest.raises(DeliveryError, match=r"stage Staging is not retried.*not the latest.*push again"):
        retry.run(clients, PRODUCTION, ONE, everything=False)


def rolling_back(*, stop: bool = False) -> tuple[Clients, pipeline_hold.Hold]:
    """Return a rollback of production whose reason is checked by the API's own pattern."""
    clients = Clients()
    clients.answer("codepipeline", "get_pipeline_state", held(), asked())
    there = Environment(stack="prod", url="http://p", cluster="c", services=(), pipeline=PRODUCTION)
    session = Session(clients=clients, environment=there, say=Progress())
    return clients, pipeline_hold.Hold(session=session, of=PRODUCTION, stop_execution=stop)


def expect_closed(clients: Clients) -> list[str]:
    """Expect the way into Production to be closed; returns a list that gets the reason."""
    reasons: list[str] = []

    def keep(params: dict[str, Any], **_: object) -> None:
        reasons.append(params["reason"])

    clients("codepipeline").meta.events.register("provide-client-params.codepipeline.DisableStageTransition", keep)
    clients.stubs["codepipeline"].add_response("disable_stage_transition", {})
    return reasons


def test_the_reason_why_the_pipeline_is_closed_is_one_that_aws_takes() -> None:
    """Letters, digits and few signs, at most 300: the commits, who, when, and how to go on."""
    clients, back = rolling_back()
    reasons = expect_closed(clients)
    clients.answer("codepipeline", "get_pipeline_state", held(closed="x"), asked())
    back.close(COMMIT, f"{OTHER}:/;")
    assert not pipeline_hold.REASON.search(reasons[0])
    assert len(reasons[0]) <= pipeline_hold.REASON_LIMIT
    assert all(word in reasons[0] for word in (COMMIT, OTHER, "delivery resume"))


def test_a_rollback_while_the_pipeline_deploys_names_the_execution_and_both_ways_on() -> None:
    """The way is closed by then, so that nothing else comes."""
    clients, back = rolling_back()
    expect_closed(clients)
    clients.answer("codepipeline", "get_pipeline_state", held(running=ONE), asked())
    with pytest.raises(DeliveryError, match=rf"{ONE} is under way.*--follow.*--stop-execution"):
        back.close(COMMIT, OTHER)


def test_resume_says_what_comes_through() -> None:
    """The execution that waits before the stage, with its commit."""
    clients = Clients()
    there = Environment(stack="prod", url="http://p", cluster="c", services=(), pipeline=PRODUCTION)
    clients.answer("codepipeline", "get_pipeline_state", held(closed="rolled back", before=ONE), asked())
    wanted = {"pipelineName": "slipway-prod", "stageName": "Production", "transitionType": "Inbound"}
    clients.answer("codepipeline", "enable_stage_transition", {}, wanted)
    clients.answer(
        "codepipeline",
        "list_pipeline_executions",
        summaries((ONE, "InProgress", COMMIT)),
        {"pipelineName": "slipway-prod"},
    )
    lines: list[str] = []
    pipeline_hold.resume(Session(clients=clients, environment=there, say=lines.append))
    clients.all_asked()
    assert f"execution {ONE} goes on with commit {COMMIT}" in lines


def test_a_stack_without_a_pipeline_is_told_what_writes_the_parameter() -> None:
    """Not a stack trace."""
    with pytest.raises(DeliveryError, match=r"/slipway/staging/pipeline.*slipway:pipeline"):
        pipeline.of(Environment(stack="staging", url="http://s", cluster="c", services=()))


@pytest.mark.parametrize(("way", "code", "asked_for"), [("show", 0, 1), ("follow", 1, 2)])
def test_status_names_the_failed_action_its_reason_and_where_to_read_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], way: str, code: int, asked_for: int
) -> None:
    """An action that failed, with the failing step of its image; one that has not begun; a way that is closed."""
    clients = Clients()
    executions = summaries((ONE, "Failed", COMMIT))
    for _ in range(asked_for):
        clients.answer("codepipeline", "list_pipeline_executions", executions, {"pipelineName": "slipway-prod"})
    there = Environment(stack="prod", url="http://p", cluster="c", services=(), pipeline=PRODUCTION)
    clients.answer("codepipeline", "get_pipeline_state", held(closed="rolled back", before=TWO), asked())
    result = {"externalExecutionId": "project:1", "errorDetails": {"message": "Build  terminated"}}
    failed = run_of("Build", "Build", "Failed", executionResult=result)
    clients.answer(
        "codepipeline",
        "list_action_executions",
        {"actionExecutionDetails": [failed]},
        {"pipelineName": "slipway-prod", "filter": {"pipelineExecutionId": ONE}},
    )
    in_logs = {"groupName": "g", "streamName": "s"}
    clients.answer("codebuild", "batch_get_builds", {"builds": [{"logs": in_logs}]}, {"ids": ["project:1"]})
    events = {"events": [{"message": f"{line}\n"} for line in LOG.splitlines()]}
    wanted = {"logGroupName": "g", "logStreamName": "s", "startFromHead": False}
    clients.answer("logs", "get_log_events", events, wanted)
    monkeypatch.setattr(pipeline, "stacks", lambda *_: {"Production": "prod"})
    monkeypatch.setattr(environment, "read", lambda *_: there)
    monkeypatch.setattr(answers, "served", lambda _: {"web": (OTHER, DIGEST)})
    session = Session(clients=clients, environment=there, say=Progress())
    assert getattr(Status(session=session, execution=ONE), way)() == code
    told = capsys.readouterr().out
    assert f"execution {ONE}: Failed" in told
    assert "delivery build: web: building failed (exit code 1) in [dev 3/4] RUN pip: ERROR: no nope; Build term" in told
    ending = ["the log of Build/Build ends with:", *(f"  {line}" for line in LOG.splitlines()[1:5])]
    assert told.splitlines()[-len(ending) :] == ending
    assert f"delivery logs --stack prod --build Build/Build --execution {ONE}" in told
    assert f"prod serves {OTHER} ({DIGEST})" in told
    assert f"before it waits {TWO}; open it: delivery resume --stack prod" in told


def test_commands_are_shown_as_this_user_types_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what a build ran is shown as it was run."""
    monkeypatch.setenv("DELIVERY_COMMAND", "bin/delivery-local")
    told = "see: delivery logs --stack s; python -m delivery build --stack s; delivery deploy: failed"
    wanted = "see: bin/delivery-local logs --stack s; python -m delivery build --stack s; delivery deploy: failed"
    assert typed(told) == wanted


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        ([f"line {number}" for number in range(90)], [f"line {number}" for number in range(65, 90)]),
        ([*(f"line {number}" for number in range(90)), "delivery test: no", "x"], ["line 66", "delivery test: no"]),
        ([], []),
    ],
    ids=["before delivery began", "tests", "no line"],
)
def test_of_a_failed_build_without_a_failing_step_the_last_lines_are_shown(lines: list[str], shown: list[str]) -> None:
    """Those before the line in which delivery says why; what CodeBuild adds tells nothing."""
    end = logs.end_of(lines)
    assert (end[:1], end[-1:], len(end) <= logs.SHOWN_LINES) == (shown[:1], shown[-1:], True)
    assert logs.reason(end) == ("delivery test: no" if "delivery test: no" in lines else "")


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86400)])
def test_times_are_given_as_people_write_them(text: str, seconds: int) -> None:
    """Anything else is refused."""
    assert logs.seconds(text) == seconds
    with pytest.raises(ValueError, match="ten"):
        logs.seconds("ten")
