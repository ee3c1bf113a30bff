"""The way of a commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra import policies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra import stages

# What people are told: CodeStar Notifications' own name of the event.
FAILED = "codepipeline-pipeline-pipeline-execution-failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class PipelineArgs:
    """What the pipeline needs; `push` is the branch whose pushes start it where its source is a connection.

    It comes after what its first execution needs, since creating it starts one.
    """

    pipeline_name: str
    stages: Sequence[stages.Stage]
    bucket: pulumi.Input[str]
    push: str | None
    statements: Sequence[policies.Document]
    topic_arn: pulumi.Input[str]
    after: Sequence[pulumi.Resource]


class Pipeline(pulumi.ComponentResource):
    """A pipeline of stages, each held by one execution at a time; a newer execution overtakes an older between them.

    - a role that may do what is given
    - a message to the topic when an execution fails
    """

    name: pulumi.Output[str]

    def __init__(self, name: str, args: PipelineArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:Pipeline", name, None, opts)
        self._name, self._args = name, args
        pipeline = aws.codepipeline.Pipeline(
            name,
            name=args.pipeline_name,
            pipeline_type="V2",
            execution_mode="SUPERSEDED",
            role_arn=self._role(),
            artifact_stores=[aws.codepipeline.PipelineArtifactStoreArgs(type="S3", location=args.bucket)],
            stages=[_stage(stage) for stage in args.stages],
            triggers=self._triggers(),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
        )
        aws.codestarnotifications.NotificationRule(
            name,
            name=args.pipeline_name,
            resource=pipeline.arn,
            detail_type="FULL",
            event_type_ids=[FAILED],
            targets=[aws.codestarnotifications.NotificationRuleTargetArgs(address=args.topic_arn, type="SNS")],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.name = pipeline.name
        self.register_outputs({"name": self.name})

    def _role(self) -> pulumi.Output[str]:
        """Make the role; its ARN comes out once it has its rights."""
        args, child = self._args, pulumi.ResourceOptions(parent=self)
        # No condition on account or pipeline: AWS documents none for CodePipeline, and a role of another account
        # cannot be passed to it.
        trust = policies.trust("codepipeline.amazonaws.com")
        role = aws.iam.Role(f"{self._name}-pipeline", assume_role_policy=trust, opts=child)
        policy = aws.iam.RolePolicy(
            f"{self._name}-pipeline",
            role=role.name,
            policy=pulumi.Output.json_dumps(policies.document(*args.statements)),
            opts=child,
        )
        return pulumi.Output.all(role.arn, policy.id).apply(lambda both: str(both[0]))

    def _triggers(self) -> list[aws.codepipeline.PipelineTriggerArgs] | None:
        """Start on a push to the branch, where a connection tells of it."""
        if self._args.push is None:
            return None
        push = aws.codepipeline.PipelineTriggerGitConfigurationPushArgs(
            branches=aws.codepipeline.PipelineTriggerGitConfigurationPushBranchesArgs(includes=[self._args.push])
        )
        source = self._args.stages[0].actions[0]
        return [
            aws.codepipeline.PipelineTriggerArgs(
                provider_type=source.provider,
                git_configuration=aws.codepipeline.PipelineTriggerGitConfigurationArgs(
                    source_action_name=source.name, pushes=[push]
                ),
            )
        ]


def _stage(stage: stages.Stage) -> aws.codepipeline.PipelineStageArgs:
    """Return a stage as the provider takes it."""
    return aws.codepipeline.PipelineStageArgs(name=stage.name, actions=[_action(action) for action in stage.actions])


def _action(action: stages.Action) -> aws.codepipeline.PipelineStageActionArgs:
    """Return an action as the provider takes it."""
    return aws.codepipeline.PipelineStageActionArgs(
        name=action.name,
        category=action.category,
        owner=action.owner,
        provider=action.provider,
        version="1",
        configuration=dict(action.configuration),
        input_artifacts=list(action.inputs),
        output_artifacts=list(action.outputs),
        namespace=action.namespace,
        run_order=action.order,
        timeout_in_minutes=action.minutes,
    )
