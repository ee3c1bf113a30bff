"""What people are told of: steps that fail, releases, approvals that wait, rollbacks; never at a step's expense."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract import runbook
from contract.names import PROJECT
from contract.pipeline import ACTIONS, Action, Project
from delivery import checkout
from delivery.deploying import deploy
from delivery.errors import DeliveryError
from delivery.notifications.message import REASON, Message, reason, subject
from delivery.notifications.notices import Teller
from tests.unit.delivery.aws import REGION
from tests.unit.delivery.scenarios import ONE, TWO, released, roll_back
from tests.unit.delivery.topic import ARN, EXECUTION, in_build, notified

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.delivery.commands import Commands
    from tests.unit.delivery.world import World

GOOD, NEXT = "a" * 40, "b" * 40
BUILD = {"EXECUTION": EXECUTION, "COMMIT": NEXT}
CONSOLE = f"https://{REGION}.console.aws.amazon.com/codesuite/codepipeline/pipelines/slipway/executions/{EXECUTION}"


def teller(world: World) -> Teller:
    """Return what notifies of the environment's pipeline."""
    return Teller(clients=world.aws, stack=world.stack, say=world.say)


def facts(body: str) -> dict[str, str]:
    """Return the facts of a message by their headings."""
    return dict(line.split(": ", 1) for line in body.replace("\n  ", "\v").split("\n"))


def test_a_step_that_fails_tells_what_happened_where_and_what_to_type(
    served: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line that the command ends with, links to execution and commit, the next commands, the runbook's page."""
    topic = notified(served.world)
    in_build(monkeypatch, "test", NEXT)
    code, told = served("deploy", "--release", str(served.folder / "none.json"))
    assert code == 1
    title, body = topic.only
    assert title == f"{PROJECT} bbbbbbb: Test/Test failed"
    held = facts(body)
    assert f"delivery deploy: {held['What happened']}" in told
    assert held["Serving now"] == "what served before: this step deploys nothing"
    assert held["Execution"] == f"{CONSOLE}/timeline?region={REGION}"
    assert held["Commit"] == f"https://github.com/me/shop/commit/{NEXT}"
    assert held["Next"].split("\v") == [
        f"delivery logs --stack staging --execution {EXECUTION} --build Test/Test",
        f"delivery retry --stack staging --execution {EXECUTION}",
    ]
    assert held["Runbook"] == runbook.of_action(Action.TEST)
    assert f"topic {ARN} is notified: {title}" in told


def test_tests_beside_the_build_are_told_by_the_stage_that_they_run_in(
    served: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the project of the tests says then."""
    topic = notified(served.world)
    in_build(monkeypatch, "test", NEXT)
    monkeypatch.setenv("STAGE", "Build")
    assert served("deploy", "--release", str(served.folder / "none.json"))[0] == 1
    title, body = topic.only
    assert title == f"{PROJECT} bbbbbbb: Build/Test failed"
    assert "--build Build/Test" in facts(body)["Next"]


def test_a_release_that_is_put_back_tells_what_serves_now(piped: World) -> None:
    """Apart from what happened, so that a long reason does not cut it off."""
    topic = notified(piped)
    with pytest.raises(DeliveryError) as failure:
        deploy.run(piped.session, piped.release(NEXT, web="crash"))
    teller(piped).failed(
        failure.value, str(failure.value), BUILD | {"CODEBUILD_BUILD_ID": "slipway-production-deploy:1"}
    )
    title, body = topic.only
    assert title == f"{PROJECT} bbbbbbb: Production/Deploy failed"
    held = facts(body)
    assert "circuit breaker" in held["What happened"]
    assert "put back" not in held["What happened"]
    assert held["Serving now"].startswith("put back: web serves staging-web:1")
    assert "delivery logs --stack staging\v" in held["Next"]
    assert held["Next"].endswith(f"delivery retry --stack staging --execution {EXECUTION}")


@pytest.mark.parametrize("key", ["staging-acceptance", "production-smoke"])
def test_after_a_failed_suite_the_whole_stage_is_retried(piped: World, key: str) -> None:
    """Since what it deployed was put back; what serves is not told where it is not known, nor what the log shows."""
    topic, line = notified(piped), "no; its output is above; failed: test_a; reports: /a folder/web"
    teller(piped).failed(DeliveryError(line), line, BUILD | {"CODEBUILD_BUILD_ID": f"slipway-{key}:1"})
    held = facts(topic.only[1])
    assert held["What happened"] == "no; failed: test_a"
    assert held["Next"].endswith(" --all")
    assert "Serving now" not in held


@pytest.mark.parametrize("key", [*ACTIONS, "build-arm64"])
def test_each_build_project_of_the_pipeline_is_known_by_its_stage_and_action(piped: World, key: str) -> None:
    """That of a further platform, too."""
    topic = notified(piped)
    piped.parameters.values["/slipway/staging/pipeline"]["projects"]["build-arm64"] = "slipway-build-arm64"
    teller(piped).failed(DeliveryError("no"), "no", BUILD | {"CODEBUILD_BUILD_ID": f"slipway-{key}:1"})
    place = "/".join(ACTIONS[Project(key)]) if key in ACTIONS else "Build/Build-arm64"
    assert topic.only[0].endswith(f": {place} failed")


@pytest.mark.parametrize("missing", ["STACK", "EXECUTION", "CODEBUILD_BUILD_ID"])
def test_nobody_is_notified_of_a_command_by_hand_or_of_the_checks(
    served: Commands, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """The checks run whatever is pushed, and have no execution."""
    topic = notified(served.world)
    in_build(monkeypatch, "test", NEXT)
    monkeypatch.delenv(missing)
    assert served("deploy", "--release", str(served.folder / "none.json"))[0] == 1
    assert not topic.messages


def test_a_stack_that_asks_for_no_notification_sends_none(served: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """And says nothing of it."""
    topic = notified(served.world, topic="")
    in_build(monkeypatch, "test", NEXT)
    code, told = served("deploy", "--release", str(served.folder / "none.json"))
    assert (code, topic.messages, "notified" in told) == (1, [], False)


def test_what_cannot_be_published_is_one_line_and_changes_no_exit_code(
    served: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step's own error comes first, and whole."""
    notified(served.world)
    served.world.aws.fail("Publish", "AuthorizationError")
    in_build(monkeypatch, "test", NEXT)
    code, told = served("deploy", "--release", str(served.folder / "none.json"))
    assert code == 1
    assert "none.json: No such file or directory" in told
    assert f"topic {ARN} is not notified: AWS refused Publish: made up" in told


@pytest.mark.parametrize("error", ["ssm", "project", "interrupted"])
def test_whatever_goes_wrong_on_the_way_to_a_notification_raises_nothing(
    piped: World, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    """Facts that cannot be read, a build project that is not the pipeline's, a signal."""
    topic = notified(piped)
    build = BUILD | {"CODEBUILD_BUILD_ID": f"slipway-{'checks' if error == 'project' else 'test'}:1"}
    if error == "ssm":
        piped.aws.fail("GetParametersByPath", "InternalServerError")
    if error == "interrupted":

        def stop(_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(topic, "publish", stop)
    teller(piped).failed(DeliveryError("no"), "no", build)
    assert not topic.messages
    assert piped.lines[-1].startswith("nobody is notified: ")
    assert piped.lines[-1] != "nobody is notified: "


def test_production_that_serves_a_release_is_told_of(served: Commands) -> None:
    """With the way back."""
    topic = notified(served.world)
    code, _ = served("promote", "--release", served.release(GOOD), "--as", "released", "--execution", EXECUTION)
    assert code == 0
    title, body = topic.only
    assert title == f"{PROJECT} aaaaaaa: released to staging"
    held = facts(body)
    assert held["Serving now"] == "staging serves aaaaaaa"
    assert held["Execution"].startswith(CONSOLE)
    assert "delivery rollback --stack staging" in held["Next"]


def test_the_topic_is_not_told_of_an_approval_that_aws_itself_tells_it_of(served: Commands) -> None:
    """One request is enough."""
    topic = notified(served.world)
    assert served("promote", "--release", served.release(GOOD), "--execution", EXECUTION)[0] == 0
    assert not topic.messages


def test_a_rollback_by_hand_is_told_to_those_who_wait_for_a_release(piped: World) -> None:
    """With what serves and how the pipeline goes on."""
    topic = notified(piped)
    released(piped, ONE, TWO)
    teller(piped).rolled_back(roll_back(piped))
    title, body = topic.only
    assert title == f"{PROJECT}: staging is rolled back to 1111111"
    held = facts(body)
    assert held["Serving now"] == "staging serves 1111111"
    assert "delivery resume --stack staging" in held["Next"]
    assert "Commit" not in held


def test_the_page_is_linked_where_the_repository_has_it(
    piped: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its own repository is that of whoever adopted Slipway as a template; another has no documents to link to."""
    page = tmp_path / runbook.of_action(Action.TEST)
    page.parent.mkdir(parents=True)
    page.write_text("# Test failed\n")
    monkeypatch.setattr(checkout, "ROOT", tmp_path)
    topic = notified(piped)
    teller(piped).failed(DeliveryError("no"), "no", BUILD | {"CODEBUILD_BUILD_ID": "slipway-test:1"})
    wanted = f"https://github.com/me/shop/blob/main/{runbook.of_action(Action.TEST)}"
    assert facts(topic.only[1])["Runbook"] == wanted


@pytest.mark.parametrize("title", ["x" * 200, "a\nb\tc", "Zürich \N{ROCKET}", "ordinary"])
def test_a_subject_is_one_that_sns_accepts(title: str) -> None:
    """ASCII, without control characters, less than 100 characters."""
    made = subject("main" * 30 if title == "ordinary" else GOOD, title)
    assert made.isascii()
    assert made.isprintable()
    assert 0 < len(made) < 100


def test_an_error_is_one_line_of_bounded_length_without_credentials() -> None:
    """It may quote a program's output, such as pip's with its package index."""
    told = reason("\x1b[31mcannot\x1b[0m fetch\nhttps://ci:s3cret@packages.example.test/simple " + "x" * 5000)
    assert told.startswith("cannot fetch https://***@packages.example.test/simple x")
    assert "s3cret" not in told
    assert len(told) == REASON


def test_lines_of_a_fact_are_indented_and_an_empty_fact_is_left_out() -> None:
    """So that each heading begins a line."""
    body = Message(subject="s", facts={"One": "a\nb", "Two": "", "Three": "c"}).body
    assert body == "One: a\n  b\nThree: c"
