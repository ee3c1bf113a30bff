"""A state folder belongs to one Docker network: commands never affect containers on another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from localcloud.commands import lifecycle, process, reset
from localcloud.docker_engine import engine
from localcloud.settings import Settings, UserError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COMMANDS: dict[str, Callable[[Settings, Callable[[str], None]], object]] = {
    "up": lifecycle.up,
    "down": lifecycle.down,
    "reset": reset.reset,
    "reset --all": reset.reset_all,
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_with_another_network_than_the_recorded_one_does_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Forgetting LOCALCLOUD_NETWORK once must not remove another local cloud's containers."""
    monkeypatch.setattr(engine, "client", lambda *_: pytest.fail("Docker was asked"))
    monkeypatch.setattr(engine, "require", lambda: pytest.fail("Docker was asked"))
    record = tmp_path / "run.json"
    record.write_text(json.dumps({"network": "own", "port": 1}), "utf-8")
    settings = Settings(state_dir=tmp_path, port=1, network="default", cache_dir=tmp_path / "cache")
    with pytest.raises(UserError, match=r"is on the Docker network own, not default, .* LOCALCLOUD_NETWORK=own$"):
        COMMANDS[command](settings, lambda _: None)
    assert record.exists()


def test_the_recorded_network_and_a_folder_without_a_record_are_taken(tmp_path: Path) -> None:
    """They are accepted."""
    settings = Settings(state_dir=tmp_path, port=1, network="own", cache_dir=tmp_path)
    process.refuse_another_network(settings)
    (tmp_path / "run.json").write_text(json.dumps({"network": "own"}), "utf-8")
    process.refuse_another_network(settings)
