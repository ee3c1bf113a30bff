"""Parts that the sections of the page share: states, times, forms, tables."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from localcloud.page.markup import Content, Html, tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FORM_ADDRESS = "/_localcloud/page/"
KINDS = {
    "good": ("succeeded", "completed", "running", "healthy", "active", "approved"),
    "bad": ("failed", "unhealthy", "rejected", "stopped", "cancelled", "abandoned", "unavailable"),
    "live": ("inprogress", "in_progress", "pending", "provisioning", "activating", "initial", "draining", "stopping"),
    "asks": ("waiting for an answer", "held"),
}


class Forms:
    """Makes the page's forms, each with the secret that shows that this page made it."""

    def __init__(self, token: str) -> None:
        """Take the secret."""
        self._token = token

    def __call__(self, name: str, key: str, fields: Mapping[str, str], *content: Content) -> Html:
        """Return a form.

        Args:
            name: which one (`answers.FORMS`).
            key: its id on the page.
            fields: what it sends beside what is typed in it.
            content: its inputs and buttons.
        """
        hidden = [
            tag("input", type="hidden", name=field, value=value)
            for field, value in {"form_token": self._token, **fields}.items()
        ]
        return tag("form", hidden, content, method="post", action=f"{FORM_ADDRESS}{name}", id=key)


def button(text: str, key: str, *, name: str | None = None, value: str | None = None, kind: str = "") -> Html:
    """Return a form's button."""
    return tag("button", text, type="submit", id=key, name=name, value=value, class_=kind or None)


def state(text: str) -> Html:
    """Return a state as a label, in words, with a color for its kind."""
    plain = text.lower()
    kind = next((kind for kind, words in KINDS.items() if plain in words), "plain")
    return tag("span", text or "not started", class_=f"state {kind}")


def moment(seconds: float | None) -> Html:
    """Return a time of day, with its date if that is not today's."""
    if not seconds:
        return Html("-")
    when = datetime.fromtimestamp(seconds).astimezone()
    form = "%H:%M:%S" if when.date() == datetime.now().astimezone().date() else "%Y-%m-%d %H:%M:%S"
    return tag("time", when.strftime(form), datetime=when.isoformat(timespec="seconds"))


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Content]]) -> Html:
    """Return a table that scrolls by itself where the window is narrow, nothing if it has no rows."""
    lines = [tag("tr", [tag("td", cell) for cell in row]) for row in rows]
    if not lines:
        return Html()
    head = tag("thead", tag("tr", [tag("th", word, scope="col") for word in heads]))
    own = tag("table", tag("caption", caption), head, tag("tbody", lines))
    return tag("div", own, class_="wide", tabindex=0, role="region", aria_label=caption)


def pairs(rows: Iterable[tuple[str, Content]]) -> Html:
    """Return names with their values, without those that have none."""
    return tag("dl", [[tag("dt", name), tag("dd", value)] for name, value in rows if value])


def code(text: str) -> Html:
    """Return a name or identifier."""
    return tag("code", text)
