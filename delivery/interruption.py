"""Interruption by SIGTERM, SIGHUP or Ctrl-C: an exception at once, and again at the next wait if it was lost.

CPython clears whatever is raised while it finalizes a file object or a socket's response (`_PyIOBase_finalize`), a
signal handler's exception too, and the sender waits for one signal to be enough.
"""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_received: list[int] = []


@contextmanager
def heard() -> Iterator[None]:
    """Treat the first of each signal as Ctrl-C, so that a command still reports what it leaves behind."""
    before = {number: signal.signal(number, _interrupt) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _received.clear()


def sleep(seconds: float) -> None:
    """Wait for so many seconds.

    Raises:
        KeyboardInterrupt: a signal was received, now or before.
    """
    check()
    time.sleep(seconds)


def check(known: int = 0) -> None:
    """Raise KeyboardInterrupt if more signals were received than those known."""
    if received() > known:
        raise KeyboardInterrupt


def received() -> int:
    """Return how many signals were received."""
    return len(_received)


def _interrupt(number: int, _: object) -> NoReturn:
    if number != signal.SIGINT:  # a person who presses Ctrl-C again means it
        signal.signal(number, signal.SIG_IGN)
    _received.append(number)
    raise KeyboardInterrupt
