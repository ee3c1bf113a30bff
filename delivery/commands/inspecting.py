"""Commands for inspection and cleanup: logs, clean, doctor."""

from __future__ import annotations

import shlex

import click

from delivery.aws.clients import client
from delivery.commands import registry
from delivery.commands.registry import session
from delivery.console import Progress
from delivery.operator import logs as written
from delivery.operator.cleaning import Cleaning
from delivery.operator.doctor import Doctor
from delivery.operator.leftovers import Options
from delivery.operator.pulumi_state import Pulumi


@registry.command("print the logs of services, or of a build of the pipeline", example="--follow")
@registry.stack
@click.argument("service", default="")
@click.option(
    "--build",
    default="",
    metavar="ACTION",
    help="Logs of a build instead: its action, such as Acceptance or Build/Build.",
)
@click.option(
    "--execution", default="", metavar="ID", help="With --build: the execution (default: the newest that ran it)."
)
@click.option(
    "--since",
    type=registry.Since(),
    default="10m",
    metavar="TIME",
    help="How far back: 90s, 10m, 2h, 1d (default: 10m).",
)
@click.option("--task", default="", metavar="ID", help="Logs of one task: its ID or the first characters.")
@click.option("--follow", is_flag=True, help="Follow until Ctrl-C, or until the build ends.")
def logs(stack: str, *, service: str, build: str, execution: str, since: int, task: str, follow: bool) -> None:  # noqa: PLR0913 - the command's options
    """Run `delivery logs`; Ctrl-C ends --follow without an error."""
    try:
        if build:
            written.of_build(session(stack), build, execution, follow=follow)
        else:
            written.of_services(session(stack), service, since, task=task, follow=follow)
    except KeyboardInterrupt:
        if not follow:
            raise


@registry.command(
    "delete task definition revisions that are no longer needed, and what an interrupted `up` or a destroy left",
    "Of a stack that is up, old revisions, and the marks of images that only these refer to. If Pulumi's state has "
    "resources of it, Pulumi first adopts what an interrupted `up` was creating, and what carries the stack's tags and "
    "is in no state is named. Of a destroyed one, all revisions and whatever carries the stack's tags; a database "
    "leaves a snapshot.",
    example="--keep 5",
)
@registry.stack
@click.option(
    "--keep", type=registry.Count(), default=10, metavar="N", help="How many release revisions to keep (default: 10)."
)
@click.option("--dry-run", is_flag=True, help="Name what would be adopted or removed; change nothing.")
@click.option("--adopt", is_flag=True, help="Only let Pulumi adopt what an interrupted `up` was creating.")
@click.option("--unknown", is_flag=True, help="If the stack is not destroyed: remove what is in no state.")
@click.option("--destroyed", is_flag=True, help="The stack is destroyed, though Pulumi cannot be asked.")
@click.option("--skip-snapshot", is_flag=True, help="Delete databases without a last snapshot.")
@click.option("--unprotect", is_flag=True, help="Remove what is protected against deletion, too.")
@click.option("--running", is_flag=True, help="Remove services that still run tasks, too.")
@registry.pulumi
def clean(  # noqa: PLR0913 - the command's options
    stack: str,
    *,
    keep: int,
    dry_run: bool,
    adopt: bool,
    unknown: bool,
    destroyed: bool,
    skip_snapshot: bool,
    unprotect: bool,
    running: bool,
    pulumi: str,
) -> None:
    """Run `delivery clean` for a stack that is up, has been destroyed, or neither."""
    cleaning = Cleaning(
        clients=client,
        stack=stack,
        say=Progress(),
        pulumi=Pulumi(shlex.split(pulumi)),
        options=Options(skip_snapshot=skip_snapshot, unprotect=unprotect, running=running),
    )
    cleaning.run(keep=keep, dry_run=dry_run, adopt=adopt, unknown=unknown, destroyed=destroyed)


@registry.command(
    "check a stack and its account for what would make a release fail",
    "Also names what carries the stack's tags though the stack uses another one, with the command that removes it.",
)
@registry.stack
@registry.as_json
def doctor(stack: str, *, as_json: bool) -> int:
    """Run `delivery doctor`; returns its exit code."""
    return Doctor(clients=client, stack=stack).run(as_json=as_json)
