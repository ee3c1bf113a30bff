"""Acceptance: what is tested is what is expected, before and after; a failure is put back, a success is marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from delivery.deploying import deploy
from delivery.errors import DeliveryError
from tests.unit.delivery.scenarios import GOOD, NEXT, accept, deployed
from tests.unit.delivery.world import World, digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.delivery.docker import Docker


@pytest.mark.usefixtures("docker")
def test_what_passed_is_marked_on_its_revision(world: World, root: Path) -> None:
    """In the pipeline no image is tagged: that is another step's; the reports that were left out are written."""
    accept(world, root, deployed(world))
    assert world.tags("staging-web:2")["slipway:result"].startswith("passed 20")
    assert not world.aws.asked("PutImage")
    assert (root / "reports" / "web" / "acceptance.xml").exists()
    assert "coverage.xml" not in {path.name for path in (root / "reports" / "web").iterdir()}


@pytest.mark.parametrize(("safe_only", "tagged"), [(False, True), (True, False)])
def test_by_hand_the_full_suite_alone_accepts_images(
    world: World, root: Path, docker: Docker, *, safe_only: bool, tagged: bool
) -> None:
    """What changes nothing proves too little; SAFE_ONLY tells the suite which it is."""
    deployed(world)
    accept(world, root, None, safe_only=safe_only)
    assert (f"accepted-{GOOD}" in world.registry.tags("slipway/web", digest_of(GOOD))) is tagged
    assert world.said(f"web: {digest_of(GOOD)} is tagged accepted-{GOOD}") is tagged
    assert ("--env=SAFE_ONLY=1" in docker.calls("run")[0]) is safe_only
    assert "SAFE_ONLY=0" not in docker.calls("run")[0]
    assert world.tags("staging-web:2")["slipway:result"].startswith("passed")


def test_a_suite_is_built_with_the_stacks_arguments_and_runs_beside_the_environment(
    world: World, root: Path, docker: Docker
) -> None:
    """On the host's network, with what it has to expect; image and container are removed."""
    accept(world, root, deployed(world))
    build, run, remove, rmi = docker.calls()
    image = build.split("--tag=")[1].split()[0]
    assert image.startswith("slipway-suite/web:")
    assert build == (
        f"build --target=acceptance --tag={image} --file={root}/app/Dockerfile --build-arg=DEBUG=no "
        f"--build-arg=PYTHON_IMAGE=python:3.11 {root}/app"
    )
    name = run.split("--name=")[1].split()[0]
    assert run == (
        f"run --rm --name={name} --network=host --volume={root}/reports/web:/reports --env=SERVICE=web "
        f"--env=BASE_URL={world.environment.url} --env=EXPECTED_DIGEST={digest_of(GOOD)} "
        f"--env=EXPECTED_VERSION={GOOD} {image}"
    )
    assert (remove, rmi) == (f"rm --force {name}", f"rmi --no-prune {image}")


@pytest.mark.parametrize("step", ["run", "build"])
def test_what_fails_its_suite_is_put_back(world: World, root: Path, docker: Docker, step: str) -> None:
    """Or what has none that could be built; nothing of it has passed, and what was made for it is removed."""
    docker.fails(f"{step} --")
    with pytest.raises(DeliveryError, match=r"web.*exit code 3.*put back: web serves staging-web:1") as failure:
        accept(world, root, deployed(world))
    assert world.running() == "staging-web:1"
    assert world.tags("staging-web:2")["slipway:result"].startswith("failed")
    assert (f"reports: {root}/reports/web" in str(failure.value)) is (step == "run")
    assert len(docker.calls("rmi")) == 1
    assert len(docker.calls("rm ")) == (step == "run")
    assert world.said("failed: ")


def test_without_being_asked_nothing_is_put_back(world: World, root: Path, docker: Docker) -> None:
    """By hand, one may want to look at it."""
    docker.fails("run --")
    with pytest.raises(DeliveryError, match=r"acceptance of web at http://127.* failed \(exit code 3\)"):
        accept(world, root, deployed(world), put_back=False)
    assert world.running() == "staging-web:2"
    assert "slipway:result" not in world.tags("staging-web:2")


def test_only_what_the_release_changed_is_put_back(two: World, root: Path, docker: Docker) -> None:
    """A service whose revision had passed before was not touched by it."""
    release = deployed(two)
    two.passed("api")
    two.passed("web")
    two.template("web", GREETING="hello")
    deploy.run(two.session, release)
    docker.fails("--env=SERVICE=web")
    with pytest.raises(DeliveryError, match=r"put back: web serves staging-web:2 \(a+\)$"):
        accept(two, root, release)
    assert (two.running("api"), two.running("web")) == ("staging-api:2", "staging-web:2")


def test_a_release_that_had_passed_and_fails_now_is_put_back_whole(two: World, root: Path, docker: Docker) -> None:
    """There is nothing else that it could have changed."""
    release = deployed(two)
    two.passed("api")
    two.passed("web")
    docker.fails("--env=SERVICE=web")
    with pytest.raises(DeliveryError, match=r"put back: api serves staging-api:1.*, web serves staging-web:1"):
        accept(two, root, release)


def test_what_replaced_nothing_good_is_not_put_back(world: World, root: Path, docker: Docker) -> None:
    """And said so."""
    docker.fails("run --")
    with pytest.raises(
        DeliveryError, match=r"web is not put back: staging-web:1 \(content-1\) replaced no good revision"
    ):
        accept(world, root, None)
    assert world.running() == "staging-web:1"


def test_where_what_was_replaced_is_gone_the_newest_that_passed_serves(
    world: World, root: Path, docker: Docker
) -> None:
    """It was deleted since."""
    deployed(world)
    world.passed()
    deployed(world, NEXT)
    world.ecs.tags[world.arn("staging-web:3")]["slipway:replaces"] = "arn:aws:ecs:gone"
    docker.fails("run --")
    with pytest.raises(DeliveryError, match=r"put back: web serves staging-web:2"):
        accept(world, root, None)


@pytest.mark.parametrize("gone", ["rm --force", "rmi --no-prune"])
def test_what_docker_has_removed_by_itself_is_no_failure(world: World, root: Path, docker: Docker, gone: str) -> None:
    """The container ends with `--rm`; another build may have taken the image's name away."""
    docker.fails(gone)
    accept(world, root, deployed(world))
    assert world.tags("staging-web:2")["slipway:result"].startswith("passed")


@pytest.mark.usefixtures("docker")
@pytest.mark.parametrize("put_back", [True, False])
def test_a_suite_that_does_not_end_is_ended_while_there_is_time_to_put_back(
    world: World, root: Path, monkeypatch: pytest.MonkeyPatch, *, put_back: bool
) -> None:
    """The pipeline's step would be killed, and the release go on serving; by hand it takes what it takes."""
    monkeypatch.setattr("delivery.deploying.acceptance.SUITES_SECONDS", -1.0)
    of = deployed(world)
    if put_back:
        with pytest.raises(DeliveryError, match=r"has not ended within .* minutes.*put back: web serves staging-web:1"):
            accept(world, root, of, put_back=True)
    else:
        accept(world, root, of, put_back=False)
    assert world.running() == ("staging-web:1" if put_back else "staging-web:2")


def without_a_suite(world: World, root: Path, **facts: object) -> None:
    """Let the application bring no stage `acceptance`."""
    (root / "app" / "Dockerfile").write_text("FROM a\n")
    path, values = "/slipway/staging/services/web", world.parameters.values
    values[path] = {**values[path], "health_path": "/web/health", **facts}


def test_without_a_suite_the_service_is_checked_from_outside(world: World, root: Path, docker: Docker) -> None:
    """Each request is a test of the report; no container runs."""
    without_a_suite(world, root, checks=[{"path": "/web/health", "status": 200, "text": "well"}])
    accept(world, root, deployed(world))
    assert docker.calls() == []
    report = (root / "reports" / "web" / "acceptance.xml").read_text()
    assert report.count("<testcase") == 3
    assert "GET /web/health answers 200" in report
    assert world.tags("staging-web:2")["slipway:result"].startswith("passed")


def test_a_check_from_outside_that_fails_puts_the_release_back(world: World, root: Path) -> None:
    """With the failure in the report."""
    without_a_suite(world, root, checks=[{"path": "/web/health", "status": 200, "text": "better"}])
    release = deployed(world)
    with pytest.raises(DeliveryError, match=r"without the text 'better'; reports: .*; put back: web serves"):
        accept(world, root, release)
    assert "<failure" in (root / "reports" / "web" / "acceptance.xml").read_text()


def test_declared_checks_are_made_beside_a_suite(world: World, root: Path, docker: Docker) -> None:
    """Before it, since they are quick."""
    path, values = "/slipway/staging/services/web", world.parameters.values
    values[path] = {**values[path], "checks": [{"path": "/web/none", "status": 200, "text": ""}]}
    release = deployed(world)
    with pytest.raises(DeliveryError, match="/web/none answers 404, not 200"):
        accept(world, root, release)
    assert docker.calls("run") == []


def test_a_configured_suite_runs_its_command_in_its_image(world: World, root: Path, docker: Docker) -> None:
    """Beside the environment, with the same variables."""
    without_a_suite(world, root, acceptance={"image": "curl", "command": ["curl", "-f", "http://x"]})
    accept(world, root, deployed(world))
    (ran,) = docker.calls("run")
    assert "--entrypoint=curl" in ran
    assert ran.endswith(" curl -f http://x")
    assert docker.calls("build") == []
