"""The task definitions of a service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from contract import images
from contract.containers import APP_VERSION, IMAGE_DIGEST, PORT
from contract.names import of_service, release_family, template_family
from infra.aws import containers, iam, names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.config.environment import Service as Section

    Variables = Mapping[str, pulumi.Input[str]]

# A release is a fact of the past: what changes in the configuration arrives with the next one.
RELEASED = ["containerDefinitions", "cpu", "memory", "runtimePlatform", "executionRoleArn", "taskRoleArn"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """The image of a first release: its repository, its digest, and the version it tells of itself."""

    repository_url: pulumi.Input[str]
    repository_arn: pulumi.Input[str]
    digest: pulumi.Input[str]
    version: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """The environment that a task runs in: its name and region, and for how many days its logs are kept."""

    environment: str
    region: str
    log_retention_days: int


class Task(pulumi.ComponentResource):
    """A service's task definitions, with what their tasks need to start.

    - a *template*, which follows the configuration; nothing runs on it, releases are made from it
    - the first *release*: template, image digest and version
    - a log group with a retention, a role to start tasks, and a role without rights that the tasks have

    Args:
        service: the service's name in the stack file.
        section: `slipway:environment.services.<name>`. CPU in 1/1024 vCPU, memory in MiB.
        place: the environment.
        image: of the first release.
        variables: added to those of the section, such as the database's address.
        secrets: variables added to the section's, by ARN or `ARN:key:stage:version`.
        secret_arns: secrets that those added are read from.
        follow_image: whether the release is replaced when anything changes; else it is made once.
    """

    release_arn: pulumi.Output[str]
    digest: pulumi.Output[str]
    version: pulumi.Output[str]
    log_group: pulumi.Output[str]

    def __init__(
        self,
        service: str,
        section: Section,
        *,
        place: Place,
        image: Image,
        variables: Variables,
        secrets: Variables,
        secret_arns: Sequence[pulumi.Input[str]],
        follow_image: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        name = of_service(place.environment, service)
        super().__init__("slipway:infra:Task", name, None, opts)
        self._service, self._name, self._section, self._place, self._image = service, name, section, place, image
        self._variables = {PORT: str(section.port), **section.environment, **variables}
        self._secrets = {**section.secrets, **secrets}
        self._child = pulumi.ResourceOptions(parent=self)
        logs = aws.cloudwatch.LogGroup(
            name,
            name=names.log_group(place.environment, service),
            retention_in_days=place.log_retention_days,
            opts=self._child,
        )
        readable = [*map(names.secret_resource, section.secrets.values()), *secret_arns]
        self._roles = (self._execution_role(logs, readable), self._role("task"))
        self.log_group = logs.name
        # No image has this tag, so that no accepted image ever changes the template.
        template = pulumi.Output.concat(image.repository_url, ":", images.TEMPLATE)
        self._define("template", template_family(place.environment, service), template)
        release = self._release(ignore=[] if follow_image else RELEASED)
        self.release_arn = release.arn
        # What is left alone is known from itself: a newer image in the registry does not change what was released.
        self.digest, self.version = pulumi.Output.from_input(image.digest), pulumi.Output.from_input(image.version)
        if not follow_image:
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
            path=names.task_role_path(self._place.environment),
            assume_role_policy=iam.trust("ecs-tasks.amazonaws.com"),
            opts=self._child,
        )

    def _execution_role(
        self, logs: aws.cloudwatch.LogGroup, secret_arns: Sequence[pulumi.Input[str]]
    ) -> pulumi.Output[str]:
        """Make the role that starts tasks; its ARN comes out once it has its rights."""
        role = self._role("execution")
        log_streams = pulumi.Output.concat(logs.arn, ":*")
        policy = aws.iam.RolePolicy(
            f"{self._name}-execution",
            role=role.name,
            policy=pulumi.Output.json_dumps(iam.task_execution(self._image.repository_arn, log_streams, secret_arns)),
            opts=self._child,
        )
        return pulumi.Output.all(role.arn, policy.id).apply(lambda both: str(both[0]))

    def _release(self, *, ignore: list[str]) -> aws.ecs.TaskDefinition:
        """Define the first release; digest and version travel in its environment too."""
        image = self._image
        return self._define(
            "release",
            release_family(self._place.environment, self._service),
            pulumi.Output.concat(image.repository_url, "@", image.digest),
            {IMAGE_DIGEST: image.digest, APP_VERSION: image.version},
            ignore,
        )

    def _define(
        self,
        kind: str,
        family: str,
        image: pulumi.Input[str],
        of_release: Variables | None = None,
        ignore: list[str] | None = None,
    ) -> aws.ecs.TaskDefinition:
        """Make one task definition of the service's only container."""
        section = self._section
        execution_role_arn, task_role = self._roles
        container = containers.definition(
            containers.Container(
                name=self._service,
                image=image,
                port=section.port,
                environment={**self._variables, **(of_release or {})},
                secrets=self._secrets,
                log_group=names.log_group(self._place.environment, self._service),
                region=self._place.region,
                stop_timeout=section.stop_timeout,
            )
        )
        return aws.ecs.TaskDefinition(
            f"{self._name}-{kind}",
            family=family,
            cpu=str(section.cpu),
            memory=str(section.memory),
            network_mode="awsvpc",
            requires_compatibilities=["FARGATE"],
            runtime_platform=aws.ecs.TaskDefinitionRuntimePlatformArgs(
                cpu_architecture=section.cpu_architecture, operating_system_family="LINUX"
            ),
            execution_role_arn=execution_role_arn,
            task_role_arn=task_role.arn,
            container_definitions=pulumi.Output.json_dumps([container], sort_keys=True),
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=ignore),
        )
