"""The trial run of an image as Fargate would run it, with a program `docker` that answers what a test says."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from delivery.application.trial_run import Container, TrialRun
from tests.service_facts import service
from tests.unit.delivery.edge import server
from tests.unit.delivery.world import World

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """#!/bin/sh
printf '%s\\n' "$*" >> "{folder}/calls"
case "$*" in
    "image inspect"*) cat "{folder}/image" ;;
    *State.ExitCode*) cat "{folder}/code" ;;
    inspect*-alone) cat "{folder}/alone" ;;
    inspect*-open) cat "{folder}/open" ;;
    logs*) cat "{folder}/logs" ;;
esac
"""
UP = {
    "State": {"Running": True, "OOMKilled": False, "ExitCode": 0},
    "NetworkSettings": {"Networks": {"n": {"IPAddress": "127.0.0.1"}}},
}


def ended(code: int, *, killed: bool = False) -> dict[str, Any]:
    """Return what Docker tells of a container that has ended."""
    return UP | {"State": {"Running": False, "OOMKilled": killed, "ExitCode": code, "Error": ""}}


@dataclass
class Trial:
    """A trial run and the folder of its `docker`."""

    folder: Path
    world: World

    def says(self, **answers: object) -> None:
        """Let docker answer: `image`, `code`, `alone`, `open` (without a way out, with one), `logs`."""
        for name, answer in answers.items():
            (self.folder / name).write_text(answer if isinstance(answer, str) else json.dumps(answer), "utf-8")

    def run(self, *, port: int = 0, **values: Any) -> TrialRun:  # noqa: ANN401 - any value of a container
        """Run it with a container whose health check the world answers, or what listens on another port."""
        facts = service("web", port=port or server().server_port, health_path="/web/health", target="", context=".")
        trial = TrialRun(container=Container(service=facts, **values), root=self.folder, say=self.world.say)
        trial.run()
        return trial

    def calls(self, command: str) -> list[str]:
        """Return the calls of a docker command."""
        lines = (self.folder / "calls").read_text("utf-8").splitlines()
        return [line for line in lines if line.startswith(command)]


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trial:
    """Return a trial of an image that runs well as the user `app`."""
    (tmp_path / "Dockerfile").write_text("FROM a\n", "utf-8")
    program = tmp_path / "docker"
    program.write_text(PROGRAM.format(folder=tmp_path), "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    world = World()
    assert world.balancer.url
    made = Trial(tmp_path, world)
    made.says(image={"User": "app"}, code="0", alone=UP, open=UP, logs="")
    return made


def test_an_image_that_runs_well_has_no_findings(trial: Trial) -> None:
    """It is run read-only, with its memory, in a network without a way out, and stopped by SIGTERM."""
    done = trial.run()
    assert (done.failures, done.warnings) == ([], [])
    (ran,) = trial.calls("run")
    for option in ("--read-only", "--memory=512m", "--memory-swap=512m", "--init", "--tmpfs=/tmp:exec,nosuid,nodev"):
        assert option in ran
    assert "--internal" in trial.calls("network create")[0]
    assert trial.calls("stop --time=30")


def test_nothing_is_left_behind(trial: Trial) -> None:
    """Container, network and image are removed, after a failure too."""
    trial.says(alone=ended(1), open=ended(1))
    trial.run()
    assert len(trial.calls("rm --force")) == len(trial.calls("run")) == 2
    assert len(trial.calls("network rm")) == len(trial.calls("network create")) == 2
    assert trial.calls("rmi")


@pytest.mark.parametrize(
    ("state", "logs", "failure"),
    [
        (ended(137, killed=True), "", "it needed more than its memory of 512 MiB; raise memory"),
        (ended(1), "OSError: Read-only file system: '/data/x'", "'/data/x' is on a read-only file system"),
        (ended(127), "", "exit code 127: its command does not exist"),
    ],
)
def test_an_image_that_ends_fails_with_the_reason_and_the_key(
    trial: Trial, state: dict[str, Any], logs: str, failure: str
) -> None:
    """As the stack would tell it."""
    trial.says(alone=state, open=state, logs=logs)
    (found,) = trial.run().failures
    assert failure in found


def test_an_image_that_ignores_sigterm_fails(trial: Trial) -> None:
    """ECS kills it, with the requests that it is answering."""
    trial.says(code="137")
    (found,) = trial.run(stop_seconds=5).failures
    assert "it does not end on SIGTERM within 5 s" in found


def test_an_image_that_needs_the_internet_to_start_is_warned_of(trial: Trial) -> None:
    """Tasks have it."""
    trial.says(alone=ended(1))
    done = trial.run()
    assert done.failures == []
    assert "it comes up only with a way to the internet" in done.warnings[0]


@pytest.mark.parametrize("user", ["", "root", "0:0"])
def test_an_image_that_runs_as_root_is_warned_of(trial: Trial, user: str) -> None:
    """A user of the service's own helps."""
    trial.says(image={"User": user})
    assert "it runs as root" in trial.run().warnings[0]
    assert trial.run(user="1000").warnings == []


def test_a_health_check_that_is_answered_otherwise_fails_with_the_code(trial: Trial) -> None:
    """After the time that a task has to start."""
    trial.world.balancer.pages["health"] = (404, "")
    (found,) = trial.run(start_seconds=1).failures
    assert "its health check /web/health answered 404" in found


def test_an_answer_that_is_no_http_is_none(trial: Trial) -> None:
    """As for the load balancer."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    connection.sendall(b"nonsense\r\n\r\n")
                    connection.close()

        threading.Thread(target=serve, daemon=True).start()
        (found,) = trial.run(port=listening.getsockname()[1], start_seconds=1).failures
    assert "it never answered /web/health on port" in found


def test_the_password_of_the_database_breaks_a_url_that_does_not_quote_it(trial: Trial) -> None:
    """As RDS's may; what is configured is percent-encoded."""
    template = "postgresql://{user}:{password}@{host}/{name}"
    trial.run(database=True, database_variables={"DATABASE_URL": template})
    ran = trial.calls("run")[-1]
    assert re.search(r"--env=DATABASE_PASSWORD=#\?%:\][0-9a-f]{16} ", ran)
    assert re.search(r"--env=DATABASE_URL=postgresql://app:%23%3F%25%3A%5D[0-9a-f]{16}@", ran)
