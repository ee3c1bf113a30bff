"""Every fact that a stack records has a reader, and every exception is known."""

from __future__ import annotations

import ast
from pathlib import Path

from contract import facts

ROOT = Path(__file__).resolve().parents[3]
# In the parameters of every stack that is up: dropping one would update them at the next `pulumi up`, unasked.
UNREAD = {"approval_action", "deploy_action", "desired_count"}


def attributes_read() -> set[str]:
    """Return the names of all attributes that delivery reads, and the program of services that are up."""
    standing = ("infra/config/application.py", "infra/live/routing.py", "infra/live/resources.py")
    readers = [*(ROOT / "delivery").rglob("*.py"), *(ROOT / name for name in standing)]
    trees = [ast.parse(path.read_text("utf-8")) for path in readers]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    return {node.attr for node in nodes if isinstance(node.ctx, ast.Load)}


def test_a_fact_that_nobody_reads_is_dropped_or_known() -> None:
    """A new one needs a reader; one that gets a reader leaves the list."""
    recorded = {name for kind in (facts.Environment, facts.Service, facts.Pipeline) for name in kind.payload_keys()}
    assert recorded - attributes_read() == UNREAD
