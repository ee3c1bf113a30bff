"""A login to ECR for Docker's command line, which is gone when it is no longer needed."""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_ecr import ECRClient


@contextmanager
def variables(ecr: ECRClient, repository_url: str) -> Iterator[dict[str, str]]:
    """Yield the environment variables with which `docker` is logged in to a repository's registry.

    The login is in a file that this user only can read, and on no command line.
    """
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    registry = repository_url.split("/", 1)[0]
    with tempfile.TemporaryDirectory(prefix="slipway-") as folder:
        file = Path(folder) / "config.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps({"auths": {registry: {"auth": token}}}), "utf-8")
        yield {"DOCKER_CONFIG": folder}
