"""The build projects of the pipeline: what each runs, and what its role may do. Creates nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.pipeline import Project
from infra.aws import permissions, platforms
from infra.pipeline.build_project import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.aws.arns import Home
    from infra.aws.iam import Document
    from infra.config.pipeline import Pipeline
    from infra.config.stack import StackConfig
    from infra.pipeline.artifact_store import ArtifactStore
    from infra.pipeline.connection_status import Found

TESTED = {"unit": "TEST", "integration": "TEST", "coverage": "CODE_COVERAGE"}
ACCEPTED = {"acceptance": "TEST"}
FOR_STAGING = (Project.STAGING_DEPLOY, Project.STAGING_ACCEPTANCE, Project.STAGING_PROMOTE)
FOR_PRODUCTION = (Project.PRODUCTION_DEPLOY, Project.PRODUCTION_SMOKE)
# Deploying may take 60 minutes: above a rollout, the way back and the proof of both (delivery/deploying/rollout.py).
STEPS: dict[str, Step] = {
    Project.CHECKS: Step(
        description="Tests of every push and pull request", buildspec="checks", docker=True, minutes=60, reports=TESTED
    ),
    Project.TEST: Step(
        description="Unit and integration tests of a release", buildspec="test", docker=True, minutes=60, reports=TESTED
    ),
    Project.BUILD: Step(
        description="Builds a release's images, tries and pushes them",
        buildspec="build",
        docker=True,
        minutes=60,
        reports={"image": "TEST"},
    ),
    Project.INDEX: Step(
        description="Makes one image of those built for each platform",
        buildspec="index",
        docker=False,
        minutes=10,
        reports={},
    ),
    Project.STAGING_DEPLOY: Step(
        description="Rolls a release out to staging", buildspec="deploy", docker=False, minutes=60, reports={}
    ),
    Project.STAGING_ACCEPTANCE: Step(
        description="Acceptance tests against staging",
        buildspec="acceptance",
        docker=True,
        minutes=60,
        reports=ACCEPTED,
    ),
    Project.STAGING_PROMOTE: Step(
        description="Marks a release's images as accepted", buildspec="promote", docker=False, minutes=10, reports={}
    ),
    Project.PRODUCTION_DEPLOY: Step(
        description="Rolls a release out to production", buildspec="deploy", docker=False, minutes=60, reports={}
    ),
    Project.PRODUCTION_SMOKE: Step(
        description="Safe tests against production, marks the release",
        buildspec="smoke",
        docker=True,
        minutes=60,
        reports=ACCEPTED,
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Lookups:
    """What was looked up before anything is created.

    Attributes:
        pipeline: the section `slipway:pipeline`.
        home: the account and region.
        staging: the name of the stack that releases pass first.
        services: names of its services.
        repositories: ARNs of their image repositories.
        connection: to GitHub; None where there is none (yet), or none is used.
        checks: the text of the buildspec of the project that tests changes.
    """

    pipeline: Pipeline
    home: Home
    staging: str
    services: Sequence[str]
    repositories: Sequence[str]
    connection: Found | None
    checks: str


def native(config: StackConfig) -> platforms.Platform:
    """Return the platform that the first service runs on, and with it all steps but the builds for another one."""
    return platforms.BY_CPU_ARCHITECTURE[next(iter(config.environment.services.values())).cpu_architecture]


def builds(config: StackConfig, pipeline: Pipeline) -> dict[str, str]:
    """Return the build projects that make images, and the platform of each."""
    return platforms.build_projects(pipeline.platforms, native(config))


def keys(config: StackConfig, pipeline: Pipeline) -> tuple[str, ...]:
    """Return the keys of the build projects that the pipeline runs: production's only where there is one."""
    images = list(builds(config, pipeline))
    index = [Project.INDEX] if len(images) > 1 else []
    production = FOR_PRODUCTION if pipeline.staging else ()
    return (Project.TEST, *images, *index, *FOR_STAGING, *production)


def step(config: StackConfig, pipeline: Pipeline, key: str) -> Step:
    """Return what a build project runs; builds for each platform run the same."""
    return STEPS[Project.BUILD if key in builds(config, pipeline) else key]


def statements(config: StackConfig, known: Lookups, store: ArtifactStore, key: str) -> list[Document]:
    """Return what the role of a build project may do, beside its own logs and reports."""
    environment = config.stack if key in FOR_PRODUCTION else known.staging
    if key == Project.CHECKS:
        arn = known.connection.arn if known.connection else None
        source = permissions.use_connection(arn, fetch=True) if arn else []
    else:
        writes = key in (*builds(config, known.pipeline), Project.INDEX)
        source = permissions.artifacts(known.home, store.arn, store.objects, write=writes)
    return [permissions.read_facts(known.home, environment), *source, *_purpose(config, known, key)]


def _purpose(config: StackConfig, known: Lookups, key: str) -> list[Document]:
    """Return what a step may do to images and services."""
    here = list(config.environment.services)
    to_staging = permissions.deploy(known.home, known.staging, known.services, known.repositories)
    to_production = permissions.deploy(known.home, config.stack, here, known.repositories)
    tag = permissions.tag_images(known.repositories)
    if key in builds(config, known.pipeline):
        return permissions.push_images(known.repositories)
    by_key: dict[str, list[Document]] = {
        Project.INDEX: [tag],
        Project.STAGING_DEPLOY: to_staging,
        # What acceptance refuses it puts back itself.
        Project.STAGING_ACCEPTANCE: to_staging,
        Project.STAGING_PROMOTE: [tag],
        Project.PRODUCTION_DEPLOY: to_production,
        Project.PRODUCTION_SMOKE: [*to_production, tag],
    }
    return by_key.get(key, [])
