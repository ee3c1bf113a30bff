"""The payloads of an environment's parameters: `contract.facts` filled with what Pulumi knows once it is created."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from contract import facts
from contract.names import release_family, template_family
from contract.pipeline import Action, Stage
from infra.aws import names, platforms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.config import pipeline
    from infra.config.environment import Service as Section

Text = pulumi.Input[str]


def environment(*, url: Text, cluster: Text) -> pulumi.Output[str]:
    """Return the payload of an environment."""
    return pulumi.Output.all(url=url, cluster=cluster).apply(lambda known: facts.Environment(**known).payload())


def service(  # noqa: PLR0913 - what is known of a service only once it is created
    stack: str,
    name: str,
    section: Section,
    *,
    ecs_service: Text,
    target_group: Text,
    repository_url: Text,
    digest: Text,
    version: Text,
) -> pulumi.Output[str]:
    """Return the payload of a service."""
    created = pulumi.Output.all(
        ecs_service=ecs_service,
        target_group=target_group,
        repository_url=repository_url,
        digest=digest,
        version=version,
    )
    return created.apply(
        lambda known: facts.Service(
            name=name,
            container=name,
            desired_count=section.desired_count,
            port=section.port,
            health_path=section.health_check.path,
            version_path=section.effective_version_path,
            template_family=template_family(stack, name),
            release_family=release_family(stack, name),
            context=section.context,
            dockerfile=section.dockerfile,
            target=section.target,
            platform=platforms.BY_CPU_ARCHITECTURE[section.cpu_architecture],
            build_args=dict(section.build_args),
            **known,
        ).payload()
    )


def deploying_pipeline(
    stack: str, section: pipeline.Pipeline, *, stage: Stage, projects: Mapping[str, Text]
) -> pulumi.Output[str]:
    """Return the payload that tells an environment which pipeline deploys to it.

    Args:
        stack: the pipeline's stack.
        section: `slipway:pipeline`.
        stage: the stage that deploys there.
        projects: names of the build projects by key.
    """
    return pulumi.Output.all(**projects).apply(
        lambda known: facts.Pipeline(
            name=names.pipeline(stack),
            stage=stage,
            deploy_action=Action.DEPLOY,
            approval_stage=Stage.APPROVAL if section.requires_approval else "",
            approval_action=Action.APPROVE if section.requires_approval else "",
            repository=section.repository,
            branch=section.branch,
            projects=known,
        ).payload()
    )
