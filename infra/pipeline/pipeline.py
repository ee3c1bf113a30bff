"""The release pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra.aws import iam, names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.pipeline import stages

# Event type ID of CodeStar Notifications.
FAILED = "codepipeline-pipeline-pipeline-execution-failed"


class Pipeline(pulumi.ComponentResource):
    """A V2 pipeline in SUPERSEDED mode: a newer execution replaces an older one that waits for a stage.

    - a role with the given permissions
    - a notification to the topic when an execution fails

    Args:
        name: of the stack.
        stages: in their order; the first contains the source action.
        bucket: name of the artifact bucket.
        push_branch: the branch whose pushes start it if its source is a connection; otherwise None.
        statements: permissions of its role.
        topic_arn: topic for failed executions.
        hooks: of the pipeline itself.
        after: resources that the first execution needs; creating a pipeline starts one.
    """

    name: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        stages: Sequence[stages.Stage],
        bucket: pulumi.Input[str],
        push_branch: str | None,
        statements: Sequence[iam.Document],
        topic_arn: pulumi.Input[str],
        hooks: pulumi.ResourceHookBinding,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("slipway:infra:Pipeline", name, None, opts)
        pipeline = aws.codepipeline.Pipeline(
            name,
            name=names.pipeline(name),
            pipeline_type="V2",
            execution_mode="SUPERSEDED",
            role_arn=self._role(name, statements),
            artifact_stores=[aws.codepipeline.PipelineArtifactStoreArgs(type="S3", location=bucket)],
            stages=[_stage(stage) for stage in stages],
            triggers=[_trigger(stages[0].actions[0], push_branch)] if push_branch else None,
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(after), hooks=hooks),
        )
        aws.codestarnotifications.NotificationRule(
            name,
            name=names.pipeline(name),
            resource=pipeline.arn,
            detail_type="FULL",
            event_type_ids=[FAILED],
            targets=[aws.codestarnotifications.NotificationRuleTargetArgs(address=topic_arn, type="SNS")],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.name = pipeline.name
        self.register_outputs({"name": self.name})

    def _role(self, name: str, statements: Sequence[iam.Document]) -> pulumi.Output[str]:
        """Create the role; its ARN resolves after its policy exists."""
        child = pulumi.ResourceOptions(parent=self)
        # No condition on account or pipeline: CodePipeline documents none, and a role of another account cannot be
        # passed to it.
        trust = iam.service_trust_policy("codepipeline.amazonaws.com")
        role = aws.iam.Role(f"{name}-pipeline", assume_role_policy=trust, opts=child)
        policy = aws.iam.RolePolicy(
            f"{name}-pipeline",
            role=role.name,
            policy=pulumi.Output.json_dumps(iam.document(*statements)),
            opts=child,
        )
        return pulumi.Output.all(role.arn, policy.id).apply(lambda both: str(both[0]))


def _trigger(source: stages.Action, branch: str) -> aws.codepipeline.PipelineTriggerArgs:
    """Return the trigger for pushes to the branch, by the connection's source action."""
    push = aws.codepipeline.PipelineTriggerGitConfigurationPushArgs(
        branches=aws.codepipeline.PipelineTriggerGitConfigurationPushBranchesArgs(includes=[branch])
    )
    return aws.codepipeline.PipelineTriggerArgs(
        provider_type=source.provider,
        git_configuration=aws.codepipeline.PipelineTriggerGitConfigurationArgs(
            source_action_name=source.name, pushes=[push]
        ),
    )


def _stage(stage: stages.Stage) -> aws.codepipeline.PipelineStageArgs:
    """Return a stage as the provider's arguments."""
    return aws.codepipeline.PipelineStageArgs(
        name=stage.name,
        actions=[_action(action) for action in stage.actions],
        before_entry=_condition(stage.alarms) if stage.alarms else None,
    )


def _condition(alarms: Sequence[str]) -> aws.codepipeline.PipelineStageBeforeEntryArgs:
    """Return the condition that no alarm is on, with a rule for each (CodePipeline user guide, "CloudWatchAlarm")."""
    kind = aws.codepipeline.PipelineStageBeforeEntryConditionRuleRuleTypeIdArgs(
        category="Rule", owner="AWS", provider="CloudWatchAlarm", version="1"
    )
    rules = [
        aws.codepipeline.PipelineStageBeforeEntryConditionRuleArgs(
            name=f"Alarm{number}", rule_type_id=kind, configuration={"AlarmName": alarm}
        )
        for number, alarm in enumerate(alarms, 1)
    ]
    return aws.codepipeline.PipelineStageBeforeEntryArgs(
        condition=aws.codepipeline.PipelineStageBeforeEntryConditionArgs(result="FAIL", rules=rules)
    )


def _action(action: stages.Action) -> aws.codepipeline.PipelineStageActionArgs:
    """Return an action as the provider's arguments."""
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
