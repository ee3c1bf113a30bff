"""IAM of builds: their credentials, and CodeBuild's own calls by the service role."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.building import Workshop, context, workshop
from support.identities import LOGS, Person, allow, refused, with_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cloud import Cloud


@pytest.fixture
def shop(cloud: Cloud) -> Iterator[Workshop]:
    """CodeBuild."""
    yield from workshop(cloud)


PROBE = r"""
version: 0.2
phases:
  build:
    commands:
      - |
        call() {
          name=$1
          shift
          curl -s -o /tmp/answer -w "%{http_code}" "$@" >/tmp/code
          echo "$name $(cat /tmp/code) $(tr '\n' ' ' </tmp/answer)"
        }
        signed() {
          scope="$1/20260101/eu-central-1/sts/aws4_request"
          echo "Authorization: AWS4-HMAC-SHA256 Credential=$scope, SignedHeaders=host, Signature=0"
        }
        who() { call "$@" -d Action=GetCallerIdentity "$AWS_ENDPOINT_URL"; }
        who me -H "$(signed "$AWS_ACCESS_KEY_ID")" -H "X-Amz-Security-Token: $AWS_SESSION_TOKEN"
        who operator -H "$(signed test)"
        call unsigned "$AWS_ENDPOINT_URL/contract-build/x"
        call control "$AWS_ENDPOINT_URL/_localcloud/clock/"
        call health "$AWS_ENDPOINT_URL/_localcloud/health"
        call token "$AWS_ENDPOINT_URL/v2/token"
        call push -X POST "$AWS_ENDPOINT_URL/contract/built.git/git-receive-pack"
        call refs "$AWS_ENDPOINT_URL/contract/built.git/info/refs?service=git-receive-pack"
        call status -X POST "$AWS_ENDPOINT_URL/api/v3/repos/contract/built/statuses/0" -d '{}'
        echo "key $AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY $AWS_SESSION_TOKEN"
"""


def test_a_build_has_the_credentials_of_its_role_until_it_ends_and_nobody_elses(cloud: Cloud, shop: Workshop) -> None:
    """The operator's key, unsigned requests, control pages and writes to GitHub are refused from its container."""
    role = cloud.role("iam-probe", [LOGS])
    build = shop.spec("contract-iam-probe", PROBE, serviceRole=role)
    assert build["buildStatus"] == "SUCCEEDED", shop.text(build)
    told = {line.split()[0]: line for line in shop.log(build) if line.split() and not line.startswith("[")}
    name = build["id"].partition(":")[2]
    assert "200 <GetCallerIdentityResponse" in told["me"]
    assert f"assumed-role/iam-probe/AWSCodeBuild-{name}<" in told["me"]
    assert told["operator"].startswith("operator 403") and "InvalidClientTokenId" in told["operator"]  # noqa: PT018 - two halves of one fact
    assert "403" in told["unsigned"]
    for refusal in ("control", "health", "push", "refs", "status"):
        assert told[refusal].startswith(f"{refusal} 403") and "this machine only" in told[refusal], told[refusal]  # noqa: PT018 - two halves of one fact
    assert told["token"].startswith("token 401")
    key, secret, token = told["key"].split()[1:]
    after = Person(cloud, {"AccessKeyId": key, "SecretAccessKey": secret, "SessionToken": token})
    assert refused(after.client("sts").get_caller_identity)[0] == "ExpiredToken"
    assert refused(after.client("ssm").describe_parameters)[0] == "ExpiredTokenException"


@pytest.mark.parametrize(
    ("statements", "arguments", "phase", "word"),
    [
        ([], {}, "SUBMITTED", "logs:CreateLogStream"),
        ([allow("logs:CreateLogStream")], {}, "SUBMITTED", "logs:PutLogEvents"),
        ([LOGS], {"source": {"type": "S3", "location": "contract-build/iam.zip"}}, "DOWNLOAD_SOURCE", "s3:GetObject"),
        ([LOGS], {"environment": "parameter"}, "DOWNLOAD_SOURCE", "ssm:GetParameters"),
        ([LOGS], {"environment": "secret"}, "DOWNLOAD_SOURCE", "secretsmanager:GetSecretValue"),
        ([LOGS], {"artifacts": {"type": "S3", "location": "contract-build", "packaging": "ZIP"}}, "UPLOAD_ARTIFACTS",
         "s3:PutObject"),
    ],
)  # fmt: skip
def test_what_codebuild_does_for_a_build_needs_the_roles_right(  # noqa: PLR0913 - a table
    cloud: Cloud, shop: Workshop, statements: list[dict[str, Any]], arguments: dict[str, Any], phase: str, word: str
) -> None:
    """Logs, sources, variables and artifacts: a missing permission fails the build in that phase."""
    name = "contract-iam-service"
    role = cloud.role("iam-service", statements or [allow("sns:ListTopics")])
    shop.put("iam.zip", {"a": "b"})
    given = dict(arguments)
    if "environment" in given:
        kind, value = {
            "parameter": ("PARAMETER_STORE", "/contract-iam/a"),
            "secret": ("SECRETS_MANAGER", "contract-iam"),
        }[given["environment"]]
        with_secret(cloud)
        variables = [{"name": "X", "type": kind, "value": value}]
        given["environment"] = shop.arguments(name)["environment"] | {"environmentVariables": variables}
    spec = "version: 0.2\nphases: {build: {commands: [touch made]}}\nartifacts: {files: [made]}\n"
    given["source"] = given.get("source", {"type": "NO_SOURCE"}) | {"buildspec": spec}
    shop.project(name, serviceRole=role, **given)
    build = shop.run(name)
    assert build["buildStatus"] == "FAILED"
    assert word in context(build, phase)[1]
    assert "is not authorized to perform" in context(build, phase)[1]


@pytest.mark.parametrize("trust", [{"Service": "ecs-tasks.amazonaws.com"}, {"AWS": "*"}])
def test_a_role_that_does_not_trust_codebuild_runs_no_build(
    cloud: Cloud, shop: Workshop, trust: dict[str, str]
) -> None:
    """Nor does a role that does not exist."""
    name = f"iam-untrusting-{next(iter(trust)).lower()}"
    role = cloud.role(name, [LOGS], json.dumps(trust))
    for given in (role, "arn:aws:iam::000000000000:role/iam-nowhere"):
        shop.project("contract-iam-trust", serviceRole=given)
        build = shop.run("contract-iam-trust")
        assert build["buildStatus"] == "FAILED"
        assert "sts:AssumeRole" in context(build, "SUBMITTED")[1]
