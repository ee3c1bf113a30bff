"""Pulumi's command line arguments: the stack they name, and those that `pulumi-local` refuses."""

from __future__ import annotations

import re
from itertools import pairwise

from localcloud.settings import UserError
from tools.pulumi_local import stack_config

# The sub-commands that accept --config-file, according to `pulumi COMMAND --help` of 3.256.
READS_STACK_FILE = {
    "up",
    "update",
    "preview",
    "pre",
    "refresh",
    "destroy",
    "down",
    "dn",
    "import",
    "watch",
    "config",
    "logs",
}
TAKES_A_STACK = READS_STACK_FILE | {"stack", "cancel", "state"}
OWN_OPTIONS = {"-C", "--cwd", "--config-file"}


def stack_of(arguments: list[str]) -> str | None:
    """Return the value of -s or --stack in pulumi's arguments, None if it is not given.

    Raises:
        UserError: more than one stack is named; pulumi would use the last one's state.
    """
    found = [following for word, following in pairwise([*arguments, ""]) if word in ("-s", "--stack")]
    found += [match[1] for word in arguments if (match := re.fullmatch(r"(?:-s=?|--stack=)(.+)", word))]
    if len(found) > 1:
        raise UserError(f"stacks {' and '.join(found)} are named; name one")
    return found[0] if found else None


def refuse_what_bypasses(arguments: list[str]) -> None:
    """Refuse arguments that would make pulumi read or write another stack file than the generated one.

    Args:
        arguments: pulumi's arguments, sub-command first.

    Raises:
        UserError: an argument is refused; the message has the remedy.
    """
    if arguments[0].startswith("-"):
        raise UserError(f"{arguments[0]} comes before the sub-command; put the sub-command first: up -s staging")
    for word in arguments:
        if word.split("=", 1)[0] in OWN_OPTIONS:
            raise UserError(f"{word} is not for pulumi-local, which chooses folder and stack file itself; leave it out")
    if arguments[0] == "config":
        stack_config.refuse(arguments[1:])


def edits_stack_file(arguments: list[str]) -> bool:
    """Return whether pulumi's arguments change only the committed stack file."""
    asks_for_help = {"-h", "--help"} & set(arguments)
    return arguments[0] == "config" and not asks_for_help and stack_config.command(arguments[1:]) in stack_config.EDITS
