"""Commands for operators: releases, approvals and the pipeline."""

from __future__ import annotations

import click

from delivery.aws import pipeline
from delivery.aws.clients import client
from delivery.commands import registry
from delivery.commands.registry import session
from delivery.deploying import pipeline_hold
from delivery.deploying import restart as tasks
from delivery.deploying import rollback as engine
from delivery.environment import read
from delivery.notifications.notices import Teller
from delivery.operator import approval, stack_status
from delivery.operator import history as releases
from delivery.operator import metrics as figures
from delivery.operator import retry as stages
from delivery.operator.status import WAITS, Status

WAITING = "the pending one"
NEWEST = "the newest"


@registry.command(
    "show an execution of the pipeline, what is served and what is pending",
    "Of a stack without a pipeline: its services. With --follow the exit code is the result: 0 succeeded, 1 failed, "
    f"stopped or superseded, {WAITS} waiting for a person (approval, or a stage that a rollback closed).",
    target="pipeline",
    example="--follow",
)
@registry.stack
@click.option("--follow", is_flag=True, help="Follow until the execution ends or waits for a person.")
@registry.execution(NEWEST)
@click.option("--commit", default="", metavar="HASH", help="The execution of this commit, once the pipeline takes it.")
@registry.as_json
def status(stack: str, *, follow: bool, execution: str, commit: str, as_json: bool) -> int:
    """Run `delivery status`; returns its exit code."""
    if execution and commit:
        raise click.UsageError("name the execution by either --execution or --commit")
    if follow and as_json:
        raise click.UsageError("--json prints one document; it does not go with --follow")
    here = session(stack)
    if here.environment.pipeline is None and not (follow or execution or commit):
        return stack_status.show(here, as_json=as_json)
    if commit:
        name = pipeline.of(here.environment).name
        execution = pipeline.of_commit(client("codepipeline"), name, commit, here.clock)
    shown = Status(session=here, execution=execution)
    return shown.follow() if follow else shown.show(as_json=as_json)


def _answer(stack: str, answer: approval.Answer) -> None:
    approval.run(client, pipeline.of(read(client("ssm"), stack)), answer)


reason = click.option("--reason", default="", metavar="TEXT", help="Recorded in the pipeline's history.")


@registry.command("approve the pending release", "Shows it, and what staging serves now.")
@registry.stack
@registry.execution(WAITING)
@reason
@click.option("--yes", is_flag=True, help="Approve even if staging serves something else now.")
def approve(stack: str, *, execution: str, reason: str, yes: bool) -> None:
    """Run `delivery approve`."""
    _answer(stack, approval.Answer(approved=True, execution=execution, reason=reason, yes=yes))


@registry.command("reject the pending release", "Shows it, and what staging serves now.", example="--reason TEXT")
@registry.stack
@registry.execution(WAITING)
@reason
def reject(stack: str, execution: str, reason: str) -> None:
    """Run `delivery reject`."""
    _answer(stack, approval.Answer(approved=False, execution=execution, reason=reason, yes=True))


@registry.command(
    "retry the stage in which an execution failed or was stopped",
    "For failures that the commit did not cause. A stage that a newer execution has passed is not retried.",
    example="--execution ID",
)
@registry.stack
@registry.execution(NEWEST)
@click.option("--all", "everything", is_flag=True, help="Retry all actions of the stage, not only failed ones.")
def retry(stack: str, *, execution: str, everything: bool) -> None:
    """Run `delivery retry`."""
    stages.run(client, pipeline.of(read(client("ssm"), stack)), execution, everything=everything)


@registry.command(
    "roll back to an earlier good release",
    "The pipeline does not release to this stack again until `delivery resume`.",
    example="--to HASH",
)
@registry.stack
@click.option("--to", default="", metavar="COMMIT", help="The release (default: the last good one before the current).")
@click.option("--stop-execution", is_flag=True, help="Stop an execution that is deploying to this stack.")
def rollback(stack: str, *, to: str, stop_execution: bool) -> None:
    """Run `delivery rollback`."""
    here = session(stack)
    if target := engine.Rollback(session=here, commit=to, stop_execution=stop_execution).run():
        Teller(clients=client, stack=stack, say=here.say).rolled_back(target)


@registry.command(
    "replace the tasks by new ones of the same release",
    "They read their secrets anew, such as the database's password after its rotation.",
    example="--service NAME",
)
@registry.stack
@click.option("--service", default="", metavar="NAME", help="Of this service only (default: of all).")
def restart(stack: str, service: str) -> None:
    """Run `delivery restart`."""
    tasks.run(session(stack), service)


@registry.command("let the pipeline release to a stack again after a rollback")
@registry.stack
def resume(stack: str) -> None:
    """Run `delivery resume`."""
    pipeline_hold.resume(session(stack))


@registry.command(
    "list the releases of a stack, newest first, or all that is known of one",
    "Each with its result: released, failed and why, rejected, rolled back by whom, superseded, stopped, in progress. "
    "With a commit: its steps, its approval, its images and what serves.",
    example="--most 3",
)
@registry.stack
@click.argument("commit", default="")
@click.option("--most", type=click.IntRange(1, 1000), default=10, metavar="N", help="How many at most (default: 10).")
@registry.as_json
def history(stack: str, commit: str, most: int, *, as_json: bool) -> None:
    """Run `delivery history`."""
    releases.run(session(stack), most, commit, as_json=as_json)


@registry.command(
    "show DORA's four figures of a stack",
    "Deployment frequency, lead time for changes, change failure rate and time to restore, of the releases that began "
    "in the last days; docs/releases.md says what is counted. A median needs five values.",
    example="--days 90",
)
@registry.stack
@click.option(
    "--days",
    type=click.IntRange(1, 365),
    default=30,
    metavar="N",
    help="How many days (default: 30, at most 365).",
)
@registry.as_json
def metrics(stack: str, days: int, *, as_json: bool) -> None:
    """Run `delivery metrics`."""
    figures.run(session(stack), days, as_json=as_json)
