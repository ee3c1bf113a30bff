"""The README's picture of the local cloud's page, taken in Chromium.

usage: python -m tools.page_picture

Writes docs/page.png from the local cloud that runs here: bring up a pipeline first, for example by `make demo`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tools import browser, local_settings

PICTURE = local_settings.ROOT / "docs" / "page.png"
BYTES_AT_MOST = 150_000
"""More would be felt by whoever clones the repository or opens its README."""
SCRIPT = """
import sys
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(
        executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"])
    page = browser.new_page(viewport={"width": 1180, "height": 840}, color_scheme="light")
    page.goto(sys.argv[1])
    page.screenshot(path="/output/page.png", full_page=False)
    browser.close()
"""


def main() -> int:
    """Take the picture; return 1, with one line on stderr, if that cannot be done."""
    local_settings.apply()
    from localcloud import client, settings  # noqa: PLC0415 - importable and named only from here on

    try:
        cloud = client.running()
    except settings.UserError as error:
        print(f"page_picture: {error}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script.py"
        script.write_text(SCRIPT)
        done = browser.run(browser.image(cloud.images), script, f"{cloud.endpoint}/", output=Path(folder))
        taken = Path(folder) / "page.png"
        if done.returncode != 0 or not taken.exists():
            print(f"page_picture: the browser failed: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
            return 1
        content = taken.read_bytes()
    if len(content) > BYTES_AT_MOST:
        print(f"page_picture: {len(content)} bytes, {BYTES_AT_MOST} at most: show less", file=sys.stderr)
        return 1
    PICTURE.write_bytes(content)
    print(f"{PICTURE}: {len(content)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
