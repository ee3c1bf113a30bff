"""Commands for inspection and cleanup: logs, clean, doctor."""

from __future__ import annotations

import click

from delivery.aws.clients import client
from delivery.commands import registry
from delivery.commands.registry import session
from delivery.console import Progress
from delivery.environment import Environment, NeverUpError, read
from delivery.errors import DeliveryError
from delivery.operator import logs as written
from delivery.operator.clean import Cleaner
from delivery.operator.doctor import Doctor
from delivery.operator.leftovers import Options
from delivery.operator.removal import Removal


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
    "delete task definition revisions that are no longer needed, and what a destroyed stack left",
    "Of a stack that is up, old revisions, and the marks of images that only these refer to. Of a destroyed one, all "
    "of them and whatever carries the stack's tags, such as a load balancer or a database that AWS was creating when "
    "an `up` was killed; a database leaves a snapshot.",
    example="--keep 5",
)
@registry.stack
@click.option(
    "--keep", type=registry.Count(), default=10, metavar="N", help="How many release revisions to keep (default: 10)."
)
@click.option("--dry-run", is_flag=True, help="Name what a destroyed stack left; remove nothing.")
@click.option("--skip-snapshot", is_flag=True, help="Delete databases of a destroyed stack without a last snapshot.")
@click.option("--unprotect", is_flag=True, help="Of a destroyed stack, remove what is protected against deletion, too.")
@click.option("--running", is_flag=True, help="Of a destroyed stack, remove services that still run tasks, too.")
def clean(stack: str, *, keep: int, dry_run: bool, skip_snapshot: bool, unprotect: bool, running: bool) -> None:  # noqa: PLR0913 - the command's options
    """Run `delivery clean` for a stack that is up or has been destroyed."""
    options, say = Options(skip_snapshot=skip_snapshot, unprotect=unprotect, running=running), Progress()
    found = _standing(stack)
    if found and (dry_run or options != Options()):
        raise DeliveryError(
            f"stack {stack} is up; run: pulumi destroy -s {stack}, or clean it with no option but --keep"
        )
    left = Removal(clients=client, stack=stack, say=say, options=options)
    if dry_run:
        left.show()
        return
    if not found:
        print(f"stack {stack} is not up; removing everything that it left")
        print(f"removed what was left of {stack}: {left.run() or 'nothing'}")
    deleted = Cleaner(clients=client, stack=stack, say=say).run(found, keep)
    print(f"deleted {deleted} inactive task definition revisions of {stack}")


def _standing(stack: str) -> Environment | None:
    try:
        return read(client("ssm"), stack)
    except NeverUpError:
        return None


@registry.command(
    "check a stack and its account for what would make a release fail",
    "Also names what carries the stack's tags though the stack uses another one, with the command that removes it.",
)
@registry.stack
def doctor(stack: str) -> int:
    """Run `delivery doctor`; returns its exit code."""
    return Doctor(clients=client, stack=stack).run()
