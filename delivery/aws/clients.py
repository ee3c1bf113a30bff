"""boto3 clients, created once per service, with botocore's standard retries so that a slow answer fails no release.

Ten attempts take 15 to 20 s where nothing answers (measured with botocore 1.44.5); five take less than one.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from types_boto3_codebuild import CodeBuildClient
    from types_boto3_codeconnections import CodeConnectionsClient
    from types_boto3_codepipeline import CodePipelineClient
    from types_boto3_ecr import ECRClient
    from types_boto3_ecs import ECSClient
    from types_boto3_elbv2 import ElasticLoadBalancingv2Client
    from types_boto3_iam import IAMClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_service_quotas import ServiceQuotasClient
    from types_boto3_ssm import SSMClient
    from types_boto3_sts import STSClient

CONFIG = Config(retries={"mode": "standard", "max_attempts": 10}, connect_timeout=10, read_timeout=30)


class Clients(Protocol):
    """A function from the name of an AWS service to its client."""

    @overload
    def __call__(self, service: Literal["codebuild"], /) -> CodeBuildClient: ...
    @overload
    def __call__(self, service: Literal["codeconnections"], /) -> CodeConnectionsClient: ...
    @overload
    def __call__(self, service: Literal["codepipeline"], /) -> CodePipelineClient: ...
    @overload
    def __call__(self, service: Literal["ecr"], /) -> ECRClient: ...
    @overload
    def __call__(self, service: Literal["ecs"], /) -> ECSClient: ...
    @overload
    def __call__(self, service: Literal["elbv2"], /) -> ElasticLoadBalancingv2Client: ...
    @overload
    def __call__(self, service: Literal["iam"], /) -> IAMClient: ...
    @overload
    def __call__(self, service: Literal["logs"], /) -> CloudWatchLogsClient: ...
    @overload
    def __call__(self, service: Literal["service-quotas"], /) -> ServiceQuotasClient: ...
    @overload
    def __call__(self, service: Literal["ssm"], /) -> SSMClient: ...
    @overload
    def __call__(self, service: Literal["sts"], /) -> STSClient: ...
    @overload
    def __call__(self, service: Literal["ec2", "rds", "secretsmanager", "sns"], /) -> Any: ...  # noqa: ANN401 - their types are huge, for few calls


@cache
def _made(service: str) -> Any:  # noqa: ANN401 - boto3's own function has no static type
    # boto3 itself reads AWS_DEFAULT_REGION only; the other SDKs and the AWS CLI read AWS_REGION first.
    return boto3.client(service, region_name=os.environ.get("AWS_REGION") or None, config=CONFIG)


client: Clients = _made
"""The client of an AWS service, made once."""


def sentence(error: BaseException) -> str:
    """Return an error of boto3's for people: what AWS refused and its words, without the name of an exception."""
    if isinstance(error, ClientError):
        return f"AWS refused {error.operation_name}: {error.response.get('Error', {}).get('Message') or code(error)}"
    return str(error)


def code(error: Exception) -> str:
    """Return the error code of a ClientError, such as `AccessDeniedException`; empty for any other error."""
    response = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", ""))
