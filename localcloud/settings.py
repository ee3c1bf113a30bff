"""Where this local cloud keeps things and where it listens: environment variables with defaults."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
LABEL = "slipway.localcloud"
"""The label of every container, volume, network and image that is ours; its value is "1"."""
NETWORK_LABEL = "slipway.network"
"""The label that tells which local cloud of this machine a container or volume belongs to: its network's name."""
ACCOUNT = "000000000000"
REGION = "eu-central-1"
DEFAULT_PORT = 4566


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


def load() -> Settings:
    """Read SLIPWAY_STATE, SLIPWAY_PORT, SLIPWAY_NETWORK and SLIPWAY_CACHE.

    Raises:
        UserError: the port is no number between 1 and 65535.
    """
    port = os.environ.get("SLIPWAY_PORT") or str(DEFAULT_PORT)
    if not port.isdecimal() or not 0 < int(port) < 2**16:
        raise UserError(f"SLIPWAY_PORT is {port!r}; a port is a number from 1 to 65535: correct or unset it")
    cache = os.environ.get("SLIPWAY_CACHE")
    if not cache:
        cache = str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slipway")
    return Settings(
        state_dir=Path(os.environ.get("SLIPWAY_STATE") or REPOSITORY / ".localcloud").resolve(),
        port=int(port),
        network=os.environ.get("SLIPWAY_NETWORK") or "slipway",
        cache_dir=Path(cache),
    )
