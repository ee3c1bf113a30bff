"""CodeBuild's Lambda compute: what a build's container lacks there, imposed by Docker.

CodeBuild user guide, "Limitations of AWS Lambda compute": no root user, no Docker, no file outside of /tmp is written,
and no build takes longer than 15 minutes. The source lies below /tmp on AWS; here in the build's folder, which is
writable.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from localcloud.state.table import Doc

MINUTES = 15
WRITABLE = "/tmp"  # noqa: S108  Lambda's
USER = 993
"""ID of the user in a container, if the local cloud is run by root."""
PACKAGES = f"{WRITABLE}/opt/python/site-packages"
VARIABLES = {
    "HOME": WRITABLE,
    "LAMBDA_USER_HOME": f"{WRITABLE}/opt",
    "PYTHONPATH": PACKAGES,
    "PIP_TARGET": PACKAGES,
}
"""As AWS's images have it (aws-codebuild-docker-images, al-lambda/x86_64/python3.12: Dockerfile and pip.conf)."""


def used(environment: Doc) -> bool:
    """Tell whether an environment is one on Lambda compute."""
    return "LAMBDA" in environment["type"]


def minutes(build: Doc) -> int:
    """Return how many minutes a build may take."""
    limit = int(build["timeoutInMinutes"])
    return min(limit, MINUTES) if used(build["environment"]) else limit


def owner() -> tuple[int, int]:
    """Return the IDs of user and group that own a build's folder: the local cloud's own unless it is run by root."""
    return (os.geteuid(), os.getegid()) if os.geteuid() else (USER, USER)


def hand_over(folder: Path) -> None:
    """Make the user of the container the owner of a build's folder. Blocking.

    Only root has to: the folder is of whoever runs the local cloud.
    """
    if os.geteuid():
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, *owner(), follow_symlinks=False)


def container() -> dict[str, Any]:
    """Return the options of the container: its user, and a volume as /tmp, whose reports are read after its end."""
    user, group = owner()
    return {"user": f"{user}:{group}", "volumes": [WRITABLE]}


def host() -> dict[str, Any]:
    """Return the options of the container's host configuration."""
    return {"read_only": True, "security_opt": ["no-new-privileges"]}
