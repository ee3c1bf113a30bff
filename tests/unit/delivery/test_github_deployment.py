"""A deploy as GitHub shows it: a deployment, its status and the commit's, over HTTP to a server that keeps them."""

from __future__ import annotations

import json
import re
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from contract.pipeline import EXECUTION
from delivery.deploying import github_deployment
from delivery.errors import DeliveryError, InterruptedDeliveryError
from tests.unit.delivery.aws import FakeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.delivery.world import World

COMMIT, OTHER = "a" * 40, "b" * 40
SILENT = "of a server that accepts and says nothing"
BUILD = "https://console.aws.amazon.com/codesuite/codebuild/1"


@dataclass
class GitHub:
    """What a server for GitHub was asked, and the deployments that it has; `refuses` is a status for everything."""

    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    deployments: list[dict[str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    refuses: int = 0

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Answer a request as GitHub does."""
        self.asked.append((method, path, body))
        if self.refuses:
            return self.refuses, {"message": "Resource not accessible by personal access token"}
        if method == "GET":
            return 200, self.deployments[-1:]
        if path.endswith("/deployments"):
            self.deployments.append({"id": len(self.deployments) + 7, **body})
            return 201, self.deployments[-1]
        return 201, {}

    def sent(self, end: str) -> list[dict[str, Any]]:
        """Return the bodies of what was posted to paths with an end."""
        return [body for method, path, body in self.asked if method == "POST" and path.endswith(end)]


class Secrets:
    """A fake Secrets Manager with one secret."""

    def get_secret_value(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the token."""
        if params["SecretId"] != "arn:token":
            raise FakeError("ResourceNotFoundException", "no such secret")
        return {"SecretString": "token\n"}


@pytest.fixture
def github() -> Iterator[tuple[GitHub, dict[str, str]]]:
    """A server, and the environment variables of a build that tells it."""
    kept = GitHub()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            kept.tokens.add(str(self.headers.get("Authorization")))
            status, shown = kept.answer(self.command, self.path, json.loads(raw or b"{}"))
            text = json.dumps(shown).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = _serve  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield (
        kept,
        {
            "GITHUB_API_URL": f"http://127.0.0.1:{server.server_port}",
            EXECUTION: "e-1",
            "CODEBUILD_BUILD_URL": BUILD,
        },
    )
    server.shutdown()
    server.server_close()


def step(world: World, variables: dict[str, str], *, first: bool, error: BaseException | None = None) -> None:
    """Run a step that ends well, or with an error; the variable SECRET names another secret than the token's."""
    world.record_pipeline(github_secret=variables.get("SECRET", "arn:token"))
    world.aws.services["secretsmanager"] = Secrets()
    with github_deployment.told(world.session, COMMIT, first=first, last=not first, environment=variables):
        if error:
            raise error


def test_a_release_is_one_deployment_from_its_deploy_to_its_acceptance(
    piped: World, github: tuple[GitHub, dict[str, str]]
) -> None:
    """Of this very commit, whatever its other statuses are; with the environment's address and the build's."""
    kept, variables = github
    step(piped, variables, first=True)
    step(piped, variables, first=False)
    (made,) = kept.sent("/repos/me/shop/deployments")
    assert (made["ref"], made["environment"], made["required_contexts"]) == (COMMIT, "staging", [])
    assert (made["auto_merge"], made["production_environment"]) == (False, True)
    shown = kept.sent("/deployments/7/statuses")
    assert [one["state"] for one in shown] == ["in_progress", "in_progress", "success"]
    assert {(one["log_url"], one["environment_url"]) for one in shown} == {(BUILD, piped.environment.url)}
    commit = kept.sent(f"/repos/me/shop/statuses/{COMMIT}")
    assert [one["state"] for one in commit] == ["pending", "pending", "success"]
    assert {(one["context"], one["target_url"]) for one in commit} == {("slipway/staging", BUILD)}
    assert kept.tokens == {"Bearer token"}


@pytest.mark.parametrize(
    ("error", "state", "told"),
    [
        (
            DeliveryError("acceptance failed; its output is above; failed: " + "x" * 200),
            "failure",
            "acceptance failed; fa",
        ),
        (InterruptedDeliveryError("interrupted: ECS goes on"), "error", "interrupted"),
        (KeyboardInterrupt(), "error", "interrupted"),
    ],
    ids=["failed", "interrupted", "key"],
)
def test_a_step_that_fails_ends_the_deployment_with_its_cause(
    piped: World, github: tuple[GitHub, dict[str, str]], error: BaseException, state: str, told: str
) -> None:
    """Within GitHub's 140 characters; the error goes on."""
    kept, variables = github
    with pytest.raises(type(error)):
        step(piped, variables, first=False, error=error)
    last = kept.sent("/deployments/7/statuses")[-1]
    assert (last["state"], last["description"][: len(told)]) == (state, told)
    assert len(last["description"]) <= 140
    assert kept.sent(f"/statuses/{COMMIT}")[-1]["state"] == state


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, "403 .*not accessible by personal access token.*deployments: write"),
        ({"SECRET": "arn:other"}, "AWS refused GetSecretValue: no such secret"),
        ({"GITHUB_API_URL": "http://example.com"}, "a token goes over https only"),
        ({"GITHUB_API_URL": "http://127.0.0.1:9"}, "is it reachable from here"),
        ({"GITHUB_API_URL": SILENT}, "timed out"),
    ],
    ids=["rights", "secret", "address", "nobody", "silent"],
)
def test_what_github_cannot_be_told_is_one_line_and_fails_nothing(
    piped: World,
    github: tuple[GitHub, dict[str, str]],
    change: dict[str, str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The release goes on, and its own error stays the one that is raised."""
    kept, variables = github
    kept.refuses = 403
    monkeypatch.setattr("delivery.github.SHORT", 0.2)
    if change.get("GITHUB_API_URL") == SILENT:
        quiet = socket.create_server(("127.0.0.1", 0))
        change = {"GITHUB_API_URL": f"http://127.0.0.1:{quiet.getsockname()[1]}"}
    step(piped, variables | change, first=False)
    assert len(piped.lines) == 2
    for line, state in zip(piped.lines, ("in_progress", "success"), strict=True):
        assert line.startswith(f"GitHub is not told that staging is {state}: ")
        assert "\n" not in line
    assert re.search(told, piped.lines[0])
    with pytest.raises(DeliveryError, match="tests failed"):
        step(piped, variables | change, first=False, error=DeliveryError("tests failed"))


def test_without_the_key_nothing_is_asked(piped: World, github: tuple[GitHub, dict[str, str]]) -> None:
    """Neither GitHub nor Secrets Manager; nor by a step that runs outside the pipeline."""
    kept, variables = github
    step(piped, variables | {"SECRET": ""}, first=True)
    step(piped, variables | {EXECUTION: ""}, first=True)
    piped.record_pipeline()
    github_deployment.rolled_back(piped.session, OTHER, COMMIT, variables)
    assert (kept.asked, piped.lines, piped.aws.asked("GetSecretValue")) == ([], [], [])


def test_a_rollback_by_hand_is_a_new_deployment_of_the_older_commit(
    piped: World, github: tuple[GitHub, dict[str, str]]
) -> None:
    """The one of the bad commit becomes inactive, which GitHub does not do by itself in production."""
    kept, variables = github
    step(piped, variables, first=True)
    github_deployment.rolled_back(piped.session, OTHER, COMMIT, variables | {EXECUTION: ""})
    made = kept.sent("/repos/me/shop/deployments")[-1]
    assert (len(kept.deployments), made["ref"]) == (2, COMMIT)
    states = kept.sent("/deployments/8/statuses")
    assert [(one["state"], one["description"]) for one in states] == [
        ("success", "rolled back from bbbbbbb by hand"),
        ("inactive", "rolled back to aaaaaaa by hand"),
    ]
    github_deployment.rolled_back(piped.session, OTHER, "content-1", variables)
    assert piped.lines == ["GitHub is not told that staging was rolled back: content-1 is not one commit"]


def test_a_private_address_is_told_only_where_it_stands_for_aws(
    piped: World, github: tuple[GitHub, dict[str, str]]
) -> None:
    """The token came from there; any other address has to be https."""
    _, variables = github
    port = variables["GITHUB_API_URL"].rpartition(":")[2]
    there = {"GITHUB_API_URL": f"http://localhost.localdomain:{port}/api"}
    step(piped, variables | there | {"AWS_ENDPOINT_URL": "http://elsewhere:1"}, first=True)
    assert "https only" in piped.lines[-1]
    piped.lines.clear()
    step(piped, variables | there | {"AWS_ENDPOINT_URL": f"http://localhost.localdomain:{port}"}, first=True)
    assert "https only" not in str(piped.lines)
