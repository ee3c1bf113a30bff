"""Injection attempts against the comment, verified with a Markdown parser."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from markdown_it import MarkdownIt

from delivery.previews import comment_text
from delivery.previews.comment_text import About, comment
from delivery.previews.stack_previews import Change, StackPreview

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMIT = "0123456789abcdef0123456789abcdef01234567"
RUN = "https://github.com/o/n/actions/runs/1"
HOSTILE = [
    "```\n</details>\n\n# @everyone look: [here](https://evil.example)\n<img src=x>",
    "~~~\n````\n`````\n``````\n",
    "`@admin` <!-- delivery preview -->",
    "\r\n\r\n<details open>\u2028@team\u202eevil\u0000\x1b[31m",
    "`" * 70000,
    "\x01" * 70000,
    "\ud800 half of a character",
    "|a|b|\n|-|-|\n&lt;script&gt; https://evil.example #1 org/repo#2",
]
OURS = {"<details>", "</details>", "<summary>", "</summary>", "<sub>", "</sub>", "<!-- delivery preview -->"}


def hostile(text: str, stack: str = "staging") -> StackPreview:
    """Return a preview that contains a text in every place."""
    changes = [
        Change(operation=one, kind=text, name=text, reasons=(text,), lines=(text,)) for one in ("delete", "update")
    ]
    return StackPreview(
        stack=stack, failed=True, changes=tuple(changes), errors=(text,), warnings=(text,), policies=(text,)
    )


def outside_code(text: str) -> Iterator[tuple[str, str]]:
    """Yield the kind and text of every element that GitHub would not render as code."""

    def walk(tokens: list[Any]) -> Iterator[tuple[str, str]]:
        for token in tokens:
            if token.children:
                yield from walk(token.children)
            elif token.type not in ("fence", "code_inline", "inline"):
                yield token.type, token.content + str(token.attrs.get("href", ""))

    yield from walk(MarkdownIt("commonmark").enable(["table"]).parse(text))


def check(text: str, *said: str) -> None:
    """Assert that no untrusted text is outside code, and that the comment is within the limit."""
    assert len(text.encode()) <= comment_text.LIMIT
    assert text.startswith(comment_text.MARKER)
    opened = 0
    for kind, content in outside_code(text):
        for word in ("@", "evil", "<img", "<details open", "org/repo", *said):
            assert word not in content, (kind, content)
        assert kind != "link_open" or content == RUN
        assert kind != "code_block"
        if kind in ("html_block", "html_inline"):
            opened += content.count("<details>") - content.count("</details>")
    assert opened == 0


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_a_change_contains_gets_out_of_its_code(text: str) -> None:
    """It cannot add a mention, link, image, heading or HTML, or open a folded section."""
    check(comment([hostile(text, stack=text), hostile(text)], About(commit=COMMIT, run=RUN)))
    check(comment([], About(commit=COMMIT, run=RUN), problem=text))


@given(some.text(alphabet=some.sampled_from("`~<>!-|[]()@#*_\\ \n\r\t\u2028a&\x00\ud7ff"), max_size=60))
def test_no_mixture_of_marks_gets_out_either(text: str) -> None:
    """For random combinations."""
    check(comment([hostile(f"evil{text}@evil", stack=text)], About(commit=COMMIT, run=RUN)))


def test_characters_that_hide_or_reorder_text_are_shown_as_such() -> None:
    """A reviewer must see the actual text."""
    text = comment([hostile("a\u202eb\u200bc\x1bd\x07e")], About(commit=COMMIT))
    assert not comment_text.HIDDEN.search(text)
    assert "a\ufffdb\ufffdc\ufffdd\ufffde" in text


def many(changes: int, lines: int, stack: str = "staging", width: int = 60) -> StackPreview:
    """Return a large preview."""
    made = [
        Change(
            operation="replace" if index % 2 else "create", kind="aws:ecs/service:Service", name=f"name-{index}",
            reasons=("cpu",), lines=tuple("\u00e4" * width for _ in range(lines)),
        )
        for index in range(changes)
    ]  # fmt: skip
    return StackPreview(stack=stack, failed=False, changes=tuple(made), warnings=("w" * 9000,))


def test_a_large_comment_is_cut_within_githubs_limit_and_says_so() -> None:
    """Each stack keeps its share, its counts and its first replacements."""
    text = comment(
        [many(900, 20, "prod"), many(900, 20, "staging"), many(1, 1, "small")], About(commit=COMMIT, run=RUN)
    )
    check(text)
    assert len(text.encode()) > comment_text.LIMIT - 3000, "the room is used"
    assert text.count("... cut here: ") == 2
    for stack in ("prod", "staging"):
        assert f"**`{stack}`**" in text
        assert f"delivery preview --stack {stack}" in text
    assert text.count("- **replaced**: ") == 2 * comment_text.MOST_NAMED
    assert text.count("425 more like these") == 2
    assert text.rstrip().endswith("</sub>")


@pytest.mark.parametrize("count", [7, 60, 3000])
def test_so_many_stacks_that_even_their_summaries_are_too_long_are_cut(count: int) -> None:
    """The limit holds for any number."""
    one = many(200, 1)
    text = comment([replace(one, stack=f"stack-{index}") for index in range(count)], About(commit=COMMIT))
    check(text)
    assert (f"And {count - comment_text.MOST_STACKS} more stacks." in text) == (count > comment_text.MOST_STACKS)


def test_characters_that_become_longer_when_they_are_shown_are_counted_as_shown() -> None:
    """A control character has one byte, its replacement three."""
    bad = [hostile("\x01" * 900 + "\n" + "\x02" * 900, stack=f"stack-{index}") for index in range(12)]
    check(comment([replace(one, errors=one.errors * 40) for one in bad], About(commit=COMMIT)))


def test_a_line_of_nothing_but_backticks_does_not_push_the_details_out() -> None:
    """A code fence must be longer than the line."""
    text = comment([hostile("`" * 70000)], About(commit=COMMIT))
    check(text)
    assert "<details>" in text


def test_a_long_error_keeps_its_beginning_and_its_end() -> None:
    """The last line of a traceback is the reason."""
    error = "\n".join(["Traceback", *(f"  frame {index} {'x' * 80}" for index in range(500)), "ValueError: the reason"])
    text = comment([StackPreview(stack="s", failed=True, errors=(error,))], About(commit=COMMIT))
    assert "Traceback" in text
    assert "ValueError: the reason" in text
    assert "lines left out" in text
    assert len(text) < 2 * comment_text.ERROR_BYTES


def test_what_a_reviewer_must_see_is_not_folded() -> None:
    """Deletions and replacements are listed by name and reason, before any details."""
    changes = (
        Change(operation="delete", kind="aws:rds/instance:Instance", name="db"),
        Change(operation="replace", kind="aws:lb/loadBalancer:LoadBalancer", name="lb", reasons=("name",)),
        Change(operation="update", kind="aws:ecs/service:Service", name="web", lines=("~ a: 1 -> 2",)),
    )
    text = comment([StackPreview(stack="prod", failed=False, unchanged=50, changes=changes)], About(commit=COMMIT))
    seen, folded = text.split("<details>")
    assert "`~` 1 update, `+-` 1 replace, `-` 1 delete, 50 unchanged" in seen
    assert "- **deleted**: `db` `aws:rds/instance:Instance`" in seen
    assert "- **replaced**: `lb` `aws:lb/loadBalancer:LoadBalancer`, because of `name`" in seen
    assert COMMIT[:12] in seen
    assert "~ a: 1 -> 2" in folded
    assert "~ a" not in seen


def test_one_stack_that_failed_does_not_hide_the_other() -> None:
    """Both are shown, the failed one with its error."""
    good = StackPreview(stack="staging", failed=False, unchanged=53)
    bad = StackPreview(stack="prod", failed=True, errors=("error: broken",))
    text = comment([bad, good], About(commit=COMMIT))
    assert "**`prod`** :x: **the preview failed**" in text
    assert "error: broken" in text
    assert "**`staging`** no changes, 53 unchanged" in text


def test_an_address_that_is_none_is_no_link() -> None:
    """The URL comes from the environment."""
    for wrong in ("javascript:alert(1)", "javascript://evil", f"{RUN}) [x](evil"):
        assert "The run" not in comment([], About(commit=COMMIT, run=wrong))
    assert f"[The run]({RUN})" in comment([], About(commit=COMMIT, run=RUN))
