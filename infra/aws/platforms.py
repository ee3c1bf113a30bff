"""Platforms of images, and the CodeBuild environments that build them natively. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from contract.images import architecture
from contract.pipeline import Project

if TYPE_CHECKING:
    from collections.abc import Sequence

Platform = Literal["linux/amd64", "linux/arm64"]
# Docker platforms by ECS CPU architecture.
BY_CPU_ARCHITECTURE: dict[str, Platform] = {"X86_64": "linux/amd64", "ARM64": "linux/arm64"}
# CodeBuild environment types and curated images by platform.
ENVIRONMENT_TYPES = {"linux/amd64": "LINUX_CONTAINER", "linux/arm64": "ARM_CONTAINER"}
BUILD_IMAGES = {
    "linux/amd64": "aws/codebuild/amazonlinux-x86_64-standard:5.0",
    "linux/arm64": "aws/codebuild/amazonlinux-aarch64-standard:3.0",
}
# The same of CodeBuild's Lambda compute (CodeBuild user guide, "Lambda compute images").
LAMBDA_ENVIRONMENT_TYPES = {"linux/amd64": "LINUX_LAMBDA_CONTAINER", "linux/arm64": "ARM_LAMBDA_CONTAINER"}
LAMBDA_BUILD_IMAGES = {
    "linux/amd64": "aws/codebuild/amazonlinux-x86_64-lambda-standard:python3.12",
    "linux/arm64": "aws/codebuild/amazonlinux-aarch64-lambda-standard:python3.12",
}
LAMBDA_COMPUTE_TYPE = "BUILD_LAMBDA_1GB"
LAMBDA_MINUTES = 15
"""What a build on Lambda compute may take at most, and no other limit can be set (CodeBuild user guide, "Limitations of
AWS Lambda compute")."""
LAMBDA_REGIONS = (
    "ap-northeast-1",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "eu-central-1",
    "eu-west-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-2",
)
"""CodeBuild user guide, "Which regions support AWS Lambda compute in CodeBuild?"."""


def build_projects(platforms: Sequence[str] | None, service_platform: str) -> dict[str, str]:
    """Return the platforms of a release by the key of the build project that builds for it.

    Args:
        platforms: as configured; None for the services' platform alone.
        service_platform: that of the services; the key of its project does not depend on the number of platforms.
    """
    others = [platform for platform in platforms or () if platform != service_platform]
    keys = {f"{Project.BUILD}-{architecture(platform)}": platform for platform in others}
    return {str(Project.BUILD): service_platform} | keys
