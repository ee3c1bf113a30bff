"""The sections `slipway:registry` and `slipway:images`: the source of a stack's images."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from infra.config.effects import IN_PLACE, RELEASE, Effect, Kind
from infra.config.section import Section


class Registry(Section):
    """The ECR repositories, which other stacks pull from too."""

    protect: Annotated[bool, IN_PLACE] = Field(
        default=True,
        description="protect the repositories: `pulumi destroy` fails, since other stacks run their images",
    )
    keep_releases: Annotated[int, Effect(Kind.IN_PLACE, "a lower value: older images expire")] = Field(
        20, ge=2, description="number of images kept that were released to production"
    )
    keep_accepted: Annotated[int, Effect(Kind.IN_PLACE, "a lower value: older images expire")] = Field(
        20, ge=2, description="number of images kept that passed acceptance"
    )
    keep_built: Annotated[int, Effect(Kind.IN_PLACE, "a lower value: older images expire")] = Field(
        20, ge=2, description="number of images kept that Pulumi pushed"
    )
    candidate_days: Annotated[int, Effect(Kind.IN_PLACE, "a lower value: older images expire")] = Field(
        14, ge=1, description="days after which an image that did not pass acceptance expires"
    )


class Images(Section):
    """The source of images of a stack without a registry."""

    from_stack: Annotated[str, RELEASE] = Field(
        pattern=r"^[\w.-]+(/[\w.-]+/[\w.-]+)?$",
        description="stack with a registry: `stack` or `organization/project/stack`",
    )
