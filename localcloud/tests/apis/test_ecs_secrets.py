"""What tasks get from Secrets Manager and Parameter Store, with the rights of their execution role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.cloud import Site
from support.identities import HOME, LOGS, allow

if TYPE_CHECKING:
    from support.cloud import Cloud

PULL = allow(["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"])
READ = allow(["secretsmanager:GetSecretValue", "ssm:GetParameters"])
PARAMETER = f"arn:aws:ssm:{HOME}:parameter/contract-secrets/deep/p"
RETRIEVAL = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
)
FROM_SSM = f"{RETRIEVAL}unable to retrieve secrets from ssm: service call has been retried 1 time(s): "


@pytest.fixture(scope="module")
def site(cloud: Cloud) -> Site:
    """A load balancer and a cluster."""
    return Site(cloud, "contract-secrets")


@pytest.fixture(scope="module")
def key(site: Site) -> str:
    """The ARN of a key, by which the secret and the parameter are encrypted."""
    arn: str = site.cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    return arn


@pytest.fixture(scope="module")
def sources(site: Site, key: str) -> dict[str, str]:
    """A secret and a parameter of this key."""
    secrets, ssm = site.cloud.client("secretsmanager"), site.cloud.client("ssm")
    secret = secrets.create_secret(Name="contract-secrets", SecretString='{"a": "hush"}', KmsKeyId=key)["ARN"]
    ssm.put_parameter(Name="/contract-secrets/deep/p", Value="hush", Type="SecureString", KeyId=key)
    return {"secretsmanager": f"{secret}:a::", "ssm": PARAMETER}


def ended(site: Site, source: str, statements: list[dict[str, Any]]) -> dict[str, Any]:
    """Run a task that ends with 0 if it was given the value; return the task."""
    role = site.cloud.role("ecs-secrets", [PULL, LOGS, *statements])
    check = "import os, sys; sys.exit(os.environ['VALUE'] != 'hush')"
    definition = site.definition(
        site.cloud.image("good"), command=["python3", "-c", check], secrets=[{"name": "VALUE", "valueFrom": source}]
    )
    return site.run(definition, overrides={"executionRoleArn": role})


def decrypt(key: str, *services: str) -> dict[str, Any]:
    """Return a statement that lets these services decrypt by a key."""
    via = [f"{service}.eu-central-1.amazonaws.com" for service in services]
    return allow("kms:Decrypt", key) | {"Condition": {"StringEquals": {"kms:ViaService": via}}}


@pytest.mark.parametrize("service", ["secretsmanager", "ssm"])
def test_what_a_key_of_ones_own_encrypts_is_read_by_who_may_decrypt(
    site: Site, key: str, sources: dict[str, str], service: str
) -> None:
    """Through the service that holds it."""
    task = ended(site, sources[service], [READ, decrypt(key, service)])
    assert task["containers"][0]["exitCode"] == 0, task.get("stoppedReason")


@pytest.mark.parametrize("statement", ["none", "another-key", "another-service"])
def test_a_secret_of_a_key_of_ones_own_needs_the_right_to_decrypt(
    site: Site, key: str, sources: dict[str, str], statement: str
) -> None:
    """Secrets Manager tells no more than this; so the stack is red here, too."""
    statements = {
        "none": [],
        "another-key": [decrypt(f"{key[:-1]}x", "secretsmanager")],
        "another-service": [decrypt(key, "ssm")],
    }[statement]
    reason = ended(site, sources["secretsmanager"], [READ, *statements])["stoppedReason"]
    failed = f"{RETRIEVAL}unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch "
    assert reason.startswith(f"{failed}secret {sources['secretsmanager']} from secrets manager: ")
    assert reason.endswith("api error AccessDeniedException: Access to KMS is not allowed")


def test_a_parameter_of_a_key_of_ones_own_needs_the_right_to_decrypt(
    site: Site, key: str, sources: dict[str, str]
) -> None:
    """Parameter Store tells who lacks what."""
    reason = ended(site, sources["ssm"], [READ])["stoppedReason"]
    assert reason.startswith(f"{FROM_SSM}operation error SSM: GetParameters, https response error StatusCode: 400, ")
    assert f"is not authorized to perform: kms:Decrypt on resource: {key} because" in reason


def test_a_parameter_needs_the_right_to_read_it(site: Site, key: str, sources: dict[str, str]) -> None:
    """Whoever may decrypt."""
    reason = ended(site, sources["ssm"], [decrypt(key, "ssm")])["stoppedReason"]
    assert f"is not authorized to perform: ssm:GetParameters on resource: {PARAMETER} because" in reason


def test_a_missing_parameter_is_named(site: Site) -> None:
    """In AWS's words."""
    reason = ended(site, f"arn:aws:ssm:{HOME}:parameter/no/such", [READ])["stoppedReason"]
    assert reason == f"{FROM_SSM}invalid ssm parameters: /no/such"


def test_a_missing_key_of_a_secret_is_named(site: Site, key: str, sources: dict[str, str]) -> None:
    """In AWS's words."""
    source = sources["secretsmanager"].replace(":a::", ":b::")
    reason = ended(site, source, [READ, decrypt(key, "secretsmanager")])["stoppedReason"]
    assert reason.endswith("retrieved secret from Secrets Manager did not contain json key b")
