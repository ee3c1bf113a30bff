"""The JSON payloads of an environment's parameters: `contract.facts` with the outputs of its resources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from contract import facts
from contract.names import release_family, template_family
from contract.pipeline import Action, Stage
from infra.aws import names, platforms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.config import pipeline
    from infra.config.environment import Service as Section
    from infra.config.environment import Suite

Text = pulumi.Input[str]


def environment(*, url: Text, cluster: Text) -> pulumi.Output[str]:
    """Return the payload of `/slipway/<env>/environment`.

    Args:
        url: of the load balancer, without a trailing slash.
        cluster: name of the ECS cluster.
    """
    return pulumi.Output.all(url=url, cluster=cluster).apply(lambda values: facts.Environment(**values).payload())


def service(  # noqa: PLR0913 - each is the output of another resource
    stack: str,
    name: str,
    section: Section,
    *,
    ecs_service: Text,
    target_group: Text,
    repository_url: Text,
    digest: Text,
    version: Text,
    attachment: int,
    ports: Sequence[int],
    first_version_path: str,
) -> pulumi.Output[str]:
    """Return the payload of `/slipway/<env>/services/<service>`.

    Args:
        stack: the environment's name.
        name: of the service in the stack file.
        section: `slipway:environment.services.<name>`.
        ecs_service: name of the ECS service.
        target_group: ARN of its target group.
        repository_url: of its ECR repository.
        digest: of the first image.
        version: of the first image.
        attachment: priority of the rule that attaches its target group, 0 for none.
        ports: that its releases listen on, the first one first.
        first_version_path: the version path of its first image.
    """
    outputs = pulumi.Output.all(
        ecs_service=ecs_service,
        target_group=target_group,
        repository_url=repository_url,
        digest=digest,
        version=version,
    )
    return outputs.apply(
        lambda values: facts.Service(
            name=name,
            container=name,
            desired_count=section.desired_count,
            port=section.effective_port,
            health_path=section.health_check.path,
            version_path=section.effective_version_path,
            template_family=template_family(stack, name),
            release_family=release_family(stack, name),
            context=section.context,
            dockerfile=section.dockerfile,
            target=section.effective_target,
            platform=platforms.BY_CPU_ARCHITECTURE[section.cpu_architecture],
            build_args=dict(section.build_args),
            health_status=section.health_check.status,
            route="" if section.effective_version_path else section.route_prefix,
            writable=list(section.writable or ()),
            tests=_suite(section.tests),
            acceptance=_suite(section.acceptance),
            attachment=attachment,
            ports=list(ports) if len(ports) > 1 else [],
            first_version_path="" if first_version_path == section.effective_version_path else first_version_path,
            checks=[check.model_dump() for check in section.checks],
            canary_minutes=section.canary.minutes if section.canary else 0,
            bake_minutes=section.canary_bake,
            **values,
        ).payload()
    )


def _suite(suite: Suite | None) -> dict[str, object]:
    """Return what is configured of a suite, as JSON."""
    return suite.model_dump(mode="json", exclude_defaults=True) if suite else {}


def deploying_pipeline(
    stack: str, section: pipeline.Pipeline, *, stage: Stage, projects: Mapping[str, Text], topic: Text
) -> pulumi.Output[str]:
    """Return the payload of `/slipway/<env>/pipeline`: the pipeline that deploys to an environment.

    Args:
        stack: the pipeline's stack.
        section: `slipway:pipeline`.
        stage: the stage that deploys to the environment.
        projects: names of the build projects by key.
        topic: ARN of the pipeline's topic, recorded if its steps publish there.
    """
    # Otherwise the record of a stack that stands would come to depend on the topic.
    told: Text = topic if section.notify_steps else ""
    return pulumi.Output.all(topic=told, projects=pulumi.Output.all(**projects)).apply(
        lambda values: facts.Pipeline(
            name=names.pipeline(stack),
            stage=stage,
            deploy_action=Action.DEPLOY,
            approval_stage=Stage.APPROVAL if section.requires_approval else "",
            approval_action=Action.APPROVE if section.requires_approval else "",
            repository=section.repository,
            branch=section.branch,
            projects=values["projects"],
            topic=values["topic"],
            chat_secret=section.chat_webhook_secret_arn or "",
            github_secret=section.github_token_secret_arn or "",
        ).payload()
    )
