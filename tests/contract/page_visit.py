"""A visit to the local cloud's page in a browser: sees a pipeline that waits, approves it, sees it go on.

usage: page_visit.py URL PIPELINE with|without   (JavaScript); runs in the container of tools/browser.py
"""

from __future__ import annotations

import sys

from playwright.sync_api import expect, sync_playwright

SWITCHES = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking"]
MILLISECONDS = 60_000


def main(url: str, pipeline: str, script: str) -> None:
    """Visit the page; an assertion fails where it does not behave."""
    expect.set_options(timeout=MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=SWITCHES)
        page = browser.new_context(java_script_enabled=script == "with", color_scheme="dark").new_page()
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(url)
        own = page.get_by_role("article").filter(has=page.get_by_role("heading", name=pipeline, exact=True))
        expect(own.get_by_text("waiting for an answer")).to_be_visible()
        reason = own.get_by_label("Reason (optional)")
        reason.fill("seen by a browser")
        if script == "with":
            page.wait_for_timeout(5_000)  # two refreshes: what was typed stays
            expect(reason).to_have_value("seen by a browser")
        reason.press("Tab")
        page.keyboard.press("Enter")  # the button is reached and pressed by keyboard
        expect(page.get_by_role("status")).to_contain_text(f"Approved: Approve in Gate of {pipeline}.")
        after = own.get_by_role("listitem").filter(has=page.get_by_role("heading", name="After"))
        expect(after.get_by_text("Succeeded").first).to_be_visible()  # without loading the page by hand
        own.get_by_role("link", name="log of Run1").click()
        expect(page.get_by_role("log")).to_contain_text("hello from the build")
        expect(page.get_by_text("The log ends here.")).to_be_visible()
        assert not problems, problems
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
