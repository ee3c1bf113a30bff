"""The pipeline's steps as commands: from options to what they call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.pipeline import RELEASE
from delivery import environment
from delivery.aws.clients import client
from delivery.commands.parser import ROOT
from delivery.console import Progress
from delivery.deploying import acceptance, deploy
from delivery.errors import DeliveryError
from delivery.release import building, file_modes, images, indexing, manifest, promote, testing
from delivery.session import Session

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from delivery.environment import Environment
    from delivery.release.manifest import Manifest

LEAST = 7


def _reports(options: argparse.Namespace) -> Path:
    folder: Path = options.reports / options.stack
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _place(options: argparse.Namespace) -> testing.Workplace:
    return testing.Workplace(root=ROOT, reports=_reports(options), say=Progress())


def _with_sources(stack: str) -> Environment:
    """Return the environment; in a build its services' contexts have the modes that their contents ask for."""
    found = environment.read(client("ssm"), stack)
    for context in {service.context for service in found.services} if file_modes.in_build() else ():
        file_modes.settle(ROOT / context)
    return found


def _checked(commit: str) -> str:
    if not manifest.COMMIT.fullmatch(commit):
        raise DeliveryError(f"--commit {commit!r} is not a commit's hexadecimal number of {LEAST} characters at least")
    return commit


def run_test(options: argparse.Namespace) -> None:
    """Run `delivery test`."""
    testing.run(_with_sources(options.stack), options.commit, _place(options))


def run_build(options: argparse.Namespace) -> None:
    """Run `delivery build`."""
    commit = _checked(options.commit)
    builder = building.Builder(
        clients=client,
        environment=_with_sources(options.stack),
        commit=commit,
        place=_place(options),
        output=options.output,
        platform=options.platform,
    )
    made = builder.run(options.execution or manifest.BY_HAND)
    print(f"{RELEASE}={made.text()}")


def run_index(options: argparse.Namespace) -> None:
    """Run `delivery index`."""
    found = environment.read(client("ssm"), options.stack)
    built = [manifest.read(path, of_platform=True) for path in options.built]
    made = indexing.run(client("ecr"), found, built, options.output, Progress())
    print(f"{RELEASE}={made.text()}")


def run_deploy(options: argparse.Namespace) -> None:
    """Run `delivery deploy`."""
    found = environment.read(client("ssm"), options.stack)
    release: Manifest = (
        manifest.read(options.release)
        if options.release
        else images.of_commit(client("ecr"), found, _checked(options.commit))
    )
    deploy.run(Session(clients=client, environment=found, say=Progress()), release)


def run_acceptance(options: argparse.Namespace) -> None:
    """Run `delivery acceptance`; leaves the url that was tested in `<reports>/<stack>/url.txt`."""
    found, reports, say = _with_sources(options.stack), _reports(options), Progress()
    (reports / "url.txt").write_text(found.url + "\n", "utf-8")
    acceptance.Acceptance(
        session=Session(clients=client, environment=found, say=say),
        manifest=manifest.read(options.release) if options.release else None,
        root=ROOT,
        reports=reports,
        safe_only=options.safe_only,
    ).run(put_back=options.put_back)
    say(f"acceptance passed: {found.url}")


def run_promote(options: argparse.Namespace) -> None:
    """Run `delivery promote`."""
    release = manifest.read(options.release)
    promote.run(client, release, options.kind, options.execution or release.execution, Progress())
