"""What people do, as commands: from options to what they call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delivery import environment
from delivery.aws import pipeline
from delivery.aws.clients import client
from delivery.console import Progress
from delivery.deploying import rollback
from delivery.environment import NeverUpError
from delivery.operator import approval, history, logs, retry
from delivery.operator.clean import Cleaner
from delivery.operator.doctor import Doctor
from delivery.operator.status import Status
from delivery.session import Session

if TYPE_CHECKING:
    import argparse

    from delivery.environment import Environment


def _read(options: argparse.Namespace) -> Environment:
    return environment.read(client("ssm"), options.stack)


def _session(options: argparse.Namespace) -> Session:
    return Session(clients=client, environment=_read(options), say=Progress())


def run_status(options: argparse.Namespace) -> int:
    """Run `delivery status`; returns its exit code."""
    status = Status(session=_session(options), execution=options.execution)
    return status.follow() if options.follow else status.show()


def run_approve(options: argparse.Namespace) -> None:
    """Run `delivery approve`."""
    answer = approval.Answer(approved=True, execution=options.execution, reason=options.reason, yes=options.yes)
    approval.run(client, pipeline.of(_read(options)), answer)


def run_reject(options: argparse.Namespace) -> None:
    """Run `delivery reject`."""
    answer = approval.Answer(approved=False, execution=options.execution, reason=options.reason, yes=True)
    approval.run(client, pipeline.of(_read(options)), answer)


def run_retry(options: argparse.Namespace) -> None:
    """Run `delivery retry`."""
    retry.run(client, pipeline.of(_read(options)), options.execution, everything=options.all)


def run_rollback(options: argparse.Namespace) -> None:
    """Run `delivery rollback`."""
    rollback.Rollback(session=_session(options), commit=options.to, stop_execution=options.stop_execution).run()


def run_resume(options: argparse.Namespace) -> None:
    """Run `delivery resume`."""
    rollback.resume(_session(options))


def run_history(options: argparse.Namespace) -> None:
    """Run `delivery history`."""
    history.run(_session(options), options.most)


def run_logs(options: argparse.Namespace) -> None:
    """Run `delivery logs`; Ctrl-C is the ordinary end of following."""
    try:
        if options.build:
            logs.of_build(_session(options), options.build, options.execution, follow=options.follow)
        else:
            logs.of_services(_session(options), options.service, options.since, follow=options.follow)
    except KeyboardInterrupt:
        if not options.follow:
            raise


def run_clean(options: argparse.Namespace) -> None:
    """Run `delivery clean`, of a stack that is up or destroyed."""
    found: Environment | None = None
    try:
        found = _read(options)
    except NeverUpError:
        print(f"stack {options.stack} is not up: everything that it left is removed")
    deleted = Cleaner(clients=client, stack=options.stack, say=Progress()).run(found, options.keep)
    print(f"deleted {deleted} inactive task definition revisions of {options.stack}")


def run_doctor(options: argparse.Namespace) -> int:
    """Run `delivery doctor`; returns its exit code."""
    return Doctor(clients=client, stack=options.stack).run()
