"""Commands, run in this process in a fake AWS."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import boto3

from delivery import __main__ as program
from delivery import checkout
from delivery.aws import clients

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.unit.delivery.world import World


class Commands:
    """Runs commands in this process, in a fake AWS."""

    def __init__(
        self, world: World, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Let boto3 make clients of this AWS."""
        self.world, self.folder, self.monkeypatch, self.capsys = world, folder, monkeypatch, capsys
        (folder / "app").mkdir()
        (folder / "app" / "Dockerfile").write_text("FROM a AS release\nFROM a AS acceptance\n")
        self.made: list[dict[str, Any]] = []

        def make(service: str, **options: Any) -> Any:  # noqa: ANN401 - boto3's clients have no static type
            self.made.append(options)
            return world.aws(service)

        monkeypatch.setattr(boto3, "client", make)
        monkeypatch.setattr(checkout, "ROOT", folder)
        monkeypatch.delenv("CODEBUILD_BUILD_ID", raising=False)
        clients._made.cache_clear()

    def __call__(self, command: str, *options: str) -> tuple[int, str]:
        """Run one; returns its exit code and what it wrote."""
        self.monkeypatch.setattr(sys, "argv", ["delivery", command, "--stack", "staging", *options])
        code = program.main()
        told = self.capsys.readouterr()
        return code, told.out + told.err

    def release(self, commit: str) -> str:
        """Push a commit's images; returns the path of its release.json."""
        path = self.folder / f"{commit}.json"
        self.world.release(commit).write(path)
        return str(path)
