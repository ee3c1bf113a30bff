"""ARNs of what has a name of ours, so that rights can be given on another stack's resources. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass

from contract.names import parameters, release_family
from infra.aws import names


@dataclass(frozen=True, kw_only=True, slots=True)
class Home:
    """The account and region that a stack lives in; `partition` is `aws` almost everywhere."""

    partition: str
    region: str
    account: str

    def arn(self, service: str, resource: str, *, regional: bool = True) -> str:
        """Return the ARN of a service's resource."""
        return f"arn:{self.partition}:{service}:{self.region if regional else ''}:{self.account}:{resource}"

    def cluster(self, environment: str) -> str:
        """Return an environment's ECS cluster."""
        return self.arn("ecs", f"cluster/{names.cluster(environment)}")

    def of_services(self, kind: str, environment: str) -> str:
        """Return the pattern of an environment's ECS services, or their `service-deployment`s, `service-revision`s."""
        return self.arn("ecs", f"{kind}/{names.cluster(environment)}/*")

    def tasks(self, environment: str) -> str:
        """Return the pattern of an environment's tasks."""
        return self.arn("ecs", f"task/{names.cluster(environment)}/*")

    def releases(self, environment: str, service: str) -> str:
        """Return the pattern of the task definitions that a service's releases are."""
        return self.arn("ecs", f"task-definition/{release_family(environment, service)}:*")

    def task_roles(self, environment: str) -> str:
        """Return the pattern of the roles that an environment's tasks have."""
        return self.arn("iam", f"role{names.task_role_path(environment)}*", regional=False)

    def repository(self, name: str) -> str:
        """Return an image repository."""
        return self.arn("ecr", f"repository/{name}")

    def parameters(self, environment: str) -> list[str]:
        """Return the path of an environment's parameters, and all below it."""
        path = parameters(environment).strip("/")
        return [self.arn("ssm", f"parameter/{path}"), self.arn("ssm", f"parameter/{path}/*")]

    def build_project(self, name: str) -> str:
        """Return a build project."""
        return self.arn("codebuild", f"project/{name}")

    def console(self, path: str) -> str:
        """Return the address of a page of AWS's console; `path` begins after `/`."""
        return f"https://{self.region}.console.aws.amazon.com/{path}"
