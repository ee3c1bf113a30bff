"""The application as its API's users know it."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import httpx


def test_it_is_healthy(http: httpx.Client) -> None:
    """The database behind it answers."""
    answer = http.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_it_says_what_is_running(http: httpx.Client) -> None:
    """Commit and digest are always part of the answer."""
    assert set(http.get("/version").json()) == {"commit", "digest"}


@pytest.mark.parametrize(("variable", "field"), [("EXPECTED_VERSION", "commit"), ("EXPECTED_DIGEST", "digest")])
def test_what_is_running_is_what_was_deployed(http: httpx.Client, variable: str, field: str) -> None:
    """An old release that still answers does not pass for the new one."""
    expected = os.environ.get(variable)
    if not expected:
        pytest.skip(f"{variable} is not given")
    assert {http.get("/version").json()[field] for _ in range(10)} == {expected}


def test_entries_are_listed(http: httpx.Client) -> None:
    """The list is there, empty or not, and as long as asked."""
    answer = http.get("/api/entries", params={"limit": 3})
    assert answer.status_code == 200
    assert len(answer.json()["entries"]) <= 3


@pytest.mark.parametrize(
    ("path", "status"),
    [("/api/entries?limit=0", 400), ("/api/entries?before=x", 400), ("/api/entries/wait", 400), ("/api/none", 404)],
)
def test_a_wrong_request_is_refused_with_a_reason(http: httpx.Client, path: str, status: int) -> None:
    """Clients are told what is wrong."""
    answer = http.get(path)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_a_wrong_entry_is_refused_field_by_field(http: httpx.Client) -> None:
    """A client learns which field to mend; nothing is stored."""
    answer = http.post("/api/entries", json={"author": " ", "message": "x" * 1001})
    assert answer.status_code == 422
    assert set(answer.json()["fields"]) == {"author", "message"}


def test_waiting_for_an_entry_that_never_comes_ends_in_time(http: httpx.Client) -> None:
    """The long poll answers with nothing after its time."""
    answer = http.get("/api/entries/wait", params={"after": 2**62, "timeout": 1})
    assert answer.json() == {"entries": []}
    assert 1 <= answer.elapsed.total_seconds() < 5


@pytest.mark.writes
def test_an_added_entry_is_listed_first(http: httpx.Client) -> None:
    """What is written can be read back."""
    message = f"written by the acceptance suite {uuid.uuid4()}"
    added = http.post("/api/entries", json={"author": "Acceptance", "message": message})
    assert added.status_code == 201
    listed = http.get("/api/entries", params={"limit": 50}).json()["entries"]
    assert added.json() in listed
    after = added.json()["id"] - 1
    assert added.json() in http.get("/api/entries/wait", params={"after": after}).json()["entries"]
