"""The environment of pulumi against the local cloud: nothing in it leads to a real AWS account."""

from __future__ import annotations

import ipaddress
import os
import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from localcloud.settings import UserError
from tools.toolchain import environment as toolchain_environment

if TYPE_CHECKING:
    from localcloud import client

OUTPUT_SETTINGS = {
    "PULUMI_ENABLE_STREAMING_JSON_PREVIEW"
}  # how pulumi writes; leads nowhere  # how pulumi writes; leads nowhere


def refuse_remote(url: str) -> None:
    """Refuse an endpoint that is not on this machine.

    Args:
        url: such as `http://127.0.0.1:4566`.

    Raises:
        UserError: its host is neither `localhost` nor a loopback address.
    """
    host = urlsplit(url).hostname or ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback:
        raise UserError(
            f"endpoint {url} is not on this machine; pulumi-local talks to loopback only: use plain pulumi for AWS"
        )


def pulumi_environment(cloud: client.LocalCloud) -> dict[str, str]:
    """Return the environment for pulumi: toolchain, local state and passphrase, and the local cloud alone.

    Args:
        cloud: the running local cloud.

    Returns:
        Variables for a child process, without any AWS or Pulumi setting of the caller's.
    """
    passphrase = cloud.state / "passphrase"
    if not passphrase.exists():
        new = passphrase.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(secrets.token_urlsafe(24), "utf-8")
        new.replace(passphrase)
    backend = cloud.state / "pulumi"
    backend.mkdir(parents=True, exist_ok=True)
    local = {"PULUMI_BACKEND_URL": backend.as_uri(), "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase)}
    return clean_environment() | cloud.environment | toolchain_environment() | local


def clean_environment() -> dict[str, str]:
    """Return this process's environment without any AWS, Pulumi or GitHub setting of the caller's."""
    return {
        key: value
        for key, value in os.environ.items()
        if key in OUTPUT_SETTINGS or not key.startswith(("AWS_", "PULUMI_", "GITHUB_"))
    }
