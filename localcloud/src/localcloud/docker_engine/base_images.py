"""Names of the base images: the public ones if a registry is reachable, else stand-ins that are built locally."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import asdict, dataclass

from localcloud.preflight.reach import UnreachableError, status
from localcloud.settings import IMAGE_PREFIX

REGISTRY = "public.ecr.aws"


@dataclass(frozen=True, kw_only=True, slots=True)
class Images:
    """The names of the base images in use: public ones or stand-ins."""

    python: str
    postgres: str
    haproxy: str
    codebuild: str
    """The substitute for AWS's CodeBuild images."""

    def environment(self) -> dict[str, str]:
        """Return the names as environment variables: PYTHON_IMAGE, POSTGRES_IMAGE, HAPROXY_IMAGE, CODEBUILD_IMAGE."""
        return {f"{name.upper()}_IMAGE": image for name, image in asdict(self).items()}


CURATED = "aarch64-standard:3.0" if platform.machine() in ("aarch64", "arm64") else "x86_64-standard:5.0"
PUBLIC = Images(
    python=f"{REGISTRY}/docker/library/python:3.11-slim-bookworm@sha256:0bee7276f83efd4a1ee05bbbf4281d95ed28e079220a9457f25a93e3f1e3c31b",
    postgres=f"{REGISTRY}/docker/library/postgres:15-alpine@sha256:f7d23353e1b15400d22ebe31189f4d314b87a4c129cc400c8c2d8d4ca127bf81",
    haproxy=f"{REGISTRY}/docker/library/haproxy:2.6@sha256:27d5ea8c22a63b2f072974b3d15e34816ee7f19fa68d13e37ec1d69e2a5df8d1",
    codebuild=f"{REGISTRY}/codebuild/amazonlinux-{CURATED}",
)
STAND_INS = Images(
    python=f"{IMAGE_PREFIX}python:3.11",
    postgres=f"{IMAGE_PREFIX}postgres:15",
    haproxy=f"{IMAGE_PREFIX}haproxy:2.6",
    codebuild=f"{IMAGE_PREFIX}codebuild:5.0",
)


def registry_answers() -> bool:
    """Tell within 4 s whether the public image registry is reachable.

    LOCALCLOUD_IMAGES=public or =stand-in overrides the check.
    """
    chosen = os.environ.get("LOCALCLOUD_IMAGES")
    if chosen in ("public", "stand-in"):
        return chosen == "public"
    try:
        return status(f"https://{REGISTRY}/v2/") in (200, 401)
    except UnreachableError:
        return False


def lacking() -> str:
    """Return a one-line message if packages for building stand-ins are missing and cannot be installed, or "".

    As root, mmdebstrap is installed by apt-get; another user needs it already, with uidmap for the user namespace.
    """
    if os.geteuid() == 0:
        programs = {} if shutil.which("apt-get") else {"mmdebstrap": "mmdebstrap"}
    else:
        programs = {"mmdebstrap": "mmdebstrap", "newuidmap": "uidmap"}
    missing = " ".join(package for program, package in programs.items() if shutil.which(program) is None)
    return missing and f"no image registry is reachable, and base images are built by {missing}: install it"
