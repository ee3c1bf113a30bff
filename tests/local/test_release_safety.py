"""Alarms during a release: one that makes requests fail is rolled back by ECS, and holds the next one back."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from contract.images import suite_tag
from support.load import Load
from support.waiting import until
from tests.local.broken import QUICK
from tests.local.conftest import SLOW
from tests.local.mailbox import Mailbox
from tests.local.releases import PIPELINE, Releases, version

if TYPE_CHECKING:
    from tests.local.workspace import Workspace

pytestmark = [pytest.mark.local, pytest.mark.rare]
HANDLER = '"""`GET /api/entries/wait?after=ID&timeout=SECONDS`'
FAILS = f'if __import__("os").environ.get("FAILS"):\n        raise RuntimeError("broken on purpose")\n    {HANDLER}'
BAD = QUICK | {"app/src/guestbook/web.py": lambda text: text.replace(HANDLER, FAILS)}
"""A commit of which one in 25 requests fails, and only in production: no health check and no test finds it."""
GOOD = QUICK | {"app/NOTE": lambda _: "the fix\n"}
LIMIT_SECONDS = 600
"""Until the alarms are off: two of three minutes without failed requests, and some for a busy machine."""
ROLLBACK, FAILED_REQUESTS = f"{PIPELINE}-web-rollback", f"{PIPELINE}-web-5xx"


def watched(config: dict[str, Any]) -> None:
    """Have production's deployments watched by an alarm, its entry held by those of the environment, suites pushed."""
    config["slipway:environment"]["services"]["web"] |= {
        "rollback_alarm": {"failed_requests": 5, "minutes": 2},
        "environment": {"FAILS": "1"},
    }
    config["slipway:pipeline"] |= {"hold_on_alarm": True, "push_suites": True}


@pytest.mark.usefixtures("released")
def test_requests_that_fail_roll_a_deployment_back_and_hold_the_next_release_until_they_end(
    workspace: Workspace, connected: Releases
) -> None:
    """The bad release passes every gate before production; what it did is in its log, in history and in a message.

    The suite that Build pushed is what both tests of the released commit ran, without building one.
    """
    workspace.edit("prod", watched)
    workspace.up("prod")
    before, mailbox = version(workspace, "prod"), Mailbox.of(workspace)
    with closing(mailbox), Load(workspace.outputs("prod")["url"], SLOW, rate=20, good=("200", "500")) as load:
        bad = connected.push_with(BAD, "Fails one request in 25, in production only")
        execution = connected.execution_of(bad)
        connected.approve(execution)
        connected.reach(execution, "Production/Deploy")
        good = connected.push_with(GOOD, "The fix")
        fix = connected.execution_of(good)

        assert connected.end(execution) == "Failed"
        assert version(workspace, "prod") == before
        log = connected.log(connected.actions(execution)["Production/Deploy"])
        assert ROLLBACK in log
        assert ROLLBACK in mailbox.find(f"{bad[:7]}: Production/Deploy failed")
        assert ROLLBACK in workspace.delivery("history", "--stack", "prod", bad).stdout

        connected.approve(fix)
        assert connected.end(fix) == "Failed"
        assert "Production/Deploy" not in connected.actions(fix)
        shown = workspace.delivery("history", "--stack", "prod", good).stdout
        assert FAILED_REQUESTS in shown, shown
        assert FAILED_REQUESTS in workspace.page()
        assert version(workspace, "prod") == before

        until(lambda: not firing(workspace), lambda: f"still in ALARM: {firing(workspace)}", limit=LIMIT_SECONDS)
        connected.delivery("retry", "--stack", "prod", "--execution", fix)
        assert connected.end(fix) == "Succeeded", connected.told(fix)
    assert version(workspace, "prod")["commit"] == good
    for action in ("Staging/Acceptance", "Production/Smoke"):
        log = connected.log(connected.actions(fix)[action])
        assert f"pulled the acceptance suite that Build pushed, {suite(workspace, good)}" in log, log
        assert "building the acceptance suite" not in log
    assert load.counts["500"]
    assert load.failures == []


def suite(workspace: Workspace, commit: str) -> str:
    """Return the digest of the image that a commit's build pushed of its suite, which has tags of suites only."""
    (image,) = workspace.client("ecr").describe_images(
        repositoryName="slipway/web", imageIds=[{"imageTag": suite_tag(commit)}]
    )["imageDetails"]
    assert all(tag.startswith("candidate-") and tag.endswith("-suite") for tag in image["imageTags"])
    return str(image["imageDigest"])


def firing(workspace: Workspace) -> list[str]:
    """Return the alarms of production that are on."""
    found = workspace.client("cloudwatch").describe_alarms(StateValue="ALARM", AlarmNamePrefix=f"{PIPELINE}-")
    return [alarm["AlarmName"] for alarm in found["MetricAlarms"]]
