"""ARNs of resources with fixed names, for permissions on the resources of other stacks too. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass

from contract import console
from contract.names import parameters, release_family
from infra.aws import names


@dataclass(frozen=True, kw_only=True, slots=True)
class Home:
    """The account and region of a stack.

    Attributes:
        partition: `aws`, `aws-cn` or `aws-us-gov`.
        region: such as `eu-central-1`.
        account: the account ID, 12 digits.
    """

    partition: str
    region: str
    account: str

    def arn(self, service: str, resource: str, *, regional: bool = True) -> str:
        """Return an ARN.

        Args:
            service: the ARN's service, such as `ecs`.
            resource: what follows the account, such as `cluster/NAME`.
            regional: whether the ARN contains the region.
        """
        return f"arn:{self.partition}:{service}:{self.region if regional else ''}:{self.account}:{resource}"

    def cluster(self, environment: str) -> str:
        """Return the ARN of an environment's ECS cluster."""
        return self.arn("ecs", f"cluster/{names.cluster(environment)}")

    def of_services(self, kind: str, environment: str) -> str:
        """Return the ARN pattern of an environment's services.

        Args:
            kind: `service`, `service-deployment` or `service-revision`.
            environment: its name.
        """
        return self.arn("ecs", f"{kind}/{names.cluster(environment)}/*")

    def tasks(self, environment: str) -> str:
        """Return the ARN pattern of an environment's tasks."""
        return self.arn("ecs", f"task/{names.cluster(environment)}/*")

    def releases(self, environment: str, service: str) -> str:
        """Return the ARN pattern of the revisions in a service's release family."""
        return self.arn("ecs", f"task-definition/{release_family(environment, service)}:*")

    def task_roles(self, environment: str) -> str:
        """Return the ARN pattern of the task and execution roles of an environment."""
        return self.arn("iam", f"role{names.task_role_path(environment)}*", regional=False)

    def repository(self, name: str) -> str:
        """Return the ARN of an ECR repository."""
        return self.arn("ecr", f"repository/{name}")

    def parameters(self, environment: str) -> list[str]:
        """Return the ARN of an environment's parameter path, and the ARN pattern of all parameters below it."""
        path = parameters(environment).strip("/")
        return [self.arn("ssm", f"parameter/{path}"), self.arn("ssm", f"parameter/{path}/*")]

    def build_project(self, name: str) -> str:
        """Return the ARN of a CodeBuild project."""
        return self.arn("codebuild", f"project/{name}")

    def pipeline(self, name: str) -> str:
        """Return the ARN of a CodePipeline pipeline."""
        return self.arn("codepipeline", name)

    def alarm(self, name: str) -> str:
        """Return the ARN of a CloudWatch alarm."""
        return self.arn("cloudwatch", f"alarm:{name}")

    def console(self, path: str) -> str:
        """Return the URL of a page of the AWS console; `path` has no leading slash."""
        return console.url(self.region, path)
