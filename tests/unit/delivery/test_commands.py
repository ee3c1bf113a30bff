"""The command line: which command does what with which options, how it ends, and what the pipeline's steps call."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contract.images import in_use_tag
from delivery import __main__ as program
from tests.unit.delivery.estate import Estate
from tests.unit.delivery.world import FIRST, digest_of

if TYPE_CHECKING:
    from tests.unit.delivery.commands import Commands
    from tests.unit.delivery.docker import Docker
    from tests.unit.delivery.pulumi import Pulumi

GOOD, NEXT = "a" * 40, "b" * 40
RUN = "11111111-2222-3333-4444-555555555555"
OTHERS = ("ec2", "rds", "elbv2", "iam", "logs")
BUILDSPECS = sorted((Path(program.__file__).parent / "buildspecs").glob("*.yml"))


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
        f"candidate-{NEXT}", f"accepted-{NEXT}", f"released-{NEXT}-11111111", f"released-{NEXT}-run-bbbb",
            in_use_tag("staging", digest_of(NEXT)),
    )}  # fmt: skip


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
    assert len(served("history", "--most", "1")[1].splitlines()) == 3
    assert len(served("history")[1].splitlines()) == 4


def test_status_and_history_print_json_for_programs(served: Commands) -> None:
    """With everything that the text shortens; --follow prints lines."""
    served.world.pipeline.execution(RUN, "InProgress", "a" * 40)
    served.world.pipeline.run(RUN, "Build", "Build", "InProgress")
    found = json.loads(served("status", "--json")[1])
    assert (found["execution"], found["stages"]["Build"], found["commit"]) == (RUN, "InProgress", "a" * 40)
    (serving,) = found["serving"]
    assert serving["versions"]["web"] == {"version": "a" * 40, "digest": digest_of("a" * 40)}
    assert datetime.fromisoformat(found["begun"]).tzinfo
    code, told = served("status", "--json", "--follow")
    assert (code, "does not go with --follow" in told) == (2, True)
    running, newest, first = json.loads(served("history", "--json")[1])
    assert (running["execution"], running["result"]) == (RUN, "in progress at Build/Build")
    assert (newest["served"], newest["commit"], newest["result"]) == (True, "a" * 40, "deployed, not tested")
    assert (first["served"], first["state"], first["services"][0]["marks"]) == (False, "first image", [])


def test_status_is_a_command_with_the_exit_codes_of_following(served: Commands) -> None:
    """Shown once it ends with 0 whatever it shows."""
    served.world.pipeline.execution(RUN, "Failed")
    assert served("status")[0] == 0
    assert served("status", "--follow")[0] == 1
    served.world.pipeline.executions[0]["status"] = "Succeeded"
    assert served("status", "--follow", "--execution", RUN)[0] == 0


def test_clean_is_a_command_for_stacks_that_are_up_and_for_destroyed_ones(served: Commands, pulumi: Pulumi) -> None:
    """Of the latter nothing is kept."""
    pulumi.has()
    world = served.world
    for _ in range(3):
        world.ecs.register(
            "staging-web",
            f"x@{digest_of(FIRST)}",
            {"slipway:commit": NEXT, "project": "slipway", "environment": "staging"},
        )
    assert served("clean", "--keep", "2")[1].endswith("deleted 1 inactive task definition revisions of staging\n")
    assert served("clean")[1].endswith("deleted 0 inactive task definition revisions of staging\n")
    Estate(aws=world.aws, names=OTHERS)
    world.parameters.values.clear()
    code, told = served("clean")
    assert code == 0
    assert "stack staging is not up; removing everything that it left" in told
    assert "removed what was left of staging: nothing" in told
    assert told.endswith("deleted 4 inactive task definition revisions of staging\n")


def test_clean_removes_what_pulumi_does_not_know_of_a_destroyed_stack_only(served: Commands, pulumi: Pulumi) -> None:
    """A dry run names it; of a stack that is up elsewhere nothing but revisions goes, whatever is asked for."""
    assert pulumi.calls("") == []  # there is no such stack
    left = Estate(aws=served.world.aws, names=OTHERS)
    left.add("vpcs", "vpc-1")
    left.add("databases", "staging-1", DeletionProtection=True)
    for option in ("--dry-run", "--skip-snapshot", "--unprotect", "--running", "--unknown"):
        code, told = served("clean", option)
        assert (code, "stack staging is up, and Pulumi does not have it here; log in" in told) == (1, True)
    assert served("clean")[0] == 0
    served.world.parameters.values.clear()
    code, told = served("clean", "--dry-run")
    assert (code, "left: database staging-1" in told, "removed" in told) == (0, True, False)
    assert len(left.things) == 2
    left.things["staging-1"]["DeletionProtection"] = False
    code, told = served("clean", "--skip-snapshot")
    assert (code, "removed what was left of staging: 1 database, 1 VPC" in told) == (0, True), told
    assert left.things == {}
