"""The environment variables that a service's container gets from Slipway."""

from __future__ import annotations

PORT = "PORT"
"""The port to listen on."""
IMAGE_DIGEST, APP_VERSION = "IMAGE_DIGEST", "APP_VERSION"
"""Of a release: the digest of its image, and the commit (of a first image its tag) that it was built from."""
OF_A_RELEASE = (IMAGE_DIGEST, APP_VERSION)
DATABASE_HOST, DATABASE_PORT, DATABASE_NAME = "DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME"
DATABASE_USER, DATABASE_PASSWORD = "DATABASE_USER", "DATABASE_PASSWORD"
