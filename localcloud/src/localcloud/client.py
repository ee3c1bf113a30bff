"""Client access to a running local cloud, for other programs on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from localcloud import settings
from localcloud.commands import process
from localcloud.settings import UserError

if TYPE_CHECKING:
    from pathlib import Path


def python() -> Path:
    """Return the interpreter that runs the local cloud itself."""
    return settings.load().state_dir / "venv" / "bin" / "python"


@dataclass(frozen=True, kw_only=True)
class LocalCloud:
    """A running local cloud."""

    endpoint: str
    state: Path
    images: dict[str, str]
    """Base image names by build argument: PYTHON_IMAGE, POSTGRES_IMAGE, ..."""

    @cached_property
    def environment(self) -> dict[str, str]:
        """Environment variables that point the AWS clients of a child process here, and nowhere else."""
        return settings.client_environment(self.endpoint, self.images)

    def boto3(self, service: str) -> Any:
        """Return a boto3 client of an AWS service of this local cloud."""
        import boto3  # noqa: PLC0415 - slow to import, and seldom needed

        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=settings.REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - the local cloud's, known to all
        )


def is_running() -> bool:
    """Tell whether this folder's local cloud is running."""
    own = settings.load()
    return process.running_pid(own) is not None and bool(process.health(own).get("ready"))


def running() -> LocalCloud:
    """Return this folder's local cloud.

    Raises:
        UserError: it is not running, or not ready.
    """
    own = settings.load()
    if not is_running():
        raise UserError(f"the local cloud is not running at {own.endpoint}; run: {settings.COMMAND} up")
    return LocalCloud(endpoint=own.endpoint, state=own.state_dir, images=process.read_record(own)["images"])
