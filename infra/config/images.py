"""The sections `slipway:registry` and `slipway:images`: the source of a stack's images."""

from __future__ import annotations

from pydantic import Field

from infra.config.section import Section


class Registry(Section):
    """The ECR repositories, which other stacks pull from too."""

    protect: bool = Field(
        default=True,
        description="protect the repositories: `pulumi destroy` fails, since other stacks run their images",
    )
    keep_releases: int = Field(20, ge=2, description="number of images kept that were released to production")
    keep_accepted: int = Field(20, ge=2, description="number of images kept that passed acceptance")
    keep_built: int = Field(20, ge=2, description="number of images kept that Pulumi pushed")
    candidate_days: int = Field(14, ge=1, description="days after which an image that did not pass acceptance expires")


class Images(Section):
    """The source of images of a stack without a registry."""

    from_stack: str = Field(
        pattern=r"^[\w.-]+(/[\w.-]+/[\w.-]+)?$",
        description="stack with a registry: `stack` or `organization/project/stack`",
    )
