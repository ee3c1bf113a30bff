"""The evaluation of IAM policies, as tables."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localcloud.iam.conditions import Context, PolicyError, arn_like, like, met
from localcloud.iam.policies import Ask, Rights, decide, parsed, trusted

SERVICE = "arn:aws:ecs:eu-central-1:000000000000:service/staging/web"
UPDATE = Ask(action="ecs:UpdateService", resource=SERVICE)
ALLOWS_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def rights(*statements: dict[str, Any], boundary: list[dict[str, Any]] | None = None) -> Rights:
    """Return the permissions of inline statements, with an optional boundary."""
    return Rights(
        identity=parsed(json.dumps({"Statement": list(statements)})),
        boundary=None if boundary is None else parsed(json.dumps({"Statement": boundary})),
    )


def allow(action: str | list[str], resource: str | list[str] = "*", **more: object) -> dict[str, Any]:
    """Return an Allow statement."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([], False),
        ([allow("ecs:UpdateService")], True),
        ([allow("ECS:updateservice", SERVICE)], True),  # actions are case-insensitive
        ([allow("ecs:Update*", "arn:aws:ecs:*:*:service/staging/*")], True),
        ([allow("ecs:UpdateServic?", SERVICE[:-1] + "?")], True),
        ([allow("ecs:UpdateService", SERVICE.replace("staging", "prod"))], False),
        ([allow("ecs:UpdateService", SERVICE.upper())], False),  # resources are case-sensitive
        ([allow("ecs:UpdateServiceX")], False),
        ([allow("s3:*")], False),
        ([allow(["s3:GetObject", "ecs:*"], ["arn:aws:s3:::x", SERVICE])], True),
        ([{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}], True),
        ([{"Effect": "Allow", "NotAction": "ecs:Update*", "Resource": "*"}], False),
        ([{"Effect": "Allow", "Action": "ecs:*", "NotResource": "*prod*"}], True),
        ([{"Effect": "Allow", "Action": "ecs:*", "NotResource": "*staging*"}], False),
        ([ALLOWS_ALL, {"Effect": "Deny", "Action": "ecs:UpdateService", "Resource": SERVICE}], False),
        ([ALLOWS_ALL, {"Effect": "Deny", "Action": "ecs:UpdateService", "Resource": SERVICE + "x"}], True),
        ([ALLOWS_ALL, {"Effect": "Deny", "NotAction": "ecs:*", "Resource": "*"}], True),
    ],
)
def test_a_statement_allows_what_it_names(statements: list[dict[str, Any]], allowed: bool) -> None:  # noqa: FBT001 - pytest gives it by name
    """By action and resource, with wildcards; a Deny overrides every Allow."""
    assert (decide(rights(*statements), UPDATE, {}) == "") is allowed


@pytest.mark.parametrize("resource", ["arn:aws:ecs:*", SERVICE, "arn:*"])
def test_a_request_whose_resource_cannot_be_told_is_allowed_by_a_star_only(resource: str) -> None:
    """A statement for specific resources does not match it."""
    ask = Ask(action="ecs:UpdateService")
    assert decide(rights(allow("ecs:*", resource)), ask, {})
    assert decide(rights({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::x"}), ask, {})
    assert decide(rights(allow("ecs:*")), ask, {}) == ""


def test_a_refusal_says_why_in_the_words_of_aws() -> None:
    """For no Allow, an explicit Deny, and a boundary that does not allow or denies."""
    deny = {"Effect": "Deny", "Action": "ecs:*", "Resource": "*"}
    assert decide(rights(), UPDATE, {}) == "because no identity-based policy allows the ecs:UpdateService action"
    assert decide(rights(ALLOWS_ALL, deny), UPDATE, {}) == "with an explicit deny in an identity-based policy"
    bounded = rights(ALLOWS_ALL, boundary=[allow("s3:*")])
    assert decide(bounded, UPDATE, {}) == "because no permissions boundary allows the ecs:UpdateService action"
    assert decide(rights(ALLOWS_ALL, boundary=[ALLOWS_ALL]), UPDATE, {}) == ""
    assert "deny in a permissions boundary" in decide(rights(ALLOWS_ALL, boundary=[ALLOWS_ALL, deny]), UPDATE, {})
    assert decide(rights(boundary=[ALLOWS_ALL]), UPDATE, {})  # a boundary grants nothing


KEYS: Context = {
    "aws:resourceaccount": "000000000000",
    "ecs:cluster": "arn:aws:ecs:eu-central-1:000000000000:cluster/staging",
    "aws:securetransport": "false",
    "aws:sourceip": "172.24.0.9",
    "aws:epochtime": "1790000000",
    "aws:tagkeys": ["env", "team"],
}


@pytest.mark.parametrize(
    ("operator", "key", "value", "expected"),
    [
        ("StringEquals", "AWS:ResourceAccount", "000000000000", True),
        ("StringEquals", "aws:ResourceAccount", ["1", "000000000000"], True),
        ("StringEquals", "aws:ResourceAccount", "0000*", False),
        ("StringLike", "aws:ResourceAccount", "0000*", True),
        ("StringNotEquals", "aws:ResourceAccount", ["1", "000000000000"], False),
        ("StringNotEquals", "aws:Missing", "x", True),
        ("StringEquals", "aws:Missing", "x", False),
        ("StringEqualsIfExists", "aws:Missing", "x", True),
        ("StringEqualsIfExists", "aws:ResourceAccount", "1", False),
        ("StringEqualsIgnoreCase", "aws:SecureTransport", "FALSE", True),
        ("ArnEquals", "ecs:cluster", "arn:aws:ecs:*:*:cluster/staging", True),
        ("ArnLike", "ecs:cluster", "arn:aws:ecs:eu-central-1:000000000000:cluster/stag???", True),
        ("ArnLike", "ecs:cluster", "arn:*/staging", False),  # a star does not match a colon
        ("ArnNotLike", "ecs:cluster", "arn:aws:ecs:*:*:cluster/prod", True),
        ("Bool", "aws:SecureTransport", "true", False),
        ("Bool", "aws:SecureTransport", False, True),
        ("BoolIfExists", "aws:Missing", "false", True),
        ("Null", "aws:Missing", "true", True),
        ("Null", "ecs:cluster", True, False),
        ("IpAddress", "aws:SourceIp", "172.24.0.0/20", True),
        ("NotIpAddress", "aws:SourceIp", "172.24.0.0/20", False),
        ("NumericLessThan", "aws:EpochTime", "1790000001", True),
        ("DateGreaterThan", "aws:EpochTime", "2026-01-01T00:00:00Z", True),
        ("ForAllValues:StringEquals", "aws:TagKeys", ["env", "team", "more"], True),
        ("ForAllValues:StringEquals", "aws:TagKeys", ["env"], False),
        ("ForAnyValue:StringEquals", "aws:TagKeys", ["env"], True),
        ("ForAnyValue:StringEquals", "aws:Missing", ["env"], False),
    ],
)
def test_conditions(operator: str, key: str, value: object, expected: bool) -> None:  # noqa: FBT001 - pytest gives it by name
    """Operators with several values, absent keys and IfExists; keys are case-insensitive."""
    assert met({operator: {key: value}}, KEYS) is expected


@pytest.mark.parametrize(
    ("block", "word"),
    [
        ({"BinaryEquals": {"aws:x": "y"}}, "BinaryEquals"),
        ({"StringEqual": {"aws:x": "y"}}, "StringEqual"),
        ({"ForSome:StringEquals": {"aws:x": "y"}}, "ForSome:StringEquals"),
        ({"StringEquals": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}}, "${aws:PrincipalAccount}"),
        ({"NumericEquals": {"aws:EpochTime": "soon"}}, "soon"),
    ],
)
@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_what_cannot_be_evaluated_refuses_by_its_name(block: dict[str, Any], word: str, effect: str) -> None:
    """An unsupported condition is never ignored, in an Allow or a Deny."""
    with pytest.raises(PolicyError):
        met(block, KEYS)
    statement = {"Effect": effect, "Action": "*", "Resource": "*", "Condition": block}
    reason = decide(rights(ALLOWS_ALL, statement) if effect == "Deny" else rights(statement), UPDATE, KEYS)
    assert word in reason


def test_a_condition_counts_only_where_the_statement_names_the_request() -> None:
    """All keys of all operators must match."""
    both = {"StringEquals": {"aws:ResourceAccount": "000000000000"}, "Bool": {"aws:SecureTransport": "true"}}
    assert decide(rights(allow("ecs:*", Condition=both)), UPDATE, KEYS)
    both["Bool"]["aws:SecureTransport"] = "false"
    assert decide(rights(allow("ecs:*", Condition=both)), UPDATE, KEYS) == ""
    strange = {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {"Strange": {"a": "b"}}}
    assert decide(rights(ALLOWS_ALL, strange), UPDATE, KEYS) == ""


def test_patterns_are_no_regular_expressions_and_stay_quick() -> None:
    """Only stars and question marks are special; many stars are not slow."""
    assert like("a.b", "a.b") and not like("axb", "a.b")  # noqa: PT018 - two halves of one fact
    assert like("a\nb", "a*b")
    assert not like("a" * 200 + "b", "**********a***c")
    assert not arn_like("arn:aws:s3:::a", "arn:aws:s3::a")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"Statement": ["x"]}', '{"Statement": [{"Effect": "allow"}]}'])
def test_what_is_no_policy_is_refused(text: str) -> None:
    """An invalid policy grants nothing."""
    with pytest.raises(PolicyError):
        parsed(text)


CODEBUILD = {"codebuild.amazonaws.com"}
PROJECT = "arn:aws:codebuild:eu-central-1:000000000000:project/checks"


@pytest.mark.parametrize(
    ("principal", "condition", "effect", "expected"),
    [
        ({"Service": "codebuild.amazonaws.com"}, {}, "Allow", True),
        ({"Service": ["ecs.amazonaws.com", "codebuild.amazonaws.com"]}, {}, "Allow", True),
        ({"Service": "ecs-tasks.amazonaws.com"}, {}, "Allow", False),
        ({"AWS": "*"}, {}, "Allow", False),
        ("*", {}, "Allow", True),
        ({"Service": "codebuild.amazonaws.com"}, {"ArnEquals": {"aws:SourceArn": PROJECT}}, "Allow", True),
        ({"Service": "codebuild.amazonaws.com"}, {"ArnEquals": {"aws:SourceArn": PROJECT + "2"}}, "Allow", False),
        ({"Service": "codebuild.amazonaws.com"}, {"StringEquals": {"aws:SourceAccount": "1"}}, "Allow", False),
        ({"Service": "codebuild.amazonaws.com"}, {}, "Deny", False),
    ],
)
def test_who_may_take_a_role(principal: object, condition: dict[str, Any], effect: str, expected: bool) -> None:  # noqa: FBT001 - pytest gives it by name
    """The trust policy's principals and conditions."""
    statement = {"Effect": effect, "Action": "sts:AssumeRole", "Principal": principal, "Condition": condition}
    keys: Context = {"aws:sourcearn": PROJECT, "aws:sourceaccount": "000000000000"}
    denied = [statement, statement | {"Effect": "Deny"}]
    assert not trusted(json.dumps({"Statement": denied}), "Service", CODEBUILD, keys)
    assert trusted(json.dumps({"Statement": statement}), "Service", CODEBUILD, keys) is expected
