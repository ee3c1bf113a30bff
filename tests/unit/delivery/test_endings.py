"""How a command ends: exit codes, one line for an error, signals."""

from __future__ import annotations

import io
import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError

from delivery import __main__ as program
from delivery.aws import clients
from delivery.errors import DeliveryError, InterruptedDeliveryError
from delivery.operator import history
from delivery.session import SYSTEM
from tests.unit.delivery.aws import REGION

if TYPE_CHECKING:
    from tests.unit.delivery.commands import Commands

GOOD, NEXT = "a" * 40, "b" * 40
RUN = "11111111-2222-3333-4444-555555555555"
BUILDSPECS = sorted((Path(program.__file__).parent / "buildspecs").glob("*.yml"))
DENIED: Any = {"Error": {"Code": "AccessDeniedException", "Message": "you may not"}}


def test_a_failure_is_one_line_and_ends_with_1(served: Commands) -> None:
    """With the command's name."""
    code, told = served("deploy", "--release", str(served.folder / "none.json"))
    assert code == 1
    assert re.fullmatch(r"delivery deploy: .*none.json: No such file or directory; give the release.json .*\n", told)


@pytest.mark.parametrize(
    ("options", "told"), [(("--keep", "-1"), "no number from 0 on"), (("--keep", "x"), "no number")]
)
def test_wrong_usage_ends_with_2(served: Commands, options: tuple[str, ...], told: str) -> None:
    """With what is wrong."""
    code, text = served("clean", *options)
    assert (code, told in text) == (2, True)


def test_logs_are_followed_until_ctrl_c_which_is_no_failure(served: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without following it is an interruption."""

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("delivery.operator.logs.of_services", stop)
    monkeypatch.setattr("delivery.operator.logs.of_build", stop)
    assert served("logs", "--follow") == (0, "")
    assert served("logs", "--build", "Build", "--follow") == (0, "")
    code, told = served("logs")
    assert (code, told) == (130, "delivery logs: interrupted; what it had done stands; run it again to finish it\n")


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (DeliveryError("no"), 1, "delivery history: no\n"),
        (InterruptedDeliveryError("stopped"), 130, "delivery history: stopped\n"),
        (KeyboardInterrupt(), 130, "delivery history: interrupted; what it had done stands"),
        (NoRegionError(), 1, r"delivery history: You must specify a region. Name the stack's: export AWS_REGION"),
        (NoCredentialsError(), 1, "Unable to locate credentials; log in to the account"),
        (FileNotFoundError(2, "x", "docker"), 1, "docker is not there, or not on PATH; install or make it\n"),
        (PermissionError(13, "x", "bin/test"), 1, "bin/test is refused to this user; correct its mode\n"),
        (ClientError(DENIED, "DescribeServices"), 1, "delivery history: AWS refused DescribeServices: you may not\n"),
        (BrokenPipeError(), 1, ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_every_kind_of_end_has_its_exit_code_and_its_line(
    served: Commands, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, told: str
) -> None:
    """No traceback for what a user can act on."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(history, "run", fail)
    ended, text = served("history")
    assert ended == code
    assert told in text
    assert bool(text) is bool(told)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_an_interruption_once(served: Commands, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """A second one does not keep what is left from being said."""

    def wait(*_: object, **__: object) -> None:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        raise KeyboardInterrupt

    monkeypatch.setattr(history, "run", wait)
    assert served("history")[0] == 130


class Finalized(io.RawIOBase):
    """A file that a signal is received in the finalization of; CPython clears what its handler raises."""

    def close(self) -> None:
        """Send SIGTERM to this process, as an orchestrator may at any moment."""
        os.kill(os.getpid(), signal.SIGTERM)
        super().close()


def test_a_signal_whose_exception_is_lost_ends_the_command_at_its_next_wait(
    served: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is when it comes while an answer of AWS's is being freed."""

    def wait(*_: object, **__: object) -> None:
        file = Finalized()
        del file
        SYSTEM.sleep(0)
        raise AssertionError("the command went on")

    monkeypatch.setattr(history, "run", wait)
    assert served("history")[0] == 130


def test_clients_are_made_once_with_patience_and_the_region_that_everybody_reads(
    served: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A late answer ends no release: ten attempts; boto3 alone does not read AWS_REGION."""
    monkeypatch.setenv("AWS_REGION", REGION)
    clients._made.cache_clear()
    served.made.clear()
    assert clients.client("ecs") is clients.client("ecs")
    (options,) = served.made
    assert options["region_name"] == REGION
    assert options["config"].retries == {"mode": "standard", "max_attempts": 10}
    monkeypatch.setenv("AWS_REGION", "")
    clients.client("ecr")
    assert served.made[-1]["region_name"] is None
