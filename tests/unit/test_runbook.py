"""The runbook: a page for each alarm and each action, whose commands are real and whose links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contract import runbook
from contract.pipeline import ACTIONS, Action
from delivery.commands.registry import delivery
from delivery.notifications.notices import Teller
from tests.unit.delivery.topic import EXECUTION, notified
from tests.unit.delivery.world import World

if TYPE_CHECKING:
    import click

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / runbook.FOLDER).glob("*.md"))
OTHERS = (runbook.RELEASED, runbook.ROLLED_BACK, runbook.STUCK, runbook.NO_MESSAGE)
HEADINGS = ["What it means", "Where to look", "What to type"]
FENCE = re.compile(r"(?ms)^```\n(.*?)^```")
MOST_LINES = 45


def commands(text: str) -> list[str]:
    """Return the delivery commands of a text, without comments."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line.removeprefix("delivery ") for line in lines if line.startswith("delivery ")]


def parse(command: str) -> click.Context:
    """Parse a command as the command line does; raises click's error where it does not exist."""
    name, *words = command.split()
    return delivery.commands[name].make_context(name, words)


def test_each_alarm_each_action_and_each_other_message_has_its_page_and_no_page_is_left_over() -> None:
    """The table of the runbook links all of them."""
    wanted = {runbook.of_action(action) for action in Action} | {runbook.of_alarm(alarm) for alarm in runbook.Alarm}
    wanted |= {runbook.page(name) for name in OTHERS}
    assert {str(path.relative_to(ROOT)) for path in PAGES} == wanted
    index = (ROOT / "docs/runbook.md").read_text("utf-8")
    assert not [path.name for path in PAGES if f"(runbook/{path.name})" not in index]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_is_short_and_says_what_it_means_where_to_look_and_what_to_type(path: Path) -> None:
    """Somebody reads it at night."""
    text = path.read_text("utf-8")
    assert re.findall(r"(?m)^## (.+)$", text) == HEADINGS
    assert len(text.splitlines()) <= MOST_LINES
    assert commands("".join(FENCE.findall(text)))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_command_of_a_page_exists_with_these_options(path: Path) -> None:
    """By the command line's own parser."""
    for command in commands("".join(FENCE.findall(path.read_text("utf-8")))):
        parse(command)


@pytest.mark.parametrize("key", ACTIONS)
def test_the_page_and_the_commands_in_a_failed_steps_message_exist(key: str) -> None:
    """For each step of the pipeline."""
    world = World(stage="Production")
    topic = notified(world)
    build = {"EXECUTION": EXECUTION, "COMMIT": "b" * 40, "CODEBUILD_BUILD_ID": f"slipway-{key}:1"}
    Teller(clients=world.aws, stack="staging", say=world.say).failed(ValueError("no"), "no", build)
    body = topic.only[1]
    linked = re.search(r"(?m)^Runbook: https://github.com/me/shop/blob/main/(.+)$", body)
    assert linked
    assert (ROOT / linked[1]).is_file()
    told = commands(body.replace("Next: ", ""))
    assert len(told) >= 2
    for command in told:
        parse(command)
