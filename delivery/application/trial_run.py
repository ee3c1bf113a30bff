"""A trial run of an application's image: on this machine's Docker Engine, as Fargate would run it.

Read-only root file system with /tmp in memory, the image's user, the task's memory as a hard limit, PORT, the health
check of the load balancer, and SIGTERM. First in a network without a way out, so that it shows what an application
needs of the internet to start.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
import urllib.error
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from contract import containers
from contract.health import is_in, opener
from delivery import interruption, process
from delivery.deploying import answers
from delivery.errors import DeliveryError
from delivery.release import suite_image
from diagnosis import reasons

if TYPE_CHECKING:
    from pathlib import Path

    from delivery.console import Say
    from delivery.environment import Service

MIRROR = "public.ecr.aws/docker/library"
"""Where images come from that no variable names: AWS's mirror of the official ones."""
POSTGRES_IMAGE = f"{MIRROR}/postgres:15-alpine@sha256:f7d23353e1b15400d22ebe31189f4d314b87a4c129cc400c8c2d8d4ca127bf81"
TO_BE_QUOTED = "#?%:]"
"""What a password of RDS may have and a URL cannot have unless it is percent-encoded (RDS CreateDBInstance)."""
DATABASE_SECONDS = 60
PROBE_SECONDS = 2
LINES = 20
KILLED = 137


@dataclass(frozen=True, kw_only=True, slots=True)
class Container:
    """How the container of a service is run: the keys of its section in the stack file, or their defaults."""

    service: Service
    memory: int = 512
    start_seconds: int = 60
    stop_seconds: int = 30
    read_only: bool = True
    writable: tuple[str, ...] = containers.WRITABLE
    user: str = ""
    entry_point: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    database_variables: dict[str, str] = field(default_factory=dict)
    database: bool = False


@dataclass(kw_only=True)
class TrialRun:
    """A trial run; `failures` are what would fail on Fargate, `warnings` what is worth a look."""

    container: Container
    root: Path
    say: Say
    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Build the image and run it; nothing is left behind, by an interruption neither.

        Raises:
            DeliveryError: the image cannot be built, or Docker does not work.
        """
        service, identity = self.container.service, secrets.token_hex(4)
        suite = suite_image.SuiteImage(service=service, root=self.root, target=service.target)
        with suite.built("the image", self.say) as image:
            self._inspect(image)
            if reason := self._start(image, f"{identity}-alone", internal=True):
                self.say("it does not come up without a way to the internet; trying with one")
                if again := self._start(image, f"{identity}-open", internal=False):
                    self.failures.append(again)
                else:
                    self.warnings.append(
                        f"it comes up only with a way to the internet ({reason}); tasks have one, but a release then "
                        f"depends on what it fetches at start"
                    )

    def _inspect(self, image: str) -> None:
        config = json.loads(_docker("image", "inspect", "--format={{json .Config}}", image))
        user = self.container.user or config.get("User") or ""
        if user.partition(":")[0] in ("", "0", "root"):
            self.warnings.append("it runs as root; set USER in the Dockerfile, or user of the service")

    def _start(self, image: str, identity: str, *, internal: bool) -> str:
        """Run the image in a network of its own; return why it does not come up, empty if it does."""
        with ExitStack() as ended:
            network = f"slipway-check-{identity}"
            ended.callback(_quietly, "network", "rm", network)
            _docker("network", "create", *(["--internal"] if internal else []), network)
            address = self._database(network, identity, ended) if self.container.database else {}
            name = f"slipway-check-{identity}"
            ended.callback(_quietly, "rm", "--force", "--volumes", name)
            _docker(*self._run(image, name, network, address))
            reason = self._wait(name)
            if not reason:
                self.say(f"{self.container.service.health_path} answers on port {self.container.service.port}")
                self._stop(name)
            return reason

    def _run(self, image: str, name: str, network: str, address: dict[str, str]) -> list[str]:
        """Return the arguments of `docker run`."""
        of, memory = self.container, self.container.memory
        variables = {"PORT": str(of.service.port), **of.environment, **self._database_variables(address)}
        options = [f"--memory={memory}m", f"--memory-swap={memory}m", "--init", f"--network={network}"]
        options += ["--read-only"] if of.read_only else []
        mount = ",".join([*containers.TMPFS_OPTIONS, f"size={containers.tmpfs_size(memory)}m"])
        options += [f"--tmpfs={path}:{mount}" for path in of.writable]
        options += [f"--user={of.user}"] if of.user else []
        options += [f"--env={key}={value}" for key, value in sorted(variables.items())]
        options += [f"--entrypoint={of.entry_point[0]}"] if of.entry_point else []
        words = [*(of.entry_point or ())[1:], *(of.command or ())]
        return ["run", "--detach", f"--name={name}", *options, image, *words]

    def _database_variables(self, address: dict[str, str]) -> dict[str, str]:
        if not address:
            return {}
        parts = {key.removeprefix("DATABASE_").lower(): quote(value, safe="") for key, value in address.items()}
        return address | {key: text.format(**parts) for key, text in self.container.database_variables.items()}

    def _database(self, network: str, identity: str, ended: ExitStack) -> dict[str, str]:
        """Start PostgreSQL in the network; return the variables with its address."""
        name, password = f"slipway-check-{identity}-database", f"{TO_BE_QUOTED}{secrets.token_hex(8)}"
        image = _build_arguments().get("POSTGRES_IMAGE", POSTGRES_IMAGE)
        self.say("starting PostgreSQL")
        ended.callback(_quietly, "rm", "--force", "--volumes", name)
        settings = {"POSTGRES_DB": "app", "POSTGRES_USER": "app", "POSTGRES_PASSWORD": password}
        variables = [f"--env={key}={value}" for key, value in settings.items()]
        _docker("run", "--detach", f"--name={name}", f"--network={network}", *variables, image)
        ready = ["docker", "exec", name, "pg_isready", "-q", "-h", "127.0.0.1", "-U", "app", "-d", "app"]
        end = time.monotonic() + DATABASE_SECONDS
        while subprocess.run(ready, capture_output=True, check=False).returncode:
            ended_by_itself = _docker("inspect", "--format={{.State.Running}}", name) != "true"
            if ended_by_itself or time.monotonic() > end:
                last = _docker("logs", "--tail=3", name).replace("\n", "; ")
                why = "has ended" if ended_by_itself else f"is not ready after {DATABASE_SECONDS} s"
                raise DeliveryError(f"PostgreSQL ({image}) {why}: {last}; name another image: BUILD_ARGS")
            interruption.sleep(0.5)
        parts = {"HOST": name, "PORT": "5432", "NAME": "app", "USER": "app", "PASSWORD": password}
        return {f"DATABASE_{key}": value for key, value in parts.items()}

    def _wait(self, name: str) -> str:
        """Wait until the health check passes; return why it does not, empty if it does."""
        of, told = self.container, "Request timed out"
        end = time.monotonic() + of.start_seconds
        while time.monotonic() < end:
            state = json.loads(_docker("inspect", "--format={{json .}}", name))
            if not state["State"]["Running"]:
                return self._why(name, state["State"])
            address = next(iter(state["NetworkSettings"]["Networks"].values()))["IPAddress"]
            told = self._probe(f"http://{address}:{of.service.port}{of.service.health_path}")
            if not told:
                return ""
            interruption.sleep(0.5)
        return self._text(name, f"Task failed ELB health checks: {told}", None)

    def _probe(self, url: str) -> str:
        """Make the health check's request; return what is wrong with the answer in the load balancer's words."""
        try:
            status = opener(url).open(url, timeout=PROBE_SECONDS).status
        except urllib.error.HTTPError as error:
            status = error.code
        except answers.UNANSWERED:
            return "Request timed out"
        wanted = self.container.service.health_status
        return "" if is_in(status, wanted) else f"Health checks failed with these codes: [{status}]"

    def _why(self, name: str, state: dict[str, Any]) -> str:
        reason = "OutOfMemoryError" if state["OOMKilled"] else state.get("Error", "")
        return self._text(name, reason, int(state["ExitCode"]))

    def _text(self, name: str, reason: str, code: int | None) -> str:
        """Show the last lines of the container, and return the reason in words with what to change."""
        of = self.container
        written = subprocess.run(
            ["docker", "logs", f"--tail={LINES}", name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        lines = written.stdout.decode("utf-8", "replace").splitlines()
        for line in lines:
            print(f"  {line}")
        about = reasons.Context(port=of.service.port, health_path=of.service.health_path, memory=str(of.memory))
        text, remedy = reasons.explain(reason, code, lines, about)
        return f"{text}{f'; {remedy}' if remedy else ''}"

    def _stop(self, name: str) -> None:
        """Send SIGTERM; a container that has to be killed drops the requests that it is answering."""
        began = time.monotonic()
        _docker("stop", f"--time={self.container.stop_seconds}", name)
        code = int(_docker("inspect", "--format={{.State.ExitCode}}", name))
        if code == KILLED:
            self.failures.append(
                f"it does not end on SIGTERM within {self.container.stop_seconds} s and is killed, with the requests "
                f"that it is answering; handle SIGTERM, or let the shell that starts it use exec"
            )
        else:
            self.say(f"it ends on SIGTERM after {time.monotonic() - began:.1f} s")


def _build_arguments() -> dict[str, str]:
    """Return $BUILD_ARGS, with which a machine names its base images."""
    found: dict[str, str] = json.loads(os.environ.get("BUILD_ARGS") or "{}")
    return found


def _docker(*arguments: str) -> str:
    """Run a docker command; return its output.

    Raises:
        DeliveryError: it failed, or there is no docker.
    """
    ran = process.captured(["docker", *arguments], lambda: None)
    if ran.code:
        reason = " ".join((ran.complaints or ran.output).split())
        raise DeliveryError(f"docker {arguments[0]} failed: {reason}")
    return ran.output.strip()


def _quietly(*arguments: str) -> None:
    subprocess.run(["docker", *arguments], capture_output=True, check=False)
