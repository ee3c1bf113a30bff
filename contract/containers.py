"""Names of the environment variables that Slipway sets in a service's container."""

from __future__ import annotations

PORT = "PORT"
"""The port that the container listens on."""
IMAGE_DIGEST, APP_VERSION = "IMAGE_DIGEST", "APP_VERSION"
"""Set in releases: the image digest, and the commit that the image was built from (the tag of a first image)."""
OF_A_RELEASE = (IMAGE_DIGEST, APP_VERSION)
DATABASE_HOST, DATABASE_PORT, DATABASE_NAME = "DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME"
DATABASE_USER, DATABASE_PASSWORD = "DATABASE_USER", "DATABASE_PASSWORD"
OF_THE_DATABASE = (DATABASE_HOST, DATABASE_PORT, DATABASE_NAME, DATABASE_USER, DATABASE_PASSWORD)
DEFAULT_PORT = 8080
"""The port of a service that neither configures nor exposes one."""
WRITABLE = ("/tmp",)  # noqa: S108 - a directory of the container
"""The directories in memory of a service that does not configure them."""
# Writable for every user, as /tmp is, and executable: libraries unpack native code there. Fargate has tmpfs since
# January 2026 (aws/containers-roadmap#736).
TMPFS_OPTIONS = ("exec", "nosuid", "nodev", "mode=1777")


def tmpfs_size(memory: int) -> int:
    """Return the size limit in MiB of a directory in memory of a task with so many: Linux's own, half of it."""
    return memory // 2
