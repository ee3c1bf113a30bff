"""Commits that are broken on purpose: the action that must stop each of them, and a word of its log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Change = Callable[[str], str]
"""Maps a file's text (empty if it does not exist) to its new text."""
WORD = "broken on purpose"
ENTRY = "app/src/guestbook/__main__.py"
BROWSER = "app/tests/acceptance/test_browser.py"
ACCEPTANCE = "app/tests/acceptance/test_broken.py"
FUTURE = "from __future__ import annotations\n"
TEST = f'"""Broken on purpose."""\n\nimport os\n\n\ndef test_broken() -> None:\n    assert {{}}, "{WORD}"\n'
# Only deployed tasks know their digest, containers in Compose do not. Only the smoke test runs with SAFE_ONLY.
ONLY_DEPLOYED = '"EXPECTED_DIGEST" not in os.environ or not os.environ["EXPECTED_DIGEST"]'
BROWSER_TEST = f"""

def test_broken(page: Page) -> None:
    page.goto("/")
    wanted = 'Guest book' if {ONLY_DEPLOYED} else '{WORD}'
    expect(page.get_by_role("heading", name=wanted)).to_be_visible()
"""


QUICK: dict[str, Change] = {
    "app/tests/integration/test_program.py": lambda _: "def test_nothing() -> None:\n    pass\n",
    "app/tests/integration/test_schema.py": lambda _: "",
}
"""Further changes of commits that are stopped later than the integration tests: they skip those, which saves 10 s."""


@dataclass(frozen=True)
class Broken:
    """A commit that must not be released: the `Stage/Action` that stops it, its changes by path, a word of the log."""

    place: str
    changes: dict[str, Change]
    word: str = WORD


def a_test(condition: str) -> Change:
    """Return a change that replaces a file by a test which passes only under a condition."""
    return lambda _: TEST.format(condition)


def first(statement: str) -> Change:
    """Return a change that makes the application execute a statement first, if it is deployed."""
    line = f'import os, time\nif os.environ.get("IMAGE_DIGEST"): {statement}\n'
    return lambda text: text.replace(FUTURE, FUTURE + line)


UNSAFE = {ACCEPTANCE: a_test('os.environ.get("SAFE_ONLY") != "1"')}
"""Changes that only production's smoke test rejects."""
COMMITS = {
    "a failing unit test": Broken("Build/Test", {"app/tests/unit/test_broken.py": a_test("False")}),
    "a failing integration test": Broken("Build/Test", {"app/tests/integration/test_broken.py": a_test("False")}),
    "a failing acceptance test of the image": Broken("Build/Build", {ACCEPTANCE: a_test("False")}),
    "an acceptance test that fails in staging only": Broken("Staging/Acceptance", {ACCEPTANCE: a_test(ONLY_DEPLOYED)}),
    "a browser test that fails in staging only": Broken(
        "Staging/Acceptance", {BROWSER: lambda text: text + BROWSER_TEST}
    ),
    "an image that never becomes healthy": Broken(
        "Staging/Deploy", {ENTRY: first("time.sleep(3600)")}, "circuit breaker"
    ),
    "a wrong version served": Broken("Staging/Deploy", {ENTRY: first('os.environ["APP_VERSION"] = "wrong"')}, "wrong"),
}
