"""The program with its real database: starting, storing, surviving, ending."""

from __future__ import annotations

import concurrent.futures
import functools
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from pathlib import Path

# A machine under load is slow to answer: nothing here is about speed.
SECONDS = 30
# Reading the certificates of all authorities is most of what a request costs, and http has no use for them.
TRUSTS_NONE = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
get = functools.partial(httpx.get, timeout=SECONDS, verify=TRUSTS_NONE)
post = functools.partial(httpx.post, timeout=SECONDS, verify=TRUSTS_NONE)
Program = Callable[..., AbstractContextManager[tuple[subprocess.Popen[str], str]]]


def _add(url: str, message: str) -> int:
    answer = post(f"{url}/api/entries", json={"author": "Ada", "message": message})
    assert answer.status_code == 201, answer.text
    number: int = answer.json()["id"]
    return number


def test_entries_outlive_the_program(program: Program) -> None:
    """What was stored is there after a restart, character for character."""
    message = "Zażółć 🎉 <b>'; DROP TABLE entries; --"
    with program() as (_, url):
        _add(url, message)
    with program() as (_, url):
        assert [entry["message"] for entry in get(f"{url}/api/entries").json()["entries"]] == [message]


def test_entries_are_listed_in_pages(program: Program) -> None:
    """`limit` and `before` walk through all of them, newest first."""
    with program() as (_, url):
        numbers = [_add(url, str(number)) for number in range(5)]
        first = get(f"{url}/api/entries?limit=3").json()["entries"]
        second = get(f"{url}/api/entries?limit=3&before={first[-1]['id']}").json()["entries"]
        assert [entry["id"] for entry in first + second] == numbers[::-1]


def test_several_instances_start_at_once_on_an_empty_database(program: Program) -> None:
    """Creating the schema is not a race."""
    with ExitStack() as stack:
        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            running = list(threads.map(lambda _: stack.enter_context(program()), range(4)))
        number = _add(running[0][1], "hello")
        for _, url in running:
            assert get(f"{url}/api/entries").json()["entries"][0]["id"] == number


def test_a_waiting_request_sees_what_another_instance_stores(program: Program) -> None:
    """The long poll is answered when the entry is there, not when its time is over."""
    with program() as (_, one), program() as (_, two):
        threading.Timer(0.5, _add, (two, "news")).start()
        answer = get(f"{one}/api/entries/wait?after=0&timeout=20")
        assert [entry["message"] for entry in answer.json()["entries"]] == ["news"]
        assert answer.elapsed.total_seconds() < 15


def test_a_restart_of_the_database_fails_no_request(program: Program, drop_connections: Callable[[], None]) -> None:
    """A dead connection is noticed before it is used."""
    with program() as (_, url):
        _add(url, "before")
        drop_connections()
        _add(url, "after")


def test_without_a_database_it_answers_503_and_says_why_without_the_password(program: Program, tmp_path: Path) -> None:
    """It waits for its database instead of crashing, and a wrong password is not told."""
    with program(wait="/version", DATABASE_PASSWORD="not-the-password") as (process, url):
        assert get(f"{url}/healthz").status_code == 503
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
    output = (tmp_path / "output").read_text()
    assert "password authentication failed" in output
    assert "not-the-password" not in output


def test_sigterm_finishes_what_is_in_flight_and_serves_while_draining(program: Program) -> None:
    """A slow request is answered, new ones too, each answer closes its connection, and the end is clean."""
    with (
        program(DRAIN_SECONDS="3") as (process, url),
        httpx.Client(base_url=url, timeout=SECONDS, verify=TRUSTS_NONE) as client,
    ):
        assert "connection" not in client.get("/api/entries").headers
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            slow = thread.submit(get, f"{url}/api/entries/wait?after=0&timeout=4")
            time.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            kept_alive, fresh = client.get("/api/entries"), get(f"{url}/api/entries")
            assert [answer.status_code for answer in (kept_alive, fresh)] == [200, 200]
            assert kept_alive.headers["connection"] == "close"
            assert slow.result().status_code == 200
        assert process.wait(SECONDS) == 0


def test_no_request_fails_while_one_instance_takes_over_from_another(program: Program) -> None:
    """Clients with keep-alive connections notice nothing of a SIGTERM while new requests go elsewhere."""
    with program(DRAIN_SECONDS="3") as (old, old_url), program() as (_, new_url):
        target, statuses, stop = [old_url], [], threading.Event()

        def load() -> None:
            with httpx.Client(timeout=SECONDS, verify=TRUSTS_NONE) as client:
                while not stop.is_set():
                    statuses.append(client.get(f"{target[0]}/api/entries").status_code)
                    time.sleep(0.02)

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        old.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        target[0] = new_url
        assert old.wait(SECONDS) == 0
        stop.set()
        for thread in threads:
            thread.join()
        assert len(statuses) > 20
        assert set(statuses) == {200}


def test_a_wrong_environment_ends_the_start_with_one_line() -> None:
    """The line names the variable; the exit code is not zero."""
    env = {name: value for name, value in os.environ.items() if name != "DATABASE_HOST"}
    ended = subprocess.run([sys.executable, "-m", "guestbook"], env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    expected = "guestbook: DATABASE_HOST is not set; set it to the host name of the PostgreSQL server\n"
    assert (ended.stderr, ended.stdout) == (expected, "")
