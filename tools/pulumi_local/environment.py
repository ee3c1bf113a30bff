"""Pulumi's environment variables for the local cloud, without any that could reach a real AWS account."""

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

OUTPUT_SETTINGS = {"PULUMI_ENABLE_STREAMING_JSON_PREVIEW"}  # affects pulumi's output only, not what it connects to


def refuse_remote(url: str) -> None:
    """Refuse an endpoint that is not on this machine.

    Args:
        url: the endpoint, such as `http://127.0.0.1:4566`.

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
    """Return pulumi's environment: toolchain, local backend and passphrase, and the local cloud as the only endpoint.

    Args:
        cloud: the running local cloud.

    Returns:
        Variables for a child process, without the caller's AWS and Pulumi settings.
    """
    passphrase = cloud.state / "passphrase"
    if not passphrase.exists():
        new = passphrase.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(secrets.token_urlsafe(24), "utf-8")
        new.replace(passphrase)
    backend = cloud.state / "pulumi"
    backend.mkdir(parents=True, exist_ok=True)
    # Else each state has a file beside it that a kill leaves empty: "failed to load checkpoint: EOF".
    url = f"{backend.as_uri()}?metadata=skip"
    local = {"PULUMI_BACKEND_URL": url, "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase)}
    return clean_environment() | cloud.environment | toolchain_environment() | local


def clean_environment() -> dict[str, str]:
    """Return this process's environment without its AWS, Pulumi and GitHub settings."""
    return {
        key: value
        for key, value in os.environ.items()
        if key in OUTPUT_SETTINGS or not key.startswith(("AWS_", "PULUMI_", "GITHUB_"))
    }
