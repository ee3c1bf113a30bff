"""The registry of commands holds: the command line, its help, the Makefile's targets and the documents' tables."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from delivery.checkout import ROOT
from delivery.commands import table
from delivery.commands.registry import REGISTRY, Entry, delivery


@pytest.mark.parametrize("entry", REGISTRY, ids=lambda entry: entry.name)
def test_every_command_has_help_and_names_what_is_missing(entry: Entry) -> None:
    """The summary, each option with a text, the exit codes; without its options it is wrong usage."""
    shown = CliRunner().invoke(delivery, [entry.name, "--help"])
    assert shown.exit_code == 0
    assert entry.summary[1:25] in " ".join(shown.output.split())
    assert "Exit codes: 0 done" in " ".join(shown.output.split())
    for parameter in entry.command.params:
        assert parameter.param_type_name == "argument" or getattr(parameter, "help", "").endswith("."), parameter.name
    if entry.name != "preview":
        missing = CliRunner().invoke(delivery, [entry.name])
        needed = "Missing argument 'DIR'" if entry.name in ("init", "check-app") else "Missing option '--stack'"
        assert (missing.exit_code, needed in missing.output) == (2, True)


def test_commands_are_listed_in_the_order_of_a_release() -> None:
    """First what a new application needs, then the steps, then what people do, then what looks inside."""
    names = list(delivery.commands)
    assert names[:2] == ["init", "check-app"]
    assert names[2:8] == ["test", "build", "index", "deploy", "acceptance", "promote"]
    assert names[8] == "status"
    assert names == [entry.name for entry in REGISTRY]


@pytest.mark.parametrize("options", [[], ["--release", "x", "--commit", "1234567"]])
def test_a_release_is_named_one_way(options: list[str]) -> None:
    """By its manifest or by its commit."""
    done = CliRunner().invoke(delivery, ["deploy", "--stack", "s", *options])
    assert (done.exit_code, "either --release or --commit" in done.output) == (2, True)


def test_what_is_saved_is_not_commented_at_once() -> None:
    """Two jobs of a workflow do one each."""
    done = CliRunner().invoke(delivery, ["preview", "--save", "x", "--from", "x"])
    assert (done.exit_code, "exclude each other" in done.output) == (2, True)


def makefile() -> dict[str, str]:
    """Return the Makefile's steps with what its help says of each."""
    text = (ROOT / "Makefile").read_text("utf-8")
    steps = re.findall(r"(?m)^(?:STEPS|NEW) := (.*)$", text)
    assert len(steps) == 2
    told = dict(re.findall(r"(?m)^([a-z-]+):.*?## (.*)$", text))
    return {target: told.get(target, "") for target in ["app-test", "pipeline", *" ".join(steps).split()]}


def test_the_makefile_has_a_target_for_every_command() -> None:
    """With its summary, and its options as an example."""
    wanted = {
        entry.target: entry.summary + (f': ARGS="{entry.example}"' if entry.example else "") for entry in REGISTRY
    }
    assert makefile() == wanted


def test_the_documents_tell_of_every_command() -> None:
    """Made by `python -m delivery.commands.table`."""
    guide = table.GUIDE.read_text("utf-8")
    assert table.REFERENCE.read_text("utf-8") == table.reference()
    assert table.BEGIN in guide
    assert guide == table.written(guide)


def test_types_of_aws_are_read_by_the_type_checker_alone() -> None:
    """Builds have no such packages: importing all of delivery must need none of them."""
    text = (
        "import importlib, pkgutil, sys, delivery\n"
        "for one in pkgutil.walk_packages(delivery.__path__, 'delivery.'):\n"
        "    one.name.endswith('__main__') or importlib.import_module(one.name)\n"
        "sys.exit(any(name.startswith('types_boto3') for name in sys.modules))\n"
    )
    subprocess.run([sys.executable, "-c", text], cwd=ROOT, check=True)
