"""What `delivery doctor` reads of an account's quotas; the local cloud has none, so AWS's answers are given here."""

from __future__ import annotations

import re

import boto3
import pytest
from botocore.stub import Stubber

from delivery.operator import findings, pipeline_checks

SMALL = "BUILD_GENERAL1_SMALL"
NAME = "Concurrently running builds for Linux/Small environment"


@pytest.mark.parametrize(
    ("machine", "limit", "level", "words"),
    [
        ("LINUX_CONTAINER", 60.0, findings.OK, "60 builds on Linux/Small may run"),
        ("LINUX_CONTAINER", 2.0, findings.OK, "2 builds on Linux/Small may run"),
        ("LINUX_CONTAINER", 1.0, findings.WARN, f"one build on Linux/Small.*ask for more.*{NAME}"),
        ("LINUX_CONTAINER", 0.0, findings.FAIL, f"no build.*ask for more.*{NAME}"),
        ("ARM_CONTAINER", 60.0, findings.UNKNOWN, "ARM/Small"),
    ],
)
def test_the_doctor_tells_how_many_builds_run_at_the_same_time(
    machine: str, limit: float, level: str, words: str
) -> None:
    """None is a failure, one a warning with the quota to ask for, and a quota that is not there is no success."""
    client = boto3.client("service-quotas", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    rows = [{"QuotaName": "Concurrently running builds for ARM/Large environment", "Value": 5.0}]
    with Stubber(client) as stub:
        stub.add_response("list_service_quotas", {"Quotas": rows, "NextToken": "more"}, {"ServiceCode": "codebuild"})
        page = {"Quotas": [{"QuotaName": NAME, "Value": limit}]}
        stub.add_response("list_service_quotas", page, {"ServiceCode": "codebuild", "NextToken": "more"})
        found, text = pipeline_checks.builds_at_once(client, machine, SMALL)
    assert found == level
    assert re.search(words, text), text


@pytest.mark.parametrize(
    ("machine", "kind"), [("LINUX_LAMBDA_CONTAINER", "Linux Lambda/1GB"), ("ARM_LAMBDA_CONTAINER", "ARM Lambda/1GB")]
)
def test_the_doctor_knows_the_quotas_of_lambda_compute(machine: str, kind: str) -> None:
    """They are quotas of their own, which a new account may not have."""
    client = boto3.client("service-quotas", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    rows = [{"QuotaName": f"Concurrently running builds for {kind} environment", "Value": 0.0}]
    with Stubber(client) as stub:
        stub.add_response("list_service_quotas", {"Quotas": rows}, {"ServiceCode": "codebuild"})
        found, text = pipeline_checks.builds_at_once(client, machine, "BUILD_LAMBDA_1GB")
    assert found == findings.FAIL
    assert text.startswith(f"the account may run no build on {kind}; ask for more")
