"""Which entries are allowed."""

from __future__ import annotations

import pytest
from guestbook.entries import AUTHOR_LENGTH, MESSAGE_LENGTH, faults


@pytest.mark.parametrize(
    ("author", "message"),
    [
        ("Ada", "Hello"),
        ("  Ada  ", "two\nlines\tand a tab"),
        ("Łukasz 🎉", "<script>alert(1)</script>"),
        ("a" * AUTHOR_LENGTH, "b" * MESSAGE_LENGTH),
    ],
)
def test_an_ordinary_entry_has_no_faults(author: str, message: str) -> None:
    """Markup, other alphabets and texts of just the right length are all fine."""
    assert faults(author, message) == {}


@pytest.mark.parametrize(
    "bad", ["", "   \n", None, 5, ["x"], "x" * (AUTHOR_LENGTH + 1), "nul\0", "\ud800", "bell\a", "two\nlines"]
)
def test_a_wrong_author_is_named(bad: object) -> None:
    """What PostgreSQL or a page could not take is refused before it gets there."""
    assert list(faults(bad, "Hello")) == ["author"]


@pytest.mark.parametrize("bad", ["", None, {}, "x" * (MESSAGE_LENGTH + 1), "nul\0", "\udfff"])
def test_a_wrong_message_is_named(bad: object) -> None:
    """The message has rules of its own."""
    assert list(faults("Ada", bad)) == ["message"]
