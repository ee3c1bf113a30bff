"""Looking inside, and clearing up."""

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


@registry.command("print what the services' tasks, or a build of the pipeline, wrote", example="--follow")
@registry.stack
@click.argument("service", default="")
@click.option("--build", default="", metavar="ACTION", help="A build's: its action, as Acceptance or Build/Build.")
@click.option("--execution", default="", metavar="ID", help="With --build: of this execution.")
@click.option("--since", type=registry.Since(), default="10m", metavar="TIME", help="90s, 10m, 2h, 1d (default: 10m).")
@click.option("--follow", is_flag=True, help="Go on until Ctrl-C, or the build's end.")
def logs(stack: str, *, service: str, build: str, execution: str, since: int, follow: bool) -> None:  # noqa: PLR0913 - the command's options
    """Run `delivery logs`; Ctrl-C is the ordinary end of following."""
    try:
        if build:
            written.of_build(session(stack), build, execution, follow=follow)
        else:
            written.of_services(session(stack), service, since, follow=follow)
    except KeyboardInterrupt:
        if not follow:
            raise


@registry.command(
    "remove task definition revisions that are of no use any more",
    "Of a destroyed stack, all that is left.",
    example="--keep 5",
)
@registry.stack
@click.option(
    "--keep", type=registry.Lowest(), default=10, metavar="N", help="Release revisions to keep (default: 10)."
)
def clean(stack: str, keep: int) -> None:
    """Run `delivery clean`, of a stack that is up or destroyed."""
    found: Environment | None = None
    try:
        found = read(client("ssm"), stack)
    except NeverUpError:
        print(f"stack {stack} is not up: everything that it left is removed")
    deleted = Cleaner(clients=client, stack=stack, say=Progress()).run(found, keep)
    print(f"deleted {deleted} inactive task definition revisions of {stack}")


@registry.command("check what would make a first run fail; 1 when something would")
@registry.stack
def doctor(stack: str) -> int:
    """Run `delivery doctor`; returns its exit code."""
    return Doctor(clients=client, stack=stack).run()
