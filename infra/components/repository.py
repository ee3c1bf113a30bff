"""A service's image repository."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryArgs:
    """What the repository needs; `lifecycle` is an ECR lifecycle policy as JSON.

    A protected repository survives `pulumi destroy`, and AWS refuses to delete it while it holds an image.
    """

    repository_name: str
    lifecycle: str
    protected: bool


class Repository(pulumi.ComponentResource):
    """An image repository whose tags never change their image.

    - images are scanned when pushed
    - images that are no longer of use are removed by the lifecycle policy
    """

    arn: pulumi.Output[str]
    name: pulumi.Output[str]
    url: pulumi.Output[str]
    registry_id: pulumi.Output[str]

    def __init__(self, name: str, args: RepositoryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:Repository", name, None, opts)
        repository = aws.ecr.Repository(
            name,
            name=args.repository_name,
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
            force_delete=not args.protected,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protected),
        )
        policy = aws.ecr.LifecyclePolicy(
            name, repository=repository.name, policy=args.lifecycle, opts=pulumi.ResourceOptions(parent=self)
        )
        self.arn, self.url, self.registry_id = repository.arn, repository.repository_url, repository.registry_id
        self.name = pulumi.Output.all(repository.name, policy.id).apply(lambda both: str(both[0]))
        self.register_outputs({"arn": self.arn, "name": self.name, "url": self.url, "registry_id": self.registry_id})
