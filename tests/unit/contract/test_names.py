"""Names and tags that `infra` and `delivery` share."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from contract import containers, files, images, names, pipeline

ROOT = Path(__file__).resolve().parents[3]


def test_parameters_have_one_path_per_environment() -> None:
    """So that a role can be allowed to read those of one environment."""
    assert names.environment_parameter("staging") == "/slipway/staging/environment"
    assert names.service_parameter("staging", "web") == "/slipway/staging/services/web"
    assert names.pipeline_parameter("prod") == "/slipway/prod/pipeline"
    assert names.parameters("prod") == "/slipway/prod"


def test_releases_and_their_template_are_two_families() -> None:
    """The template's latest revision is what the next release is registered from."""
    assert names.release_family("prod", "web") == "prod-web"
    assert names.template_family("prod", "web") == "prod-web-template"


def test_a_tag_records_the_stage_that_an_image_passed() -> None:
    """Lifecycle policies and lookups use the prefix."""
    assert (images.CANDIDATE, images.ACCEPTED, images.RELEASED) == ("candidate-", "accepted-", "released-")
    assert images.content_tag("abc", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "content-abc-20260102030405"
    assert images.platform_tag("c0ffee1", "linux/arm64") == "candidate-c0ffee1-arm64"
    assert images.suite_tag("c0ffee1") == "candidate-c0ffee1-suite"


def test_stages_and_actions_have_the_names_that_the_buildspecs_and_the_runbook_use() -> None:
    """Deployed pipelines have them: another name would be another stage."""
    assert [*pipeline.Stage] == ["Source", "Test", "Build", "Staging", "Approval", "Production"]
    assert [*pipeline.Action] == [
        "Source", "Test", "Build", "Index", "Deploy", "Acceptance", "Promote", "Approve", "Smoke",
    ]  # fmt: skip
    assert pipeline.built_artifact("arm64") == "Built_arm64"


def test_buildspecs_use_the_variables_and_artifacts_by_their_names() -> None:
    """A buildspec cannot import the contract, so its names are compared here."""
    specs = {path.stem: path.read_text("utf-8") for path in (ROOT / "delivery" / "buildspecs").glob("*.yml")}
    release = f"$CODEBUILD_SRC_DIR_{pipeline.RELEASE_ARTIFACT}/{pipeline.RELEASE_FILE}"
    for name in ("deploy", "acceptance", "promote", "smoke"):
        assert release in specs[name]
    for architecture in ("amd64", "arm64"):
        assert f"$CODEBUILD_SRC_DIR_{pipeline.built_artifact(architecture)}/" in specs["index"]
    assert f"- {pipeline.RELEASE}\n" in specs["build"]
    assert f"- {pipeline.RELEASE}\n" in specs["index"]
    assert f"- {pipeline.URL}\n" in specs["acceptance"]
    assert f'--commit "${pipeline.COMMIT}" --execution "${pipeline.EXECUTION}"' in specs["build"]
    assert f'--platform "${{{pipeline.PLATFORM}:-}}"' in specs["build"]
    assert all(f'--stack "${pipeline.STACK}"' in text for text in specs.values())


def test_a_containers_variables_are_documented() -> None:
    """Applications read these names (docs/application.md)."""
    text = (ROOT / "docs" / "application.md").read_text("utf-8")
    for name in (containers.PORT, *containers.OF_A_RELEASE, containers.DATABASE_HOST, containers.DATABASE_PASSWORD):
        assert name in text


@pytest.mark.parametrize(
    ("content", "mode"), [(b"#!/bin/sh\n", 0o755), (b"\x7fELF\x02", 0o755), (b"print()\n", 0o644), (b"", 0o644)]
)
def test_a_files_mode_depends_on_its_first_bytes(content: bytes, mode: int, tmp_path: Path) -> None:
    """Executables are executable, and every file is readable by all users."""
    path = tmp_path / "file"
    path.write_bytes(content)
    assert files.mode_of(path) == mode
