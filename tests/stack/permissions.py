"""The table of all roles that a stack declares: trust policy, actions, resources and conditions."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.fake_engine import ACCOUNT, REGION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.stack.golden import Declared

FILE = Path(__file__).resolve().parents[2] / "docs" / "permissions.md"
ROLE, POLICY = "aws:iam/role:Role ", "aws:iam/rolePolicy:RolePolicy "
MADE = re.compile(rf"arn:aws:test:{REGION}:{ACCOUNT}:aws:[^:]+:(\w+)/([\w-]+)")  # what tests/fake_engine.py answers
HEAD = """# Permissions

Every IAM role that the committed stack files declare, what may assume it, and each of its statements: made from the
program by `pytest tests/stack --rewrite-golden`; a test holds the two equal. There are no managed policies, and every
statement is an `Allow`. `<region>` and `<account>` are the stack's own.

"""
Statements = dict[tuple[str, str], dict[str, Any]]


def render(bases: Mapping[str, Declared], variants: Mapping[str, Declared]) -> str:
    """Return the document.

    Args:
        bases: declarations of the stack files, by stack.
        variants: declarations of the variants, by name; a name begins with that of its stack file.
    """
    text = HEAD
    known: dict[str, Statements] = {}
    for stack, found in bases.items():
        known[stack] = _statements(found)
        text += f"## Stack `{stack}`\n\n{_table(known[stack])}"
    for name, found in variants.items():
        base = known[name.partition("-")[0]]
        changed = {key: value for key, value in _statements(found).items() if base.get(key) != value}
        if changed:
            text += f"## Added or changed by variant `{name}`\n\n{_table(changed)}"
    return text


def _statements(found: Declared) -> Statements:
    """Return the statements by role and Sid; `Trust` is the trust policy's."""
    statements: Statements = {}
    for key, resource in found["resources"].items():
        role = key.rpartition(" ")[2]
        if key.startswith(ROLE):
            for index, statement in enumerate(resource["inputs"]["assumeRolePolicy"]["json"]["Statement"]):
                statements[role, f"Trust{index or ''}"] = statement
        if key.startswith(POLICY):
            for statement in resource["inputs"]["policy"]["json"]["Statement"]:
                statements[role, statement["Sid"]] = statement
    return statements


def _table(statements: Statements) -> str:
    text = "| role | statement | actions | resources | condition |\n|---|---|---|---|---|\n"
    for (role, name), one in sorted(statements.items(), key=lambda pair: (pair[0][0], not pair[0][1].startswith("Tr"))):
        principal = one.get("Principal", {})
        resources = [f"{kind}: {who}" for kind, who in principal.items()] or one["Resource"]
        condition = json.dumps(one["Condition"], sort_keys=True) if "Condition" in one else ""
        cells = [
            f"`{role}`",
            name,
            _lines(one["Action"]),
            _lines(resources),
            f"`{_short(condition)}`" * bool(condition),
        ]
        text += f"| {' | '.join(cells)} |\n"
    return f"{text}\n"


def _lines(values: str | Iterable[str]) -> str:
    return "<br>".join(f"`{_short(value)}`" for value in ([values] if isinstance(values, str) else values))


def _short(text: str) -> str:
    text = MADE.sub(r"<ARN of \1 \2>", text)
    return text.replace(f":{REGION}:", ":<region>:").replace(f":{ACCOUNT}:", ":<account>:").replace("|", "&#124;")
