"""The sections `slipway:registry` and `slipway:images`: where a stack's images are kept or come from."""

from __future__ import annotations

from pydantic import Field

from infra.config.section import Section


class Registry(Section):
    """The image repositories, which the other stacks use too."""

    protect: bool = Field(default=True, description="refuse `pulumi destroy`, since other stacks run these images")
    keep_releases: int = Field(20, ge=2, description="images kept of those that production ran")
    keep_accepted: int = Field(20, ge=2, description="images kept of those that passed acceptance")
    keep_built: int = Field(20, ge=2, description="images kept of those that Pulumi pushed")
    candidate_days: int = Field(14, ge=1, description="days an image that never passed is kept")


class Images(Section):
    """Where the images come from when this stack has no registry."""

    from_stack: str = Field(pattern=r"^[\w.-]+(/[\w.-]+/[\w.-]+)?$", description="a stack with a registry")
