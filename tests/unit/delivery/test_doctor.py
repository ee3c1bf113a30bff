"""The doctor: what it finds of a stack, of the account and of the pipeline, and when it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.delivery.aws import ACCOUNT
from tests.unit.delivery.world import FIRST, digest_of

if TYPE_CHECKING:
    import pytest

    from tests.unit.delivery.docker import Docker
    from tests.unit.delivery.patient import Patient

RUN = "11111111-2222-3333-4444-555555555555"


def test_a_healthy_stack_has_a_line_for_everything_that_was_checked(patient: Patient) -> None:
    """And ends with 0."""
    code, found = patient.findings()
    assert code == 0
    assert found["account"] == [f"ok: {ACCOUNT} as arn:aws:iam::{ACCOUNT}:user/me, region eu-west-1"]
    assert found["docker"] == ["ok: Docker Engine"]
    assert found["stack"] == ["ok: cluster the-cluster, services web"]
    assert found["services"] == ["ok: staging-web: 2 of 2 tasks run"]
    assert found["url"][0].endswith(f"serves {FIRST} ({digest_of(FIRST)})")
    assert found["capacity"] == ["ok: a release needs 1 vCPU (old and new tasks side by side), the account may use 10"]
    told = "ok: one load balancer, one network and one database at most carry the stack's tags"
    assert found["leftovers"] == [told]
    assert found["pipeline"] == [
        "ok: slipway, stage Production",
        "ok: connection github is AVAILABLE",
        "unknown: cannot check whether branch main of acme/app is protected; set GITHUB_TOKEN to a token that may read "
        "the repository",
        "ok: project slipway-checks is called by a webhook; whether GitHub still has it: see its settings",
    ]
    assert found["builds"] == ["ok: 5 builds on Linux/Small may run at the same time"]
    assert found["rights"] == ["ok: deploying and approving by hand is allowed"]


def test_without_docker_builds_by_hand_do_not_work(
    patient: Patient, docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deploying does; an engine that does not answer is told with its reason."""
    docker.fails("version --")
    assert patient.findings()[1]["docker"][0].startswith("warn: the Docker Engine does not answer: ")
    monkeypatch.setenv("PATH", "")
    code, found = patient.findings()
    assert (code, found["docker"][0].partition(";")[0]) == (0, "warn: docker is not on PATH")
