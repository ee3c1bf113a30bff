"""What a service's tasks are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws

from infra import containers, policies

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# A release is a fact of the past: what changes in the configuration arrives with the next one.
RELEASED = ["containerDefinitions", "cpu", "memory", "runtimePlatform", "executionRoleArn", "taskRoleArn"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskArgs:
    """What the task definitions need. CPU in 1/1024 vCPU, memory in MiB, `stop_timeout` in seconds.

    With `follow_image` the release is replaced when anything changes; else it is made once.
    """

    service: str
    template_family: str
    release_family: str
    repository_url: pulumi.Input[str]
    repository_arn: pulumi.Input[str]
    digest: pulumi.Input[str]
    version: pulumi.Input[str]
    template_tag: str
    role_path: str
    port: int
    cpu: int
    memory: int
    cpu_architecture: str
    stop_timeout: int
    environment: Mapping[str, pulumi.Input[str]]
    secrets: Mapping[str, pulumi.Input[str]]
    secret_arns: Sequence[pulumi.Input[str]]
    log_group: str
    log_retention_days: int
    region: str
    follow_image: bool


class Task(pulumi.ComponentResource):
    """A service's task definitions, with what their tasks need to start.

    - a *template*, which follows the configuration; nothing runs on it, releases are made from it
    - the first *release*: template, image digest and version
    - a log group with a retention, a role to start tasks, and a role without rights that the tasks have
    """

    release_arn: pulumi.Output[str]
    digest: pulumi.Output[str]
    version: pulumi.Output[str]
    log_group: pulumi.Output[str]

    def __init__(self, name: str, args: TaskArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:Task", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        logs = aws.cloudwatch.LogGroup(
            name, name=args.log_group, retention_in_days=args.log_retention_days, opts=self._child
        )
        self._roles = (self._execution_role(logs), self._role("task"))
        self.log_group = logs.name
        # The tag exists nowhere, so that no accepted image ever changes the template.
        self._define(
            "template", args.template_family, pulumi.Output.concat(args.repository_url, ":", args.template_tag)
        )
        release = self._release()
        self.release_arn = release.arn
        # What is left alone is known from itself: a newer image in the registry does not change what was released.
        self.digest, self.version = pulumi.Output.from_input(args.digest), pulumi.Output.from_input(args.version)
        if not args.follow_image:
            held = release.container_definitions.apply(containers.release_of)
            self.digest, self.version = held.apply(lambda pair: pair[0]), held.apply(lambda pair: pair[1])
        self.register_outputs(
            {
                "release_arn": self.release_arn,
                "digest": self.digest,
                "version": self.version,
                "log_group": self.log_group,
            }
        )

    def _role(self, purpose: str) -> aws.iam.Role:
        """Make a role for ECS tasks, without rights."""
        return aws.iam.Role(
            f"{self._name}-{purpose}",
            # What may pass a role on is told by its path.
            path=self._args.role_path,
            assume_role_policy=policies.trust("ecs-tasks.amazonaws.com"),
            opts=self._child,
        )

    def _execution_role(self, logs: aws.cloudwatch.LogGroup) -> pulumi.Output[str]:
        """Make the role that starts tasks; its ARN comes out once it has its rights."""
        role = self._role("execution")
        log_streams = pulumi.Output.concat(logs.arn, ":*")
        policy = aws.iam.RolePolicy(
            f"{self._name}-execution",
            role=role.name,
            policy=pulumi.Output.json_dumps(
                policies.task_execution(self._args.repository_arn, log_streams, self._args.secret_arns)
            ),
            opts=self._child,
        )
        return pulumi.Output.all(role.arn, policy.id).apply(lambda both: str(both[0]))

    def _release(self) -> aws.ecs.TaskDefinition:
        """Define the first release; `digest` and `version` travel in its environment too."""
        args = self._args
        return self._define(
            "release",
            args.release_family,
            pulumi.Output.concat(args.repository_url, "@", args.digest),
            {"IMAGE_DIGEST": args.digest, "APP_VERSION": args.version},
            ignore=[] if args.follow_image else RELEASED,
        )

    def _define(
        self,
        kind: str,
        family: str,
        image: pulumi.Input[str],
        more: Mapping[str, pulumi.Input[str]] | None = None,
        ignore: list[str] | None = None,
    ) -> aws.ecs.TaskDefinition:
        """Make one task definition of the service's only container."""
        args = self._args
        execution_role_arn, task_role = self._roles
        container: dict[str, Any] = containers.definition(
            containers.Container(
                name=args.service,
                image=image,
                port=args.port,
                environment={"PORT": str(args.port), **args.environment, **(more or {})},
                secrets=args.secrets,
                log_group=args.log_group,
                region=args.region,
                stop_timeout=args.stop_timeout,
            )
        )
        return aws.ecs.TaskDefinition(
            f"{self._name}-{kind}",
            family=family,
            cpu=str(args.cpu),
            memory=str(args.memory),
            network_mode="awsvpc",
            requires_compatibilities=["FARGATE"],
            runtime_platform=aws.ecs.TaskDefinitionRuntimePlatformArgs(
                cpu_architecture=args.cpu_architecture, operating_system_family="LINUX"
            ),
            execution_role_arn=execution_role_arn,
            task_role_arn=task_role.arn,
            container_definitions=pulumi.Output.json_dumps([container], sort_keys=True),
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=ignore),
        )
