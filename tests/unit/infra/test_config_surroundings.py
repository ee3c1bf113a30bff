"""What a configuration says of its surroundings: regions, other stacks' files, build contexts, names of AWS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra.config import loading, other_stack_rules, region
from infra.config.errors import ConfigError
from infra.config.images import Images

if TYPE_CHECKING:
    from infra.config.stack import StackConfig

ROOT = Path(__file__).resolve().parents[3]
SERVICE = {"services": {"web": {"context": "app"}}}
BASE: dict[str, Any] = {"aws:region": "eu-central-1", "slipway:environment": SERVICE, "slipway:registry": {}}


def load(config: dict[str, Any], stack: str = "staging", secret_keys: tuple[str, ...] = ()) -> StackConfig:
    """Load a small configuration with these changes; a key set to None is left out."""
    chosen = {key: value for key, value in (BASE | config).items() if value is not None}
    handed = {key: value if isinstance(value, str) else json.dumps(value) for key, value in chosen.items()}
    known = {"stack": stack, "organization": "organization", "project": "slipway"}
    return loading.load(handed, **known, secret_keys=secret_keys)


def mistakes(config: dict[str, Any], stack: str = "staging", secret_keys: tuple[str, ...] = ()) -> list[str]:
    """Return what a configuration is refused with, without the file's name."""
    with pytest.raises(ConfigError) as refused:
        load(config, stack, secret_keys)
    return [line.removeprefix(f"Pulumi.{stack}.yaml: ") for line in str(refused.value).splitlines()]


def of_service(**values: object) -> dict[str, Any]:
    """Return a configuration with one service that has these values."""
    return {"slipway:environment": {"services": {"web": {"context": "app", **values}}}}


def test_a_region_that_does_not_exist_is_refused_with_the_nearest() -> None:
    """Else the provider fails with a traceback, after the program has begun."""
    assert mistakes({"aws:region": "eu-centrl-1"}) == [
        'aws:region is "eu-centrl-1"; botocore knows no such region; did you mean eu-central-1? '
        "correct it (a new one: update boto3)"
    ]
    (line,) = mistakes({"aws:region": None})
    assert line.startswith("aws:region is missing; a stack lives in one region, whatever a person's settings say; run:")


def test_a_region_or_an_owner_that_is_a_secret_is_refused_without_showing_it() -> None:
    """The local cloud has another value in its place, AWS the real one: the report is the same."""
    lines = mistakes({"aws:region": "hush", "github:owner": "hush"}, secret_keys=("aws:region", "github:owner"))
    assert [line.split(";")[0] for line in lines] == ["aws:region holds a secret", "github:owner holds a secret"]
    assert "hush" not in "".join(lines)


def test_every_partition_has_regions_and_none_is_a_pseudo_region() -> None:
    """`aws-global` is in botocore's list too."""
    known = region.known()
    assert {"us-east-1", "cn-north-1", "us-gov-west-1"} <= set(known)
    assert not [name for name in known if "global" in name]


@pytest.mark.parametrize("context", ["..", "../main", "/etc", ".", "app/../..", "a\0b", "a" * 5000])
def test_a_build_context_outside_the_project_is_refused(context: str) -> None:
    """The pipeline has the commit alone; what cannot be looked at at all is refused too."""
    (line,) = mistakes(of_service(context=context))
    assert line.startswith("slipway:environment.services.web.context is ")


@pytest.mark.parametrize("dockerfile", ["../Makefile", "/etc/passwd", "none"])
def test_a_dockerfile_outside_its_context_is_refused(dockerfile: str) -> None:
    """Docker would refuse it, after the rest was made."""
    (line,) = mistakes(of_service(dockerfile=dockerfile))
    assert "app has no such file" in line


def test_a_stage_that_the_dockerfile_does_not_have_is_refused_with_the_nearest() -> None:
    """Docker would say so when the repository is there already."""
    (line,) = mistakes(of_service(target="relase"))
    assert line.startswith('slipway:environment.services.web.target is "relase"; Dockerfile has no such stage, it has ')
    assert line.endswith("; did you mean release? name one of its stages")


@pytest.mark.parametrize("name", ["a b", "1A", "A-B", "A\n", ""])
@pytest.mark.parametrize("kind", ["environment", "build_args"])
def test_a_variable_needs_a_variables_name(kind: str, name: str) -> None:
    """AWS and Docker refuse others."""
    (line,) = mistakes(of_service(**{kind: {name: "x"}}))
    assert "is no variable's name" in line


def test_a_plain_text_where_an_arn_of_a_secret_belongs_is_not_shown() -> None:
    """It may be the secret itself."""
    assert mistakes(of_service(secrets={"KEY": "hunter2"})) == [
        "slipway:environment.services.web.secrets.KEY is no ARN of a secret; "
        "put the value in Secrets Manager, and the secret's ARN here"
    ]


@pytest.mark.parametrize("name", ["a--b", "a-", "1a", "A", "a_b", "a\n"])
def test_a_name_that_aws_refuses_is_refused(name: str) -> None:
    """ECR takes no two hyphens in a row, load balancers only letters, digits and hyphens."""
    (line,) = mistakes({"slipway:environment": {"services": {name: {"context": "app"}}}})
    assert "single hyphens; rename it" in line


@pytest.mark.parametrize("stack", ["a--b", "internal-a", "Prod", "a\n", "1"])
def test_a_stacks_name_that_aws_refuses_is_refused(stack: str) -> None:
    """It is part of every name, and no load balancer's begins with `internal-`."""
    assert any("rename the stack" in line for line in mistakes({}, stack))


def test_a_service_named_as_anothers_template_is_refused() -> None:
    """Its releases would be made from the other's."""
    api = {"context": "app", "route": {"paths": ["/api/*"], "priority": 1}}
    (line,) = mistakes({"slipway:environment": {"services": {"web": {"context": "app"}, "web-template": api}}})
    assert "has the name of the template of service web" in line


def test_an_empty_value_is_refused() -> None:
    """`database:` with nothing behind it looks like a database, and would be none."""
    (line,) = mistakes({"slipway:environment": {**SERVICE, "database": None}})
    assert line.startswith("slipway:environment.database is empty; a key has a value; give it one ({} is")


@pytest.mark.parametrize(
    ("named", "text", "reason"),
    [
        ("stagin", None, "there is no Pulumi.stagin.yaml beside Pulumi.yaml; did you mean staging?"),
        ("prod", None, "that is this stack itself"),
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
def test_what_the_named_stacks_file_shows_is_said(tmp_path: Path, named: str, text: str | None, reason: str) -> None:
    """Missing, without images, in another region, or with addresses that overlap."""
    (tmp_path / "Pulumi.staging.yaml").write_text(text or "config: {'slipway:registry': {}}", "utf-8")
    config = {"slipway:registry": None, "slipway:images": {"from_stack": "o/p/s"}}
    chosen = load(config, "prod")
    chosen = chosen.model_copy(update={"images": Images(from_stack=named)})
    (found,) = other_stack_rules.check(chosen, tmp_path)
    assert reason in found.text


@pytest.mark.parametrize("text", ["config: [", "config: [1]", "- a", "config: {'slipway:environment': [1]}", "\0"])
def test_another_stacks_broken_file_is_for_that_stack_to_say(tmp_path: Path, text: str) -> None:
    """Nothing is known of it then."""
    (tmp_path / "Pulumi.staging.yaml").write_text(text, "utf-8")
    chosen = load({"slipway:registry": None, "slipway:images": {"from_stack": "o/p/s"}}, "prod")
    chosen = chosen.model_copy(update={"images": Images(from_stack="staging")})
    assert [one.where for one in other_stack_rules.check(chosen, tmp_path)] in ([], [("images", "from_stack")])


def test_a_range_that_is_allowed_twice_is_refused() -> None:
    """AWS takes a rule once."""
    balancer = {"allowed_cidrs": ["10.0.0.0/8", "10.0.0.0/8"]}
    (line,) = mistakes({"slipway:environment": {**SERVICE, "load_balancer": balancer}})
    assert line.startswith("slipway:environment.load_balancer.allowed_cidrs[1] is")


def test_a_mistake_is_one_line_whatever_is_in_it() -> None:
    """Keys and values of any length with any characters."""
    lines = mistakes(
        {"slipway:environment": {**SERVICE, "a\nb": 1, "c" * 900: "x" * 900, "log_retention_days": "\n" * 900}}
    )
    assert len(lines) == 3
    assert max(map(len, lines)) < 500
    assert all(line.isprintable() and line.isascii() for line in lines)


@pytest.mark.parametrize("text", ["[" * 100000, "1" * 5000, "NaN", '{"a":' * 50 + "1" + "}" * 50])
def test_text_that_cannot_be_read_is_a_mistake_like_others(text: str) -> None:
    """Too deep, too long a number, no number."""
    (line,) = mistakes({"slipway:environment": text})
    assert line.startswith("slipway:environment is ")
