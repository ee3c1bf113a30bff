"""The pipeline on one screen: what the section `slipway:pipeline` becomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra import connections, naming, release_wiring, setting_pipeline, stages
from infra.arns import Home
from infra.components.artifact_store import ArtifactStore
from infra.components.build_project import BuildProject
from infra.components.checks_webhook import ChecksWebhook
from infra.components.connection import Connection, ConnectionArgs
from infra.components.pipeline import Pipeline
from infra.components.record import Record, RecordArgs
from infra.components.source_webhook import SourceWebhook

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra import settings
    from infra.components.topic import Topic
    from infra.release_wiring import Survey
    from infra.stacks import OtherStacks

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
        found = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in found.items() if value is not None}


def survey(chosen: settings.Settings, pipeline: setting_pipeline.Pipeline, others: OtherStacks) -> Survey:
    """Look at what the pipeline needs to know, before anything is created.

    Raises:
        pulumi.RunError: staging was never brought up, the connection is of no use, or a buildspec is missing.
    """
    home = Home(
        partition=aws.get_partition().partition,
        region=aws.get_region().region,
        account=aws.get_caller_identity().account_id,
    )
    key, staging = f"Pulumi.{chosen.stack}.yaml: slipway:pipeline", chosen.stack
    names = {service: naming.repository(service) for service in chosen.environment.services}
    if chosen.staging_stack:
        there = others.get(chosen.staging_stack)
        urls = there.require("repository_urls", asked_by=f"{key}.staging")
        # Sorted, since the engine hands maps over in any order, and policies list these.
        staging, names = there.name, {service: url.split("/", 1)[1] for service, url in sorted(urls.items())}
    console, found = home.console(CONNECTIONS), None
    if pipeline.connection_arn:
        found = connections.given(pipeline.connection_arn, asked_by=f"{key}.connection_arn", console=console)
    elif pipeline.trigger == "connection":
        found = connections.own(naming.pipeline(chosen.stack), console=console)
    return release_wiring.Survey(
        pipeline=pipeline,
        home=home,
        staging=staging,
        services=list(names),
        repositories=[home.repository(name) for name in names.values()],
        connection=found,
        checks=release_wiring.text_of_checks(),
    )


def build(
    chosen: settings.Settings,
    known: Survey,
    *,
    topic: Topic,
    secrets: Mapping[str, pulumi.Output[str] | None],
    after: Sequence[pulumi.Resource],
) -> Outputs:
    """Declare the pipeline, or the connection alone while a person has to complete it.

    Args:
        chosen: the stack's configuration.
        known: what `survey` found.
        topic: where people are told.
        secrets: by configuration key; None where it is not set.
        after: what the first execution needs, since creating a pipeline starts one.
    """
    stack, home, pipeline = chosen.stack, known.home, known.pipeline
    arn: pulumi.Input[str] | None = pipeline.connection_arn
    if pipeline.trigger == "connection" and arn is None:
        connection = Connection(stack, ConnectionArgs(connection_name=naming.pipeline(stack)))
        arn = connection.arn
        if known.connection is None or known.connection.status != connections.AVAILABLE:
            _ask_for_the_click(stack, home)
            return Outputs(pipeline_topic=topic.arn, connection_arn=arn, connection_status=connection.status)
    source = _source(pipeline, arn, secrets)
    store = ArtifactStore(stack, release_wiring.artifact_store(known))
    projects = {
        key: BuildProject(f"{stack}-{key}", release_wiring.build_project(chosen, known, store, key))
        for key in release_wiring.step_keys(chosen, pipeline)
    }
    # AWS has the project's role use the connection when it makes the project; rights are in force some seconds after
    # they are given, so the project comes last.
    last = release_wiring.build_project(chosen, known, store, stages.CHECKS, after=list(projects.values()))
    projects[stages.CHECKS] = BuildProject(f"{stack}-{stages.CHECKS}", last)
    records = _records(chosen, known, projects)
    made = Pipeline(
        stack,
        release_wiring.pipeline_of(
            chosen,
            known,
            source=source,
            projects=projects,
            store=store,
            topic_arn=topic.arn,
            after=[*after, *records],
        ),
    )
    checks = ChecksWebhook(stack, release_wiring.checks_webhook(pipeline, projects[stages.CHECKS]))
    url, secret = checks.url, secrets[setting_pipeline.OWN_SECRET]
    if pipeline.trigger == "webhook" and secret is not None:
        url = SourceWebhook(stack, release_wiring.source_webhook(chosen, pipeline, made.name, secret)).url
    console = _console(home, naming.pipeline(stack))
    return Outputs(
        pipeline=made.name,
        pipeline_console=console,
        pipeline_projects={key: one.name for key, one in projects.items()},
        pipeline_topic=topic.arn,
        approval_link=f"{console}#/Approval/Approve" if release_wiring.asks_a_person(pipeline) else "",
        webhook_url=url,
        connection_arn=arn,
        connection_status=known.connection.status if known.connection else None,
    )


def _source(
    pipeline: setting_pipeline.Pipeline,
    connection: pulumi.Input[str] | None,
    secrets: Mapping[str, pulumi.Output[str] | None],
) -> stages.Action:
    """Say where the commit comes from."""
    if connection is not None:
        return stages.from_connection(connection, pipeline.repository, pipeline.branch)
    return stages.from_token(secrets[setting_pipeline.GITHUB_TOKEN], pipeline.repository, pipeline.branch)


def _records(chosen: settings.Settings, known: Survey, projects: Mapping[str, BuildProject]) -> list[Record]:
    """Write for each environment which stage deploys to it; a dot is in no service's name."""
    reached = {known.staging: "Staging"} | ({chosen.stack: "Production"} if known.pipeline.staging else {})
    return [
        Record(
            f"{environment}.pipeline",
            RecordArgs(
                parameter=naming.pipeline_parameter(environment),
                facts=release_wiring.facts(chosen, known, projects, stage=stage),
            ),
        )
        for environment, stage in reached.items()
    ]


def _console(home: Home, pipeline: str) -> str:
    return home.console(f"codesuite/codepipeline/pipelines/{pipeline}/view?region={home.region}")


def _ask_for_the_click(stack: str, home: Home) -> None:
    """Say what only a person can do."""
    name = naming.pipeline(stack)
    pulumi.log.warn(
        f"Connection {name} to GitHub is not completed, so there is no pipeline yet. Choose it at "
        f"{home.console(CONNECTIONS)} (region {home.region}), click 'Update pending connection', "
        f"then run: pulumi up -s {stack}"
    )
