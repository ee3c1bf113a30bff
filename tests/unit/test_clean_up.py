"""`make clean-up`: what it runs, and what it says where something is in the way."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from localcloud import client
from localcloud.settings import UserError
from tools import clean_up, stacks


class Rds:
    """A database of staging and a snapshot of another stack's; what is asked of them is recorded."""

    def __init__(self, *, protected: bool) -> None:
        """Start with a database that is protected or not."""
        self.tags, self.done = [{"Key": "environment", "Value": "staging"}], list[dict[str, Any]]()
        self.instances = [{"DBInstanceIdentifier": "staging-1", "DeletionProtection": protected, "TagList": self.tags}]
        other = [{"Key": "environment", "Value": "prod"}]
        self.snapshots = [
            {"DBSnapshotIdentifier": "staging-1-final", "TagList": self.tags},
            {"DBSnapshotIdentifier": "prod-1-final", "TagList": other},
        ]

    def get_paginator(self, operation: str) -> Any:  # noqa: ANN401 - of boto3
        """Return one page of instances or snapshots."""
        page = {"DBInstances": self.instances, "DBSnapshots": self.snapshots}
        assert operation in ("describe_db_instances", "describe_db_snapshots")
        return SimpleNamespace(paginate=lambda: [page])

    def modify_db_instance(self, **asked: Any) -> None:  # noqa: ANN401
        """Record a change."""
        self.done.append(asked)

    def delete_db_snapshot(self, **asked: Any) -> None:  # noqa: ANN401
        """Record a deletion."""
        self.done.append(asked)


@pytest.fixture
def rds(monkeypatch: pytest.MonkeyPatch) -> Rds:
    """The databases of the local cloud that runs."""
    found = Rds(protected=True)
    monkeypatch.setattr(client, "running", lambda: SimpleNamespace(boto3=lambda _: found))
    return found


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, rds: Rds) -> list[str]:  # noqa: ARG001 - it is asked
    """The commands that are run for a stack, staging; each succeeds."""
    commands: list[str] = []
    monkeypatch.setattr(stacks, "existing", lambda: ["staging"])
    monkeypatch.setattr(clean_up, "inventory", lambda: Path("inventory.json"))
    state = {"deployment": {"resources": [{"type": clean_up.DATABASE, "urn": "urn:database", "protect": False}]}}
    exported = SimpleNamespace(returncode=0, stdout=json.dumps(state))
    monkeypatch.setattr(stacks, "capture", lambda *_: exported)

    def run(command: list[str]) -> int:
        commands.append(" ".join(command))
        return 0

    monkeypatch.setattr(stacks, "run", run)
    return commands


def fails(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    """Let a command with these words fail."""
    run = stacks.run
    monkeypatch.setattr(stacks, "run", lambda command: run(command) or int(words in " ".join(command)))


def test_what_a_stack_left_goes_between_destroy_and_sweep(ran: list[str]) -> None:
    """With all that a destroyed stack of the local cloud may have left."""
    clean_up.destroy()
    ends = ["destroy -s staging --yes --skip-preview", "stack rm -s staging --yes", "-m localcloud sweep"]
    assert [ran[number].endswith(end) for number, end in zip((0, 2, 3), ends, strict=True)] == [True] * 3
    assert ran[1].endswith("-m delivery clean --stack staging --skip-snapshot --unprotect --running")


def test_what_keeps_a_stack_from_being_destroyed_stops_it(ran: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is removed then, as the user may have protected it; the message has the next command."""
    fails(monkeypatch, "destroy")
    with pytest.raises(UserError, match=r"staging is not destroyed.*first: bin/delivery-local clean .* --unknown$"):
        clean_up.destroy()
    assert len(ran) == 1


def test_what_no_stack_has_is_left_with_the_next_command(ran: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """That which removes a stack's things, and that which removes all."""
    fails(monkeypatch, "sweep")
    with pytest.raises(UserError, match=r"bin/delivery-local clean --stack NAME --skip-.*: bin/localcloud reset; then"):
        clean_up.destroy()
    assert len(ran) == 4


def test_what_pulumi_protects_is_unprotected_before_the_destroy(
    ran: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a database only: a repository is protected by whoever wants to keep its images."""
    kinds = {"urn:database": clean_up.DATABASE, "urn:repository": "aws:ecr/repository:Repository"}
    rows = [{"type": kind, "urn": urn, "protect": True} for urn, kind in kinds.items()]
    exported = SimpleNamespace(returncode=0, stdout=json.dumps({"deployment": {"resources": rows}}))
    monkeypatch.setattr(stacks, "capture", lambda *_: exported)
    clean_up.destroy()
    assert ran[0].endswith("state unprotect urn:database -s staging --yes")
    assert ran[1].endswith("destroy -s staging --yes --skip-preview")


@pytest.mark.usefixtures("ran")
def test_what_protects_a_database_is_switched_off_with_a_line_that_says_so(
    rds: Rds, capsys: pytest.CaptureFixture[str]
) -> None:
    """And its snapshots are deleted; those of other stacks stay."""
    clean_up.destroy()
    printed = capsys.readouterr().out.splitlines()
    assert "stack staging: the deletion protection of database staging-1 is switched off" in printed
    assert "stack staging: the database snapshot staging-1-final is deleted" in printed
    assert rds.done == [
        {"DBInstanceIdentifier": "staging-1", "DeletionProtection": False, "ApplyImmediately": True},
        {"DBSnapshotIdentifier": "staging-1-final"},
    ]


@pytest.mark.usefixtures("ran")
def test_a_database_that_nothing_protects_is_left_alone(rds: Rds, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is said of it."""
    rds.instances[0]["DeletionProtection"] = False
    clean_up.destroy()
    assert "protection" not in capsys.readouterr().out


def test_what_only_tests_need_goes_with_everything_else(
    ran: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The environment of checkov, with `ALL=1` only."""
    (tmp_path / ".checkov" / "venv").mkdir(parents=True)
    monkeypatch.setattr(clean_up, "ROOT", tmp_path)
    monkeypatch.setattr(client, "python", lambda: tmp_path)
    monkeypatch.setattr(client, "is_running", lambda: False)
    clean_up.clean_up(everything=False)
    assert (tmp_path / ".checkov").exists()
    clean_up.clean_up(everything=True)
    assert not (tmp_path / ".checkov").exists()
    assert ran[-1].endswith("tools.toolchain clean")
