"""The task definitions of a service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from contract import images
from contract.containers import APP_VERSION, IMAGE_DIGEST, PORT, tmpfs_size
from contract.names import of_service, release_family, template_family
from infra.aws import containers, iam, names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.config.environment import Service as Section

    Variables = Mapping[str, pulumi.Input[str]]

# A release does not change after the fact: changes of the configuration take effect with the next one.
IGNORED_IN_RELEASES = ["containerDefinitions", "cpu", "memory", "runtimePlatform", "executionRoleArn", "taskRoleArn"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """The image of the first release.

    Attributes:
        repository_url: `REGISTRY/NAME`.
        repository_arn: of the ECR repository.
        digest: `sha256:...`.
        version: commit, or tag of an image that Pulumi built; the container gets it as `APP_VERSION`.
    """

    repository_url: pulumi.Input[str]
    repository_arn: pulumi.Input[str]
    digest: pulumi.Input[str]
    version: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskEnvironment:
    """The environment that a task runs in: its name and region, and the retention of its logs in days."""

    environment: str
    region: str
    log_retention_days: int


class Task(pulumi.ComponentResource):
    """A service's task definitions with their log group and roles.

    - the *template*, which follows the configuration; no task runs it, releases are registered from it
    - the first *release*: the template with image digest and version
    - a log group with a retention, the task execution role, and a task role without permissions

    Args:
        service: the service's name in the stack file.
        section: `slipway:environment.services.<name>`. CPU in 1/1024 vCPU, memory in MiB.
        place: the environment that the tasks run in.
        image: of the first release.
        variables: environment variables in addition to the section's, such as the database's address.
        secrets: references to secrets in addition to the section's, by variable: `ARN:key:stage:version`.
        secret_arns: ARNs of the secrets that `secrets` refers to.
        follow_image: whether the release is replaced when image or configuration change; otherwise it is created once.
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
        place: TaskEnvironment,
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
        self._variables = {PORT: str(section.effective_port), **section.environment, **variables}
        self._secrets = {**section.secrets, **secrets}
        self._child = pulumi.ResourceOptions(parent=self)
        logs = aws.cloudwatch.LogGroup(
            name,
            name=names.log_group(place.environment, service),
            retention_in_days=place.log_retention_days,
            opts=self._child,
        )
        self._roles = (self._execution_role(logs, secret_arns), self._role("task"))
        self.log_group = logs.name
        # No image has this tag, so a newly accepted image does not change the template.
        template = pulumi.Output.concat(image.repository_url, ":", images.TEMPLATE)
        self._task_definition("template", template_family(place.environment, service), template)
        release = self._release(ignore=[] if follow_image else IGNORED_IN_RELEASES)
        self.release_arn = release.arn
        # If changes are ignored, the release itself has its digest and version, not the newest image in the registry.
        self.digest, self.version = pulumi.Output.from_input(image.digest), pulumi.Output.from_input(image.version)
        if not follow_image:
            released = release.container_definitions.apply(containers.release_of)
            self.digest, self.version = released.apply(lambda pair: pair[0]), released.apply(lambda pair: pair[1])
        self.register_outputs(
            {
                "release_arn": self.release_arn,
                "digest": self.digest,
                "version": self.version,
                "log_group": self.log_group,
            }
        )

    def _role(self, purpose: str) -> aws.iam.Role:
        """Create a role that ECS tasks can assume, without permissions."""
        return aws.iam.Role(
            f"{self._name}-{purpose}",
            # The deploy step may pass the roles below this path.
            path=names.task_role_path(self._place.environment),
            assume_role_policy=iam.service_trust_policy("ecs-tasks.amazonaws.com"),
            opts=self._child,
        )

    def _execution_role(
        self, logs: aws.cloudwatch.LogGroup, secret_arns: Sequence[pulumi.Input[str]]
    ) -> pulumi.Output[str]:
        """Create the task execution role; the ARN output resolves after its policy exists."""
        role = self._role("execution")
        log_streams = pulumi.Output.concat(logs.arn, ":*")
        own = {"configured": list(self._section.secrets.values()), "keys": self._section.kms_keys}
        document = iam.task_execution_policy(self._image.repository_arn, log_streams, secret_arns, **own)
        policy = aws.iam.RolePolicy(
            f"{self._name}-execution", role=role.name, policy=pulumi.Output.json_dumps(document), opts=self._child
        )
        return pulumi.Output.all(role.arn, policy.id).apply(lambda both: str(both[0]))

    def _release(self, *, ignore: list[str]) -> aws.ecs.TaskDefinition:
        """Create the first release, with digest and version as environment variables too."""
        image = self._image
        return self._task_definition(
            "release",
            release_family(self._place.environment, self._service),
            pulumi.Output.concat(image.repository_url, "@", image.digest),
            {IMAGE_DIGEST: image.digest, APP_VERSION: image.version},
            ignore,
        )

    def _task_definition(
        self,
        kind: str,
        family: str,
        image: pulumi.Input[str],
        release_variables: Variables | None = None,
        ignore: list[str] | None = None,
    ) -> aws.ecs.TaskDefinition:
        """Create a task definition with the service's only container."""
        section = self._section
        execution_role_arn, task_role = self._roles
        container = containers.definition(
            containers.Container(
                name=self._service,
                image=image,
                port=section.effective_port,
                environment={**self._variables, **(release_variables or {})},
                secrets=self._secrets,
                log_group=names.log_group(self._place.environment, self._service),
                region=self._place.region,
                stop_timeout=section.stop_timeout,
                read_only=section.read_only,
                writable=dict.fromkeys(section.writable or (), tmpfs_size(section.memory)),
                entry_point=section.entry_point,
                command=section.command,
                user=section.user,
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
