"""What people do with releases and with the pipeline."""

from __future__ import annotations

import click

from delivery.aws import pipeline
from delivery.aws.clients import client
from delivery.commands import registry
from delivery.commands.registry import session
from delivery.deploying import pipeline_hold
from delivery.deploying import rollback as engine
from delivery.environment import read
from delivery.operator import approval
from delivery.operator import history as releases
from delivery.operator import retry as stages
from delivery.operator.status import WAITS, Status

WAITING = "the one that waits"
NEWEST = "the newest"


@registry.command(
    "show an execution of the pipeline, what is served, and what waits",
    f"With --follow the exit code tells the end: 0 succeeded, 1 failed, stopped or superseded, {WAITS} waits for a "
    "person (for approval, or before a stage that a rollback closed).",
    target="pipeline",
    example="--follow",
)
@registry.stack
@click.option("--follow", is_flag=True, help="Until the execution ends or waits for a person.")
@registry.execution(NEWEST)
def status(stack: str, *, follow: bool, execution: str) -> int:
    """Run `delivery status`; returns its exit code."""
    shown = Status(session=session(stack), execution=execution)
    return shown.follow() if follow else shown.show()


def _answer(stack: str, answer: approval.Answer) -> None:
    approval.run(client, pipeline.of(read(client("ssm"), stack)), answer)


reason = click.option("--reason", default="", metavar="TEXT", help="Kept in the pipeline's history.")


@registry.command("release what waits for approval", "Shows what it is and what staging serves now.")
@registry.stack
@registry.execution(WAITING)
@reason
@click.option("--yes", is_flag=True, help="Also when staging serves something else now.")
def approve(stack: str, *, execution: str, reason: str, yes: bool) -> None:
    """Run `delivery approve`."""
    _answer(stack, approval.Answer(approved=True, execution=execution, reason=reason, yes=yes))


@registry.command(
    "do not release what waits for approval", "Shows what it is and what staging serves now.", example="--reason TEXT"
)
@registry.stack
@registry.execution(WAITING)
@reason
def reject(stack: str, execution: str, reason: str) -> None:
    """Run `delivery reject`."""
    _answer(stack, approval.Answer(approved=False, execution=execution, reason=reason, yes=True))


@registry.command(
    "run the stage in which an execution failed or was stopped once more",
    "For causes outside of the commit; what a newer execution has passed meanwhile is not retried.",
    example="--execution ID",
)
@registry.stack
@registry.execution(NEWEST)
@click.option("--all", "everything", is_flag=True, help="The stage's actions that succeeded, too.")
def retry(stack: str, *, execution: str, everything: bool) -> None:
    """Run `delivery retry`."""
    stages.run(client, pipeline.of(read(client("ssm"), stack)), execution, everything=everything)


@registry.command(
    "serve an earlier good release again",
    "The pipeline then releases nothing to this stack until `delivery resume`.",
    example="--to HASH",
)
@registry.stack
@click.option("--to", default="", metavar="COMMIT", help="The release (default: the newest good one before).")
@click.option("--stop-execution", is_flag=True, help="Stop the execution that deploys here now.")
def rollback(stack: str, *, to: str, stop_execution: bool) -> None:
    """Run `delivery rollback`."""
    engine.Rollback(session=session(stack), commit=to, stop_execution=stop_execution).run()


@registry.command("let the pipeline release to a stack again")
@registry.stack
def resume(stack: str) -> None:
    """Run `delivery resume`."""
    pipeline_hold.resume(session(stack))


@registry.command("list the releases of a stack, newest first", example="--most 3")
@registry.stack
@click.option("--most", type=int, default=10, metavar="N", help="At most so many (default: 10).")
def history(stack: str, most: int) -> None:
    """Run `delivery history`."""
    releases.run(session(stack), most)
