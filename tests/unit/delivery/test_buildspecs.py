"""What the buildspecs run of delivery, and with which options."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from delivery import __main__ as program
from delivery import environment
from delivery.commands.registry import delivery
from tests.unit.delivery.world import World, pipeline_facts

GOOD, NEXT = "a" * 40, "b" * 40
RUN = "11111111-2222-3333-4444-555555555555"
BUILDSPECS = sorted((Path(program.__file__).parent / "buildspecs").glob("*.yml"))


def parsed(words: list[str]) -> dict[str, Any]:
    """Return the options of a command as they are typed."""
    command = delivery.commands[words[0]]
    return dict(command.make_context(words[0], words[1:]).params)


def steps_of_the_pipeline() -> list[tuple[str, list[str]]]:
    """Return what each buildspec runs of delivery, with plain values for its variables."""
    found = []
    for path in BUILDSPECS:
        for line in re.findall(r"python3 -m delivery (.*)", path.read_text("utf-8")):
            words = re.sub(r'"[^"]*"', "linux/amd64" if "PLATFORM" in line else "x", line).split()
            found.append((path.stem, words))
    return found


@pytest.mark.parametrize(
    ("spec", "words"), steps_of_the_pipeline(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_each_step_of_the_pipeline_is_a_command_with_options_that_exist(spec: str, words: list[str]) -> None:
    """Production runs only what changes nothing, staging everything; both are put back where it fails."""
    words = [word for word in words if word != "--platform" or "linux/amd64" in words]
    options = parsed(words)
    assert options.pop("stack") in ("x", "linux/amd64")
    if words[0] == "acceptance":
        assert (options["safe_only"], options["put_back"]) == (spec == "smoke", True)
    if words[0] == "promote":
        assert options["kind"] == ("released" if spec == "smoke" else "accepted")


def test_the_pipelines_of_an_account_are_found_by_their_stacks(piped: World) -> None:
    """On every page of the parameters."""
    piped.parameters.values["/slipway/prod/pipeline"] = pipeline_facts("P") | {
        "pipeline": "other",
        "approval_stage": "Ask",
    }
    found = environment.pipelines(piped.client("ssm"))
    assert {stack: (one.name, one.stage, one.approval_stage) for stack, one in found.items()} == {
        "staging": ("slipway", "Production", "Approval"),
        "prod": ("other", "P", "Ask"),
    }
