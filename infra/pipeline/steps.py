"""The build projects of the pipeline as data: what each runs, and the permissions of its role."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.limits import STEP_MINUTES
from contract.pipeline import Project
from infra.aws import names, permissions, platforms
from infra.pipeline.build_project import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.aws.arns import Home
    from infra.aws.iam import Document
    from infra.config.pipeline import Pipeline
    from infra.config.stack import StackConfig
    from infra.pipeline.artifact_store import ArtifactStore
    from infra.pipeline.connection_lookup import ExistingConnection

TEST_REPORTS = {"unit": "TEST", "integration": "TEST", "coverage": "CODE_COVERAGE"}
ACCEPTANCE_REPORTS = {"acceptance": "TEST"}
FOR_STAGING = (Project.STAGING_DEPLOY, Project.STAGING_ACCEPTANCE, Project.STAGING_PROMOTE)
FOR_PRODUCTION = (Project.PRODUCTION_DEPLOY, Project.PRODUCTION_SMOKE)
TELL_GITHUB = (Project.STAGING_DEPLOY, Project.STAGING_ACCEPTANCE, *FOR_PRODUCTION)
# What runs in a step has to end before its time limit, which puts nothing back (contract/limits.py).
STEPS: dict[str, Step] = {
    Project.CHECKS: Step(
        description="Tests of every push and pull request",
        buildspec="checks",
        docker=True,
        minutes=STEP_MINUTES,
        reports=TEST_REPORTS,
    ),
    Project.TEST: Step(
        description="Unit and integration tests of a release",
        buildspec="test",
        docker=True,
        minutes=STEP_MINUTES,
        reports=TEST_REPORTS,
    ),
    Project.BUILD: Step(
        description="Builds a release's images, tries and pushes them",
        buildspec="build",
        docker=True,
        minutes=STEP_MINUTES,
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
        description="Rolls a release out to staging", buildspec="deploy", docker=False, minutes=STEP_MINUTES, reports={}
    ),
    Project.STAGING_ACCEPTANCE: Step(
        description="Acceptance tests against staging",
        buildspec="acceptance",
        docker=True,
        minutes=STEP_MINUTES,
        reports=ACCEPTANCE_REPORTS,
    ),
    Project.STAGING_PROMOTE: Step(
        description="Marks a release's images as accepted", buildspec="promote", docker=False, minutes=10, reports={}
    ),
    Project.PRODUCTION_DEPLOY: Step(
        description="Rolls a release out to production",
        buildspec="deploy",
        docker=False,
        minutes=STEP_MINUTES,
        reports={},
    ),
    Project.PRODUCTION_SMOKE: Step(
        description="Safe tests against production, marks the release",
        buildspec="smoke",
        docker=True,
        minutes=STEP_MINUTES,
        reports=ACCEPTANCE_REPORTS,
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class PipelineContext:
    """What the pipeline's components need to know, looked up before any resource is declared.

    Attributes:
        pipeline: the section `slipway:pipeline`.
        home: the account and region.
        staging: name of the staging stack.
        services: names of the staging stack's services.
        repositories: ARNs of their ECR repositories.
        connection: the connection to GitHub; None if it does not exist yet or is not used.
        checks: text of the buildspec of the checks.
    """

    pipeline: Pipeline
    home: Home
    staging: str
    services: Sequence[str]
    repositories: Sequence[str]
    connection: ExistingConnection | None
    checks: str


def default_platform(config: StackConfig) -> platforms.Platform:
    """Return the platform of the first service, which all build projects but those of other platforms run on."""
    return platforms.BY_CPU_ARCHITECTURE[next(iter(config.environment.services.values())).cpu_architecture]


def builds(config: StackConfig, pipeline: Pipeline) -> dict[str, str]:
    """Return platforms by the key of the build project that builds images for it."""
    return platforms.build_projects(pipeline.platforms, default_platform(config))


def keys(config: StackConfig, pipeline: Pipeline) -> tuple[str, ...]:
    """Return the keys of the build projects that the pipeline runs, in the order of the stages."""
    images = list(builds(config, pipeline))
    index = [Project.INDEX] if len(images) > 1 else []
    production = FOR_PRODUCTION if pipeline.staging else ()
    return (Project.TEST, *images, *index, *FOR_STAGING, *production)


def step(config: StackConfig, pipeline: Pipeline, key: str) -> Step:
    """Return what a build project runs; the builds of all platforms run the same."""
    return STEPS[Project.BUILD if key in builds(config, pipeline) else key]


def statements(
    config: StackConfig, context: PipelineContext, store: ArtifactStore, key: str, *, topic: object
) -> list[Document]:
    """Return the permissions of a build project's role, without those for its own logs and reports.

    Args:
        config: the stack's configuration.
        context: what was looked up.
        store: the artifact bucket.
        key: of the build project.
        topic: ARN of the pipeline's topic.
    """
    section = context.pipeline
    notify: list[Document] = []
    environment = config.stack if key in FOR_PRODUCTION else context.staging
    if key == Project.CHECKS:
        arn = context.connection.arn if context.connection else None
        source = permissions.use_connection(arn, fetch=True) if arn else []
    else:
        writes = key in (*builds(config, context.pipeline), Project.INDEX)
        source = permissions.artifacts(context.home, store.arn, store.objects, write=writes)
        notify = permissions.notify(
            topic if section.notify_steps else None, section.topic_key_arn, section.chat_webhook_secret_arn
        )
    facts = permissions.read_facts(context.home, environment)
    token = context.pipeline.github_token_secret_arn
    tell = [permissions.read_github_token(token)] if token and key in TELL_GITHUB else []
    return [facts, *source, *_purpose(config, context, key), *notify, *tell]


def _purpose(config: StackConfig, context: PipelineContext, key: str) -> list[Document]:
    """Return the permissions of a build project on images and services."""
    services = list(config.environment.services)
    to_staging = permissions.deploy(context.home, context.staging, context.services, context.repositories)
    to_production = permissions.deploy(context.home, config.stack, services, context.repositories)
    if any(one.canary for one in config.environment.services.values()):
        to_staging, to_production = ([*to, permissions.read_rules()] for to in (to_staging, to_production))
    tag = permissions.tag_images(context.repositories)
    if key in builds(config, context.pipeline):
        home, tests = context.home, names.build_project(config.stack, Project.TEST)
        waits = permissions.wait_for_tests(home.pipeline(names.pipeline(config.stack)), home.build_project(tests))
        return [*permissions.push_images(context.repositories), *(waits if context.pipeline.parallel_tests else [])]
    pull = permissions.pull_suites(context.repositories) if context.pipeline.push_suites else []
    by_key: dict[str, list[Document]] = {
        Project.INDEX: [tag],
        Project.STAGING_DEPLOY: to_staging,
        # If acceptance fails, the step rolls staging back itself.
        Project.STAGING_ACCEPTANCE: [*to_staging, *pull],
        Project.STAGING_PROMOTE: [tag],
        Project.PRODUCTION_DEPLOY: to_production,
        Project.PRODUCTION_SMOKE: [*to_production, tag, *pull],
    }
    return by_key.get(key, [])
