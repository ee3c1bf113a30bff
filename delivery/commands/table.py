"""The generated documentation of the commands: docs/commands.md and the table in docs/aws.md.

usage: python -m delivery.commands.table
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from delivery.checkout import ROOT
from delivery.commands.registry import REGISTRY

if TYPE_CHECKING:
    from delivery.commands.registry import Entry

REFERENCE, GUIDE = ROOT / "docs" / "commands.md", ROOT / "docs" / "aws.md"
BEGIN, END = "<!-- commands: python -m delivery.commands.table -->", "<!-- end of commands -->"
HEAD = """# Commands

`bin/delivery NAME --stack ...` on AWS, `bin/delivery-local NAME --stack ...` on the local cloud; `--help` says the
same. With make: `make TARGET STACK=NAME ARGS="..." [CLOUD=aws]`. Exit codes: 0 done, 1 failed (one line says why and
what to do), 2 wrong usage, 130 interrupted. Written by `.venv/bin/python -m delivery.commands.table`.
"""


def summaries() -> str:
    """Return the table of commands in docs/aws.md."""
    rows = [f"| `{entry.name}` | `make {entry.target}` | {entry.summary} |" for entry in REGISTRY]
    return "\n".join([BEGIN, "", "| command | make target | does |", "|---|---|---|", *rows, "", END])


def reference() -> str:
    """Return the reference of all commands and their options."""
    return "\n".join([HEAD, *(_section(entry) for entry in REGISTRY)])


def _section(entry: Entry) -> str:
    rows = [_row(parameter) for parameter in entry.command.params]
    lines = [f"## {entry.name}", "", str(entry.command.help), "", "| option | |", "|---|---|", *rows, ""]
    example = f' ARGS="{entry.example}"' if entry.example else ""
    return "\n".join([*lines, f"`make {entry.target} STACK=NAME{example}`", ""])


def _row(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Option):
        names = ", ".join(parameter.opts)
        value = "" if parameter.is_flag else f" {parameter.metavar or _choices(parameter)}"
        return f"| `{names}{value}`{' (required)' if parameter.required else ''} | {parameter.help} |"
    return f"| `{str(parameter.name).upper()}` | Only of this {parameter.name}. |"


def _choices(option: click.Option) -> str:
    choices = option.type.choices if isinstance(option.type, click.Choice) else ["VALUE"]
    return " or ".join(str(choice) for choice in choices if choice)


def written(text: str) -> str:
    """Return the text of docs/aws.md with an up-to-date table."""
    return re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: summaries(), text, flags=re.DOTALL)


if __name__ == "__main__":
    REFERENCE.write_text(reference(), "utf-8")
    GUIDE.write_text(written(GUIDE.read_text("utf-8")), "utf-8")
