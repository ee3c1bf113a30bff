"""Platforms that images are built for, each on a build machine of its own kind. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from contract.images import architecture
from contract.pipeline import Project

if TYPE_CHECKING:
    from collections.abc import Sequence

Platform = Literal["linux/amd64", "linux/arm64"]
# ECS's names of CPU architectures, and Docker's of the platforms that run on them.
OF_ARCHITECTURE: dict[str, Platform] = {"X86_64": "linux/amd64", "ARM64": "linux/arm64"}
MACHINES = {"linux/amd64": "LINUX_CONTAINER", "linux/arm64": "ARM_CONTAINER"}
IMAGES = {
    "linux/amd64": "aws/codebuild/amazonlinux-x86_64-standard:5.0",
    "linux/arm64": "aws/codebuild/amazonlinux-aarch64-standard:3.0",
}


def builds(platforms: Sequence[str] | None, native: str) -> dict[str, str]:
    """Return the build projects of a release and their platforms.

    Args:
        platforms: as configured; None for that of the services alone.
        native: what the services run on; its project has the same name with one platform as with several.
    """
    others = [one for one in platforms or () if one != native]
    return {str(Project.BUILD): native} | {f"{Project.BUILD}-{architecture(one)}": one for one in others}
