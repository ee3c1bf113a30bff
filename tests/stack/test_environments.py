"""The real program with the real stack files, on a stand-in engine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.fake_engine import DIGEST, REGISTRY
from tests.stack import program

if TYPE_CHECKING:
    from tests.fake_engine import FakeEngine


@pytest.fixture
def staging(monkeypatch: pytest.MonkeyPatch) -> tuple[FakeEngine, dict[str, object]]:
    """Staging as committed."""
    return program.run(monkeypatch, program.stack_file("staging"))


def test_staging_exports_what_acceptance_and_delivery_read(staging: tuple[FakeEngine, dict[str, object]]) -> None:
    """Every output that the contract names is there, and nothing else."""
    _, outputs = staging
    assert outputs == {
        "url": "http://balancer.example.test",
        "cluster": "slipway-staging",
        "services": {"web": "staging-web"},
        "template_families": {"web": "staging-web-template"},
        "repository_urls": {"web": f"{REGISTRY}/slipway/web"},
        "image_digests": {"web": DIGEST},
        "log_groups": ["/slipway/staging/web"],
    }


def test_staging_records_its_facts_in_parameter_store(staging: tuple[FakeEngine, dict[str, object]]) -> None:
    """Two parameters, whose names and keys delivery knows."""
    engine, _ = staging
    facts = {one.inputs["name"]: json.loads(one.inputs["insecureValue"]) for one in engine.of("Parameter")}
    assert set(facts) == {"/slipway/staging/environment", "/slipway/staging/services/web"}
    assert facts["/slipway/staging/services/web"].items() >= {
        "service": "staging-web",
        "template_family": "staging-web-template",
        "release_family": "staging-web",
        "repository_url": f"{REGISTRY}/slipway/web",
        "digest": DIGEST,
        "context": "app",
    }.items()
