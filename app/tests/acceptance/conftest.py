"""What the acceptance suite knows: a url, and what should be served there."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

START_SECONDS = 30


def pytest_configure(config: pytest.Config) -> None:
    """Leave out what writes where SAFE_ONLY=1; refuse to run without a url."""
    if not os.environ.get("BASE_URL"):
        raise pytest.UsageError("BASE_URL is not set; set it to the url under test, such as http://127.0.0.1:8080")
    if os.environ.get("SAFE_ONLY") == "1":
        config.option.markexpr = "not writes"


@pytest.fixture(scope="session")
def base_url() -> str:
    """The url under test, without a trailing slash."""
    return os.environ["BASE_URL"].rstrip("/")


@pytest.fixture(scope="session")
def http(base_url: str) -> Iterator[httpx.Client]:
    """A client of the url, once it answers at all."""
    with httpx.Client(base_url=base_url, timeout=30, trust_env=False) as client:
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                client.get("/version")
            except httpx.TransportError as error:
                if time.monotonic() > end:
                    pytest.fail(f"{base_url} did not answer within {START_SECONDS} s: {error}")
                time.sleep(0.5)
            else:
                break
        yield client
