"""boto3's clients, made once each. Retries are botocore's standard mode: an answer that is late ends no release.

Ten attempts take 15 to 20 s where nothing answers (measured with botocore 1.44.5); five take less than one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

import boto3
from botocore.config import Config

Client: TypeAlias = Any
"""A boto3 client, which has no static type."""
Clients: TypeAlias = Callable[[str], Client]
"""From an AWS service's name to its client."""
Document: TypeAlias = dict[str, Any]
"""A structure as an AWS API gives or takes it."""
CONFIG = Config(retries={"mode": "standard", "max_attempts": 10}, connect_timeout=10, read_timeout=30)


@cache
def client(service: str) -> Client:
    """Return the boto3 client of an AWS service, made once."""
    # boto3 itself reads AWS_DEFAULT_REGION only; the other SDKs and the AWS CLI read AWS_REGION first.
    return boto3.client(service, region_name=os.environ.get("AWS_REGION"), config=CONFIG)


def code(error: Exception) -> str:
    """Return the error code of a ClientError, such as `AccessDeniedException`; empty for any other error."""
    response = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", ""))
