"""Deployments to a real environment: a good release is served, every bad one is rolled back with its reason."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.contract.releases import Releases

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from support.cloud import Cloud

pytestmark = pytest.mark.local

GOOD, NEXT, CRASH, NEVER, LIAR = "a" * 40, "b" * 40, "c" * 40, "d" * 40, "e" * 40
BAD = f"{'f' * 37}bad"


@pytest.fixture(scope="module")
def site(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Releases]:
    """An environment with its first release, and a good release that was deployed and accepted."""
    site = Releases(cloud, tmp_path_factory.mktemp("releases"))
    code, told = site.delivery("deploy", "--release", site.candidate("good", GOOD))
    assert code == 0, told
    code, told = site.delivery("acceptance", "--release", site.folder / f"{GOOD}.json", "--reports", site.folder)
    assert code == 0, told
    yield site
    site.ecs.delete_service(cluster=site.name, service="web", force=True)


@pytest.fixture(autouse=True)
def good(site: Releases) -> str:
    """The revision that is served before each test, and after it unless the test says otherwise."""
    return site.serves()


def until(process: subprocess.Popen[str], words: str) -> str:
    """Read a command's output up to a line with the words; returns it."""
    assert process.stdout is not None
    told = ""
    for line in process.stdout:
        told += line
        if words in line:
            return told
    raise AssertionError(f"{words!r} was not written: {told}")


def test_a_good_release_is_served_with_its_story_in_its_tags(site: Releases, good: str) -> None:
    """Tags record commit, execution, the replaced revision and success; deploying it again changes nothing."""
    definition, tags = site.revision(good)
    assert definition["family"] == "released-web"
    assert (tags["slipway:commit"], tags["slipway:execution"]) == (GOOD, f"run-{GOOD}")
    assert (tags["slipway:replaces"], tags["environment"]) == (site.first, "released")
    assert tags["slipway:result"].startswith("passed")
    code, told = site.delivery("deploy", "--release", site.folder / f"{GOOD}.json")
    assert (code, site.serves()) == (0, good), told
    assert "nothing to do" in told
    assert site.delivery("deploy", "--commit", GOOD[:8])[0] == 0


@pytest.mark.parametrize(
    ("mode", "commit", "reason"),
    [
        ("crash", CRASH, "app exited with code 3"),
        ("never", NEVER, "circuit breaker"),
        ("liar", LIAR, "a wrong version is served"),
    ],
)
def test_a_bad_release_is_put_back_with_its_reason(
    site: Releases, good: str, mode: str, commit: str, reason: str
) -> None:
    """The last line has the reason and the current revision; the last good one is served again and verified."""
    code, told = site.delivery("deploy", "--release", site.candidate(mode, commit))
    last = told.strip().splitlines()[-1]
    assert (code, site.serves()) == (1, good), told
    assert last.startswith("delivery deploy: ")
    assert reason in last, told
    assert f"put back: web serves {good.rpartition('/')[2]}" in last
    assert {task["taskDefinitionArn"] for task in site.tasks()} == {good}


def test_a_release_that_nobody_accepted_is_not_what_a_failure_goes_back_to(site: Releases, good: str) -> None:
    """It was healthy, but its acceptance may have been killed; ECS alone would roll back to it."""
    assert site.delivery("deploy", "--release", site.candidate("good", "3" * 40))[0] == 0
    assert site.serves() != good
    code, told = site.delivery("deploy", "--release", site.candidate("crash", "4" * 40))
    assert (code, site.serves()) == (1, good), told
    assert "was never accepted" in told


def test_a_template_that_fails_on_its_first_release_is_put_back(site: Releases, good: str) -> None:
    """Even though Pulumi has deregistered the last good release's template (INACTIVE)."""
    old = site.ecs.describe_task_definition(taskDefinition="released-web-template")["taskDefinition"]
    broken = site.template(CRASH="1")
    site.ecs.deregister_task_definition(taskDefinition=old["taskDefinitionArn"])
    try:
        code, told = site.delivery("deploy", "--release", site.folder / f"{GOOD}.json")
        assert (code, site.serves()) == (1, good), told
        assert "exited with code 3" in told.strip().splitlines()[-1]
    finally:
        site.template()
        site.ecs.deregister_task_definition(taskDefinition=broken)


def test_a_changed_template_arrives_with_the_same_release(site: Releases) -> None:
    """The image is already served, the new variable is not."""
    site.template(GREETING="hello")
    code, told = site.delivery("deploy", "--release", site.folder / f"{GOOD}.json")
    assert code == 0, told
    definition, tags = site.revision()
    held = {pair["name"]: pair["value"] for pair in definition["containerDefinitions"][0]["environment"]}
    assert (held["GREETING"], held["APP_VERSION"]) == ("hello", GOOD)
    assert "slipway:result" not in tags
    assert site.delivery("acceptance", "--safe-only", "--reports", site.folder)[0] == 0
    assert site.revision()[1]["slipway:result"].startswith("passed")


def test_a_deploy_that_was_killed_is_repaired_by_the_next(site: Releases, good: str) -> None:
    """Its unfinished rollout is awaited; the last good release is the last one that passed."""
    process = site.start("deploy", "--release", site.candidate("never", "1" * 40))
    until(process, "IN_PROGRESS")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert site.serves() != good
    code, told = site.delivery("deploy", "--release", site.candidate("good", NEXT))
    assert code == 0, told
    assert site.revision()[1]["slipway:replaces"] == good
    assert site.delivery("acceptance", "--release", site.folder / f"{NEXT}.json", "--reports", site.folder)[0] == 0


def test_an_interrupted_deploy_says_what_it_leaves(site: Releases) -> None:
    """SIGTERM ends it with exit code 130 and names both ways to continue; rollback is one of them."""
    process = site.start("deploy", "--release", site.candidate("never", "2" * 40))
    told = until(process, "IN_PROGRESS")
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 130, told + rest
    assert "ECS goes on by itself" in rest
    assert "delivery rollback --stack released" in rest
    code, told = site.delivery("rollback")
    assert code == 0, told
    assert site.revision()[1]["slipway:commit"] == NEXT


def test_what_fails_its_acceptance_is_put_back(site: Releases, good: str) -> None:
    """The deployment succeeds, the suite fails; without --put-back the release would stay."""
    path = site.candidate("good", BAD)
    assert site.delivery("deploy", "--release", path)[0] == 0
    bad = site.serves()
    code, told = site.delivery("acceptance", "--release", path, "--reports", site.folder)
    assert (code, site.serves()) == (1, bad), told
    code, told = site.delivery("acceptance", "--release", path, "--put-back", "--reports", site.folder)
    assert (code, site.serves()) == (1, good), told
    assert "put back: web serves" in told.strip().splitlines()[-1]
    assert site.revision(bad)[1]["slipway:result"].startswith("failed")


def test_acceptance_refuses_a_release_that_is_not_served(site: Releases, good: str) -> None:
    """It neither tests nor rolls back the release of another deployment."""
    path = site.folder / f"{LIAR}.json"
    code, told = site.delivery("acceptance", "--release", path, "--put-back", "--reports", site.folder)
    assert (code, site.serves()) == (1, good)
    assert "deployed to since" in told


def test_a_tag_is_put_once_and_never_moves(site: Releases) -> None:
    """Repeating it is fine; another image with the same tag is refused, naming both digests."""
    path = site.folder / f"{NEXT}.json"
    for told in ("is now tagged", "was already tagged"):
        assert told in site.delivery("promote", "--release", path)[1]
    other = site.folder / "other.json"
    other.write_text((site.folder / f"{GOOD}.json").read_text().replace(GOOD, NEXT))
    code, told = site.delivery("promote", "--release", other)
    assert code == 1
    assert told.count("sha256:") == 2


def test_rollback_goes_to_the_good_release_before(site: Releases, good: str) -> None:
    """By the deploy engine; the release that was rolled back is no longer a target."""
    code, told = site.delivery("rollback")
    assert code == 0, told
    assert site.serves() != good
    assert site.revision()[1]["slipway:commit"] == GOOD
    assert site.revision(good)[1]["slipway:result"].startswith("rolled back")
    code, told = site.delivery("rollback", "--to", NEXT)
    assert code == 1
    assert "never passed, or was put back" in told


def test_clean_keeps_what_is_served_and_what_it_goes_back_to(site: Releases, good: str) -> None:
    """Also the first revision, which Pulumi created; the history shows what remains."""
    code, told = site.delivery("clean", "--keep", "0")
    assert code == 0, told
    left = site.ecs.list_task_definitions(familyPrefix="released-web", status="ACTIVE")["taskDefinitionArns"]
    assert {site.first, good} <= set(left)
    assert len(left) <= 3
    assert GOOD[:7] in site.delivery("history")[1]
    assert site.serves() == good


def test_a_template_without_desired_tasks_is_refused(site: Releases, good: str) -> None:
    """There is nothing to verify."""
    site.update(desiredCount=0)
    code, told = site.delivery("deploy", "--release", site.folder / f"{NEXT}.json")
    site.update(desiredCount=1)
    assert (code, site.serves()) == (1, good)
    assert "scaled to 0 tasks" in told
