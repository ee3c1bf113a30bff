"""The command line of `delivery preview`: program, stacks, exit codes, output."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from delivery.commands.reviewing import preview as command
from delivery.errors import DeliveryError
from delivery.previews import preview, pull_requests, stack_previews
from delivery.previews.stack_previews import StackPreview

if TYPE_CHECKING:
    from pathlib import Path

# A fake pulumi: prints its arguments, and fails for the stack "bad".
PULUMI = """
import json, os, sys
stack = sys.argv[sys.argv.index("--stack") + 1]
streaming = os.environ["PULUMI_ENABLE_STREAMING_JSON_PREVIEW"]
print("noise")
print(json.dumps({"diagnosticEvent": {"severity": "warning", "message": " ".join([*sys.argv[1:], streaming])}}))
if stack == "bad":
    sys.exit("error: no such stack")
print(json.dumps({"summaryEvent": {"result": "succeeded"}}))
"""
WORKFLOW = ("GITHUB_REF", "GITHUB_EVENT_PATH", "GITHUB_REPOSITORY", "GITHUB_TOKEN", "GITHUB_RUN_ID")
HOSTILE = "::error::injected\n::add-mask::x"


@pytest.fixture(autouse=True)
def _no_workflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the variables of a workflow, in which these tests may run."""
    for name in WORKFLOW:
        monkeypatch.delenv(name, raising=False)


def typed(*arguments: str) -> int:
    """Run the command with these arguments."""
    return int(command.main([*arguments], standalone_mode=False))


def run(tmp_path: Path, *arguments: str) -> int:
    """Run the command with the fake pulumi."""
    script = tmp_path / "pulumi.py"
    script.write_text(PULUMI, "utf-8")
    pulumi = shlex.join([sys.executable, str(script)])
    return typed("--pulumi", pulumi, *arguments)


def test_each_stack_is_previewed_without_showing_secrets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They run in sequence, with a line for each; without a pull request the text is printed."""
    assert run(tmp_path, "--stack", "one", "--stack", "two", "--stack", "one") == 0
    printed = capsys.readouterr().out
    assert printed.count("preview --stack one --json --non-interactive") == 1
    assert "preview --stack two --json" in printed
    assert "--show-secrets" not in printed
    assert "one: no changes" in printed


def test_the_stacks_are_those_with_a_stack_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Unless stacks are named."""
    assert run(tmp_path) == 0
    printed = capsys.readouterr().out
    assert [name for name in ("prod", "staging") if f"**`{name}`**" in printed] == preview.with_stack_file()


def test_one_stack_that_fails_hides_no_other_and_the_exit_code_says_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also in the file for the job that comments."""
    assert run(tmp_path, "--stack", "bad", "--stack", "good", "--save", str(tmp_path / "f")) == 1
    printed = capsys.readouterr().out
    assert "error: no such stack" in printed
    assert "**`good`** no changes" in printed
    assert [one.failed for one in stack_previews.load(tmp_path / "f")] == [True, False]


def test_a_pulumi_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's own message names what to install."""
    monkeypatch.setenv("PATH", os.defpath)
    with pytest.raises(FileNotFoundError, match="no-such-pulumi"):
        typed("--pulumi", "no-such-pulumi", "--stack", "one")
    with pytest.raises(DeliveryError, match="--pulumi is empty"):
        typed("--pulumi", "", "--stack", "one")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("plain", "is refused to this user; correct its mode"),
        ("none", "is not there, or not on PATH; install or make it"),
    ],
)
def test_a_program_that_cannot_be_run_is_told_in_one_line(tmp_path: Path, name: str, told: str) -> None:
    """The message has its name and the remedy."""
    (tmp_path / "plain").write_text("", "utf-8")
    program = tmp_path / name
    done = subprocess.run(
        [sys.executable, "-m", "delivery", "preview", "--pulumi", str(program), "--stack", "one"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, f"delivery preview: {program} {told}\n")


def test_a_missing_token_is_told_before_anything_is_previewed(tmp_path: Path) -> None:
    """Previews may take minutes."""
    with pytest.raises(DeliveryError, match="GITHUB_TOKEN is not set"):
        run(tmp_path, "--stack", "bad", "--repository", "a/b", "--pull-request", "7", "--commit", "a" * 40)


def test_what_another_job_wrote_is_not_printed_into_a_workflows_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line that starts with two colons would be a workflow command."""
    kept: list[str] = []
    monkeypatch.setenv("GITHUB_TOKEN", "t")
    monkeypatch.setattr(pull_requests, "keep", lambda _github, _pull, text, _say: kept.append(text))
    stack_previews.save(tmp_path / "f", [StackPreview(stack="s", failed=True, errors=(HOSTILE,))])
    where = ("--repository", "a/b", "--pull-request", "7", "--commit", "a" * 40)
    assert run(tmp_path, "--from", str(tmp_path / "f"), *where) == 1
    assert HOSTILE in kept[0]
    (tmp_path / "f").write_text(json.dumps({"previews": [{"stack": HOSTILE}]}), "utf-8")
    with pytest.raises(DeliveryError) as refused:
        run(tmp_path, "--from", str(tmp_path / "f"), *where)
    assert "no preview" in kept[1]
    assert "::" not in str(refused.value) + capsys.readouterr().out


def test_only_what_is_committed_is_shown_as_a_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The comment names the commit, so that the working tree must match it."""
    monkeypatch.setenv("GITHUB_TOKEN", "t")
    monkeypatch.setattr(preview, "ROOT", tmp_path)
    git = ["-c", "user.name=a", "-c", "user.email=a@b"]
    (tmp_path / "a").write_text("1")
    for words in (["init", "-q"], ["add", "a"], [*git, "commit", "-q", "-m", "x"]):
        preview._git(*words)
    (tmp_path / "a").write_text("2")
    with pytest.raises(DeliveryError, match="the working tree differs from its commit"):
        run(tmp_path, "--repository", "a/b", "--pull-request", "7")
