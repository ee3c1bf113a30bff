"""The registry of commands: each is declared once, with its options, its help and its function.

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
    """A registered command, its Makefile target, and example arguments for that target."""

    command: click.Command
    target: str
    example: str

    @property
    def name(self) -> str:
        """The command's name."""
        return str(self.command.name)

    @property
    def summary(self) -> str:
        """The one-line summary."""
        return str(self.command.short_help)


class Ordered(click.Group):
    """A command group that lists its commands in declaration order."""

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
    """Register a command under the name of its function.

    Args:
        summary: what it does, in a few words.
        detail: what else one has to know, for its own --help.
        target: the target of the Makefile, where it is called otherwise there.
        example: ARGS of the Makefile, as an example.
    """

    def declare(function: Callable[..., int | None]) -> click.Command:
        name = function.__name__.rstrip("_").replace("_", "-")
        help_ = f"{summary[0].upper()}{summary[1:]}. {detail}".strip()
        made = delivery.command(name, short_help=summary, help=help_, epilog=EPILOG)(function)
        REGISTRY.append(Entry(command=made, target=target or name, example=example))
        return made

    return declare


class Since(click.ParamType[int]):
    """A duration such as `90s`, `10m`, `2h` or `1d`, in seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401 - click's signature
        """Return the seconds of a text."""
        if isinstance(value, int):
            return value
        try:
            return logs.seconds(value)
        except ValueError:
            self.fail(f"{value!r} is no time such as 90s, 10m, 2h or 1d", param, ctx)


class Count(click.ParamType[int]):
    """A non-negative integer."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401 - click's signature
        """Return the number of a text."""
        if not re.fullmatch("[0-9]+", str(value)):
            self.fail(f"{value!r} is no number from 0 on", param, ctx)
        return int(value)


FILE = click.Path(path_type=Path)
stack = click.option("--stack", required=True, metavar="NAME", help="The stack, as in `pulumi up -s NAME`.")
reports = click.option(
    "--reports",
    type=FILE,
    default=ROOT / "reports",
    metavar="DIR",
    help="The folder for JUnit results (default: reports/).",
)
output = click.option(
    "--output", type=FILE, default=Path(), metavar="DIR", help="The folder for the files (default: the current one)."
)
pulumi = click.option(
    "--pulumi",
    default="pulumi",
    envvar="DELIVERY_PULUMI",
    metavar="COMMAND",
    help="The pulumi command (default: $DELIVERY_PULUMI, else pulumi).",
)
this_execution = click.option(
    "--execution", default="", envvar=EXECUTION, metavar="ID", help=f"The pipeline execution (default: ${EXECUTION})."
)


as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def execution(default: str) -> Callable[[Callable[..., int | None]], Callable[..., int | None]]:
    """Return an --execution option; `default` describes the execution that is used without it."""
    return click.option("--execution", default="", metavar="ID", help=f"The execution (default: {default}).")


def session(stack: str) -> Session:
    """Return a session for a stack."""
    return Session(clients=client, environment=read(client("ssm"), stack), say=Progress())
