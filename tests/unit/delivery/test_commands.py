"""The command line: which command does what with which options, how it ends, and what the pipeline's steps call."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError, NoRegionError

from delivery import __main__ as program
from delivery import checkout, environment
from delivery.aws import clients
from delivery.commands.registry import delivery
from delivery.deploying import deploy
from delivery.errors import DeliveryError, InterruptedDeliveryError
from delivery.operator import history
from tests.unit.delivery.aws import REGION
from tests.unit.delivery.world import FIRST, World, digest_of, pipeline_facts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.delivery.docker import Docker

GOOD, NEXT = "a" * 40, "b" * 40
RUN = "11111111-2222-3333-4444-555555555555"
BUILDSPECS = sorted((Path(program.__file__).parent / "buildspecs").glob("*.yml"))


class Commands:
    """Runs commands in this process, in a fake AWS."""

    def __init__(
        self, world: World, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Let boto3 make clients of this AWS."""
        self.world, self.folder, self.monkeypatch, self.capsys = world, folder, monkeypatch, capsys
        (folder / "app").mkdir()
        (folder / "app" / "Dockerfile").touch()
        self.made: list[dict[str, Any]] = []

        def make(service: str, **options: Any) -> Any:  # noqa: ANN401 - boto3's clients have no static type
            self.made.append(options)
            return world.aws(service)

        monkeypatch.setattr(boto3, "client", make)
        monkeypatch.setattr(checkout, "ROOT", folder)
        monkeypatch.delenv("CODEBUILD_BUILD_ID", raising=False)
        clients._made.cache_clear()

    def __call__(self, command: str, *options: str) -> tuple[int, str]:
        """Run one; returns its exit code and what it wrote."""
        self.monkeypatch.setattr(sys, "argv", ["delivery", command, "--stack", "staging", *options])
        code = program.main()
        told = self.capsys.readouterr()
        return code, told.out + told.err

    def release(self, commit: str) -> str:
        """Push a commit's images; returns the path of its release.json."""
        path = self.folder / f"{commit}.json"
        self.world.release(commit).write(path)
        return str(path)


@pytest.fixture
def piped_commands(
    piped: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Commands]:
    """Commands for a stack that a pipeline deploys to."""
    yield Commands(piped, tmp_path, monkeypatch, capsys)
    clients._made.cache_clear()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def served(piped_commands: Commands) -> Commands:
    """The same, where a release is served."""
    world = piped_commands.world
    deploy.run(world.session, world.release(GOOD))
    world.lines.clear()
    return piped_commands


def test_a_commit_is_deployed_by_its_beginning_or_by_its_manifest(served: Commands) -> None:
    """Both are served already here."""
    assert served("deploy", "--commit", GOOD[:7]) == served("deploy", "--commit", GOOD[:7])
    for options in (("--commit", GOOD[:7]), ("--release", served.release(GOOD))):
        code, told = served("deploy", *options)
        assert (code, "nothing to do" in told) == (0, True)


@pytest.mark.parametrize("commit", ["main", "aaaaaa", "../../x"])
def test_what_is_no_commit_is_refused(served: Commands, commit: str) -> None:
    """Before anything is asked of AWS."""
    for command in ("deploy", "build"):
        code, told = served(command, "--commit", commit)
        assert code == 1
        assert f"--commit {commit!r} is not a commit's hexadecimal number of 7 characters at least" in told


def test_a_failure_is_one_line_and_ends_with_1(served: Commands) -> None:
    """With the command's name."""
    code, told = served("deploy", "--release", str(served.folder / "none.json"))
    assert code == 1
    assert re.fullmatch(r"delivery deploy: .*none.json: No such file or directory; give the release.json .*\n", told)


def test_acceptance_by_hand_accepts_and_in_production_only_looks(served: Commands, docker: Docker) -> None:
    """What is tested is written down; --release says what must be served, --put-back what happens else."""
    code, told = served("acceptance", "--reports", str(served.folder / "r"), "--safe-only")
    assert (code, "acceptance passed" in told) == (0, True)
    assert "--env=SAFE_ONLY=1" in docker.calls("run")[0]
    assert (served.folder / "r" / "staging" / "url.txt").read_text() == f"{served.world.environment.url}\n"
    assert not served.world.aws.asked("PutImage")
    assert served("acceptance", "--reports", str(served.folder / "r"))[0] == 0
    assert "SAFE_ONLY" not in docker.calls("run")[1]
    assert len(served.world.aws.asked("PutImage")) == 1
    code, told = served("acceptance", "--release", served.release(NEXT), "--reports", str(served.folder / "r"))
    assert (code, "it was deployed to since" in told) == (1, True)


def test_promote_marks_what_the_manifest_names(served: Commands) -> None:
    """As accepted, or as released by an execution: that of the manifest where none is given."""
    path = served.release(NEXT)
    assert served("promote", "--release", path)[0] == 0
    assert served("promote", "--release", path, "--as", "released", "--execution", RUN)[0] == 0
    assert served("promote", "--release", path, "--as", "released")[0] == 0
    tags = served.world.registry.tags("slipway/web", digest_of(NEXT))
    assert tags == {f"{mark}" for mark in (
        f"candidate-{NEXT}", f"accepted-{NEXT}", f"released-{NEXT}-11111111", f"released-{NEXT}-run-bbbb"
    )}  # fmt: skip


def waiting(served: Commands) -> None:
    """Let a release of GOOD wait for approval."""
    served.world.pipeline.execution(RUN, commit=GOOD)
    served.world.pipeline.run(RUN, "Build", "Build", "Succeeded", outputVariables={"RELEASE": f"web@{digest_of(GOOD)}"})
    served.world.pipeline.run(RUN, "Approval", "Approve", "InProgress")
    served.world.pipeline.tokens[RUN] = "token"
    held = served.world.parameters.values
    held["/slipway/staging/pipeline"] = pipeline_facts("Staging")


@pytest.mark.parametrize(("command", "status"), [("approve", "Approved"), ("reject", "Rejected")])
def test_a_person_answers_what_waits(served: Commands, command: str, status: str) -> None:
    """With a reason, or with who it was."""
    waiting(served)
    code, told = served(command, "--reason", "because")
    assert code == 0, told
    assert f"{status.lower()}: execution {RUN} (because)" in told
    assert f"staging    serves {GOOD}" in told
    served(command)
    one, two = served.world.pipeline.answers
    assert one["result"] == {"status": status, "summary": "because"}
    assert two["result"]["summary"].startswith(f"{status} by ")
    assert (one["stageName"], one["actionName"], one["token"]) == ("Approval", "Approve", "token")


def test_an_approval_while_staging_serves_something_else_needs_a_word(served: Commands) -> None:
    """A rejection does not."""
    waiting(served)
    deploy.run(served.world.session, served.world.release(NEXT))
    code, told = served("approve")
    assert (code, "give --yes if this execution is to be released all the same" in told) == (1, True)
    assert f"WARNING: staging serves {NEXT}" in told
    assert not served.world.pipeline.answers
    assert served("approve", "--yes")[0] == 0
    assert served("reject")[0] == 0


def test_another_image_of_the_same_commit_is_something_else(served: Commands) -> None:
    """By its digest; a service whose digest had no room in the variable is compared by its commit."""
    waiting(served)
    for run in served.world.pipeline.runs:
        run["output"] = {"outputVariables": {"RELEASE": "web@sha256:other"}} if run["actionName"] == "Build" else {}
    assert "WARNING: staging serves" in served("reject")[1]
    for run in served.world.pipeline.runs:
        run["output"] = {}
    assert "WARNING" not in served("reject")[1]


def test_what_staging_serves_may_be_unknown(served: Commands) -> None:
    """That is a warning, too."""
    waiting(served)
    served.world.balancer.lies[digest_of(GOOD)] = 500
    code, told = served("approve")
    assert (code, "WARNING: what staging serves now is not known" in told) == (1, True)


@pytest.mark.parametrize("code", ["InvalidApprovalTokenException", "ApprovalAlreadyCompletedException"])
def test_an_answer_that_comes_too_late_is_told_so(served: Commands, code: str) -> None:
    """Someone else answered, or it expired."""
    waiting(served)
    served.world.aws.fail("PutApprovalResult", code)
    assert "the approval was answered, or expired, meanwhile" in served("reject")[1]
    served.world.aws.fail("PutApprovalResult", "ThrottlingException")
    ended, told = served("reject")
    assert (ended, "expired" in told) == (1, False)


def test_one_of_several_approvals_has_to_be_named(served: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are shown."""
    waiting(served)
    monkeypatch.setattr("tests.unit.delivery.pipelines.STAGES", {"Approval": ["Approve"], "Second": ["Approve"]})
    stage = served.world.pipeline._stage

    def both(name: str) -> dict[str, Any]:
        return {**stage("Approval"), "stageName": name}

    monkeypatch.setattr(served.world.pipeline, "_stage", both)
    code, told = served("approve")
    assert code == 1
    assert f"several approvals wait, name one with --execution: {RUN} (stage Approval); {RUN} (stage Second)" in told


def test_nothing_is_approved_on_the_word_of_nobody(served: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal it is asked; only yes is yes."""
    waiting(served)
    deploy.run(served.world.session, served.world.release(NEXT))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    for answer, code in (("n", 1), ("", 1), ("maybe", 1), ("Y ", 0), ("yes", 0)):
        monkeypatch.setattr("builtins.input", lambda _, answer=answer: answer)
        assert served("approve")[0] == code


def test_rollback_and_resume_are_commands(served: Commands) -> None:
    """A rollback to a release that is not there changes nothing but the pipeline; resume opens it."""
    code, told = served("rollback", "--to", "5555555")
    assert (code, "no good release of commit 5555555" in told) == (1, True)
    served.world.pipeline.closed["Production"] = "rolled back"
    assert served("resume")[0] == 0
    assert not served.world.pipeline.closed


def test_retry_is_a_command(served: Commands) -> None:
    """Of all actions where asked."""
    served.world.pipeline.execution(RUN, "Failed")
    served.world.pipeline.run(RUN, "Staging", "Deploy", "Failed")
    for options, mode in ((("--all",), "ALL_ACTIONS"), (("--execution", RUN[:5]), "FAILED_ACTIONS")):
        code, told = served("retry", *options)
        assert code == 0, told
        assert served.world.aws.asked("RetryStageExecution")[-1]["retryMode"] == mode
        assert f"stage Staging of execution {RUN} runs again" in told


def test_history_shows_as_many_as_asked(served: Commands) -> None:
    """Ten by default."""
    assert served("history", "--most", "1")[1].count("staging-web:") == 1
    assert served("history")[1].count("staging-web:") == 2


def test_status_is_a_command_with_the_exit_codes_of_following(served: Commands) -> None:
    """Shown once it ends with 0 whatever it shows."""
    served.world.pipeline.execution(RUN, "Failed")
    assert served("status")[0] == 0
    assert served("status", "--follow")[0] == 1
    served.world.pipeline.executions[0]["status"] = "Succeeded"
    assert served("status", "--follow", "--execution", RUN)[0] == 0


def test_clean_is_a_command_for_stacks_that_are_up_and_for_destroyed_ones(served: Commands) -> None:
    """Of the latter nothing is kept."""
    world = served.world
    for _ in range(3):
        world.ecs.register(
            "staging-web",
            f"x@{digest_of(FIRST)}",
            {"slipway:commit": NEXT, "project": "slipway", "environment": "staging"},
        )
    assert served("clean", "--keep", "2")[1].endswith("deleted 1 inactive task definition revisions of staging\n")
    assert served("clean")[1].endswith("deleted 0 inactive task definition revisions of staging\n")
    world.parameters.values.clear()
    code, told = served("clean")
    assert code == 0
    assert "stack staging is not up: everything that it left is removed" in told
    assert told.endswith("deleted 4 inactive task definition revisions of staging\n")


@pytest.mark.parametrize(
    ("options", "told"), [(("--keep", "-1"), "no number from 0 on"), (("--keep", "x"), "no number")]
)
def test_wrong_usage_ends_with_2(served: Commands, options: tuple[str, ...], told: str) -> None:
    """With what is wrong."""
    code, text = served("clean", *options)
    assert (code, told in text) == (2, True)


def test_logs_are_followed_until_ctrl_c_which_is_no_failure(served: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without following it is an interruption."""

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("delivery.operator.logs.of_services", stop)
    monkeypatch.setattr("delivery.operator.logs.of_build", stop)
    assert served("logs", "--follow") == (0, "")
    assert served("logs", "--build", "Build", "--follow") == (0, "")
    code, told = served("logs")
    assert (code, told) == (130, "delivery logs: interrupted; what it had done stands; run it again to finish it\n")


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (DeliveryError("no"), 1, "delivery history: no\n"),
        (InterruptedDeliveryError("stopped"), 130, "delivery history: stopped\n"),
        (KeyboardInterrupt(), 130, "delivery history: interrupted; what it had done stands"),
        (NoRegionError(), 1, r"delivery history: You must specify a region. Name the stack's: export AWS_REGION"),
        (NoCredentialsError(), 1, "Unable to locate credentials; log in to the account"),
        (FileNotFoundError(2, "x", "docker"), 1, "docker is not there, or not on PATH; install or make it\n"),
        (PermissionError(13, "x", "bin/test"), 1, "bin/test is refused to this user; correct its mode\n"),
        (BrokenPipeError(), 1, ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_every_kind_of_end_has_its_exit_code_and_its_line(
    served: Commands, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, told: str
) -> None:
    """No traceback for what a user can act on."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(history, "run", fail)
    ended, text = served("history")
    assert ended == code
    assert told in text
    assert bool(text) is bool(told)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_an_interruption_once(served: Commands, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """A second one does not keep what is left from being said."""

    def wait(*_: object) -> None:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        raise KeyboardInterrupt

    monkeypatch.setattr(history, "run", wait)
    assert served("history")[0] == 130


def test_clients_are_made_once_with_patience_and_the_region_that_everybody_reads(
    served: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A late answer ends no release: ten attempts; boto3 alone does not read AWS_REGION."""
    monkeypatch.setenv("AWS_REGION", REGION)
    clients._made.cache_clear()
    served.made.clear()
    assert clients.client("ecs") is clients.client("ecs")
    (options,) = served.made
    assert options["region_name"] == REGION
    assert options["config"].retries == {"mode": "standard", "max_attempts": 10}


def parsed(words: list[str]) -> dict[str, Any]:
    """Return the options of a command as they are typed."""
    command = delivery.commands[words[0]]
    return dict(command.make_context(words[0], words[1:]).params)


def steps_of_the_pipeline() -> list[tuple[str, list[str]]]:
    """Return what each buildspec runs of delivery, with plain values for its variables."""
    found = []
    for path in BUILDSPECS:
        for line in re.findall(r"python3 -m delivery (.*)", path.read_text("utf-8")):
            words = re.sub(r'"[^"]*"', "linux/amd64" if "PLATFORM" in line else "x", line).split()
            found.append((path.stem, words))
    return found


@pytest.mark.parametrize(
    ("spec", "words"), steps_of_the_pipeline(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_each_step_of_the_pipeline_is_a_command_with_options_that_exist(spec: str, words: list[str]) -> None:
    """Production runs only what changes nothing, staging everything; both are put back where it fails."""
    words = [word for word in words if word != "--platform" or "linux/amd64" in words]
    options = parsed(words)
    assert options.pop("stack") in ("x", "linux/amd64")
    if words[0] == "acceptance":
        assert (options["safe_only"], options["put_back"]) == (spec == "smoke", True)
    if words[0] == "promote":
        assert options["kind"] == ("released" if spec == "smoke" else "accepted")


def test_the_pipelines_of_an_account_are_found_by_their_stacks(piped: World) -> None:
    """On every page of the parameters."""
    piped.parameters.values["/slipway/prod/pipeline"] = pipeline_facts("P") | {
        "pipeline": "other",
        "approval_stage": "Ask",
    }
    found = environment.pipelines(piped.client("ssm"))
    assert {stack: (one.name, one.stage, one.approval_stage) for stack, one in found.items()} == {
        "staging": ("slipway", "Production", "Approval"),
        "prod": ("other", "P", "Ask"),
    }
