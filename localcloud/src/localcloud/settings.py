"""Where this local cloud keeps things and where it listens: environment variables with defaults."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
NAME = os.environ.get("LOCALCLOUD_NAME") or "localcloud"
"""The instance's name: its containers', images', labels', network's and folders' names begin with it."""
COMMAND = os.environ.get("LOCALCLOUD_COMMAND") or "python -m localcloud"
"""How this command line is called, for messages."""
IMAGE_PREFIX = f"{NAME}.local/"
LABEL = f"{NAME}.localcloud"
"""The label of every container, volume, network and image that is ours; its value is "1"."""
NETWORK_LABEL = f"{NAME}.network"
"""The label that tells which local cloud of this machine a container or volume belongs to: its network's name."""
ACCOUNT = "000000000000"
REGION = "eu-central-1"
DEFAULT_PORT = 4566


def label(key: str) -> str:
    """Return the full name of a label of ours: `task` is `localcloud.task`."""
    return f"{NAME}.{key}"


class UserError(Exception):
    """Something the user can put right; the message is one line: thing, rule, remedy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """One local cloud; two of them need different state folders, ports and networks."""

    state_dir: Path
    port: int
    network: str
    cache_dir: Path

    @property
    def endpoint(self) -> str:
        """The gateway as the host sees it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log_dir(self) -> Path:
        """Logs of the process and the request log."""
        return self.state_dir / "log"


def no_proxy() -> str:
    """Return the value of NO_PROXY that keeps requests to this machine away from a proxy, the caller's included."""
    given = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    return ",".join(part for part in ("127.0.0.1", "localhost", given) if part)


def client_environment(endpoint: str, images: dict[str, str]) -> dict[str, str]:
    """Return the variables that lead any AWS client here and nowhere else, and the base images' names.

    Args:
        endpoint: of the local cloud.
        images: names of the base images in use by variable.
    """
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "NO_PROXY": no_proxy(),
        "no_proxy": no_proxy(),
        **images,
    }


def default(variable: str, folder: str) -> Path:
    """Return our folder in one of the XDG base directories.

    Args:
        variable: that names the base directory.
        folder: its default, in the user's home.
    """
    return Path(os.environ.get(variable) or Path.home() / folder) / NAME


def load() -> Settings:
    """Read LOCALCLOUD_STATE, LOCALCLOUD_PORT, LOCALCLOUD_NETWORK and LOCALCLOUD_CACHE.

    Raises:
        UserError: the port is no number between 1 and 65535.
    """
    port = os.environ.get("LOCALCLOUD_PORT") or str(DEFAULT_PORT)
    if not port.isdecimal() or not 0 < int(port) < 2**16:
        raise UserError(f"LOCALCLOUD_PORT is {port!r}; a port is a number from 1 to 65535: correct or unset it")
    return Settings(
        state_dir=Path(os.environ.get("LOCALCLOUD_STATE") or default("XDG_STATE_HOME", ".local/state")).resolve(),
        port=int(port),
        network=os.environ.get("LOCALCLOUD_NETWORK") or NAME,
        cache_dir=Path(os.environ.get("LOCALCLOUD_CACHE") or default("XDG_CACHE_HOME", ".cache")),
    )
