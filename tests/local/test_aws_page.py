"""docs/aws.md, walked on the local cloud: each command of its blocks, in order, in an account that has nothing yet."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from delivery.operator.status import WAITS
from tests.local.releases import PIPELINE, REPOSITORY
from tests.local.workspace import PORT, ROOT, UMASK

if TYPE_CHECKING:
    from pathlib import Path

    from tests.local.workspace import Workspace

pytestmark = [pytest.mark.local, pytest.mark.rare]
PAGE = ROOT / "docs" / "aws.md"
SECTIONS = ("Service-linked roles", "Deployment", "Tear-down")
NOT_HERE = {
    "make venv": "the tests run in the virtual environment that it makes",
    "pulumi config set --secret github:token -s prod": "refused: the local cloud makes up the secrets that it needs",
}
CONFIRMED = """#!/bin/sh
# The answer to the question that `up` and `destroy` ask on a terminal.
case $1 in up|destroy) set -- "$@" --yes;; stack) [ "$2" = rm ] && set -- "$@" --yes;; esac
exec bin/pulumi-local "$@"
"""


def commands(page: str, section: str) -> list[str]:
    """Return the commands of a section's first block, without comments; a loop is one command."""
    text = re.split(rf"^##+ {section}\n", page, flags=re.MULTILINE)[1]
    block = re.split(r"^```\n", text, flags=re.MULTILINE)[1]
    lines = [re.sub(r"\s+# .*", "", line) for line in block.splitlines()]
    return re.findall(r"^for .*?^done$|^[^\n]+$", "\n".join(lines), re.MULTILINE | re.DOTALL)


@pytest.fixture
def account(workspace: Workspace) -> Workspace:
    """The local cloud as an account in which nothing has been used yet, with the repository's files."""
    workspace.must("bin/localcloud", "reset")
    workspace.environment["LOCALCLOUD_NEW_ACCOUNT"] = "1"
    workspace.must("bin/localcloud", "up", "--yes")
    who = ("-c", "user.name=Dev", "-c", "user.email=dev@example.org")
    workspace.must("git", "init", "--quiet", "--initial-branch=main", ".")
    workspace.must("git", "add", "--all", ".")
    workspace.must("git", *who, "commit", "--quiet", "--message", "The project")
    return workspace


@pytest.fixture
def shell(account: Workspace, tmp_path: Path) -> dict[str, str]:
    """Return the environment in which `pulumi` and `aws` are those of the local cloud."""
    aws = f'#!/bin/sh\nexec "{sys.executable}" "{account.root}/tests/local/aws_cli.py" "$@"\n'
    for name, text in (("pulumi", CONFIRMED), ("aws", aws)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return account.environment | {"PATH": f"{tmp_path}:{account.environment['PATH']}"}


def run(account: Workspace, shell: dict[str, str], command: str) -> str:
    """Run a command as the page has it; it must succeed, or wait for a person."""
    command = command.replace("https://github.com/OWNER/NAME", f"http://127.0.0.1:{PORT}/{REPOSITORY}")
    print("$", command)
    done = subprocess.run(
        [sys.executable, "-m", "tools.with_localcloud", "bash", "-c", command],
        cwd=account.root, env=shell, text=True, input="a token\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=900, check=False, umask=UMASK,
    )  # fmt: skip
    print(done.stdout)
    assert done.returncode in (0, WAITS), f"$ {command}\n{done.stdout[-6000:]}"
    return done.stdout


def test_the_page_leads_from_an_account_to_a_release_and_back(account: Workspace, shell: dict[str, str]) -> None:
    """A person's parts are done by the test: completing the connection, and approving."""
    page = PAGE.read_text("utf-8")
    for command in commands(page, "Service-linked roles"):
        run(account, shell, command)
    ups, told = 0, ""
    for command in commands(page, "Deployment"):
        if command in NOT_HERE:
            continue
        if command == "pulumi up -s prod":
            ups += 1
            if ups == 2:
                assert account.cloud("connect", PIPELINE).returncode == 0
        told = run(account, shell, command)
    assert f"{PIPELINE}, execution" in told
    assert ": Succeeded" in told
    commit = account.must("git", "rev-parse", "HEAD").strip()
    for stack in ("staging", "prod"):
        assert httpx.get(f"{account.outputs(stack)['url']}/version").json()["commit"] == commit
    for command in commands(page, "Tear-down"):
        run(account, shell, command)
    ours = [{"Name": "tag:project", "Values": ["slipway"]}]
    assert account.client("ec2").describe_vpcs(Filters=ours)["Vpcs"] == []


def test_every_command_of_these_sections_is_run() -> None:
    """The other blocks show single commands that a special case needs."""
    page = PAGE.read_text("utf-8")
    assert [len(commands(page, section)) for section in SECTIONS] == [1, 13, 8]
    assert set(NOT_HERE) < set(commands(page, "Deployment"))
