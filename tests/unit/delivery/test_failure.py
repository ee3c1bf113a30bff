"""The cause of a failed step: written for the buildspec, exported with the build, and read from it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from contract.pipeline import CAUSE
from delivery import __main__ as program
from delivery import failure

if TYPE_CHECKING:
    from tests.unit.delivery.commands import Commands

STEPS = [path for path in sorted(Path(program.__file__).parent.glob("buildspecs/*.yml")) if path.stem != "checks"]
JUNIT = "<testsuites><testsuite>{}</testsuite></testsuites>"
BAD = '<testcase name="test_{0}"><{1} message="no"/></testcase>'


def exported(path: Path, folder: Path) -> str:
    """Return what a buildspec's phase post_build exports, run by a shell in a folder."""
    held = yaml.safe_load(path.read_text("utf-8"))
    assert CAUSE in held["env"]["exported-variables"]
    commands = "\n".join(held["phases"]["post_build"]["commands"])
    run = ["sh", "-c", f'{commands}\nprintf %s "${CAUSE}"']
    return subprocess.check_output(run, cwd=folder, text=True)


@pytest.mark.parametrize("path", STEPS, ids=lambda path: path.stem)
def test_the_error_of_a_command_that_fails_in_a_build_is_exported_by_every_step(
    served: Commands, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    """As it is in the log; a build that did not fail exports `none`, which is no cause."""
    assert exported(path, served.folder) == failure.NONE
    monkeypatch.setenv("CODEBUILD_BUILD_ID", "project:1")
    code, told = served("deploy", "--release", str(served.folder / "none.json"))
    text = exported(path, served.folder)
    assert (code, told) == (1, f"delivery {text}\n")
    assert text.startswith("deploy: ")
    rows = [{"name": CAUSE, "value": text}]
    assert failure.of_build({"exportedEnvironmentVariables": rows}) == text.removeprefix("deploy: ")
    assert failure.of_build({"exportedEnvironmentVariables": [{"name": CAUSE, "value": "none"}]}) == ""
    assert failure.of_build({}) == ""


def test_by_hand_no_file_is_left_behind(served: Commands) -> None:
    """A person has read the line."""
    assert served("deploy", "--release", str(served.folder / "none.json"))[0] == 1
    assert not (served.folder / failure.FILE).exists()


def test_a_full_disk_hides_no_cause(served: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's own line is there, and its exit code."""
    monkeypatch.setenv("CODEBUILD_BUILD_ID", "project:1")
    (served.folder / failure.FILE).mkdir()
    code, told = served("deploy", "--release", str(served.folder / "none.json"))
    assert code == 1
    assert "none.json: No such file" in told
    assert "the cause is not kept in failure.txt: Is a directory" in told


def test_a_cause_is_one_line_without_what_only_the_log_shows() -> None:
    """And not longer than a table or an e-mail has room for."""
    line = "acceptance of web failed (exit code 1); its output is above; failed: a; reports: /a b/web; put back:\n  web"
    assert failure.cause(line) == "acceptance of web failed (exit code 1); failed: a; put back: web"
    assert len(failure.cause("x" * 900)) == failure.LIMIT


def test_failed_tests_are_named_from_their_reports(tmp_path: Path) -> None:
    """Three of them, each once; a file that is no report is left out."""
    assert failure.tests(tmp_path) == ""
    (tmp_path / "broken.xml").write_text("<no")
    (tmp_path / "unit.xml").write_text(JUNIT.format('<testcase name="good"/>' + BAD.format(1, "failure")))
    assert failure.tests(tmp_path) == "; failed: test_1"
    more = "".join(BAD.format(number, "error") for number in (1, 2, 3, 4, 5))
    (tmp_path / "acceptance.xml").write_text(JUNIT.format(more))
    assert failure.tests(tmp_path) == "; failed: test_1, test_2, test_3 and 2 more"
