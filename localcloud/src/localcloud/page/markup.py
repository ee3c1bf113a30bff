"""HTML as values: text is escaped where it becomes HTML, once, so that no caller can forget it.

Functions rather than a template library: none is among this package's dependencies, and the page is one document.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Escape sequences of terminals, and control characters: programs write them into logs, and HTML allows none."""
EMPTY = ("br", "input", "link", "meta")


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = str | int | float | None | Iterable["Content"]
"""What an element may contain: HTML, text that is still to be escaped, nothing, or several of these."""


def escaped(content: Content) -> Html:
    """Return content as HTML."""
    if content is None:
        return Html()
    if isinstance(content, Html):
        return content
    if isinstance(content, str | int | float):
        return Html(html.escape(CONTROL.sub("", str(content))))
    return Html("".join(map(escaped, content)))


def tag(name: str, /, *content: Content, **attributes: str | int | bool | None) -> Html:
    """Return an element.

    Args:
        name: the element's name.
        content: what it contains.
        attributes: by name, `_` for `-` and after Python's keywords (`for_`); True for one without a value, None and
            False for one that is left out.
    """
    given = [(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items()]
    words = [f" {key}" if value is True else f' {key}="{escaped(value)}"' for key, value in given if not absent(value)]
    start = f"<{name}{''.join(words)}>"
    return Html(start if name in EMPTY else f"{start}{escaped(content)}</{name}>")


def absent(value: str | int | bool | None) -> bool:  # noqa: FBT001 - an attribute's value
    """Tell whether an attribute is left out."""
    return value is None or value is False


def link(address: str, *content: Content, **attributes: str) -> Html:
    """Return a link, or its content alone if the address, which others wrote, is neither HTTP nor of this page."""
    here = address.startswith(("/", "#")) and not address.startswith("//")
    try:
        usable = here or (urlsplit(address).scheme in ("http", "https") and urlsplit(address).hostname is not None)
    except ValueError:
        usable = False
    return tag("a", *content, href=address, **attributes) if usable else escaped(content)
