"""The proof of a release by degrees: by its version where it tells one, else by digest, health and an HTTP check."""

from __future__ import annotations

import dataclasses

import pytest

from delivery.deploying import deploy, outside_check, proof
from delivery.errors import DeliveryError
from tests.unit.delivery.scenarios import GOOD, NEXT
from tests.unit.delivery.world import FIRST, World, digest_of

SILENT = 404
OTHER = '{"commit": "another", "digest": "another"}'


@pytest.fixture
def silent(world: World) -> World:
    """Return a stack whose service tells no version, with an endpoint for its health."""
    world.balancer.lies = dict.fromkeys(map(digest_of, (FIRST, GOOD)), SILENT)
    path, values = "/slipway/staging/services/web", world.parameters.values
    values[path] = {**values[path], "health_path": "/web/health"}
    return world


def test_a_release_that_tells_no_version_is_proved_by_digest_health_and_a_check_from_outside(silent: World) -> None:
    """It is said, and recorded on its revision."""
    deploy.run(silent.session, silent.release(GOOD))
    assert silent.said("(proof: digest, health, http)")
    assert silent.tags("staging-web:2")["slipway:proof"] == "digest health http"
    assert proof.served(silent.aws, silent.environment).versions == {"web": (GOOD, digest_of(GOOD))}


def test_a_release_that_tells_its_version_is_proved_by_it(world: World) -> None:
    """The strongest proof."""
    deploy.run(world.session, world.release(GOOD))
    assert world.said("(proof: digest, health, version)")
    assert world.tags("staging-web:2")["slipway:proof"] == "digest health version"


@pytest.mark.parametrize("lie", [SILENT, "<html></html>", '{"version": 2}', "[]"])
def test_a_service_that_told_its_version_has_to_go_on_telling_it(world: World, lie: str | int) -> None:
    """A release without it is put back: the proof is never silently weaker."""
    world.balancer.lies[digest_of(GOOD)] = lie
    with pytest.raises(DeliveryError, match="/web/version"):
        deploy.run(world.session, world.release(GOOD))
    assert world.running() == "staging-web:1"


def test_what_a_revision_was_proved_by_counts_while_it_does_not_serve(world: World) -> None:
    """The next one has to tell its version, too."""
    deploy.run(world.session, world.release(GOOD))
    world.passed()
    world.balancer.unhealthy = {task.address for task in world.ecs.tasks}
    world.balancer.lies[digest_of(NEXT)] = SILENT
    with pytest.raises(DeliveryError, match="/web/version answers 404"):
        deploy.run(world.session, world.release(NEXT))


def test_a_wrong_version_is_wrong_although_none_was_told_before(silent: World) -> None:
    """It serves something else."""
    silent.balancer.lies[digest_of(GOOD)] = OTHER
    with pytest.raises(DeliveryError, match="a wrong version is served"):
        deploy.run(silent.session, silent.release(GOOD))


def test_a_service_without_a_version_path_is_never_asked(world: World) -> None:
    """`version_path: none`, although it told one before."""
    path, values = "/slipway/staging/services/web", world.parameters.values
    values[path] = {**values[path], "version_path": "", "health_path": "/web/health"}
    world.balancer.lies[digest_of(GOOD)] = OTHER
    deploy.run(world.session, world.release(GOOD))
    assert world.tags("staging-web:2")["slipway:proof"] == "digest health http"


@pytest.mark.parametrize(
    ("page", "wrong"),
    [
        ((200, "well"), None),
        ((302, ""), None),
        ((404, ""), "answers 404, not 200-399"),
        ((500, ""), "answers 500, not 200-399"),
    ],
)
def test_the_health_check_is_made_from_outside(silent: World, page: tuple[int, str], wrong: str | None) -> None:
    """With the statuses that the load balancer accepts; a redirect is an answer."""
    silent.balancer.pages["health"] = page
    service = dataclasses.replace(silent.environment.services[0], health_status="200-399")
    found = outside_check.wrong(silent.environment, service, outside_check.requests(service))
    assert (found is None) == (wrong is None)
    assert (wrong or "") in (found or "")


@pytest.mark.parametrize(
    ("check", "wrong"),
    [
        ({"path": "/web/a", "status": 200, "text": "hello"}, None),
        ({"path": "/web/a", "status": 200, "text": "bye"}, "answers 200 without the text 'bye'"),
        ({"path": "/web/a", "status": 201, "text": ""}, "answers 200, not 201"),
        ({"path": "/web/none", "status": 404, "text": ""}, None),
    ],
)
def test_declared_checks_have_to_answer(silent: World, check: dict[str, object], wrong: str | None) -> None:
    """With status and text."""
    silent.balancer.pages["a"] = (200, "say hello")
    service = dataclasses.replace(silent.environment.services[0], checks=[check])
    found = outside_check.wrong(silent.environment, service, outside_check.requests(service))
    assert (found is None) == (wrong is None)
    assert (wrong or "") in (found or "")


def test_a_service_whose_health_path_is_not_routed_to_it_is_asked_at_its_route(silent: World) -> None:
    """Any answer but a server's error: what is there is the application's business."""
    service = dataclasses.replace(silent.environment.services[0], health_path="/ready")
    assert [one.path for one in outside_check.requests(service)] == ["/web/"]
    assert outside_check.wrong(silent.environment, service, outside_check.requests(service)) is None
    silent.balancer.pages[""] = (500, "")
    assert "answers 500" in str(outside_check.wrong(silent.environment, service, outside_check.requests(service)))
