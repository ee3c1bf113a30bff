"""Base images that cannot be built."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from localcloud.docker_engine import images
from localcloud.settings import UserError


def test_a_base_image_that_cannot_be_built_is_told_with_the_builds_last_lines() -> None:
    """Docker's API gives the builder's output event by event, the error as the last one."""
    events = [*({"stream": f"line {n}\n"} for n in range(100)), {"error": "pip returned 1"}]
    stream = [json.dumps(event) + "\r\n" for event in events]
    client = SimpleNamespace(api=SimpleNamespace(build=lambda **_: stream))
    said: list[str] = []
    with pytest.raises(UserError, match=r"^x/y:1 cannot be built: pip returned 1$"):
        images.build(client, "x/y:1", "haproxy", {}, "recipe", "10 s", said.append)
    assert said[-1].splitlines() == [f"line {n}" for n in range(100 - images.SHOWN_LINES, 100)]
