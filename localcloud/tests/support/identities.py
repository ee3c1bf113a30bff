"""Shared support of tests of IAM: assumed roles, statements, errors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.cloud import Cloud

HOME = "eu-central-1:000000000000"
ROOT = json.dumps({"AWS": "arn:aws:iam::000000000000:root"})
LOGS = {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}


def allow(action: str | list[str], resource: str | list[str] = "*") -> dict[str, Any]:
    """Return an Allow statement."""
    return {"Effect": "Allow", "Action": action, "Resource": resource}


class Person:
    """A caller with the credentials of a role session."""

    def __init__(self, cloud: Cloud, credentials: dict[str, str]) -> None:
        """Take temporary credentials."""
        self.cloud, self.credentials = cloud, credentials
        self.endpoint = f"http://127.0.0.1:{cloud.environment['LOCALCLOUD_PORT']}"

    def client(self, api: str) -> Any:
        """Return a boto3 client."""
        return boto3.client(
            api, endpoint_url=self.endpoint, region_name="eu-central-1",
            aws_access_key_id=self.credentials["AccessKeyId"],
            aws_secret_access_key=self.credentials["SecretAccessKey"],
            aws_session_token=self.credentials.get("SessionToken"),
            config=Config(retries={"max_attempts": 0}),
        )  # fmt: skip


def taken(cloud: Cloud, name: str, *statements: dict[str, Any]) -> Person:
    """Create a role with these statements and assume it."""
    role = cloud.role(name, list(statements) or [allow("ssm:DescribeParameters")], ROOT)
    return Person(cloud, cloud.client("sts").assume_role(RoleArn=role, RoleSessionName="me")["Credentials"])


def refused(call: Callable[[], object]) -> tuple[str, str]:
    """Return the code and message of a refused call."""
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def with_secret(cloud: Cloud) -> None:
    """Create the secret that the tests' builds read."""
    cloud.client("ssm").put_parameter(Name="/contract-iam/a", Value="1", Type="String", Overwrite=True)
    try:
        cloud.client("secretsmanager").create_secret(Name="contract-iam", SecretString="hush")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ResourceExistsException"  # noqa: PT017 - any other code is an error
