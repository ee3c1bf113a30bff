"""Rules that check a configuration against regions, other stack files, build contexts and AWS's naming rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra.config import loading, other_stack_rules, region
from infra.config.errors import ConfigError
from infra.config.images import Images
from infra.config.pipeline import Pipeline

if TYPE_CHECKING:
    from infra.config.stack import StackConfig

ROOT = Path(__file__).resolve().parents[3]
SERVICE = {"services": {"web": {"context": "app"}}}
BASE: dict[str, Any] = {"aws:region": "eu-central-1", "slipway:environment": SERVICE, "slipway:registry": {}}


def load(config: dict[str, Any], stack: str = "staging", secret_keys: tuple[str, ...] = ()) -> StackConfig:
    """Load a small configuration with these changes; a key set to None is left out."""
    chosen = {key: value for key, value in (BASE | config).items() if value is not None}
    values = {key: value if isinstance(value, str) else json.dumps(value) for key, value in chosen.items()}
    context = {"stack": stack, "organization": "organization", "project": "slipway"}
    return loading.load(values, **context, secret_keys=secret_keys)


def problems(config: dict[str, Any], stack: str = "staging", secret_keys: tuple[str, ...] = ()) -> list[str]:
    """Return the lines of the error for an invalid configuration, without the file's name."""
    with pytest.raises(ConfigError) as error:
        load(config, stack, secret_keys)
    return [line.removeprefix(f"Pulumi.{stack}.yaml: ") for line in str(error.value).splitlines()]


def of_service(**values: object) -> dict[str, Any]:
    """Return a configuration with one service that has these values."""
    return {"slipway:environment": {"services": {"web": {"context": "app", **values}}}}


def test_an_unknown_region_is_rejected_with_a_suggestion() -> None:
    """Otherwise the provider fails with a traceback while the program runs."""
    assert problems({"aws:region": "eu-centrl-1"}) == [
        'aws:region is "eu-centrl-1"; botocore knows no such region; did you mean eu-central-1? '
        "correct it, or update boto3 if it is new"
    ]
    (line,) = problems({"aws:region": None})
    assert line.startswith("aws:region is missing; a stack's region must not depend on AWS_REGION or a profile; run:")


def test_an_encrypted_region_or_owner_is_rejected_without_showing_it() -> None:
    """The message is the same whatever the decrypted value is."""
    lines = problems({"aws:region": "hush", "github:owner": "hush"}, secret_keys=("aws:region", "github:owner"))
    assert [line.split(";")[0] for line in lines] == ["aws:region is a secret", "github:owner is a secret"]
    assert "hush" not in "".join(lines)


def test_every_partition_has_regions_and_none_is_a_pseudo_region() -> None:
    """Botocore's list has `aws-global` too."""
    regions = region.aws_regions()
    assert {"us-east-1", "cn-north-1", "us-gov-west-1"} <= set(regions)
    assert not [name for name in regions if "global" in name]


@pytest.mark.parametrize("context", ["..", "../main", "/etc", ".", "app/../..", "a\0b", "a" * 5000])
def test_a_build_context_outside_the_project_is_rejected(context: str) -> None:
    """The pipeline builds from the commit alone; a path that cannot be read is rejected too."""
    (line,) = problems(of_service(context=context))
    assert line.startswith("slipway:environment.services.web.context is ")


@pytest.mark.parametrize("dockerfile", ["../Makefile", "/etc/passwd", "none"])
def test_a_dockerfile_outside_its_context_is_rejected(dockerfile: str) -> None:
    """Docker would reject it after other resources were created."""
    (line,) = problems(of_service(dockerfile=dockerfile))
    assert "app has no such file" in line


def test_an_unknown_build_stage_is_rejected_with_a_suggestion() -> None:
    """Docker would reject it after the repository was created."""
    (line,) = problems(of_service(target="relase"))
    assert line.startswith(
        'slipway:environment.services.web.target is "relase"; Dockerfile has no such build stage, only '
    )
    assert line.endswith("; did you mean release? set one of its stages, or remove the key")


@pytest.mark.parametrize("name", ["a b", "1A", "A-B", "A\n", ""])
@pytest.mark.parametrize("kind", ["environment", "build_args"])
def test_an_invalid_variable_name_is_rejected(kind: str, name: str) -> None:
    """ECS and Docker reject it."""
    (line,) = problems(of_service(**{kind: {name: "x"}}))
    assert "is not a valid variable name" in line


def test_a_value_in_place_of_a_secrets_arn_is_not_shown() -> None:
    """It may be the secret itself."""
    assert problems(of_service(secrets={"KEY": "hunter2"})) == [
        "slipway:environment.services.web.secrets.KEY is not the ARN of a secret or parameter; "
        "store the value in Secrets Manager or Parameter Store and set its ARN here"
    ]


SECRET = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:a-AbCdEf"
KEY = "arn:aws:kms:eu-central-1:000000000000:key/1"


@pytest.mark.parametrize(
    "arn",
    [
        f"{SECRET}:key::",
        "arn:aws:ssm:eu-central-1:000000000000:parameter/a/b",
        "arn:aws-cn:ssm:x:000000000000:parameter/a_b.c-d",
    ],
)
def test_secrets_are_in_secrets_manager_or_in_parameter_store(arn: str) -> None:
    """As ECS takes them, with keys of one's own or without."""
    assert load(of_service(secrets={"KEY": arn})).environment.services["web"].secrets == {"KEY": arn}
    assert load(of_service(secrets={"KEY": arn}, kms_keys=[KEY])).environment.services["web"].kms_keys == (KEY,)


@pytest.mark.parametrize("key", ["alias/mine", KEY.replace("key/1", "alias/mine"), "1234abcd"])
def test_a_key_is_named_by_its_arn(key: str) -> None:
    """IAM compares the ARNs of keys, not aliases."""
    (line,) = problems(of_service(secrets={"KEY": SECRET}, kms_keys=[key]))
    assert line.startswith(f'slipway:environment.services.web.kms_keys[0] is "{key}"; it must match ')


def test_keys_without_secrets_are_rejected() -> None:
    """They would be of no use."""
    assert problems(of_service(kms_keys=[KEY])) == [
        "slipway:environment.services.web.kms_keys is set although the service names no secrets; remove it"
    ]


@pytest.mark.parametrize("name", ["a--b", "a-", "1a", "A", "a_b", "a\n"])
def test_a_service_name_that_aws_rejects_is_rejected(name: str) -> None:
    """ECR rejects consecutive hyphens, target groups all but letters, digits and hyphens."""
    (line,) = problems({"slipway:environment": {"services": {name: {"context": "app"}}}})
    assert "single hyphens; rename it" in line


@pytest.mark.parametrize("stack", ["a--b", "internal-a", "Prod", "a\n", "1"])
def test_a_stack_name_that_aws_rejects_is_rejected(stack: str) -> None:
    """It is part of every physical name; a load balancer's must not begin with `internal-`."""
    assert any("rename the stack" in line for line in problems({}, stack))


def test_a_service_named_like_anothers_template_family_is_rejected() -> None:
    """Both would register revisions in the same task definition family."""
    api = {"context": "app", "route": {"paths": ["/api/*"], "priority": 1}}
    (line,) = problems({"slipway:environment": {"services": {"web": {"context": "app"}, "web-template": api}}})
    assert "is the name of a task definition family, the template of service web" in line


def test_an_empty_value_is_rejected() -> None:
    """`database:` without a value looks as if it enabled the database, but would not."""
    (line,) = problems({"slipway:environment": {**SERVICE, "database": None}})
    assert line.startswith("slipway:environment.database is empty; a key needs a value; set one ({} is")


@pytest.mark.parametrize(
    ("stack", "text", "reason"),
    [
        ("stagin", None, "there is no Pulumi.stagin.yaml beside Pulumi.yaml; did you mean staging?"),
        ("prod", None, "it is this stack itself"),
        ("staging", "config: {'aws:region': eu-central-1}", "Pulumi.staging.yaml has no slipway:registry"),
        ("staging", "config: {'slipway:registry': {}, 'aws:region': eu-west-1}", "has aws:region eu-west-1"),
        (
            "staging",
            "config: {'slipway:registry': {}, 'slipway:environment': {network: {cidr: 10.0.128.0/17}}}",
            "it overlaps 10.0.128.0/17 of Pulumi.staging.yaml",
        ),
        ("staging", "config: {'slipway:registry': {}, 'slipway:environment': {}}", "it overlaps 10.0.0.0/16"),
    ],
)
def test_a_problem_in_the_other_stacks_file_is_reported(
    tmp_path: Path, stack: str, text: str | None, reason: str
) -> None:
    """The file is missing, has no registry, another region, or an overlapping CIDR block."""
    (tmp_path / "Pulumi.staging.yaml").write_text(text or "config: {'slipway:registry': {}}", "utf-8")
    config = {"slipway:registry": None, "slipway:images": {"from_stack": "o/p/s"}}
    chosen = load(config, "prod")
    chosen = chosen.model_copy(update={"images": Images(from_stack=stack)})
    (problem,) = other_stack_rules.check(chosen, tmp_path)
    assert reason in problem.text


@pytest.mark.parametrize("text", ["config: [", "config: [1]", "- a", "config: {'slipway:environment': [1]}", "\0"])
def test_an_invalid_file_of_another_stack_is_not_reported(tmp_path: Path, text: str) -> None:
    """Loading that stack reports it."""
    (tmp_path / "Pulumi.staging.yaml").write_text(text, "utf-8")
    chosen = load({"slipway:registry": None, "slipway:images": {"from_stack": "o/p/s"}}, "prod")
    chosen = chosen.model_copy(update={"images": Images(from_stack="staging")})
    assert [problem.location for problem in other_stack_rules.check(chosen, tmp_path)] in (
        [],
        [("images", "from_stack")],
    )


def test_a_duplicate_allowed_cidr_is_rejected() -> None:
    """AWS rejects duplicate security group rules."""
    balancer = {"allowed_cidrs": ["10.0.0.0/8", "10.0.0.0/8"]}
    (line,) = problems({"slipway:environment": {**SERVICE, "load_balancer": balancer}})
    assert line.startswith("slipway:environment.load_balancer.allowed_cidrs[1] is")


def test_a_problem_is_one_line_whatever_it_contains() -> None:
    """Keys and values of any length, with any characters."""
    lines = problems(
        {"slipway:environment": {**SERVICE, "a\nb": 1, "c" * 900: "x" * 900, "log_retention_days": "\n" * 900}}
    )
    assert len(lines) == 3
    assert max(map(len, lines)) < 500
    assert all(line.isprintable() and line.isascii() for line in lines)


@pytest.mark.parametrize("text", ["[" * 100000, "1" * 5000, "NaN", '{"a":' * 50 + "1" + "}" * 50])
def test_a_value_that_cannot_be_parsed_is_reported_like_others(text: str) -> None:
    """Nested too deeply, too long a number, not a number."""
    (line,) = problems({"slipway:environment": text})
    assert line.startswith("slipway:environment is ")


@pytest.mark.parametrize("rollout", ["pulumi", "pipeline"])
def test_two_deployers_of_one_stack_are_refused_in_either_stack(tmp_path: Path, rollout: str) -> None:
    """Each `up` of the one would undo the releases of the other; both previews say so."""
    environment = {**SERVICE, "rollout": rollout}
    pipeline = {"repository": "owner/name", "staging": "first"}
    cidr = {"network": {"cidr": "10.9.0.0/16"}}
    for name, config in (
        ("first", {"slipway:environment": environment, "slipway:registry": {}}),
        ("second", {"slipway:environment": {**SERVICE, **cidr}, "slipway:pipeline": pipeline}),
    ):
        (tmp_path / f"Pulumi.{name}.yaml").write_text(json.dumps({"config": config}), "utf-8")
    first = load({"slipway:environment": environment}, stack="first")
    second = load({"slipway:environment": {**SERVICE, **cidr}}, stack="second")
    second = second.model_copy(update={"pipeline": Pipeline.model_validate(pipeline)})
    found = [one for config in (first, second) for one in other_stack_rules.check(config, tmp_path)]
    expected = [("environment", "rollout"), ("pipeline", "staging")] if rollout == "pulumi" else []
    assert [one.location for one in found] == expected
    assert all("would undo" in one.text for one in found)
