"""The application as a visitor knows it: a real browser, a real page."""

from __future__ import annotations

import os
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

REPORTS = Path(os.environ.get("REPORTS", "/reports"))
# No sandbox: the container is one. The rest keeps the browser from talking to anyone but the url under test.
SWITCHES = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-default-apps",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-first-run",
    "--no-pings",
]
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser_page(base_url: str) -> Iterator[Page]:
    """A page of a fresh browser that resolves no name but the one under test."""
    host = urlsplit(base_url).hostname or ""
    rules = f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {host}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("BROWSER", "/usr/bin/chromium"), args=[*SWITCHES, rules]
        )
        page = browser.new_page(base_url=base_url)
        yield page
        browser.close()


@pytest.fixture
def page(browser_page: Page, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page; when its test fails, a picture of it is left in the reports."""
    failed_before = request.session.testsfailed
    yield browser_page
    if request.session.testsfailed > failed_before:
        REPORTS.mkdir(exist_ok=True)
        browser_page.screenshot(path=REPORTS / f"{request.node.name}.png", full_page=True)


def test_a_visitor_sees_the_book(page: Page) -> None:
    """The page opens with its form, its style and without an error in the console."""
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    answer = page.goto("/")
    assert answer is not None
    assert answer.ok
    expect(page.get_by_role("heading", name="Guest book")).to_be_visible()
    expect(page.get_by_role("button", name="Sign")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('form')).display") == "grid"
    assert problems == []


def test_a_visitor_is_told_what_is_missing(page: Page) -> None:
    """An empty form comes back with what is wrong, and with what was typed."""
    page.goto("/")
    page.get_by_label("Your name").fill("Ada")
    page.get_by_role("button", name="Sign").click()
    expect(page.get_by_role("alert")).to_have_text(re.compile("Message must be"))
    expect(page.get_by_label("Your name")).to_have_value("Ada")


@pytest.mark.writes
def test_a_visitor_signs_and_sees_the_entry(page: Page) -> None:
    """What is typed into the page is on the page afterwards, markup shown as text."""
    message = f"<b>Hello</b> from a browser {uuid.uuid4()}"
    page.goto("/")
    page.get_by_label("Your name").fill("Grace <Hopper>")
    page.get_by_label("Your message").fill(message)
    page.get_by_role("button", name="Sign").click()
    entry = page.get_by_role("article").filter(has_text=message)
    expect(entry).to_have_count(1)
    expect(entry.get_by_text("Grace <Hopper>")).to_be_visible()
    page.reload()
    expect(entry).to_have_count(1)
