"""The section `slipway:previews`: the IAM role for `pulumi preview` of pull requests."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from infra.config.arns import KeyArn
from infra.config.effects import IN_PLACE
from infra.config.section import Section


class Previews(Section):
    """A read-only role for `pulumi preview`, which only jobs of GitHub Actions can assume."""

    repository: Annotated[str, IN_PLACE] = Field(
        pattern=r"^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$|^[A-Za-z0-9-]+@\d+/[A-Za-z0-9._-]+@\d+$",
        description="GitHub repository: `owner/name`, or `owner@id/name@id` if its OIDC tokens have that subject "
        "(docs/pull-requests.md)",
    )
    github_environment: Annotated[str, IN_PLACE] = Field(
        "previews", pattern=r"^[A-Za-z0-9_.-]{1,255}$", description="GitHub environment whose jobs can assume the role"
    )
    state_bucket: Annotated[str | None, IN_PLACE] = Field(
        None,
        pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        description="S3 bucket of the Pulumi state; absent: another backend",
    )
    kms_keys: Annotated[tuple[KeyArn, ...], IN_PLACE] = Field(
        (), description="ARNs of the KMS keys that encrypt the stacks' secrets or the bucket"
    )
