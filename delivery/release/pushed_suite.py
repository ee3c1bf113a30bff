"""The image of a service's acceptance suite that Build pushed beside the release image, pulled instead of built.

Build pushes it with `slipway:pipeline.push_suites`. It is a cache: where it cannot be used, the suite is built.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from delivery import process
from delivery.aws.clients import sentence
from delivery.errors import DeliveryError
from delivery.release import ecr_login

if TYPE_CHECKING:
    from types_boto3_ecr import ECRClient

    from delivery.console import Say
    from delivery.environment import Service

IMAGE = ("docker", "image", "inspect", "--format={{.Os}}/{{.Architecture}}")
MACHINE = ("docker", "version", "--format={{.Server.Os}}/{{.Server.Arch}}")
PUSH_SECONDS = 10 * 60
PULL_SECONDS = 5 * 60
"""What a push or pull may take: a step that waits for a registry until its own limit is killed, and then it puts
nothing back."""
FAILURES = (DeliveryError, BotoCoreError, ClientError, OSError, subprocess.CalledProcessError)
"""What a suite's image is not pushed or pulled for, and no release fails for."""


def pull(  # noqa: PLR0913 - each is another part of the command
    ecr: ECRClient, service: Service, digest: str, name: str, say: Say, seconds: float = PULL_SECONDS
) -> bool:
    """Pull the image of a service's suite by its digest, which Docker verifies, and give it a local name.

    Args:
        ecr: a boto3 `ecr` client.
        service: whose repository it is in.
        digest: `sha256:...`.
        name: the only one that the image has afterwards.
        say: takes progress lines.
        seconds: that it may take.

    Returns:
        Whether it is there; if not, why is said.
    """
    remote = f"{service.repository_url}@{digest}"
    try:
        with ecr_login.variables(ecr, service.repository_url) as login:
            process.quietly(
                ["docker", "pull", "--quiet", remote], f"{service.name}: pulling its suite", say, login, seconds
            )
        _check_platform(remote)
        subprocess.run(["docker", "tag", remote, name], check=True)
    except FAILURES as failed:
        say(f"{service.name}: the acceptance suite that Build pushed is not used: {sentence(failed)}")
        return False
    finally:
        subprocess.run(["docker", "rmi", "--no-prune", remote], capture_output=True, check=False)
    say(f"{service.name}: pulled the acceptance suite that Build pushed, {digest}")
    return True


def _check_platform(image: str) -> None:
    """Reject an image for another platform than this machine's, as after a change of the key `cpu_architecture`."""
    found, here = (
        subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        for command in ([*IMAGE, image], [*MACHINE])
    )
    if found != here:
        raise DeliveryError(f"{image} is for {found}, and this machine is {here}")
