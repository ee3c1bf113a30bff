"""`make demo`: both environments and the pipeline on the local cloud.

A commit is released to production, one with a failing test is stopped, and a release is rolled back.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import yaml
from rich.console import Console
from rich.table import Table

from localcloud import client
from localcloud.settings import UserError
from tools.demo_commits import Commits
from tools.local_settings import ROOT
from tools.stacks import DELIVERY, PULUMI, STACKS, capture, outputs, run

WAITS_FOR_APPROVAL = 3  # the exit code of `delivery status --follow`
TRIGGER_SECONDS = 60
FAILING_TEST = '''"""Added by the demo: a test that fails."""


def test_that_the_demo_made_to_fail() -> None:
    """The pipeline has to stop here."""
    assert "a release" == "what nobody tested"
'''


class StepError(Exception):
    """A step failed; its output has been shown."""


@dataclass
class Demo:
    """The demo's completed steps, with the duration of each in seconds."""

    console: Console = field(default_factory=lambda: Console(highlight=False))
    seconds: dict[str, float] = field(default_factory=dict)

    def step(self, title: str, *commands: list[str], expected: int = 0) -> None:
        """Run commands with their output streamed; raises StepError when one does not end as expected."""
        self.console.rule(f"[bold]{title}", align="left")
        started = time.monotonic()
        for command in commands:
            code = run(command)
            if code != expected:
                raise StepError(f"{title}: {' '.join(command[-5:])} ended with exit code {code}")
        self.seconds[title] = time.monotonic() - started

    def production_is_refused(self) -> None:
        """Show that production cannot be deployed yet; raises StepError when it is not refused."""
        title = "production is refused, nothing is accepted yet"
        self.console.rule(f"[bold]{title}", align="left")
        started = time.monotonic()
        done = capture("preview", "-s", "prod")
        self.seconds[title] = time.monotonic() - started
        reasons = [line.strip() for line in (done.stdout + done.stderr).splitlines() if "acceptance" in line]
        if not done.returncode or not reasons:
            raise StepError(f"production was expected to be refused, but: {done.stdout}{done.stderr}")
        self.console.print(reasons[0])


def accepted_tags() -> list[str]:
    """Return the tags in staging's registry that mark images which passed acceptance."""
    cloud = client.running()
    ecr = cloud.boto3("ecr")
    urls = outputs("staging").get("repository_urls")
    names = [url.split("/", 1)[1] for url in urls.values()] if isinstance(urls, dict) else []
    images = [image for name in names for image in ecr.describe_images(repositoryName=name)["imageDetails"]]
    return [tag for image in images for tag in image.get("imageTags", []) if tag.startswith("accepted-")]


def repository() -> Commits:
    """Return the source repository of production's pipeline, as configured in its stack file."""
    section = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text("utf-8"))["config"]["slipway:pipeline"]
    cloud = client.running()
    url = f"{cloud.endpoint}/{section['repository']}.git"
    return Commits(cloud.state / "demo", url, section.get("branch", "main"))


def execution_of(commit: str) -> str:
    """Return the pipeline execution of a commit; wait until it has started.

    Raises:
        StepError: no execution has started after a minute.
    """
    pipeline, codepipeline = outputs("prod")["pipeline"], client.running().boto3("codepipeline")
    deadline = time.monotonic() + TRIGGER_SECONDS
    while time.monotonic() < deadline:
        for found in codepipeline.list_pipeline_executions(pipelineName=pipeline)["pipelineExecutionSummaries"]:
            if commit in {revision.get("revisionId") for revision in found.get("sourceRevisions", [])}:
                return str(found["pipelineExecutionId"])
        time.sleep(0.3)
    raise StepError(f"commit {commit[:7]} was pushed, but the pipeline did not take it within {TRIGGER_SECONDS} s")


def delivery(command: str, *arguments: str) -> list[str]:
    """Return the command line of a delivery command for production."""
    return [*DELIVERY, command, "--stack", "prod", *arguments]


def environments(demo: Demo) -> str:
    """Deploy both environments and the pipeline; returns the commit that was pushed to the pipeline."""
    demo.step("staging up", [PULUMI, "up", "-s", "staging", "--yes", "--skip-preview"])
    if not accepted_tags():
        demo.production_is_refused()
        demo.step("acceptance of staging", [*DELIVERY, "acceptance", "--stack", "staging"])
    commit = repository().as_it_is(ROOT)
    up = [PULUMI, "up", "-s", "prod", "--yes", "--skip-preview"]
    demo.step(f"production up, for {repository().url}", up)
    if not outputs("prod").get("pipeline"):
        click = [str(client.python()), "-m", "localcloud", "connect", "slipway-prod"]
        demo.step("complete the connection to GitHub (a manual step in the AWS console)", click)
        demo.step("the pipeline", up)
    return commit


def release(demo: Demo, commit: str) -> None:
    """Follow a commit to production; the demo approves the release, and says so."""
    execution = execution_of(commit)
    follow = delivery("status", "--follow", "--execution", execution)
    demo.step(f"commit {commit[:7]} on its way to production", follow, expected=WAITS_FOR_APPROVAL)
    demo.step("approval, given by this demo", delivery("approve", "--execution", execution, "--yes"))
    demo.step(f"commit {commit[:7]} in production", follow)


def stopped(demo: Demo) -> None:
    """Push a commit with a failing acceptance test and show where the pipeline stops it."""
    before = served()
    name = "app/tests/acceptance/test_demo.py"
    commit = repository().with_file(name, FAILING_TEST, "A test that fails")
    follow = delivery("status", "--follow", "--execution", execution_of(commit))
    demo.step(f"commit {commit[:7]}, with a failing acceptance test, is stopped", follow, expected=1)
    if served() != before:
        raise StepError(f"production serves {served()}, though the release was stopped")
    demo.console.print(f"production still serves {before['commit'][:7]}")


def taken_back(demo: Demo) -> None:
    """Roll the release back, and let the pipeline resume."""
    demo.step("rollback", delivery("rollback"))
    demo.console.print(f"production serves {served()['commit']}")
    demo.step("the pipeline may release again", delivery("resume"))


def served() -> dict[str, Any]:
    """Return production's response with the version that it serves."""
    return dict(httpx.get(f"{outputs('prod')['url']}/version", trust_env=False).json())


def summary(demo: Demo) -> None:
    """Print what runs where, how long each step took, and what to try next."""
    demo.console.rule("[bold]done", align="left")
    times = Table("step", "seconds", title="times", title_justify="left")
    for title, seconds in demo.seconds.items():
        times.add_row(title, f"{seconds:.1f}")
    times.add_row("all of it", f"{sum(demo.seconds.values()):.1f}")
    demo.console.print(times)
    for stack in STACKS:
        demo.console.print(f"{stack:8} {outputs(stack).get('url')}", soft_wrap=True)
    where = repository()
    demo.console.print(
        f"\nNext: git clone {where.url}, change something and push it;\nmake pipeline STACK=prod ARGS=--follow\n"
        "`make history STACK=prod`; change cpu in Pulumi.staging.yaml and run `bin/pulumi-local preview -s staging`;\n"
        "`make clean-up` destroys both stacks and stops the local cloud.",
        soft_wrap=True,
    )


def main() -> int:
    """Run the demo; returns 0, or 1 with the failure on stderr."""
    demo = Demo()
    try:
        release(demo, environments(demo))
        stopped(demo)
        taken_back(demo)
    except (StepError, UserError, httpx.HTTPError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted; `make demo` goes on, `make clean-up` takes all down", file=sys.stderr)
        return 130
    summary(demo)
    return 0


if __name__ == "__main__":
    sys.exit(main())
