"""The proof of a release by degrees: by its version where it tells one, else by digest, health and an HTTP check."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from delivery.deploying import answers, deploy, outside_check, proof
from delivery.errors import DeliveryError
from tests.unit.delivery.edge import Balancer
from tests.unit.delivery.scenarios import GOOD, NEXT
from tests.unit.delivery.world import FIRST, World, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def change(world: World, name: str = "web", **facts: object) -> None:
    """Let a service have recorded other facts."""
    path, values = f"/slipway/staging/services/{name}", world.parameters.values
    values[path] = {**values[path], **facts}


def test_one_answer_that_fails_after_the_proof_does_not_weaken_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten answers in a row were right before."""
    real, asked = Balancer.answer, list[str]()

    def answer(self: Balancer, path: str) -> tuple[int, str]:
        asked.append(path)
        return (503, "") if len(asked) == 12 else real(self, path)

    monkeypatch.setattr(Balancer, "answer", answer)
    deploy.run(world.session, world.release(GOOD))
    assert world.tags("staging-web:2")["slipway:proof"] == "digest health version"


def test_the_proof_of_the_last_good_revision_counts_while_one_without_proof_is_down(world: World) -> None:
    """A deploy was killed before it could prove its release."""
    deploy.run(world.session, world.release(GOOD))
    world.passed()
    deploy.run(world.session, world.release("c" * 40))
    del world.ecs.tags[world.arn("staging-web:3")]["slipway:proof"]
    world.balancer.unhealthy = {task.address for task in world.ecs.tasks}
    world.balancer.lies[digest_of(NEXT)] = SILENT
    with pytest.raises(DeliveryError, match="/web/version answers 404"):
        deploy.run(world.session, world.release(NEXT))


def test_without_a_version_path_the_recorded_route_is_asked(world: World) -> None:
    """Not a path that another service may have."""
    change(world, version_path="", route="/web", health_path="/healthz")
    assert [one.path for one in outside_check.basic(world.environment.services[0])] == ["/web/"]


def test_acceptance_asks_the_route_beside_the_health_check(silent: World) -> None:
    """Once, where they are one path."""
    service = silent.environment.services[0]
    assert [one.path for one in outside_check.requests(service)] == ["/web/health", "/web/"]
    same = dataclasses.replace(service, health_path="/web/")
    assert [one.path for one in outside_check.requests(same)] == ["/web/"]


@pytest.fixture
def raw() -> Iterator[tuple[str, list[bytes]]]:
    """Return the URL of a server that sends the bytes in a list, and the list."""
    listening, reply = socket.create_server(("127.0.0.1", 0)), [b""]

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                connection.recv(65536)
                connection.sendall(reply[0])
                connection.close()

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}", reply
    listening.close()


@pytest.mark.parametrize("bad", [b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf", b"nonsense\r\n\r\n"])
def test_an_answer_that_is_broken_is_none(world: World, raw: tuple[str, list[bytes]], bad: bytes) -> None:
    """A body that breaks off, or no HTTP: the release is put back as for any other wrong answer."""
    raw[1][0] = bad
    environment = dataclasses.replace(world.environment, url=raw[0])
    service = environment.services[0]
    with pytest.raises(DeliveryError, match="does not answer"):
        answers.version(environment, service)
    assert "does not answer" in str(outside_check.wrong(environment, service, outside_check.basic(service)))


def test_a_redirect_tells_no_version(world: World, raw: tuple[str, list[bytes]]) -> None:
    """Such as to https, which nobody listens to here."""
    raw[1][0] = b"HTTP/1.1 301 M\r\nLocation: https://127.0.0.1:1/web/version\r\nContent-Length: 0\r\n\r\n"
    environment = dataclasses.replace(world.environment, url=raw[0])
    with pytest.raises(answers.NoVersionError):
        answers.version(environment, environment.services[0])


def test_a_release_that_does_not_answer_from_outside_is_put_back_although_it_tells_no_version(silent: World) -> None:
    """Its tasks are healthy targets, and the load balancer's address answers an error."""
    silent.balancer.pages["health"] = (500, "")
    with pytest.raises(DeliveryError, match="/web/health answers 500, not 200"):
        deploy.run(silent.session, silent.release(GOOD))


def test_a_service_that_tells_its_version_is_not_asked_for_anything_else(world: World) -> None:
    """Its ten answers are the stronger proof."""
    change(world, health_path="/web/health")
    world.balancer.pages["health"] = (500, "")
    deploy.run(world.session, world.release(GOOD))
    assert world.running() == "staging-web:2"
