"""The pipeline on one screen: its components and how they depend on each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

from contract import pipeline as contract
from contract.names import pipeline_parameter
from contract.pipeline import Project, Stage
from infra import account, clients, parameter_payloads
from infra.aws import names, permissions
from infra.build_context import ROOT
from infra.config.secrets import GITHUB_TOKEN, OWN_SECRET
from infra.pipeline import connection_lookup, stages, steps
from infra.pipeline.artifact_store import ArtifactStore
from infra.pipeline.build_project import BUILDSPECS, BuildProject, GitHubSource
from infra.pipeline.checks_webhook import ChecksWebhook
from infra.pipeline.connection import Connection
from infra.pipeline.dashboard import PipelineDashboard
from infra.pipeline.executions_in_progress import ExecutionsInProgress
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
    from infra.pipeline.steps import PipelineContext
    from infra.pipeline.topic import Topic

    Secrets = Mapping[str, pulumi.Output[str] | None]

CONNECTIONS = "codesuite/settings/connections"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outputs:
    """The outputs of the pipeline; None is not exported."""

    pipeline: pulumi.Output[str] | None = None
    pipeline_console: str | None = None
    pipeline_projects: Mapping[str, pulumi.Output[str]] | None = None
    pipeline_topic: pulumi.Output[str]
    approval_link: str | None = None
    webhook_url: pulumi.Output[str] | None = None
    connection_arn: pulumi.Input[str] | None = None
    connection_status: pulumi.Input[str] | None = None

    def export(self) -> dict[str, object]:
        """Return the outputs by name."""
        outputs = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in outputs.items() if value is not None}


def look_up(config: StackConfig, pipeline: Section, others: OtherStacks) -> PipelineContext:
    """Look up what the pipeline's components need to know, before any resource is declared.

    Args:
        config: the stack's configuration.
        pipeline: the section `slipway:pipeline`.
        others: the other stacks.

    Raises:
        pulumi.RunError: staging was never deployed, the connection is not AVAILABLE, or a buildspec is missing.
    """
    home, key, staging = account.home(), f"Pulumi.{config.stack}.yaml: slipway:pipeline", config.stack
    repositories = {service: names.repository(service) for service in config.environment.services}
    if config.staging_stack:
        other = others.get(config.staging_stack)
        urls = other.require("repository_urls", config_key=f"{key}.staging")
        # Sorted, since the engine returns maps in any order and policies list the repositories.
        staging, repositories = other.name, {service: url.split("/", 1)[1] for service, url in sorted(urls.items())}
    console, connection = home.console(CONNECTIONS), None
    if pipeline.connection_arn:
        connection = connection_lookup.configured(
            pipeline.connection_arn, config_key=f"{key}.connection_arn", console=console
        )
    elif pipeline.trigger == "connection":
        connection = connection_lookup.find(
            names.pipeline(config.stack),
            tags=config.identifying_tags,
            config_key=f"{key}.connection_arn",
            console=console,
        )
    return steps.PipelineContext(
        pipeline=pipeline,
        home=home,
        staging=staging,
        services=list(repositories),
        repositories=[home.repository(name) for name in repositories.values()],
        connection=connection,
        checks=_buildspec_of_checks(),
    )


def build(
    config: StackConfig, context: PipelineContext, *, topic: Topic, secrets: Secrets, after: Sequence[pulumi.Resource]
) -> Outputs:
    """Declare the pipeline; while the connection is PENDING, only the connection.

    Args:
        config: the stack's configuration.
        context: what `look_up` returned.
        topic: for approval requests and failed executions.
        secrets: by configuration key; None if a key is not set.
        after: resources that the first execution needs; creating a pipeline starts one.
    """
    stack, section = config.stack, context.pipeline
    arn: pulumi.Input[str] | None = section.connection_arn
    if section.trigger == "connection" and arn is None:
        connection = Connection(stack)
        arn = connection.arn
        if context.connection is None or context.connection.status != connection_lookup.AVAILABLE:
            _warn_pending_connection(stack, context.home)
            return Outputs(pipeline_topic=topic.arn, connection_arn=arn, connection_status=connection.status)
    store = ArtifactStore(stack, section, account=context.home.account)
    projects = _projects(config, context, store, topic)
    records = _records(config, context, projects, topic)
    pipeline = Pipeline(
        stack,
        stages=stages.release(
            _source(section, arn, secrets),
            {key: project.name for key, project in projects.items()},
            builds=steps.builds(config, section),
            approve=_approval(section, topic),
            production=section.staging is not None,
            parallel_tests=section.parallel_tests,
            alarms=_alarms(config, section),
        ),
        bucket=store.bucket,
        push_branch=section.branch if context.connection else None,
        statements=_statements(config, context, store, topic),
        topic_arn=topic.arn,
        hooks=ExecutionsInProgress(stack=stack, pipeline=names.pipeline(stack), clients=clients.of(config)).hooks(),
        after=[*after, *records],
    )
    if section.dashboard:
        keys = steps.keys(config, section)
        PipelineDashboard(stack, keys=keys, region=context.home.region, parallel_tests=section.parallel_tests)
    url = ChecksWebhook(stack, section, project_name=projects[Project.CHECKS].name).url
    if section.trigger == "webhook" and (secret := secrets[OWN_SECRET]) is not None:
        url = SourceWebhook(stack, section, pipeline_name=pipeline.name, secret=secret).url
    console = context.home.console(
        f"codesuite/codepipeline/pipelines/{names.pipeline(stack)}/view?region={context.home.region}"
    )
    return Outputs(
        pipeline=pipeline.name,
        pipeline_console=console,
        pipeline_projects={key: project.name for key, project in projects.items()},
        pipeline_topic=topic.arn,
        approval_link=f"{console}#/{Stage.APPROVAL}/{contract.Action.APPROVE}" if section.requires_approval else "",
        webhook_url=url,
        connection_arn=arn,
        connection_status=context.connection.status if context.connection else None,
    )


def _projects(
    config: StackConfig, context: PipelineContext, store: ArtifactStore, topic: Topic
) -> dict[str, BuildProject]:
    """Create the build projects, that of the checks last.

    When CodeBuild creates that project it uses the connection with the project's role, and new IAM permissions take
    effect after some seconds.
    """
    projects: dict[str, BuildProject] = {}
    for key in (*steps.keys(config, context.pipeline), Project.CHECKS):
        projects[key] = _project(config, context, store, topic, key, after=projects)
    return projects


def _project(  # noqa: PLR0913 - each is made by another step
    config: StackConfig,
    context: PipelineContext,
    store: ArtifactStore,
    topic: Topic,
    key: str,
    *,
    after: Mapping[str, BuildProject],
) -> BuildProject:
    """Create a build project."""
    images, environment = steps.builds(config, context.pipeline), context.staging
    variables = {contract.STACK: environment, contract.PIPELINE: names.pipeline(config.stack)}
    if key in steps.FOR_PRODUCTION:
        variables[contract.STACK] = config.stack
    if key in images and len(images) > 1:
        variables[contract.PLATFORM] = images[key]
    if key in images and context.pipeline.parallel_tests:
        variables[contract.PUSH_AFTER] = contract.Action.TEST
    # That for the platform of Acceptance and Smoke, which run what it pushed.
    if key == Project.BUILD and context.pipeline.push_suites:
        variables[contract.PUSH_SUITES] = "1"
    if key == Project.TEST and context.pipeline.parallel_tests:
        variables[contract.STAGE] = Stage.BUILD
    connection = context.connection.arn if context.connection else None
    checks = key == Project.CHECKS
    return BuildProject(
        config.stack,
        key,
        context.pipeline,
        step=steps.step(config, context.pipeline, key),
        platform=images.get(key, steps.default_platform(config)),
        variables=variables,
        statements=steps.statements(config, context, store, key, topic=topic.arn),
        github_source=GitHubSource(connection_arn=connection, buildspec=context.checks) if checks else None,
        home=context.home,
        after=list(after.values()) if checks else [],
    )


def _statements(config: StackConfig, context: PipelineContext, store: ArtifactStore, topic: Topic) -> list[Document]:
    """Return the permissions of the pipeline's role."""
    home, section = context.home, context.pipeline
    # ARNs built from names, so that the role exists long before the first execution, which starts with the pipeline.
    projects = [
        home.build_project(names.build_project(config.stack, key)) for key in steps.keys(config, context.pipeline)
    ]
    return [
        *permissions.artifacts(home, store.arn, store.objects, write=True),
        *permissions.keep_artifacts(home, store.arn, store.objects),
        permissions.start_builds(projects),
        *(permissions.use_connection(context.connection.arn, fetch=False) if context.connection else []),
        *(
            [permissions.read_alarms([home.alarm(one) for one in alarms])]
            if (alarms := _alarms(config, section))
            else []
        ),
        *(permissions.publish(topic.arn, section.topic_key_arn) if section.requires_approval else []),
    ]


def _alarms(config: StackConfig, section: Section) -> tuple[str, ...]:
    """Return the names of the alarms that keep releases from production while they are on."""
    if not section.hold_on_alarm:
        return ()
    services = config.environment.services
    groups = [*services, *(f"{name}{names.ALTERNATE}" for name, service in services.items() if service.canary)]
    suffixes = ("balancer-5xx", *(f"{group}-5xx" for group in groups))
    return tuple(names.alarm(config.stack, suffix) for suffix in suffixes)


def _approval(section: Section, topic: Topic) -> stages.Action | None:
    return stages.approval(topic=topic.arn, minutes=section.approval_minutes) if section.requires_approval else None


def _source(section: Section, connection: pulumi.Input[str] | None, secrets: Secrets) -> stages.Action:
    """Return the source action."""
    if connection is not None:
        return stages.connection_source(connection, section.repository, section.branch)
    return stages.github_source(secrets[GITHUB_TOKEN], section.repository, section.branch)


def _records(
    config: StackConfig, context: PipelineContext, projects: Mapping[str, BuildProject], topic: Topic
) -> list[Record]:
    """Create for each environment the parameter with the stage that deploys to it.

    The dot in the resource name avoids a collision with a service's record.
    """
    stages_by_environment = {context.staging: Stage.STAGING}
    if context.pipeline.staging:
        stages_by_environment[config.stack] = Stage.PRODUCTION
    project_names = {key: project.name for key, project in projects.items()}
    return [
        Record(
            f"{environment}.pipeline",
            parameter=pipeline_parameter(environment),
            payload=parameter_payloads.deploying_pipeline(
                config.stack, context.pipeline, stage=stage, projects=project_names, topic=topic.arn
            ),
        )
        for environment, stage in stages_by_environment.items()
    ]


def _buildspec_of_checks() -> str:
    """Return the text of the buildspec of the checks; it is part of the project so that a change cannot alter it.

    Raises:
        pulumi.RunError: the file is missing.
    """
    name = f"{BUILDSPECS}/{steps.STEPS[Project.CHECKS].buildspec}.yml"
    if not (ROOT / name).is_file():
        raise pulumi.RunError(f"{name} is missing; slipway:pipeline needs it for the checks; restore it")
    return (ROOT / name).read_text("utf-8")


def _warn_pending_connection(stack: str, home: Home) -> None:
    """Warn that a person has to complete the connection in the AWS console."""
    name = names.pipeline(stack)
    pulumi.log.warn(
        f"Connection {name} to GitHub is PENDING, so the pipeline is not created yet. Select it at "
        f"{home.console(CONNECTIONS)} (region {home.region}), click 'Update pending connection', "
        f"then run: pulumi up -s {stack}"
    )
