"""The pipeline on one screen: what the section `slipway:pipeline` becomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

from contract import pipeline as contract
from contract.names import pipeline_parameter
from contract.pipeline import Project, Stage
from infra import account, records
from infra.aws import names, permissions
from infra.build_context import ROOT
from infra.config.secrets import GITHUB_TOKEN, OWN_SECRET
from infra.pipeline import connection_status, stages, steps
from infra.pipeline.artifact_store import ArtifactStore
from infra.pipeline.build_project import BUILDSPECS, BuildProject, OwnSource
from infra.pipeline.checks_webhook import ChecksWebhook
from infra.pipeline.connection import Connection
from infra.pipeline.pipeline import Pipeline
from infra.pipeline.source_webhook import SourceWebhook
from infra.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.aws.arns import Home
    from infra.aws.iam import Document
    from infra.config.pipeline import Pipeline as Section
    from infra.config.stack import StackConfig
    from infra.other_stacks import OtherStacks
    from infra.pipeline.steps import Lookups
    from infra.pipeline.topic import Topic

    Secrets = Mapping[str, pulumi.Output[str] | None]

CONNECTIONS = "codesuite/settings/connections"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outputs:
    """What a stack with a pipeline exports beside its environment; None is not exported."""

    pipeline: pulumi.Output[str] | None = None
    pipeline_console: str | None = None
    pipeline_projects: Mapping[str, pulumi.Output[str]] | None = None
    pipeline_topic: pulumi.Output[str]
    approval_link: str | None = None
    webhook_url: pulumi.Output[str] | None = None
    connection_arn: pulumi.Input[str] | None = None
    connection_status: pulumi.Input[str] | None = None

    def export(self) -> dict[str, object]:
        """Return the exports by name."""
        set_or_not = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in set_or_not.items() if value is not None}


def look_up(config: StackConfig, pipeline: Section, others: OtherStacks) -> Lookups:
    """Look up what the pipeline needs to know, before anything is created.

    Raises:
        pulumi.RunError: staging was never brought up, the connection is of no use, or a buildspec is missing.
    """
    home, key, staging = account.home(), f"Pulumi.{config.stack}.yaml: slipway:pipeline", config.stack
    repositories = {service: names.repository(service) for service in config.environment.services}
    if config.staging_stack:
        there = others.get(config.staging_stack)
        urls = there.require("repository_urls", asked_by=f"{key}.staging")
        # Sorted, since the engine hands maps over in any order, and policies list these.
        staging, repositories = there.name, {service: url.split("/", 1)[1] for service, url in sorted(urls.items())}
    console, connection = home.console(CONNECTIONS), None
    if pipeline.connection_arn:
        connection = connection_status.given(pipeline.connection_arn, asked_by=f"{key}.connection_arn", console=console)
    elif pipeline.trigger == "connection":
        connection = connection_status.own(names.pipeline(config.stack), console=console)
    return steps.Lookups(
        pipeline=pipeline,
        home=home,
        staging=staging,
        services=list(repositories),
        repositories=[home.repository(name) for name in repositories.values()],
        connection=connection,
        checks=_buildspec_of_checks(),
    )


def build(
    config: StackConfig, known: Lookups, *, topic: Topic, secrets: Secrets, after: Sequence[pulumi.Resource]
) -> Outputs:
    """Declare the pipeline, or the connection alone while a person has to complete it.

    Args:
        config: the stack's configuration.
        known: what `look_up` returned.
        topic: where approvals and failures are told.
        secrets: by configuration key; None where one is not set.
        after: what the first execution needs, since creating a pipeline starts one.
    """
    stack, section = config.stack, known.pipeline
    arn: pulumi.Input[str] | None = section.connection_arn
    if section.trigger == "connection" and arn is None:
        connection = Connection(stack)
        arn = connection.arn
        if known.connection is None or known.connection.status != connection_status.AVAILABLE:
            _ask_to_complete_the_connection(stack, known.home)
            return Outputs(pipeline_topic=topic.arn, connection_arn=arn, connection_status=connection.status)
    store = ArtifactStore(stack, section, account=known.home.account)
    projects = _projects(config, known, store)
    recorded = _records(config, known, projects)
    pipeline = Pipeline(
        stack,
        stages=stages.release(
            _source(section, arn, secrets),
            {key: project.name for key, project in projects.items()},
            builds=steps.builds(config, section),
            approve=_approval(section, topic),
            production=section.staging is not None,
        ),
        bucket=store.bucket,
        push_branch=section.branch if known.connection else None,
        statements=_statements(config, known, store, topic),
        topic_arn=topic.arn,
        after=[*after, *recorded],
    )
    url = ChecksWebhook(stack, section, project_name=projects[Project.CHECKS].name).url
    if section.trigger == "webhook" and (secret := secrets[OWN_SECRET]) is not None:
        url = SourceWebhook(stack, section, pipeline_name=pipeline.name, secret=secret).url
    console = known.home.console(
        f"codesuite/codepipeline/pipelines/{names.pipeline(stack)}/view?region={known.home.region}"
    )
    return Outputs(
        pipeline=pipeline.name,
        pipeline_console=console,
        pipeline_projects={key: project.name for key, project in projects.items()},
        pipeline_topic=topic.arn,
        approval_link=f"{console}#/{Stage.APPROVAL}/{contract.Action.APPROVE}" if section.requires_approval else "",
        webhook_url=url,
        connection_arn=arn,
        connection_status=known.connection.status if known.connection else None,
    )


def _projects(config: StackConfig, known: Lookups, store: ArtifactStore) -> dict[str, BuildProject]:
    """Make the build projects, that of the checks last.

    AWS has its role use the connection when it makes the project, and permissions are in force some seconds later.
    """
    projects: dict[str, BuildProject] = {}
    for key in (*steps.keys(config, known.pipeline), Project.CHECKS):
        projects[key] = _project(config, known, store, key, after=projects)
    return projects


def _project(
    config: StackConfig, known: Lookups, store: ArtifactStore, key: str, after: Mapping[str, BuildProject]
) -> BuildProject:
    """Make one build project."""
    images, environment = steps.builds(config, known.pipeline), known.staging
    variables = {contract.STACK: environment, contract.PIPELINE: names.pipeline(config.stack)}
    if key in steps.FOR_PRODUCTION:
        variables[contract.STACK] = config.stack
    if key in images and len(images) > 1:
        variables[contract.PLATFORM] = images[key]
    connection = known.connection.arn if known.connection else None
    checks = key == Project.CHECKS
    return BuildProject(
        config.stack,
        key,
        known.pipeline,
        step=steps.step(config, known.pipeline, key),
        platform=images.get(key, steps.native(config)),
        variables=variables,
        statements=steps.statements(config, known, store, key),
        own_source=OwnSource(connection_arn=connection, buildspec=known.checks) if checks else None,
        home=known.home,
        after=list(after.values()) if checks else [],
    )


def _statements(config: StackConfig, known: Lookups, store: ArtifactStore, topic: Topic) -> list[Document]:
    """Return what the pipeline's role may do."""
    home = known.home
    # By their names, so that the role has its permissions long before the first execution, which begins at once.
    projects = [
        home.build_project(names.build_project(config.stack, key)) for key in steps.keys(config, known.pipeline)
    ]
    return [
        *permissions.artifacts(home, store.arn, store.objects, write=True),
        *permissions.keep_artifacts(home, store.arn, store.objects),
        permissions.start_builds(projects),
        *(permissions.use_connection(known.connection.arn, fetch=False) if known.connection else []),
        *([permissions.publish(topic.arn)] if known.pipeline.requires_approval else []),
    ]


def _approval(section: Section, topic: Topic) -> stages.Action | None:
    return stages.approval(topic=topic.arn, minutes=section.approval_minutes) if section.requires_approval else None


def _source(section: Section, connection: pulumi.Input[str] | None, secrets: Secrets) -> stages.Action:
    """Return the action that the commit comes from."""
    if connection is not None:
        return stages.from_connection(connection, section.repository, section.branch)
    return stages.from_token(secrets[GITHUB_TOKEN], section.repository, section.branch)


def _records(config: StackConfig, known: Lookups, projects: Mapping[str, BuildProject]) -> list[Record]:
    """Record for each environment which stage deploys to it; a dot is in no service's name."""
    stages_by_environment = {known.staging: Stage.STAGING}
    if known.pipeline.staging:
        stages_by_environment[config.stack] = Stage.PRODUCTION
    project_names = {key: project.name for key, project in projects.items()}
    return [
        Record(
            f"{environment}.pipeline",
            parameter=pipeline_parameter(environment),
            payload=records.deploying_pipeline(config.stack, known.pipeline, stage=stage, projects=project_names),
        )
        for environment, stage in stages_by_environment.items()
    ]


def _buildspec_of_checks() -> str:
    """Return the text of the steps that test a change, which are the project's and not the change's.

    Raises:
        pulumi.RunError: there is no such file.
    """
    name = f"{BUILDSPECS}/{steps.STEPS[Project.CHECKS].buildspec}.yml"
    if not (ROOT / name).is_file():
        raise pulumi.RunError(f"{name} is missing; slipway:pipeline puts its text into a build project; restore it")
    return (ROOT / name).read_text("utf-8")


def _ask_to_complete_the_connection(stack: str, home: Home) -> None:
    """Warn that a person has to complete the connection in AWS's console."""
    name = names.pipeline(stack)
    pulumi.log.warn(
        f"Connection {name} to GitHub is not completed, so there is no pipeline yet. Choose it at "
        f"{home.console(CONNECTIONS)} (region {home.region}), click 'Update pending connection', "
        f"then run: pulumi up -s {stack}"
    )
