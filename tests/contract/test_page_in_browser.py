"""The local cloud's page in Chromium, with JavaScript and without."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.pipelines import Works, gate, stage
from tools import browser

if TYPE_CHECKING:
    from support.cloud import Cloud

pytestmark = pytest.mark.local
VISIT = Path(__file__).parent / "page_visit.py"


@pytest.fixture(scope="module")
def works(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Works:
    """A repository, a project and a connection."""
    return Works(cloud, tmp_path_factory.mktemp("browser"), "browser")


@pytest.mark.parametrize("script", ["with", "without"])
def test_a_pipeline_is_approved_in_a_browser_and_seen_to_go_on(cloud: Cloud, works: Works, script: str) -> None:
    """By keyboard; the page shows what follows by itself, and the build's log; the console has no error."""
    line = works.line(f"browser-{script}", gate(), stage("After", "echo hello from the build; sleep 3"))
    line.token("Gate", line.first())
    done = browser.run(browser.image(cloud.variables), VISIT, f"{works.endpoint}/", line.name, script)
    assert done.returncode == 0, done.stdout + done.stderr
    assert line.outcome() == "Succeeded"
    summary = line.stage("Gate")["actionStates"][0]["latestExecution"]["summary"]
    assert summary == "seen by a browser"
