"""The role for previews as the real program declares it from a stack file with the section."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pulumi
import pytest

from infra.config.errors import ConfigError
from tests.fake_engine import ACCOUNT, REGION, Refused
from tests.stack import program

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1a2b3c4d-0000-0000-0000-000000000000"
NAME = "token.actions.githubusercontent.com"
# Verbs of actions that read; KMS's decrypts what the role may read, ECR's token is worth what the role may do.
READS = ("Get", "List", "Describe", "Decrypt")
VALUES = ("secretsmanager:", "ssm:", "dynamodb:", "ecr:GetDownloadUrlForLayer", "rds:")

# What describes without telling a secret: records, and databases without their passwords.
DESCRIBED = {"ReadRecords": ["ssm:GetParametersByPath"], "FindDatabase": ["rds:DescribeDBInstances"]}


def declared(monkeypatch: pytest.MonkeyPatch, **section: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:  # noqa: ANN401
    """Return the role's inputs and its statements."""
    engine, outputs = program.run(monkeypatch, program.with_previews("staging", **section), engine=program.account())
    (role,) = [one for one in engine.of("iam/role:Role") if one.name == "staging-preview"]
    (policy,) = [one for one in engine.of("RolePolicy") if one.name == "staging-preview"]
    assert outputs["preview_role"].endswith("staging-preview")
    return dict(role.inputs), json.loads(policy.inputs["policy"])["Statement"]


@pytest.mark.parametrize("repository", ["slipway-example/slipway", "slipway-example@12/slipway@345"])
def test_only_jobs_of_one_environment_of_one_repository_take_the_role(
    monkeypatch: pytest.MonkeyPatch, repository: str
) -> None:
    """By equality, never by a pattern: a fork, a branch or another repository gets nothing."""
    role, _ = declared(monkeypatch, repository=repository)
    (trust,) = json.loads(role["assumeRolePolicy"])["Statement"]
    assert trust == {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": program.OIDC_PROVIDER},
        "Condition": {
            "StringEquals": {
                f"{NAME}:aud": "sts.amazonaws.com",
                f"{NAME}:sub": f"repo:{repository}:environment:previews",
            }
        },
    }
    assert role["name"] == "slipway-staging-preview"


def test_the_role_reads_and_neither_changes_anything_nor_sees_a_secrets_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of the state it reads one bucket, and decrypts with the keys that are named."""
    _, statements = declared(monkeypatch, kms_keys=[KEY])
    actions = [action for one in statements for action in one["Action"] if one["Sid"] not in DESCRIBED]
    assert [action for action in actions if not action.split(":")[1].startswith(READS)] == []
    assert [action for action in actions if action.startswith(VALUES)] == []
    by_purpose = {one["Sid"]: one["Resource"] for one in statements}
    assert by_purpose["Decrypt"] == [KEY]
    # Parameters of this project's stacks alone, which hold no secret.
    records = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/slipway"
    assert by_purpose["ReadRecords"] == [records, f"{records}/*"]
    assert {one["Sid"]: one["Action"] for one in statements if one["Sid"] in DESCRIBED} == DESCRIBED
    assert by_purpose["ReadState"] == ["arn:aws:s3:::slipway-state/*"]
    assert by_purpose["ReadImages"] == [f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/slipway/web"]


def test_without_a_bucket_and_keys_the_role_reads_no_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is with Pulumi Cloud then, whose token does that."""
    config = program.with_previews("staging")
    del config["slipway:previews"]["state_bucket"]
    engine, _ = program.run(monkeypatch, config, engine=program.account())
    (policy,) = [one for one in engine.of("RolePolicy") if one.name == "staging-preview"]
    assert not {"ReadState", "FindState", "Decrypt"} & {
        one["Sid"] for one in json.loads(policy.inputs["policy"])["Statement"]
    }


def test_the_accounts_provider_is_looked_up_and_never_owned(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is one for all stacks of an account."""
    engine, _ = program.run(monkeypatch, program.with_previews("staging"), engine=program.account())
    assert not engine.of("OpenIdConnectProvider")


def missing(_: Mapping[str, Any]) -> dict[str, Any]:
    """Answer as the provider does where there is none."""
    url = "https://token.actions.githubusercontent.com"
    raise Refused(f"1 error occurred:\n\t* reading IAM OIDC Provider ({url}): couldn't find resource")


def denied(_: Mapping[str, Any]) -> dict[str, Any]:
    """Answer as the provider does to who may not look."""
    raise Refused("1 error occurred:\n\t* reading IAM OIDC Provider: AccessDenied: no")


@pytest.mark.parametrize(
    ("answer", "remedy"),
    [
        (missing, "aws iam create-open-id-connect-provider --url https://token.actions"),
        (denied, "cannot be looked up: "),
        (lambda _: {"arn": program.OIDC_PROVIDER, "clientIdLists": []}, "add-client-id-to-open-id-connect-provider"),
    ],
    ids=["no provider", "not allowed to look", "another audience"],
)
def test_an_account_that_does_not_know_github_is_refused_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch,
    answer: Any,  # noqa: ANN401
    remedy: str,
) -> None:
    """In one line with the command that mends it."""
    engine = program.account({program.LOOK_UP_OIDC: answer})
    with pytest.raises(pulumi.RunError, match="slipway:previews") as refused:
        program.run(monkeypatch, program.with_previews("staging"), engine=engine)
    assert remedy in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not [one for one in engine.resources if one.type != "pulumi:pulumi:Stack"]


@pytest.mark.parametrize(
    "section",
    [
        {"repository": "slipway-example/*"}, {"repository": "slipway-example"}, {"repository": "a@1/b"},
        {"repository": "a/b:ref"}, {"github_environment": "a:b"}, {"github_environment": "*"}, {"kms_keys": ["*"]},
        {"state_bucket": "a/*"},
    ],
)  # fmt: skip
def test_no_setting_widens_who_may_take_the_role_or_what_it_reads(
    monkeypatch: pytest.MonkeyPatch, section: dict[str, Any]
) -> None:
    """A colon would reach into the next part of the subject, a star is no wildcard to equality but one in an ARN."""
    with pytest.raises(ConfigError, match="slipway:previews"):
        declared(monkeypatch, **section)


def test_committed_stack_files_have_no_role_for_previews(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks for something that an account may not have."""
    assert "preview_role" not in program.run(monkeypatch, program.stack_file("staging"))[1]
