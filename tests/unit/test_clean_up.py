"""`make clean-up`: what it runs, and what it says where something is in the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcloud.settings import UserError
from tools import clean_up, stacks


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that are run for a stack, staging; each succeeds."""
    commands: list[str] = []
    monkeypatch.setattr(stacks, "existing", lambda: ["staging"])
    monkeypatch.setattr(clean_up, "inventory", lambda: Path("inventory.json"))

    def run(command: list[str]) -> int:
        commands.append(" ".join(command))
        return 0

    monkeypatch.setattr(stacks, "run", run)
    return commands


def fails(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    """Let a command with these words fail."""
    run = stacks.run
    monkeypatch.setattr(stacks, "run", lambda command: run(command) or int(words in " ".join(command)))


def test_what_a_stack_left_goes_between_destroy_and_sweep(ran: list[str]) -> None:
    """With all that a destroyed stack of the local cloud may have left."""
    clean_up.destroy()
    ends = ["destroy -s staging --yes --skip-preview", "stack rm -s staging --yes", "-m localcloud sweep"]
    assert [ran[number].endswith(end) for number, end in zip((0, 2, 3), ends, strict=True)] == [True] * 3
    assert ran[1].endswith("-m delivery clean --stack staging --skip-snapshot --unprotect --running")


def test_what_keeps_a_stack_from_being_destroyed_stops_it(ran: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is removed then, as the user may have protected it; the message has the next command."""
    fails(monkeypatch, "destroy")
    with pytest.raises(UserError, match=r"staging is not destroyed.*first: bin/delivery-local clean --stack staging$"):
        clean_up.destroy()
    assert len(ran) == 1


def test_what_no_stack_has_is_left_with_the_next_command(ran: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """That which removes a stack's things, and that which removes all."""
    fails(monkeypatch, "sweep")
    with pytest.raises(UserError, match=r"bin/delivery-local clean --stack NAME --skip-.*: bin/localcloud reset; then"):
        clean_up.destroy()
    assert len(ran) == 4
