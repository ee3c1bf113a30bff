"""Image tags, which record the stages that an image has passed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

CANDIDATE = "candidate-"
"""`candidate-<commit>`: built by the pipeline and passed the acceptance suite in Compose."""
SUITE = "-suite"
"""`candidate-<commit>-suite`: the image of that commit's acceptance suite. Never a release, it expires by age."""
ACCEPTED = "accepted-"
"""`accepted-<commit>`: passed acceptance in staging; production's first image must have it."""
RELEASED = "released-"
"""`released-<commit>-<execution>`: is or was deployed to production."""
CONTENT = "content-"
"""`content-<hash>-<time>`: pushed by `pulumi up` as a service's first image."""
IN_USE = "in-use-"
"""`in-use-<stack>-<digest>`: runs in a stack, or may be gone back to there; no lifecycle rule expires it."""
COMMIT = "COMMIT"
"""The build argument that each build of a release gets: its commit. A first image has none."""
TEMPLATE = "template"
"""The tag in template task definitions; no image has it, so an accepted image does not change the template."""


OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_IMAGE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
MEDIA_TYPES = (OCI_INDEX, DOCKER_LIST, OCI_IMAGE, DOCKER_IMAGE)
"""Asked for by name, so that ECR hands over what is there and converts nothing (BatchGetImage, acceptedMediaTypes)."""


def in_use_tag(stack: str, digest: str) -> str:
    """Return the tag of an image, by its `sha256:...`, that a stack runs: `in-use-prod-0123456789ab`."""
    return f"{IN_USE}{stack}-{digest.removeprefix('sha256:')[:12]}"


def content_tag(content_hash: str, pushed_at: datetime) -> str:
    """Return the tag of an image that Pulumi pushes; the time, in seconds, makes it unique."""
    return f"{CONTENT}{content_hash}-{pushed_at:%Y%m%d%H%M%S}"


def platform_tag(commit: str, platform: str) -> str:
    """Return the tag of a commit's image for one of several platforms: `candidate-<commit>-arm64`."""
    return f"{CANDIDATE}{commit}-{architecture(platform)}"


def suite_tag(commit: str) -> str:
    """Return the tag of the image of a commit's acceptance suite: `candidate-<commit>-suite`."""
    return f"{CANDIDATE}{commit}{SUITE}"


def architecture(platform: str) -> str:
    """Return Docker's architecture of a platform: `arm64` of `linux/arm64`."""
    return platform.rpartition("/")[2]
