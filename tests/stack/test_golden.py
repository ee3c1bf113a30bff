"""Golden files pin every resource of each stack file and variant: type, name, inputs and options."""

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
def test_a_stack_file_declares_the_resources_in_its_golden_file(
    stack: str, rewrite: Rewrite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them, so that a diff shows the effect of a change on the stack."""
    golden.compare(stack, run(BASES[stack], monkeypatch), rewrite=rewrite.requested)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_declares_the_changes_in_its_golden_file(
    name: str, rewrite: Rewrite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file has the difference from the stack file: additions, changes, and null for removals."""
    variant = VARIANTS[name]
    actual = golden.difference(run(BASES[variant.stack], monkeypatch), run(variant, monkeypatch))
    golden.compare(name, actual, rewrite=rewrite.requested)


def test_every_golden_file_has_its_variant() -> None:
    """No file remains of a removed variant."""
    assert {path.stem for path in golden.FOLDER.glob("*.json")} == {*BASES, *VARIANTS}


def test_every_variant_changes_something() -> None:
    """A variant without an effect would pin nothing."""
    for name in VARIANTS:
        assert json.loads((golden.FOLDER / f"{name}.json").read_text("utf-8"))["resources"], name


def test_the_table_of_permissions_has_every_statement_of_every_role(
    rewrite: Rewrite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With actions, resources and conditions: a changed permission is a changed line of docs/permissions.md."""
    bases = {name: run(variant, monkeypatch) for name, variant in BASES.items()}
    text = permissions.render(bases, {name: run(variant, monkeypatch) for name, variant in VARIANTS.items()})
    if rewrite.requested:
        permissions.FILE.write_text(text, "utf-8")
    assert permissions.FILE.read_text("utf-8") == text, "rewrite it: pytest tests/stack --rewrite-golden"
