"""The entry point `python -m delivery`; AWS settings come from the environment."""

from __future__ import annotations

import os
import sys

import click
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from contract.pipeline import STACK
from delivery import failure, interruption
from delivery.aws.clients import client, sentence
from delivery.commands.registry import delivery
from delivery.console import Progress, typed
from delivery.errors import DeliveryError, InterruptedDeliveryError
from delivery.notifications.notices import Teller

INTERRUPTED = 130
REMEDY: dict[type[BaseException], str] = {
    NoRegionError: " Name the stack's: export AWS_REGION=...",
    NoCredentialsError: "; log in to the account, for example: aws sso login",
}
FAILURES = (
    KeyboardInterrupt, DeliveryError, BotoCoreError, ClientError, FileNotFoundError, PermissionError, BrokenPipeError,
)  # fmt: skip


def main() -> int:
    """Run one delivery command; returns the exit code (0 done, 1 failed, 2 wrong usage, 130 interrupted)."""
    with interruption.heard():
        return _ended(sys.argv[1:])


def _ended(arguments: list[str]) -> int:
    try:
        return _run(arguments)
    except click.UsageError as wrong:
        wrong.show()
        return wrong.exit_code
    except FAILURES as error:
        line, code = _ending(error)
        if line:
            name = next((word for word in arguments if word in delivery.commands), "")
            print(typed(f"delivery {name}: {line}"), file=sys.stderr, flush=True)
            failure.record(name, line)
        if code != INTERRUPTED:
            _notify(error, line)
        return code


def _notify(error: BaseException, line: str) -> None:
    """Notify of the failure, in the pipeline."""
    if line and (stack := os.environ.get(STACK)):
        Teller(clients=client, stack=stack, say=Progress()).failed(error, line)


def _run(arguments: list[str]) -> int:
    try:
        with delivery.make_context("delivery", arguments) as context:
            return delivery.invoke(context) or 0
    except click.exceptions.Exit as end:  # of --help
        return end.exit_code


def _ending(error: BaseException) -> tuple[str, int]:
    """Return the error line for the user and the exit code."""
    match error:
        case InterruptedDeliveryError():
            return str(error), INTERRUPTED
        case KeyboardInterrupt():
            return "interrupted; what it had done stands; run it again to finish it", INTERRUPTED
        case BrokenPipeError():
            return "", 1
        case FileNotFoundError():
            return f"{error.filename} is not there, or not on PATH; install or make it", 1
        case PermissionError():
            return f"{error.filename} is refused to this user; correct its mode", 1
    return f"{sentence(error)}{REMEDY.get(type(error), '')}", 1


if __name__ == "__main__":
    sys.exit(main())
