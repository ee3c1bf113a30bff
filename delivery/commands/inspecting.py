"""Commands for inspection and cleanup: logs, clean, doctor."""

from __future__ import annotations

import click

from delivery.aws.clients import client
from delivery.commands import registry
from delivery.commands.registry import session
from delivery.console import Progress
from delivery.environment import Environment, NeverUpError, read
from delivery.operator import logs as written
from delivery.operator.clean import Cleaner
from delivery.operator.doctor import Doctor


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
    "delete task definition revisions that are no longer needed",
    "Of a destroyed stack, all of them.",
    example="--keep 5",
)
@registry.stack
@click.option(
    "--keep", type=registry.Count(), default=10, metavar="N", help="How many release revisions to keep (default: 10)."
)
def clean(stack: str, keep: int) -> None:
    """Run `delivery clean` for a stack that is up or has been destroyed."""
    found: Environment | None = None
    try:
        found = read(client("ssm"), stack)
    except NeverUpError:
        print(f"stack {stack} is not up: everything that it left is removed")
    deleted = Cleaner(clients=client, stack=stack, say=Progress()).run(found, keep)
    print(f"deleted {deleted} inactive task definition revisions of {stack}")


@registry.command("check a stack and its account for what would make a release fail")
@registry.stack
def doctor(stack: str) -> int:
    """Run `delivery doctor`; returns its exit code."""
    return Doctor(clients=client, stack=stack).run()
