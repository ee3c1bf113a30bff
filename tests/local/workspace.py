"""A copy of the project with its own local cloud, isolated from any other running one."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import yaml

from contract import names
from support import ports
from support.responses import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
PORT = ports.own("LOCAL_TEST_PORT", 4577)
NETWORK = f"slipway-tests-{PORT}"
UMASK = 0o077
"""The umask of copies and their commands: builds must not depend on the file modes of a checkout."""
DROPPED = ("AWS_", "PULUMI_", "PYTHONPATH", "LOCALCLOUD_STATE")
RECORDED = ("codepipeline", "codebuild", "codeconnections", "ecs")


@dataclass(frozen=True)
class Workspace:
    """A copy of the project whose local cloud has its own port."""

    root: Path
    environment: dict[str, str]
    recorder: Recorder = field(default_factory=Recorder)
    clients: dict[str, Any] = field(default_factory=dict)
    known: dict[str, tuple[object, dict[str, Any]]] = field(default_factory=dict)
    """Cached outputs by stack, with the time at which the stack's state was written."""

    def run(
        self, *command: str, timeout: float = 600, more: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the copy, with `more` in its environment; `stdout` of the result includes stderr."""
        return subprocess.run(
            command,
            cwd=self.root,
            env=self.environment | (more or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
            umask=UMASK,
        )

    def must(self, *command: str, timeout: float = 600) -> str:
        """Run a command, which must succeed; returns its output."""
        done = self.run(*command, timeout=timeout)
        assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-6000:]}"
        return done.stdout

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run bin/pulumi-local."""
        return self.run("bin/pulumi-local", *arguments)

    def up(self, stack: str) -> str:
        """Deploy a stack by `pulumi up`, which must succeed; returns its output."""
        return self.must("bin/pulumi-local", "up", "-s", stack, "--yes", "--skip-preview")

    def unprotect(self, stack: str) -> None:
        """Take away all that protects a stack's database."""
        for row in self.resources(stack):
            if row["type"] == "aws:rds/instance:Instance" and row.get("protect"):
                self.must("bin/pulumi-local", "state", "unprotect", row["urn"], "-s", stack, "--yes")
        for name in self._databases("describe_db_instances", "DBInstances", "DBInstanceIdentifier", stack):
            self.client("rds").modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False)

    def destroy(self, stack: str) -> None:
        """Destroy a stack, whatever protects its database, without a snapshot that stays."""
        self.unprotect(stack)
        self.must("bin/pulumi-local", "destroy", "-s", stack, "--yes", "--skip-preview")
        for name in self._databases("describe_db_snapshots", "DBSnapshots", "DBSnapshotIdentifier", stack):
            self.client("rds").delete_db_snapshot(DBSnapshotIdentifier=name)

    def _databases(self, listing: str, member: str, key: str, stack: str) -> list[str]:
        """Return the names of a stack's instances or snapshots, by its tags."""
        tags = {"project": names.project(self.root / "Pulumi.yaml"), "environment": stack}
        wanted = [{"Key": key, "Value": value} for key, value in tags.items()]
        rows = getattr(self.client("rds"), listing)()[member]
        return [row[key] for row in rows if all(tag in row["TagList"] for tag in wanted)]

    @property
    def python(self) -> str:
        """The interpreter of the local cloud's virtual environment."""
        return str(self.root / ".localcloud/venv/bin/python")

    def cloud(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run bin/localcloud."""
        return self.run("bin/localcloud", *arguments)

    def kill(self) -> None:
        """Kill the local cloud and restart it."""
        os.kill(json.loads(self.cloud("status", "--json").stdout)["pid"], signal.SIGKILL)
        self.must("bin/localcloud", "up", "--yes")

    def delivery(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m delivery` against the local cloud."""
        return self.run(sys.executable, "-m", "tools.with_localcloud", sys.executable, "-m", "delivery", *arguments)

    def page(self) -> str:
        """Return the text of the local cloud's page."""
        shown = httpx.get(f"http://127.0.0.1:{PORT}/", headers={"accept": "text/html"}, timeout=60)
        return html.unescape(re.sub(r"<[^>]+>", "", shown.text))

    def outputs(self, stack: str) -> dict[str, Any]:
        """Return a stack's outputs, cached until the stack's state changes."""
        folder = Path(self.environment.get("LOCALCLOUD_STATE") or self.root / ".localcloud")
        written = [path.stat().st_mtime_ns for path in folder.glob(f"pulumi/.pulumi/stacks/*/{stack}.json")]
        if not written or self.known.get(stack, (None,))[0] != written:
            found = self.must("bin/pulumi-local", "stack", "output", "--json", "-s", stack)
            self.known[stack] = (written, dict(json.loads(found)))
        return self.known[stack][1]

    def resources(self, stack: str) -> list[dict[str, Any]]:
        """Return the resources in a stack's state."""
        exported = json.loads(self.must("bin/pulumi-local", "stack", "export", "-s", stack))
        return list(exported["deployment"].get("resources", []))  # none of a stack that is destroyed

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3's clients have no static type
        """Return a boto3 client of the copy's local cloud, whose responses are validated by botocore's models."""
        if service not in self.clients:
            client = self.clients[service] = boto3.client(
                service,
                endpoint_url=f"http://127.0.0.1:{PORT}",
                region_name="eu-central-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
            if service in RECORDED:
                self.recorder.watch(client)
        return self.clients[service]

    def edit(self, stack: str, change: Callable[[dict[str, Any]], None]) -> None:
        """Edit a stack file: `change` is called with its `config:` map."""
        path = self.root / f"Pulumi.{stack}.yaml"
        document = yaml.safe_load(path.read_text("utf-8"))
        change(document["config"])
        path.write_text(yaml.safe_dump(document), "utf-8")


def changes(printed: str) -> dict[str, int]:
    """Parse the summary of a Pulumi run into counts: {"created": 3, "unchanged": 40, ...}."""
    summary = printed.rsplit("Resources:", 1)[-1]
    pairs = re.findall(r"(\d+) (?:to )?(\w+)", summary.split("Duration", 1)[0])
    return {word: int(number) for number, word in pairs}


def copy_of_the_project(target: Path) -> Workspace:
    """Copy all files of the working tree that git does not ignore; returns the copy, whose local cloud is not up."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
            (target / name).chmod((ROOT / name).stat().st_mode & 0o777 & ~UMASK)
    for folder in {parent for name in listed.split("\0") for parent in (target / name).parents}:
        if folder.is_relative_to(target):
            folder.chmod(0o777 & ~UMASK)
    for name in (".venv", ".checkov", ".toolchain"):
        if (ROOT / name).exists():  # else the copy makes its own
            (target / name).symlink_to(ROOT / name)
    (target / ".localcloud").mkdir()
    (target / ".localcloud" / "venv").symlink_to(ROOT / ".localcloud" / "venv")
    own = {"LOCALCLOUD_PORT": PORT, "LOCALCLOUD_NETWORK": NETWORK, "CI": "true"}
    kept = {key: value for key, value in os.environ.items() if not key.startswith(DROPPED)}
    return Workspace(target, kept | own)
