"""Runs the real program with a stack file, real or changed, on the stand-in engine."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
import yaml

from tests.fake_engine import FakeEngine, run_to_end, start

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).resolve().parents[2]


def stack_file(stack: str) -> dict[str, Any]:
    """Return the `config:` of a committed stack file."""
    config: dict[str, Any] = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text("utf-8"))["config"]
    return config


def run(
    monkeypatch: pytest.MonkeyPatch,
    config: dict[str, Any],
    *,
    stack: str = "staging",
    engine: FakeEngine | None = None,
    secret_keys: list[str] | None = None,
) -> tuple[FakeEngine, dict[str, Any]]:
    """Run the program to its end.

    Returns:
        What was registered, and the stack's outputs, resolved.
    """
    engine = start(engine or FakeEngine(), stack=stack)
    handed = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    pulumi.runtime.set_all_config(handed, secret_keys)
    monkeypatch.chdir(ROOT)
    outputs: dict[str, Any] = {}
    seen: dict[str, Any] = {}
    monkeypatch.setattr(pulumi, "export", seen.__setitem__)

    def program() -> pulumi.Output[None]:
        runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")
        return pulumi.Output.from_input(seen).apply(outputs.update)

    run_to_end(program)
    return engine, outputs
