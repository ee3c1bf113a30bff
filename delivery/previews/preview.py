"""What a change would do to each stack, shown where it is reviewed: `pulumi preview` as a pull request's comment."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from delivery import process
from delivery.checkout import ROOT
from delivery.console import Progress
from delivery.errors import DeliveryError
from delivery.previews import comment_text, pull_requests, pulumi_events, stack_previews

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from delivery.console import Say
    from delivery.previews.pull_requests import PullRequest
    from delivery.previews.stack_previews import StackPreview

ARGUMENTS = ("--json", "--non-interactive", "--color", "never", "--suppress-permalink")


@dataclass(frozen=True, kw_only=True, slots=True)
class Where:
    """Where the comment goes, by option: a pull request, its repository and its commit; all empty in a workflow."""

    repository: str
    number: int
    commit: str

    def pull_request(self) -> PullRequest | None:
        """Return the pull request, None where there is none to comment on."""
        commit = self.commit or (_checked_out() if self.number else "")
        return pull_requests.pull_request_of(
            os.environ, repository=self.repository, number=self.number, commit=commit
        )  # fmt: skip


def write(path: Path, stacks: Sequence[str], pulumi: str) -> int:
    """Preview stacks, write what was found to a file, print it; returns 1 where a preview failed, else 0.

    Raises:
        DeliveryError: there is nothing to preview.
    """
    previews = _preview(stacks, pulumi, Progress())
    stack_previews.save(path, previews)
    print(comment_text.comment(previews, comment_text.About(commit="")))
    return _code(previews)


def comment(where: Where, stacks: Sequence[str], pulumi: str, saved: Path | None) -> int:
    """Preview stacks, or read what `write` wrote, and show it; returns 1 where a preview failed, else 0.

    Raises:
        DeliveryError: there is nothing to preview, or nowhere to show it.
    """
    say = Progress()
    # Asked first: a wrong address or a missing token is known before minutes of previews.
    pull = where.pull_request()
    github = pull_requests.GitHub() if pull else None
    previews, problem = [], None
    try:
        previews = stack_previews.load(saved) if saved else _preview(stacks, pulumi, say)
    except DeliveryError as error:
        problem = error
    about = comment_text.About(commit=pull.commit if pull else "", run=_run())
    text = comment_text.comment(previews, about, problem=str(problem or "no stack was previewed"))
    if not (pull and saved):
        # Not of a file from another job: in a workflow's log its lines could be commands to GitHub.
        print(text)
    if pull and github:
        pull_requests.keep(github, pull, text, say)
    if problem:
        raise problem
    return _code(previews)


def _code(previews: Sequence[StackPreview]) -> int:
    return int(not previews or any(one.failed for one in previews))


def with_stack_file() -> list[str]:
    """Return the stacks that have a stack file, by name."""
    return sorted(path.name.split(".")[1] for path in ROOT.glob("Pulumi.*.yaml"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Pulumi:
    """The command that stands for pulumi, and where progress is said."""

    command: Sequence[str]
    say: Say

    def preview(self, stack: str) -> StackPreview:
        """Return what `pulumi up` of a stack would do; a failure of it is in what is returned.

        Raises:
            FileNotFoundError: there is no such command.
        """
        began = time.monotonic()
        done = process.captured(
            [*self.command, "preview", "--stack", stack, *ARGUMENTS],
            lambda: self.say(f"{stack}: {time.monotonic() - began:.0f} s so far"),
            pulumi_events.STREAMING,
            ROOT,
        )
        hidden = pulumi_events.secrets_of(os.environ)
        found = pulumi_events.read(stack, done.output, done.complaints, done.code, hidden)
        self.say(f"{stack}: {comment_text.summary(found)}")
        return found


def _preview(stacks: Sequence[str], pulumi: str, say: Say) -> list[StackPreview]:
    command = shlex.split(pulumi)
    wanted = list(dict.fromkeys(stacks or with_stack_file()))
    if not command or not wanted:
        raise DeliveryError(f"no stack file Pulumi.NAME.yaml in {ROOT}, or --pulumi is empty; name one: --stack NAME")
    program = Pulumi(command=command, say=say)
    return [program.preview(stack) for stack in wanted]


def _checked_out() -> str:
    """Return the commit that is checked out; "" where a workflow's event names it, or there is no repository.

    Raises:
        DeliveryError: what would be previewed is not that commit.
    """
    if os.environ.get("GITHUB_EVENT_PATH"):
        return ""
    commit = _git("rev-parse", "HEAD")
    if commit and _git("status", "--porcelain", "--untracked-files=no"):
        raise DeliveryError(f"the working tree differs from its commit {commit[:12]}; commit the changes, then repeat")
    return commit


def _git(*arguments: str) -> str:
    """Return what git says of the project; "" where there is no git or no repository."""
    try:
        told = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return told.stdout.strip() if told.returncode == 0 else ""


def _run() -> str:
    """Return the address of the workflow's run; "" by hand."""
    parts = [os.environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    return f"{parts[0]}/{parts[1]}/actions/runs/{parts[2]}" if all(parts) else ""
