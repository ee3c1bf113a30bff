"""The ECR repository of a service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra.aws import names
from infra.aws.resource_policies import image_lifecycle

if TYPE_CHECKING:
    from infra.config.images import Registry as Section


class Repository(pulumi.ComponentResource):
    """An ECR repository with immutable tags.

    - images are scanned on push
    - a lifecycle policy that expires old images, but none that a stack runs or may go back to
    - with protection `pulumi destroy` fails, and AWS rejects deletion while the repository contains images

    Args:
        name: of the service.
        section: `slipway:registry`.
    """

    arn: pulumi.Output[str]
    name: pulumi.Output[str]
    url: pulumi.Output[str]
    registry_id: pulumi.Output[str]

    def __init__(self, name: str, section: Section, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:Repository", name, None, opts)
        repository = aws.ecr.Repository(
            name,
            name=names.repository(name),
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
            force_delete=not section.protect,
            opts=pulumi.ResourceOptions(parent=self, protect=section.protect),
        )
        lifecycle = image_lifecycle(
            releases=section.keep_releases,
            accepted=section.keep_accepted,
            built=section.keep_built,
            candidate_days=section.candidate_days,
        )
        policy = aws.ecr.LifecyclePolicy(
            name,
            repository=repository.name,
            policy=lifecycle,
            # A repository has one policy, so deleting the old one after its replacement would delete that.
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        self.arn, self.url, self.registry_id = repository.arn, repository.repository_url, repository.registry_id
        self.name = pulumi.Output.all(repository.name, policy.id).apply(lambda both: str(both[0]))
        self.register_outputs({"arn": self.arn, "name": self.name, "url": self.url, "registry_id": self.registry_id})
