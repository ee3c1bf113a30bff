"""The section `slipway:pipeline`: each problem in one line with file, key, value, rule and remedy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from infra.config import loading
from infra.config.errors import ConfigError

if TYPE_CHECKING:
    from infra.config.stack import StackConfig

SECRET, TOKEN = "slipway:webhook_secret", "github:token"
OWNER = "slipway-example"
FILE = "Pulumi.prod.yaml: "
ARN = "arn:aws:codeconnections:eu-central-1:000000000000:connection/1"


def load(
    pipeline: dict[str, Any] | None = None,
    *,
    owner: str | None = OWNER,
    encrypted: dict[str, str] | None = None,
    plain: dict[str, str] | None = None,
    **sections: object,
) -> StackConfig:
    """Load a small production stack with a pipeline; keys and sections set to None are left out."""
    section = {"repository": f"{OWNER}/slipway", "staging": "staging"} | (pipeline or {})
    base: dict[str, Any] = {
        "environment": {"services": {"web": {"context": "app"}}},
        "images": {"from_stack": "staging"},
        "pipeline": {key: value for key, value in section.items() if value is not None},
    }
    chosen = {key: value for key, value in (base | sections).items() if value is not None}
    config = {f"slipway:{key}": json.dumps(value) for key, value in chosen.items()}
    config |= (
        {"aws:region": "eu-central-1"} | ({"github:owner": owner} if owner else {}) | (encrypted or {}) | (plain or {})
    )
    keys = list(encrypted or {})
    return loading.load(config, stack="prod", organization="organization", project="slipway", secret_keys=keys)


def problems(pipeline: dict[str, Any] | None = None, **others: Any) -> list[str]:  # noqa: ANN401
    """Return the lines of the error for an invalid configuration."""
    with pytest.raises(ConfigError) as error:
        load(pipeline, **others)
    return str(error.value).splitlines()


def test_most_keys_have_defaults() -> None:
    """Only the repository and the staging stack are needed."""
    pipeline = load().pipeline
    assert pipeline is not None
    assert (pipeline.branch, pipeline.trigger, pipeline.approval) == ("main", "connection", "manual")
    assert pipeline.approval_minutes == 7 * 24 * 60


@pytest.mark.parametrize(
    ("pipeline", "line"),
    [
        (
            {"trigger": "webhook", "connection_arn": ARN},
            "slipway:pipeline.connection_arn is set together with trigger: webhook, which uses none; remove it",
        ),
        (
            {"staging": None},
            "slipway:pipeline.staging is missing; staging needs a registry; "
            "set another stack, or add slipway:registry to make this stack staging",
        ),
        (
            {"staging": "prod"},
            'slipway:pipeline.staging is "prod"; it is this stack itself; '
            "set another, or remove it to end the pipeline at staging",
        ),
        (
            {"approval": "automatic", "approval_minutes": 60},
            "slipway:pipeline.approval_minutes is 60; it has no effect with approval: automatic; remove it",
        ),
        (
            {"approval_minutes": 4},
            "slipway:pipeline.approval_minutes is 4; it must be greater than or equal to 5; see docs/configuration.md",
        ),
        (
            {"trigger": "polling"},
            "slipway:pipeline.trigger is \"polling\"; it must be 'connection' or 'webhook'; see docs/configuration.md",
        ),
        (
            {"log_retention_days": 8},
            "slipway:pipeline.log_retention_days is 8; CloudWatch Logs accepts 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, "
            "180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653; choose one",
        ),
        (
            {"topic_key_arn": "alias/aws/sns"},
            'slipway:pipeline.topic_key_arn is "alias/aws/sns"; it must match '
            "^arn:[a-z-]+:kms:[a-z0-9-]+:\\d{12}:key/.+$; see docs/configuration.md",
        ),
        (
            {"topic_key_arn": "arn:aws:kms:us-east-1:000000000000:key/1"},
            'slipway:pipeline.topic_key_arn is "arn:aws:kms:us-east-1:000000000000:key/1"; SNS takes a key of the '
            "topic's region, eu-central-1; name one of there",
        ),
        (
            {"chat_webhook_secret_arn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:chat-a1b2c3"},
            "slipway:pipeline.chat_webhook_secret_arn is "
            '"arn:aws:secretsmanager:us-east-1:000000000000:secret:chat-a1b2c3"; secrets are read in the stack\'s '
            "region, eu-central-1; name one of there",
        ),
        (
            {"chat_webhook_secret_arn": "https://hooks.example.test/x"},
            "slipway:pipeline.chat_webhook_secret_arn is not shown; it must match "
            "^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:\\d{12}:secret:[^:]+$; see docs/configuration.md",
        ),
        (
            {"notify": ["nobody"]},
            'slipway:pipeline.notify[0] is "nobody"; it must match ^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$; '
            "see docs/configuration.md",
        ),
        (
            {"repository": "slipway"},
            'slipway:pipeline.repository is "slipway"; it must match ^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$; '
            "see docs/configuration.md",
        ),
    ],
)
def test_a_violated_rule_is_reported_in_one_line(pipeline: dict[str, Any], line: str) -> None:
    """File, key, value, rule and remedy."""
    secrets = {SECRET: "hush", TOKEN: "whisper"}
    assert problems(pipeline, encrypted=secrets) == [FILE + line]


@pytest.mark.parametrize("key", ["approval", "approval_minutes"])
def test_approval_settings_without_production_are_rejected(key: str) -> None:
    """They would have no effect."""
    value = {"approval": "manual", "approval_minutes": 60}[key]
    (line,) = problems({"staging": None, key: value}, images=None, registry={})
    assert line == (
        f"{FILE}slipway:pipeline.{key} is {json.dumps(value)}; a pipeline that ends at staging has no approval; "
        "remove it, or set slipway:pipeline.staging"
    )


def test_staging_alone_needs_a_registry_only() -> None:
    """The stack is then the pipeline's only environment."""
    chosen = load({"staging": None}, images=None, registry={})
    assert chosen.staging_stack == ""


def test_staging_is_found_by_its_short_name() -> None:
    """In the same organization and project; a qualified name is used unchanged."""
    assert load().staging_stack == "organization/slipway/staging"
    assert load({"staging": "o/p/s"}).staging_stack == "o/p/s"


def test_the_repositorys_owner_is_required() -> None:
    """The GitHub provider registers webhooks in that account."""
    remedy = f"run: pulumi config set github:owner {OWNER}"
    assert problems(owner=None) == [
        f"{FILE}github:owner is missing; the GitHub provider registers webhooks in this account; {remedy}"
    ]
    assert problems(owner="another") == [
        f'{FILE}github:owner is "another"; '
        f"it must be the owner of slipway:pipeline.repository, {OWNER}/slipway; {remedy}"
    ]


def test_a_webhook_needs_both_secrets() -> None:
    """The webhook's shared secret, and a token to read the source."""
    assert problems({"trigger": "webhook"}) == [
        f"{FILE}github:token is missing; trigger: webhook needs it to read the source; "
        f"run: pulumi config set --secret {TOKEN}",
        f"{FILE}slipway:webhook_secret is missing; trigger: webhook needs it to verify GitHub's signatures; "
        f"run: pulumi config set --secret {SECRET}",
    ]


def test_a_connection_needs_no_secret() -> None:
    """The provider may take its token from the environment; secrets that are set are accepted."""
    assert load().pipeline
    assert load(encrypted={SECRET: "hush", TOKEN: "whisper"}).pipeline


@pytest.mark.parametrize("key", [SECRET, TOKEN])
def test_a_secret_in_plain_text_is_rejected_without_showing_it(key: str) -> None:
    """The message has the command that stores it encrypted."""
    (line,) = problems(plain={key: "changeme-hush"})
    assert line == f"{FILE}{key} is in plain text; it must be stored encrypted; run: pulumi config set --secret {key}"


@pytest.mark.parametrize("length", [0, 101])
def test_a_secret_of_an_unsupported_length_is_rejected(length: int) -> None:
    """CodePipeline accepts 1 to 100 characters, but rejects others only in the middle of an update."""
    (line,) = problems({"trigger": "webhook"}, encrypted={SECRET: "x" * length, TOKEN: "whisper"})
    assert line == (
        f"{FILE}slipway:webhook_secret has {length} characters; CodePipeline accepts 1 to 100; "
        f"run: pulumi config set --secret {SECRET}"
    )


def test_a_secret_under_another_key_is_rejected() -> None:
    """Only the two known keys may be encrypted."""
    (line,) = problems(encrypted={"slipway:environment": json.dumps({"services": {}})})
    assert line.startswith(f"{FILE}slipway:environment is a secret;")


def test_the_loaded_configuration_contains_no_secret() -> None:
    """Secrets are passed separately, as Pulumi secrets."""
    chosen = load({"trigger": "webhook"}, encrypted={SECRET: "hush", TOKEN: "whisper"})
    assert "hush" not in repr(chosen)
    assert "whisper" not in repr(chosen)


def test_a_pipeline_excludes_rollout_by_pulumi() -> None:
    """Each `pulumi up` would undo the pipeline's last release."""
    (line,) = problems(environment={"services": {"web": {"context": "app"}}, "rollout": "pulumi"})
    assert line == (
        f'{FILE}slipway:environment.rollout is "pulumi"; each `pulumi up` would undo the pipeline\'s releases; '
        "set it to pipeline or remove slipway:pipeline"
    )


def test_services_with_two_architectures_are_rejected_without_platforms() -> None:
    """A build machine has one architecture."""
    services = {
        "web": {"context": "app"},
        "api": {
            "context": "app",
            "cpu_architecture": "ARM64",
            "route": {"paths": ["/api/*"], "priority": 5},
        },
    }
    (line,) = problems(environment={"services": services})
    assert line == (
        f"{FILE}slipway:environment.services has several values of cpu_architecture; "
        "a pipeline builds for one; use one value, or list both platforms under slipway:pipeline.platforms"
    )


def test_all_problems_are_reported_together() -> None:
    """Those of the section, of its secrets and of other keys."""
    lines = problems({"trigger": "webhook", "connection_arn": ARN, "log_retention_days": 8}, owner="another")
    assert len(lines) == 5


@pytest.mark.parametrize(
    ("pipeline", "architecture", "line"),
    [
        (
            {"platforms": ["linux/arm64"]},
            "X86_64",
            'slipway:pipeline.platforms is ["linux/arm64"]; service web runs on linux/amd64; '
            "add it, or change the service's cpu_architecture",
        ),
        (
            {"platforms": ["linux/arm64", "linux/arm64"]},
            "ARM64",
            'slipway:pipeline.platforms is ["linux/arm64", "linux/arm64"]; it has a duplicate; list each platform once',
        ),
        (
            {"platforms": ["linux/amd64", "linux/arm64"], "image": "aws/codebuild/standard:7.0"},
            "ARM64",
            'slipway:pipeline.image is "aws/codebuild/standard:7.0"; it is for one CPU architecture and platforms '
            "lists two; remove it to use the default of each",
        ),
    ],
)
def test_platforms_that_services_or_image_contradict_are_rejected(
    pipeline: dict[str, Any], architecture: str, line: str
) -> None:
    """Images are needed for each service's platform, and the build image must support every platform."""
    environment = {"services": {"web": {"context": "app", "cpu_architecture": architecture}}}
    assert problems(pipeline, environment=environment) == [FILE + line]


def test_with_both_platforms_services_may_run_on_either() -> None:
    """The image index has an image for each platform."""
    arm = {"context": "app", "cpu_architecture": "ARM64", "route": {"paths": ["/api/*"], "priority": 5}}
    environment = {"services": {"web": {"context": "app"}, "api": arm}}
    assert load({"platforms": ["linux/amd64", "linux/arm64"]}, environment=environment).pipeline


def test_lambda_compute_is_refused_in_a_region_that_does_not_have_it() -> None:
    """In one line; in a region that has it there is nothing to say."""
    line = (
        f"{FILE}slipway:pipeline.lambda_compute is true; CodeBuild has no Lambda compute in eu-west-3, the stack's "
        "region; remove the key"
    )
    assert line in problems({"lambda_compute": True}, plain={"aws:region": "eu-west-3"})
    assert line not in problems({"lambda_compute": False}, plain={"aws:region": "eu-west-3"})
    pipeline = load({"lambda_compute": True}).pipeline
    assert pipeline is not None
    assert pipeline.lambda_compute
