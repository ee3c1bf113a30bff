"""The role that starts a service's tasks reads what the service names, in the local cloud as on AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.aws import iam
from support.cloud import Site

if TYPE_CHECKING:
    from support.cloud import Cloud

pytestmark = pytest.mark.local
ASK = "import os, sys; sys.exit(os.environ['SECRET'] + os.environ['PARAMETER'] != 'hushhush')"


@pytest.mark.parametrize("has_key", [True, False])
def test_a_secret_and_a_parameter_of_a_key_of_ones_own_need_kms_keys(cloud: Cloud, has_key: bool) -> None:  # noqa: FBT001
    """Without the key the task cannot start; the statements are those that the program declares."""
    site = Site(cloud, f"contract-secrets-{str(has_key).lower()}")
    key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    secret = cloud.client("secretsmanager").create_secret(Name=site.name, SecretString='{"a":"hush"}', KmsKeyId=key)
    cloud.client("ssm").put_parameter(Name=f"/{site.name}/p", Value="hush", Type="SecureString", KeyId=key)
    named = {
        "SECRET": f"{secret['ARN']}:a::",
        "PARAMETER": f"arn:aws:ssm:eu-central-1:000000000000:parameter/{site.name}/p",
    }
    logs = f"arn:aws:logs:eu-central-1:000000000000:log-group:/contract/{site.name}:*"
    policy = iam.task_execution_policy("*", logs, [], configured=list(named.values()), keys=[key] if has_key else [])
    role = cloud.role(site.name, policy["Statement"])
    secrets = [{"name": name, "valueFrom": reference} for name, reference in named.items()]
    definition = site.definition(cloud.image("good"), command=["python3", "-c", ASK], secrets=secrets)
    task = site.run(definition, overrides={"executionRoleArn": role})
    if has_key:
        assert task["containers"][0]["exitCode"] == 0, task["stoppedReason"]
    else:
        assert "Access to KMS is not allowed" in task["stoppedReason"]
