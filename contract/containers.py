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
