"""The whole document: head, outcome of the last form, the three sections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.page.markup import Content, Html, tag

if TYPE_CHECKING:
    from localcloud.page.answers import Outcome

ADDRESS = "/_localcloud/page/"
RELOAD_SECONDS = 10
"""How often the page reloads itself where JavaScript is off; page.js refreshes it every two seconds."""
SECTIONS = (("pipelines", "Pipelines"), ("services", "Clusters and services"), ("balancers", "Load balancers"))


def page(title: str, body: Content, *, refreshed: bool) -> str:
    """Return a document.

    Args:
        title: its title.
        body: its content.
        refreshed: whether it keeps itself up to date.
    """
    reload = tag("noscript", tag("meta", http_equiv="refresh", content=str(RELOAD_SECONDS)))
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("title", title),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="stylesheet", href=f"{ADDRESS}style.css"),
        tag("link", rel="icon", href=f"{ADDRESS}icon.svg", type="image/svg+xml"),
        [reload, tag("script", src=f"{ADDRESS}page.js", defer=True)] if refreshed else None,
    )
    return f"<!DOCTYPE html>\n{tag('html', head, tag('body', body), lang='en')}\n"


def overview(sections: dict[str, Content], facts: str, outcome: Outcome | None, problems: list[str]) -> Html:
    """Return the body of the page.

    Args:
        sections: their content, by id.
        facts: account, region and address, in one line.
        outcome: what became of a form, if one was sent.
        problems: services that are not there, a line for each.
    """
    links = [tag("a", text, href=f"#{key}") for key, text in SECTIONS]
    hint = f"JavaScript is off: the page reloads itself every {RELOAD_SECONDS} s. Stop that before typing a reason."
    parts = [
        tag("section", tag("h2", text, id=f"{key}-title"), sections[key], id=key, aria_labelledby=f"{key}-title")
        for key, text in SECTIONS
    ]
    told = (
        tag("p", outcome.text, role="status", class_=f"outcome {'good' if outcome.done else 'bad'}")
        if outcome
        else None
    )
    return Html(
        tag(
            "header",
            tag("h1", "Local cloud"),
            tag("p", facts),
            tag("nav", links, toggle(), aria_label="Sections"),
            tag("noscript", tag("p", hint)),
        )
        + tag(
            "main", told, tag("div", [tag("p", text, class_="outcome bad") for text in problems], id="problems"), parts
        )
        + tag("p", id="offline", role="alert")
    )


def toggle() -> Html:
    """Return the links that stop and start refreshing."""
    return tag("span", tag("a", "Stop refreshing", href="/?refresh=no"), tag("a", "Refresh", href="/"), class_="toggle")
