"""The section `slipway:pipeline`: from a pushed commit to production, or to staging alone."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from infra.aws.platforms import Platform
from infra.config.section import Section

Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]


class Pipeline(Section):
    """From a pushed commit to production, or to staging alone."""

    repository: str = Field(pattern=r"^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", description="GitHub's `owner/name`")
    branch: str = Field("main", pattern=r"^[A-Za-z0-9._/-]+$", description="a push to it starts a release")
    trigger: Literal["connection", "webhook"] = Field(
        "connection", description="how a push is noticed: a CodeConnection, or a webhook and a token (ADR 0006)"
    )
    connection_arn: str | None = Field(
        None,
        pattern=r"^arn:[a-z-]+:code(star-)?connections:[a-z0-9-]+:\d{12}:connection/.+$",
        description="a CodeConnection that is AVAILABLE; absent: the stack makes its own",
    )
    approval: Literal["manual", "automatic"] = Field(
        "manual", description="a person lets each release into production, or no one has to"
    )
    approval_minutes: int = Field(
        10080, ge=5, le=86400, description="minutes until a release that nobody approved is over"
    )
    staging: str | None = Field(
        None,
        pattern=r"^[\w.-]+(/[\w.-]+/[\w.-]+)?$",
        description="the stack that releases pass first; absent: this stack is staging, and there is no production",
    )
    notify: tuple[Email, ...] = Field((), description="e-mail addresses told of approvals, failures and alarms")
    compute_type: Literal[
        "BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_MEDIUM", "BUILD_GENERAL1_LARGE", "BUILD_GENERAL1_XLARGE"
    ] = Field("BUILD_GENERAL1_SMALL", description="size of the build machines")
    image: str | None = Field(
        None,
        min_length=1,
        description="what builds run in; absent: `aws/codebuild/amazonlinux-x86_64-standard:5.0`, for ARM64 services "
        "`aws/codebuild/amazonlinux-aarch64-standard:3.0`",
    )
    platforms: tuple[Platform, ...] | None = Field(
        None,
        min_length=1,
        description="`linux/amd64`, `linux/arm64` or both: what images are built for, each on machines of its own kind "
        "(ADR 0010); absent: what the services run on",
    )
    artifact_days: int = Field(30, ge=1, description="days that sources and manifests of releases are kept")
    log_retention_days: int = Field(30, description="days, as CloudWatch Logs allows")

    @property
    def asks_a_person(self) -> bool:
        """Whether a release waits for an approval."""
        return self.staging is not None and self.approval == "manual"
