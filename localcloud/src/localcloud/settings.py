"""Settings from environment variables, with defaults: folders, host, port and network of this local cloud."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
NAME = os.environ.get("LOCALCLOUD_NAME") or "localcloud"
"""The instance's name, a prefix of the names of its containers, images, labels, network and folders."""
COMMAND = os.environ.get("LOCALCLOUD_COMMAND") or "python -m localcloud"
"""The command line that users type, for messages."""
IMAGE_PREFIX = f"{NAME}.local/"
LABEL = f"{NAME}.localcloud"
"""The label of every container, volume, network and image that we create; its value is "1"."""
NETWORK_LABEL = f"{NAME}.network"
"""The label that assigns a container or volume to a local cloud on this machine; its value is the network's name."""
ACCOUNT = "000000000000"
REGION = "eu-central-1"
DEFAULT_PORT = 4566


def label(key: str) -> str:
    """Return the full name of one of our labels: `localcloud.task` for `task`."""
    return f"{NAME}.{key}"


class UserError(Exception):
    """An error that the user can fix; the message is one line: what, which rule, remedy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The settings of one local cloud; two of them need different state folders, ports and networks."""

    state_dir: Path
    port: int
    network: str
    cache_dir: Path
    new_account: bool = False
    """Whether no service of AWS has been used yet, so that there are no service-linked roles."""

    @property
    def endpoint(self) -> str:
        """The gateway's URL on the host."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log_dir(self) -> Path:
        """The folder of the process's log and the request log."""
        return self.state_dir / "log"


def no_proxy() -> str:
    """Return the value of NO_PROXY that exempts this machine from proxies, with the caller's own exemptions."""
    given = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    return ",".join(part for part in ("127.0.0.1", "localhost", given) if part)


def client_environment(endpoint: str, images: dict[str, str]) -> dict[str, str]:
    """Return the variables that point any AWS client here and nowhere else, and the base image names.

    Args:
        endpoint: the local cloud's URL.
        images: base image names by variable.
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
    """Return our folder below an XDG base directory.

    Args:
        variable: the variable that holds the base directory.
        folder: the default base directory, relative to the user's home.
    """
    return Path(os.environ.get(variable) or Path.home() / folder) / NAME


def load() -> Settings:
    """Read LOCALCLOUD_STATE, LOCALCLOUD_PORT, LOCALCLOUD_NETWORK, LOCALCLOUD_CACHE and LOCALCLOUD_NEW_ACCOUNT.

    Raises:
        UserError: the port is not a number between 1 and 65535.
    """
    port = os.environ.get("LOCALCLOUD_PORT") or str(DEFAULT_PORT)
    if not port.isdecimal() or not 0 < int(port) < 2**16:
        raise UserError(f"LOCALCLOUD_PORT is {port!r}; a port is a number from 1 to 65535: correct or unset it")
    return Settings(
        state_dir=Path(os.environ.get("LOCALCLOUD_STATE") or default("XDG_STATE_HOME", ".local/state")).resolve(),
        port=int(port),
        network=os.environ.get("LOCALCLOUD_NETWORK") or NAME,
        cache_dir=Path(os.environ.get("LOCALCLOUD_CACHE") or default("XDG_CACHE_HOME", ".cache")),
        new_account=bool(os.environ.get("LOCALCLOUD_NEW_ACCOUNT")),
    )
