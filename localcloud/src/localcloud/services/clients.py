"""boto3 clients of the local cloud itself, for a service's calls to other services. Use them in threads only."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from localcloud.context import Context


def client(ctx: Context, api: str) -> Any:
    """Return the client of an API, created once and shared by all threads."""
    return made(ctx.endpoint, ctx.region, api)


@cache
def made(endpoint: str, region: str, api: str) -> Any:
    """Create a client."""
    return boto3.session.Session().client(
        api,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the local cloud's, known to all
        config=Config(retries={"max_attempts": 2}, connect_timeout=5, read_timeout=20, max_pool_connections=20),
    )
