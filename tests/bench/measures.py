"""The benchmarks: each function returns rows with the seconds (or counts) of every run."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from infra.config.environment import Service
from support.load import Load
from tests.bench import release_on_aws
from tests.local.releases import Releases
from tests.local.workspace import NETWORK, ROOT, changes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tests.local.workspace import Workspace

SLOW = "/api/entries/wait?after=999999999&timeout=2"
NOTE = "app/NOTE"
SOURCE = "Source/Source"
DOCKERFILE = "app/Dockerfile"


@dataclass
class Row:
    """A row of the table: one value for each run, in `unit`s."""

    what: str
    values: list[float]
    unit: str = "s"
    note: str = ""


@dataclass
class Bench:
    """A local cloud with both environments and a pipeline without approval, and the number of runs."""

    workspace: Workspace
    runs: int
    say: Callable[[str], None]
    releases: Releases = field(init=False)

    def up(self) -> list[Row]:
        """Measure the first deployment of everything, once."""
        took: dict[str, list[float]] = {}

        @contextlib.contextmanager
        def timed(what: str) -> Iterator[None]:
            self.say(what)
            begun = time.monotonic()
            yield
            took[what] = [time.monotonic() - begun]

        with timed("local cloud up"):
            self.workspace.must("bin/localcloud", "up", "--yes")
        with timed("`up` of staging, first image included"):
            self.workspace.up("staging")
        with timed("acceptance of staging, by hand"):
            assert self.workspace.delivery("acceptance", "--stack", "staging").returncode == 0
        self.workspace.edit("prod", automatic)
        with timed("`up` of production, without its pipeline"):
            self.workspace.up("prod")
        self.releases = Releases(self.workspace)
        self.releases.begin()
        assert self.workspace.cloud("connect", "slipway-prod").returncode == 0
        with timed("`up` of the pipeline"):
            self.workspace.up("prod")
        with timed("first commit, begun by the pipeline's creation"):
            execution = self.releases.execution_of(self.releases.git("rev-parse", "HEAD"))
            assert self.releases.end(execution) == "Succeeded", self.releases.told(execution)
        return [Row(what, values) for what, values in took.items()]

    def release(self) -> list[Row]:
        """Measure releases from push to production under load, and the same commands in a script; warm and cold."""
        bare, cold, rows, steps = [], [], list[Row](), {how: dict[str, list[float]]() for how in PIPELINES}
        with Load(self.workspace.outputs("prod")["url"], SLOW, rate=20) as load:
            for how, change in PIPELINES.items():
                self.workspace.edit("prod", change)
                self.workspace.up("prod")
                rows += self._warm(how, steps[how])
            answered, failed = load.answered, len(load.failures)
        for run in range(self.runs):
            self.say(f"the same commands in one script: {run + 1} of {self.runs}")
            bare.append(self._bare())
        self.say("release, cold: every layer of every image is built again")
        cold.append(
            self._released({DOCKERFILE: lambda text: text.replace("ENV ", f"ENV COLD={secrets.token_hex()} ", 1)})
        )
        return [
            *rows,
            Row("- build, test, start and probe commands of it in one script (`tests/bench/bare.sh`)", bare),
            Row("commit to production, no layer of any image cached", cold),
            Row("requests answered during these releases, at 20 a second", [answered], ""),
            Row("requests failed", [failed], ""),
            *self._on_aws(steps[ALONE]),
        ]

    def _warm(self, how: str, steps: dict[str, list[float]]) -> list[Row]:
        """Measure warm releases through the pipeline as it is.

        Args:
            how: its actions run, for the rows.
            steps: takes the seconds of each action.
        """
        took = []
        for run in range(self.runs):
            self.say(f"release, warm, {how}: {run + 1} of {self.runs}")
            took.append(self._released({NOTE: lambda _: secrets.token_hex()}, steps))
        what = f"commit to production, approval automatic, warm, {how}"
        return [Row(what, took), *(Row(f"- of it {name}", values) for name, values in steps.items())]

    def _on_aws(self, steps: Mapping[str, Sequence[float]]) -> list[Row]:
        """Return the modelled seconds of a release on AWS, from the seconds of actions that had the machine alone."""
        document = yaml.safe_load((self.workspace.root / "Pulumi.prod.yaml").read_text("utf-8"))
        service = Service(**document["config"]["slipway:environment"]["services"]["web"])
        medians = {name: statistics.median(values) for name, values in steps.items() if name != SOURCE}
        ways = release_on_aws.ways(medians, service)
        return [Row(f"a release on AWS, modelled: {way}", [seconds]) for way, seconds in ways.items()]

    def _released(self, changed: dict[str, Callable[[str], str]], steps: dict[str, list[float]] | None = None) -> float:
        """Push a commit; returns the seconds until its execution has succeeded."""
        begun = time.monotonic()
        commit = self.releases.push_with(changed, "Measured")
        execution = self.releases.execution_of(commit)
        assert self.releases.end(execution) == "Succeeded", self.releases.told(execution)
        took = time.monotonic() - begun
        if steps is not None:
            for name, action in self.releases.actions(execution).items():
                seconds = (action["lastUpdateTime"] - action["startTime"]).total_seconds()
                steps.setdefault(name, []).append(seconds)
        return took

    def _bare(self) -> float:
        """Run tests/bench/bare.sh on the last pushed commit; returns its duration in seconds."""
        images = json.loads(self.workspace.must("bin/localcloud", "env", "--json"))
        name = f"slipway-bench-{os.getpid()}"
        password = ["-e", "POSTGRES_PASSWORD=guestbook", "-e", "POSTGRES_USER=guestbook", "-e", "POSTGRES_DB=guestbook"]
        run = ["docker", "run", "--detach", "--name", name, "--network", NETWORK, *password, images["POSTGRES_IMAGE"]]
        subprocess.run(run, check=True, capture_output=True)
        own = {"COMMIT": self.releases.git("rev-parse", "HEAD"), "NETWORK": NETWORK, "DATABASE": name, **images}
        own["COMPOSE"] = str(ROOT / ".venv/bin/docker-compose")
        try:
            time.sleep(5)  # the database, which an environment already has
            begun = time.monotonic()
            done = subprocess.run(
                [self.workspace.root / "tests/bench/bare.sh", self.workspace.root / "app"],
                env=self.workspace.environment | own, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
            return time.monotonic() - begun
        finally:
            subprocess.run(["docker", "rm", "--force", "--volumes", name], check=True, capture_output=True)

    def no_change(self) -> list[Row]:
        """Measure preview, refresh and up of both stacks without changes."""
        rows = []
        for stack in ("staging", "prod"):
            for command in (("preview",), ("up", "--yes", "--skip-preview"), ("refresh", "--yes")):
                self.say(f"{command[0]} of {stack}, no change")
                rows.append(
                    Row(f"`{command[0]}` of {stack}, no change", self._timed(command[0], "-s", stack, *command[1:]))
                )
        return rows

    def services(self) -> list[Row]:
        """Measure the preview of a new stack with 1, 5 and 10 services."""
        rows = []
        for number in (1, 5, 10):
            what = f"of a new stack with {number} service{'s' if number > 1 else ''}"
            self.say(f"preview {what}")
            stack = f"services{number}"
            shutil.copy(self.workspace.root / "Pulumi.staging.yaml", self.workspace.root / f"Pulumi.{stack}.yaml")
            self.workspace.edit(stack, several(number))
            values = self._timed("preview", "-s", stack)
            created = changes(self.workspace.pulumi("preview", "-s", stack).stdout)["create"]
            rows.append(Row(f"`preview` {what}", values, note=f"{created} resources"))
            self.workspace.pulumi("stack", "rm", "-s", stack, "--yes")
        return rows

    def _timed(self, *arguments: str) -> list[float]:
        """Run bin/pulumi-local the configured number of times; returns the seconds of each run."""
        values = []
        for _ in range(self.runs):
            begun = time.monotonic()
            self.workspace.must("bin/pulumi-local", *arguments)
            values.append(time.monotonic() - begun)
        return values

    def down(self) -> list[Row]:
        """Measure the destruction of everything."""
        rows = []
        for stack in ("prod", "staging"):
            self.say(f"destroy of {stack}")
            self.workspace.unprotect(stack)
            begun = time.monotonic()
            self.workspace.must("bin/pulumi-local", "destroy", "-s", stack, "--yes", "--skip-preview")
            rows.append(Row(f"`destroy` of {stack}", [time.monotonic() - begun]))
        return rows


def automatic(config: dict[str, Any]) -> None:
    """Configure the pipeline without approval."""
    config["slipway:pipeline"]["approval"] = "automatic"


def keys(**given: object) -> Callable[[dict[str, Any]], None]:
    """Return a change of a stack file to these keys of the pipeline."""
    return lambda config: config["slipway:pipeline"].update(given)


ALONE = "one action after the other"
"""The pipeline whose actions have the machine for themselves."""
PIPELINES = {
    f"{ALONE}, the checks beside them": keys(parallel_tests=False, check_branch=True),
    ALONE: keys(parallel_tests=False, check_branch=False),
    "as in the committed stack file": keys(parallel_tests=True, check_branch=False),
}
"""Pipelines by how their actions run; the first is that without keys, before there were any."""


def several(number: int) -> Callable[[dict[str, Any]], None]:
    """Return a change of a stack file to the given number of services, each with its own route."""

    def change(config: dict[str, Any]) -> None:
        environment = config["slipway:environment"]
        environment["network"] = {"cidr": "10.40.0.0/16"}
        web = environment["services"].pop("web")
        environment["services"] = {"web0": web}
        for each in range(1, number):
            route = {"paths": [f"/web{each}/*"], "priority": each}
            environment["services"][f"web{each}"] = web | {"route": route}

    return change


def set_up(runs: int, say: Callable[[str], None], *, cold: bool) -> list[Row]:
    """Measure `make setup` when it is already done, and in a new clone; `cold`: also once with empty caches."""
    rows = [Row("`make setup` where it was done", [_make_setup(ROOT, {}) for _ in range(runs)])]
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        say("make setup in a fresh clone, caches warm")
        rows.append(Row("`make setup` in a fresh clone, caches warm", [_make_setup(_clone(Path(folder, "warm")), {})]))
        if cold:
            say("make setup in a fresh clone, caches empty: about 8 minutes")
            caches = {
                name: str(Path(folder, name)) for name in ("LOCALCLOUD_CACHE", "GOMODCACHE", "GOCACHE", "PIP_CACHE_DIR")
            }
            seconds = _make_setup(_clone(Path(folder, "cold")), caches | {"GOFLAGS": "-modcacherw"})
            rows.append(Row("`make setup` in a fresh clone, caches empty", [seconds]))
    return rows


def _clone(target: Path) -> Path:
    subprocess.run(["git", "clone", "--quiet", ROOT, target], check=True)
    return target


def _make_setup(folder: Path, more: dict[str, str]) -> float:
    begun = time.monotonic()
    done = subprocess.run(
        ["make", "setup"], cwd=folder, env=os.environ | more, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return time.monotonic() - begun
