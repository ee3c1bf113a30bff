"""`python -m delivery`: the delivery commands, by stack name, with the AWS settings of the environment."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from delivery.commands import parser, people, steps
from delivery.console import typed
from delivery.errors import DeliveryError, InterruptedDeliveryError
from delivery.previews import preview

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

INTERRUPTED = 130
REMEDY: dict[type[Exception], str] = {
    NoRegionError: " Name the stack's: export AWS_REGION=...",
    NoCredentialsError: "; log in to the account, for example: aws sso login",
}


COMMANDS: dict[str, Callable[[argparse.Namespace], int | None]] = {
    "test": steps.run_test,
    "build": steps.run_build,
    "index": steps.run_index,
    "deploy": steps.run_deploy,
    "acceptance": steps.run_acceptance,
    "promote": steps.run_promote,
    "status": people.run_status,
    "approve": people.run_approve,
    "reject": people.run_reject,
    "retry": people.run_retry,
    "rollback": people.run_rollback,
    "resume": people.run_resume,
    "history": people.run_history,
    "logs": people.run_logs,
    "clean": people.run_clean,
    "doctor": people.run_doctor,
    "preview": preview.run,
}


def _interrupt(number: int, _: object) -> NoReturn:
    """Treat SIGTERM and SIGHUP as Ctrl-C, once: what is left behind is still said."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    """Run one delivery command; returns the exit code (0 done, 1 failed, 2 wrong usage, 130 interrupted)."""
    options = parser.build().parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    told = f"delivery {options.command}"
    try:
        return COMMANDS[options.command](options) or 0
    except InterruptedDeliveryError as stop:
        print(typed(f"{told}: {stop}"), file=sys.stderr)
        return INTERRUPTED
    except KeyboardInterrupt:
        print(f"{told}: interrupted; what it had done stands; run it again to finish it", file=sys.stderr)
        return INTERRUPTED
    except (DeliveryError, BotoCoreError, ClientError) as error:
        print(typed(f"{told}: {error}{REMEDY.get(type(error), '')}"), file=sys.stderr)
        return 1
    except (FileNotFoundError, PermissionError) as error:
        missing = isinstance(error, FileNotFoundError)
        why = (
            "is not there, or not on PATH; install or make it"
            if missing
            else "is refused to this user; correct its mode"
        )
        print(f"{told}: {error.filename} {why}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1


if __name__ == "__main__":
    sys.exit(main())
