"""The registry of commands: each is declared once, with its options, its help and the function that it runs.

From it come the command line and its `--help`, the tables of commands in the documents (`table.py`), and the targets
of the Makefile, which a test holds against it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from contract.pipeline import EXECUTION
from delivery.aws.clients import client
from delivery.checkout import ROOT
from delivery.console import Progress
from delivery.environment import read
from delivery.operator import logs
from delivery.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

EPILOG = "Exit codes: 0 done, 1 failed (one line says why and what to do), 2 wrong usage, 130 interrupted."


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A command, the target of the Makefile that runs it, and the arguments that one gives it there, for example."""

    command: click.Command
    target: str
    example: str

    @property
    def name(self) -> str:
        """The command's name."""
        return str(self.command.name)

    @property
    def summary(self) -> str:
        """What it does, in a few words."""
        return str(self.command.short_help)


class Ordered(click.Group):
    """A group that lists its commands in the order of their declaration."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the commands' names."""
        return list(self.commands)


@click.group(
    cls=Ordered, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
def delivery() -> None:
    """Test, build, deploy and watch what a stack runs, by the stack's name.

    On AWS: bin/delivery. On the local cloud: bin/delivery-local.
    """


REGISTRY: list[Entry] = []


def command(
    summary: str, detail: str = "", *, target: str = "", example: str = ""
) -> Callable[[Callable[..., int | None]], click.Command]:
    """Declare a command, which is called as its function is.

    Args:
        summary: what it does, in a few words.
        detail: what else one has to know, for its own --help.
        target: the target of the Makefile, where it is called otherwise there.
        example: ARGS of the Makefile, as an example.
    """

    def declare(function: Callable[..., int | None]) -> click.Command:
        name = function.__name__.rstrip("_")
        help_ = f"{summary[0].upper()}{summary[1:]}. {detail}".strip()
        made = delivery.command(name, short_help=summary, help=help_, epilog=EPILOG)(function)
        REGISTRY.append(Entry(command=made, target=target or name, example=example))
        return made

    return declare


class Since(click.ParamType[int]):
    """A time such as `90s`, `10m`, `2h` or `1d`, in seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401 - click's signature
        """Return the seconds of a text."""
        if isinstance(value, int):
            return value
        try:
            return logs.seconds(value)
        except ValueError:
            self.fail(f"{value!r} is no time such as 90s, 10m, 2h or 1d", param, ctx)


class Lowest(click.ParamType[int]):
    """A whole number from 0 on."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401 - click's signature
        """Return the number of a text."""
        if not re.fullmatch("[0-9]+", str(value)):
            self.fail(f"{value!r} is no number from 0 on", param, ctx)
        return int(value)


FILE = click.Path(path_type=Path)
stack = click.option("--stack", required=True, metavar="NAME", help="The stack, as in `pulumi up -s NAME`.")
reports = click.option(
    "--reports", type=FILE, default=ROOT / "reports", metavar="DIR", help="Where JUnit results go (default: reports/)."
)
output = click.option(
    "--output", type=FILE, default=Path(), metavar="DIR", help="Where the files go (default: the present folder)."
)
this_execution = click.option(
    "--execution", default="", envvar=EXECUTION, metavar="ID", help=f"The pipeline execution (default: ${EXECUTION})."
)


def execution(default: str) -> Callable[[Callable[..., int | None]], Callable[..., int | None]]:
    """Return the option that names an execution of the pipeline; `default` says which one is meant without it."""
    return click.option("--execution", default="", metavar="ID", help=f"The execution (default: {default}).")


def session(stack: str) -> Session:
    """Return the session of a command on a stack."""
    return Session(clients=client, environment=read(client("ssm"), stack), say=Progress())
