"""The section `slipway:previews`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from infra.config.section import Section

KeyArn = Annotated[str, Field(pattern=r"^arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+$")]


class Previews(Section):
    """A role that may read what `pulumi preview` reads, for GitHub Actions alone."""

    repository: str = Field(
        pattern=r"^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$|^[A-Za-z0-9-]+@\d+/[A-Za-z0-9._-]+@\d+$",
        description="GitHub's `owner/name`, or `owner@id/name@id` as its tokens name newer repositories "
        "(docs/pull-requests.md)",
    )
    github_environment: str = Field(
        "previews", pattern=r"^[A-Za-z0-9_.-]{1,255}$", description="only jobs of this GitHub environment get the role"
    )
    state_bucket: str | None = Field(
        None,
        pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        description="S3 bucket of the state; absent: another backend",
    )
    kms_keys: tuple[KeyArn, ...] = Field(
        (), description="keys that the stacks' secrets, or the bucket, are encrypted with"
    )
