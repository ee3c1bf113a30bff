"""The steps of the pipeline, in its order, which can also be run by hand."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from contract.pipeline import COMMIT, PUSH_SUITES, RELEASE
from delivery import checkout, environment
from delivery.aws import pipeline
from delivery.aws.clients import client
from delivery.commands import registry
from delivery.console import Progress
from delivery.deploying import acceptance as suites
from delivery.deploying import deploy as engine
from delivery.deploying import github_deployment
from delivery.errors import DeliveryError
from delivery.notifications.notices import Teller
from delivery.release import building, file_modes, images, in_use, indexing, manifest, testing
from delivery.release import promote as marks
from delivery.release.push_after import PushAfter
from delivery.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from delivery.environment import Environment

LEAST = 7
PLATFORMS = ("linux/amd64", "linux/arm64")


def _reports(folder: Path, stack: str) -> Path:
    path = folder / stack
    path.mkdir(parents=True, exist_ok=True)
    return path


def _with_sources(stack: str) -> Environment:
    """Return the environment; in a build, first normalize the file modes of its services' image contexts."""
    found = environment.read(client("ssm"), stack)
    for context in {service.context for service in found.services} if file_modes.in_build() else ():
        file_modes.settle(checkout.ROOT / context)
    return found


def _checked(commit: str) -> str:
    if not manifest.COMMIT.fullmatch(commit):
        raise DeliveryError(f"--commit {commit!r} is not a commit's hexadecimal number of {LEAST} characters at least")
    return commit


@registry.command("run the unit and integration tests of a stack's services, in containers", target="app-test")
@registry.stack
@click.option("--commit", default="unknown", envvar=COMMIT, help=f"The commit under test (default: ${COMMIT}).")
@registry.reports
def test(stack: str, commit: str, reports: Path) -> None:
    """Run `delivery test`."""
    place = testing.Workplace(root=checkout.ROOT, reports=_reports(reports, stack), say=Progress())
    testing.run(_with_sources(stack), commit, place)


@registry.command(
    "build, test and push a commit's images",
    "Builds the files of this checkout: check the commit out first. An image built earlier is reused. "
    "Writes release.json, release.txt and sbom-SERVICE.cdx.json.",
    example="--commit HASH",
)
@registry.stack
@click.option("--commit", required=True, metavar="COMMIT", help="The full hash of the commit that is checked out.")
@click.option(
    "--platform",
    default="",
    type=click.Choice(("", *PLATFORMS)),
    help="Build for this platform only, as part of an index (default: each service's own).",
)
@click.option(
    "--push-after",
    default="",
    metavar="ACTION",
    help="Push once this action of the same execution has succeeded (default: at once).",
)
@click.option(
    "--push-suites",
    is_flag=True,
    envvar=PUSH_SUITES,
    help=f"Push the images of the acceptance suites too, for the pipeline to pull (default: ${PUSH_SUITES}).",
)
@registry.output
@registry.this_execution
@registry.reports
def build(  # noqa: PLR0913 - the command's options
    stack: str,
    commit: str,
    platform: str,
    push_after: str,
    *,
    push_suites: bool,
    output: Path,
    execution: str,
    reports: Path,
) -> None:
    """Run `delivery build`."""
    commit = _checked(commit)
    found, say = _with_sources(stack), Progress()
    builder = building.Builder(
        clients=client,
        environment=found,
        commit=commit,
        place=testing.Workplace(root=checkout.ROOT, reports=_reports(reports, stack), say=say),
        output=output,
        platform=platform,
        push_after=_push_after(found, push_after, execution, say) if push_after else None,
        push_suites=push_suites,
    )
    made = builder.run(execution or manifest.BY_HAND)
    print(f"{RELEASE}={made.text()}")


def _push_after(found: Environment, action: str, execution: str, say: Progress) -> PushAfter:
    if not execution:
        raise DeliveryError("--push-after names an action of a pipeline's execution; name that too: --execution ID")
    return PushAfter(
        clients=client,
        pipeline=pipeline.of(found).name,
        execution=execution,
        action=action,
        say=say,
    )


@registry.command(
    "combine the images built for each platform into one",
    "Needs no Docker. Writes release.json and release.txt.",
    example="--built FILE --built FILE",
)
@registry.stack
@click.option(
    "--built",
    type=registry.FILE,
    multiple=True,
    required=True,
    metavar="FILE",
    help="The release.json of `delivery build --platform`; repeat for each platform.",
)
@registry.output
def index(stack: str, built: tuple[Path, ...], output: Path) -> None:
    """Run `delivery index`."""
    found = environment.read(client("ssm"), stack)
    parts = [manifest.read(path, of_platform=True) for path in built]
    made = indexing.run(client("ecr"), found, parts, output, Progress())
    print(f"{RELEASE}={made.text()}")


@registry.command(
    "deploy a release to a stack and verify that it is served",
    "Succeeds only when every task, target and answer is the release's; otherwise the stack is put back.",
    example="--commit HASH",
)
@registry.stack
@click.option("--release", type=registry.FILE, metavar="FILE", help="The release.json of the release.")
@click.option(
    "--commit", metavar="COMMIT", help="A commit that has been built: its hash, or at least the first 7 characters."
)
def deploy(stack: str, release: Path | None, commit: str | None) -> None:
    """Run `delivery deploy`."""
    if (release is None) == (commit is None):
        raise click.UsageError("name the release by either --release or --commit")
    found = environment.read(client("ssm"), stack)
    wanted = manifest.read(release) if release else images.of_commit(client("ecr"), found, _checked(commit or ""))
    here = Session(clients=client, environment=found, say=Progress())
    with github_deployment.told(here, wanted.commit, first=True, last=False):
        engine.run(here, wanted)


@registry.command(
    "run the acceptance suites against a stack",
    "Checks before and after that the expected release is served. By hand (without --release) the full suite also "
    "marks the images as accepted, which production requires.",
)
@registry.stack
@click.option("--release", type=registry.FILE, metavar="FILE", help="The release that must be served.")
@click.option("--safe-only", is_flag=True, help="Run only tests that change nothing; marks no image.")
@click.option("--put-back", is_flag=True, help="On failure, put the stack back to its last good release.")
@registry.reports
def acceptance(stack: str, *, release: Path | None, safe_only: bool, put_back: bool, reports: Path) -> None:
    """Run `delivery acceptance`; writes the tested URL to `<reports>/<stack>/url.txt`."""
    found, folder, say = _with_sources(stack), _reports(reports, stack), Progress()
    (folder / "url.txt").write_text(found.url + "\n", "utf-8")
    here, held = Session(clients=client, environment=found, say=say), manifest.read(release) if release else None
    suite = suites.Acceptance(session=here, manifest=held, root=checkout.ROOT, reports=folder, safe_only=safe_only)
    with github_deployment.told(here, held.commit, first=False, last=True) if held else nullcontext():
        suite.run(put_back=put_back)
    say(f"acceptance passed: {found.url}")


@registry.command("mark a release's images as accepted or released", example="--release FILE")
@registry.stack
@click.option("--release", type=registry.FILE, required=True, metavar="FILE", help="The release.json of the release.")
@click.option("--as", "kind", type=click.Choice(marks.KINDS), default="accepted", help="The mark.")
@registry.this_execution
def promote(stack: str, release: Path, kind: str, execution: str) -> None:
    """Run `delivery promote`."""
    held, say = manifest.read(release), Progress()
    marks.run(client, held, kind, execution or held.execution, say)
    in_use.mark_release(client, stack, held)
    teller = Teller(clients=client, stack=stack, say=say)
    if kind == "released":
        teller.released(held, execution or held.execution)
    else:
        teller.waits(held, execution or held.execution)
