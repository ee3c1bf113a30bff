"""What each stack file and each switch declares is pinned: every resource's type, name, inputs and options."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.stack import golden, permissions
from tests.stack.variants import BASES, VARIANTS

if TYPE_CHECKING:
    from tests.stack.conftest import Rewrite
    from tests.stack.golden import Declared
    from tests.stack.variants import Variant


def run(variant: Variant, monkeypatch: pytest.MonkeyPatch) -> Declared:
    """Return what a variant declares."""
    return golden.declared(*variant.run(monkeypatch))


@pytest.mark.parametrize("stack", BASES)
def test_a_stack_file_declares_what_its_golden_file_holds(
    stack: str, rewrite: Rewrite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it, so that a changed line shows in a diff what it does to the stack."""
    golden.compare(stack, run(BASES[stack], monkeypatch), rewrite=rewrite.asked)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_switch_changes_what_its_golden_file_holds(
    name: str, rewrite: Rewrite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file holds the difference from the stack file: what is added and changed, and null for what goes."""
    variant = VARIANTS[name]
    found = golden.difference(run(BASES[variant.stack], monkeypatch), run(variant, monkeypatch))
    golden.compare(name, found, rewrite=rewrite.asked)


def test_every_golden_file_has_its_variant() -> None:
    """None is left over from a variant that went."""
    assert {path.stem for path in golden.FOLDER.glob("*.json")} == {*BASES, *VARIANTS}


def test_every_variant_changes_something() -> None:
    """A switch that does nothing would pin nothing."""
    for name in VARIANTS:
        assert json.loads((golden.FOLDER / f"{name}.json").read_text("utf-8"))["resources"], name


def test_the_table_of_permissions_holds_every_statement_of_every_role(
    rewrite: Rewrite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With actions, resources and conditions: a right more or less is a changed line of docs/permissions.md."""
    bases = {name: run(variant, monkeypatch) for name, variant in BASES.items()}
    text = permissions.render(bases, {name: run(variant, monkeypatch) for name, variant in VARIANTS.items()})
    if rewrite.asked:
        permissions.FILE.write_text(text, "utf-8")
    assert permissions.FILE.read_text("utf-8") == text, "rewrite it: pytest tests/stack --rewrite-golden"
