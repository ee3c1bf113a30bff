"""From configuration to the arguments of the pipeline's components. Creates nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

from infra import naming, platforms, rights, stages
from infra.components.artifact_store import ArtifactStore, ArtifactStoreArgs
from infra.components.build_project import BuildProjectArgs
from infra.components.checks_webhook import ChecksWebhookArgs
from infra.components.pipeline import PipelineArgs
from infra.components.source_webhook import SourceWebhookArgs
from infra.components.topic import TopicArgs
from infra.setting_rules import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra import settings
    from infra.arns import Home
    from infra.components.build_project import BuildProject
    from infra.connections import Found
    from infra.policies import Document
    from infra.setting_pipeline import Pipeline

BUILDSPECS = "delivery/buildspecs"
TESTED = {"unit": "TEST", "integration": "TEST", "coverage": "CODE_COVERAGE"}
ACCEPTED = {"acceptance": "TEST"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What a build project does; `docker` where it builds or runs containers, `minutes` until it is stopped."""

    description: str
    buildspec: str
    docker: bool
    minutes: int
    reports: Mapping[str, str]


# Deploying may take 60 minutes: above a rollout, the way back and the proof of both (delivery/rollout.py).
STEPS = {
    "checks": Step(
        description="Tests of every push and pull request", buildspec="checks", docker=True, minutes=60, reports=TESTED
    ),
    "test": Step(
        description="Unit and integration tests of a release", buildspec="test", docker=True, minutes=60, reports=TESTED
    ),
    platforms.BUILD: Step(
        description="Builds a release's images, tries and pushes them",
        buildspec="build",
        docker=True,
        minutes=60,
        reports={"image": "TEST"},
    ),
    stages.INDEX: Step(
        description="Makes one image of those built for each platform",
        buildspec="index",
        docker=False,
        minutes=10,
        reports={},
    ),
    "staging-deploy": Step(
        description="Rolls a release out to staging", buildspec="deploy", docker=False, minutes=60, reports={}
    ),
    "staging-acceptance": Step(
        description="Acceptance tests against staging",
        buildspec="acceptance",
        docker=True,
        minutes=60,
        reports=ACCEPTED,
    ),
    "staging-promote": Step(
        description="Marks a release's images as accepted", buildspec="promote", docker=False, minutes=10, reports={}
    ),
    "production-deploy": Step(
        description="Rolls a release out to production", buildspec="deploy", docker=False, minutes=60, reports={}
    ),
    "production-smoke": Step(
        description="Safe tests against production, marks the release",
        buildspec="smoke",
        docker=True,
        minutes=60,
        reports=ACCEPTED,
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """What is known before anything is created: where, which staging, its services and images, which connection.

    `checks` is the buildspec's text of the project that tests changes.
    """

    pipeline: Pipeline
    home: Home
    staging: str
    services: Sequence[str]
    repositories: Sequence[str]
    connection: Found | None
    checks: str


def text_of_checks() -> str:
    """Return the steps that test a change, which are the project's and not the change's.

    Raises:
        pulumi.RunError: there is no such file.
    """
    name = f"{BUILDSPECS}/{STEPS[stages.CHECKS].buildspec}.yml"
    if not (ROOT / name).is_file():
        raise pulumi.RunError(f"{name} is missing; slipway:pipeline puts its text into a build project; restore it")
    return (ROOT / name).read_text("utf-8")


def topic(chosen: settings.Settings, survey: Survey) -> TopicArgs:
    """Return where people are told what needs them."""
    name, addresses = naming.pipeline(chosen.stack), survey.pipeline.notify
    return TopicArgs(topic_name=name, addresses=addresses, account=survey.home.account)


def artifact_store(survey: Survey) -> ArtifactStoreArgs:
    """Return where actions hand artifacts to one another."""
    return ArtifactStoreArgs(keep_days=survey.pipeline.artifact_days, account=survey.home.account)


def native(chosen: settings.Settings) -> platforms.Platform:
    """Return the platform that the first service runs on, and with it all steps but the builds for another one."""
    return platforms.OF_ARCHITECTURE[next(iter(chosen.environment.services.values())).cpu_architecture]


def builds(chosen: settings.Settings, pipeline: Pipeline) -> dict[str, str]:
    """Return the build projects that make images, and the platform of each."""
    return platforms.builds(pipeline.platforms, native(chosen))


def step_keys(chosen: settings.Settings, pipeline: Pipeline) -> tuple[str, ...]:
    """Return the build projects of the pipeline's steps: production's only where there is one."""
    images = list(builds(chosen, pipeline))
    index = [stages.INDEX] if len(images) > 1 else []
    production = stages.FOR_PRODUCTION if pipeline.staging else ()
    return (*stages.BEFORE_STAGING, *images, *index, *stages.FOR_STAGING, *production)


def build_project(
    chosen: settings.Settings, survey: Survey, store: ArtifactStore, key: str, after: Sequence[BuildProject] = ()
) -> BuildProjectArgs:
    """Return one of the build projects, which comes after others."""
    pipeline, name, own = survey.pipeline, naming.build_project(chosen.stack, key), key == stages.CHECKS
    images = builds(chosen, pipeline)
    step, platform = STEPS[platforms.BUILD if key in images else key], images.get(key, native(chosen))
    several = {"PLATFORM": platform} if key in images and len(images) > 1 else {}
    environment = chosen.stack if key in stages.FOR_PRODUCTION else survey.staging
    return BuildProjectArgs(
        project_name=name,
        description=step.description,
        # The pipeline's steps come with the commit; those of a change are not the change's to choose.
        buildspec=survey.checks if own else f"{BUILDSPECS}/{step.buildspec}.yml",
        repository=pipeline.repository if own else None,
        connection_arn=survey.connection.arn if own and survey.connection else None,
        image=pipeline.image or platforms.IMAGES[platform],
        compute_type=pipeline.compute_type,
        machine=platforms.MACHINES[platform],
        privileged=step.docker,
        minutes=step.minutes,
        variables={"STACK": environment, "PIPELINE": naming.pipeline(chosen.stack), **several},
        reports=step.reports,
        statements=[
            rights.read_facts(survey.home, environment),
            *(_own_source(survey) if own else _from_pipeline(survey, store, write=key in (*images, stages.INDEX))),
            *_purpose(chosen, survey, key),
        ],
        log_group=naming.build_log_group(chosen.stack, key),
        log_retention_days=pipeline.log_retention_days,
        account=survey.home.account,
        trusted_source=survey.home.build_project(name),
        after=after,
    )


def _own_source(survey: Survey) -> list[Document]:
    return rights.use_connection(survey.connection.arn, fetch=True) if survey.connection else []


def _from_pipeline(survey: Survey, store: ArtifactStore, *, write: bool) -> list[Document]:
    return rights.artifacts(survey.home, store.arn, store.objects, write=write)


def _purpose(chosen: settings.Settings, survey: Survey, key: str) -> list[Document]:
    """Return what a step may do to images and services."""
    here = list(chosen.environment.services)
    to_staging = rights.deploy(survey.home, survey.staging, survey.services, survey.repositories)
    to_production = rights.deploy(survey.home, chosen.stack, here, survey.repositories)
    if key in builds(chosen, survey.pipeline):
        return rights.push_images(survey.repositories)
    return {
        stages.INDEX: [rights.tag_images(survey.repositories)],
        "staging-deploy": to_staging,
        # What acceptance refuses it puts back itself.
        "staging-acceptance": to_staging,
        "staging-promote": [rights.tag_images(survey.repositories)],
        "production-deploy": to_production,
        "production-smoke": [*to_production, rights.tag_images(survey.repositories)],
    }.get(key, [])


def pipeline_of(  # noqa: PLR0913 - everything that the pipeline ties together
    chosen: settings.Settings,
    survey: Survey,
    *,
    source: stages.Action,
    projects: Mapping[str, BuildProject],
    store: ArtifactStore,
    topic_arn: pulumi.Input[str],
    after: Sequence[pulumi.Resource],
) -> PipelineArgs:
    """Return the pipeline."""
    pipeline, name = survey.pipeline, naming.pipeline(chosen.stack)
    # By their names, so that the role has its rights long before the first execution, which begins at once.
    mine = [naming.build_project(chosen.stack, key) for key in projects if key != stages.CHECKS]
    started = [survey.home.build_project(one) for one in mine]
    approve = stages.approval(topic=topic_arn, minutes=pipeline.approval_minutes) if asks_a_person(pipeline) else None
    names = {key: one.name for key, one in projects.items()}
    return PipelineArgs(
        pipeline_name=name,
        stages=stages.release(
            source,
            names,
            builds=builds(chosen, pipeline),
            approve=approve,
            production=pipeline.staging is not None,
        ),
        bucket=store.bucket,
        push=pipeline.branch if survey.connection else None,
        statements=[
            *rights.artifacts(survey.home, store.arn, store.objects, write=True),
            *rights.keep_artifacts(survey.home, store.arn, store.objects),
            rights.start_builds(started),
            *(rights.use_connection(survey.connection.arn, fetch=False) if survey.connection else []),
            *([rights.publish(topic_arn)] if approve else []),
        ],
        topic_arn=topic_arn,
        after=after,
    )


def asks_a_person(pipeline: Pipeline) -> bool:
    """Say whether a release waits for an approval."""
    return pipeline.staging is not None and pipeline.approval == "manual"


def checks_webhook(pipeline: Pipeline, checks: BuildProject) -> ChecksWebhookArgs:
    """Return what has every change tested."""
    return ChecksWebhookArgs(project_name=checks.name, repository_name=pipeline.repository.split("/")[1])


def source_webhook(
    chosen: settings.Settings, pipeline: Pipeline, pipeline_name: pulumi.Input[str], secret: pulumi.Input[str]
) -> SourceWebhookArgs:
    """Return what starts a release where there is no connection."""
    return SourceWebhookArgs(
        webhook_name=naming.pipeline(chosen.stack),
        pipeline_name=pipeline_name,
        source_action=stages.SOURCE,
        branch=pipeline.branch,
        repository_name=pipeline.repository.split("/")[1],
        secret=secret,
    )


def facts(
    chosen: settings.Settings, survey: Survey, projects: Mapping[str, BuildProject], *, stage: str
) -> dict[str, pulumi.Input[object]]:
    """Return what an environment says of the pipeline that deploys to it."""
    pipeline = survey.pipeline
    asks = asks_a_person(pipeline)
    return {
        "pipeline": naming.pipeline(chosen.stack),
        "stage": stage,
        "deploy_action": "Deploy",
        "approval_stage": "Approval" if asks else "",
        "approval_action": "Approve" if asks else "",
        "repository": pipeline.repository,
        "branch": pipeline.branch,
        "projects": {key: one.name for key, one in projects.items()},
    }
