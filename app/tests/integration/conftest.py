"""The real database, and the real program beside it as a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest
from psycopg import sql

if TYPE_CHECKING:
    from pathlib import Path

Program = Callable[..., AbstractContextManager[tuple[subprocess.Popen[str], str]]]


def _connect(name: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=os.environ["DATABASE_HOST"],
        port=os.environ.get("DATABASE_PORT", "5432"),
        user=os.environ["DATABASE_USER"],
        password=os.environ["DATABASE_PASSWORD"],
        dbname=name,
        autocommit=True,
    )


@pytest.fixture
def database() -> Iterator[str]:
    """The name of an empty database that is gone after the test."""
    name = f"test_{uuid.uuid4().hex}"
    with _connect(os.environ["DATABASE_NAME"]) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield name
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def drop_connections(database: str) -> Callable[[], None]:
    """End every connection to the database, as a restart of it does."""

    def drop() -> None:
        with _connect(os.environ["DATABASE_NAME"]) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (database,))

    return drop


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


# Reading the certificates of all authorities is most of what a request costs, and http has no use for them.
TRUSTS_NONE = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def answers(url: str, seconds: float = 60) -> None:
    """Wait until `url` answers with 200; an AssertionError after `seconds`, which are many for a machine under load."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, timeout=seconds, verify=TRUSTS_NONE).status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError(f"{url} does not answer with 200 after {seconds} s")


@pytest.fixture
def program(database: str, tmp_path: Path) -> Program:
    """A function that starts the program on the empty database; keywords are environment variables.

    It waits until the path `wait` answers with 200.
    What it writes is in `tmp_path / "output"`: a pipe that nobody reads would fill up and stop it.
    """

    @contextlib.contextmanager
    def run(*, wait: str = "/healthz", **env: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
        port = _free_port()
        settings = {"HOST": "127.0.0.1", "PORT": str(port), "DATABASE_NAME": database, "DRAIN_SECONDS": "0"}
        with (tmp_path / "output").open("a") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "guestbook"],
                env={**os.environ, **settings, **env},
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )
        try:
            answers(f"http://127.0.0.1:{port}{wait}")
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()

    return run
