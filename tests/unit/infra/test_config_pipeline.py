"""The section `slipway:pipeline`: each mistake in one line with file, key, value, rule and remedy."""

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
    """Load a small production with a pipeline; a key set to None is left out, so is a section."""
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


def mistakes(pipeline: dict[str, Any] | None = None, **others: Any) -> list[str]:  # noqa: ANN401
    """Return the lines that a configuration is refused with."""
    with pytest.raises(ConfigError) as refused:
        load(pipeline, **others)
    return str(refused.value).splitlines()


def test_little_has_to_be_said() -> None:
    """The repository and staging; the rest has defaults."""
    pipeline = load().pipeline
    assert pipeline is not None
    assert (pipeline.branch, pipeline.trigger, pipeline.approval) == ("main", "connection", "manual")
    assert pipeline.approval_minutes == 7 * 24 * 60


@pytest.mark.parametrize(
    ("pipeline", "line"),
    [
        (
            {"trigger": "webhook", "connection_arn": ARN},
            "slipway:pipeline.connection_arn is set beside trigger: webhook; a webhook uses none; remove it",
        ),
        (
            {"staging": None},
            "slipway:pipeline.staging is missing; the first stage needs a stack with images; "
            "name one, or add slipway:registry to be staging itself",
        ),
        (
            {"staging": "prod"},
            'slipway:pipeline.staging is "prod"; that is this stack itself; '
            "name another, or remove it to end the pipeline with staging",
        ),
        (
            {"approval": "automatic", "approval_minutes": 60},
            "slipway:pipeline.approval_minutes is 60; nobody is asked under approval: automatic; remove it",
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
            "slipway:pipeline.log_retention_days is 8; CloudWatch Logs takes 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, "
            "180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653; choose one",
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
def test_a_broken_rule_is_said_in_one_line(pipeline: dict[str, Any], line: str) -> None:
    """File, key, value, rule and remedy."""
    secrets = {SECRET: "hush", TOKEN: "whisper"}
    assert mistakes(pipeline, encrypted=secrets) == [FILE + line]


@pytest.mark.parametrize("key", ["approval", "approval_minutes"])
def test_an_approval_without_production_is_refused(key: str) -> None:
    """It would be silently left out."""
    value = {"approval": "manual", "approval_minutes": 60}[key]
    (line,) = mistakes({"staging": None, key: value}, images=None, registry={})
    assert line == (
        f"{FILE}slipway:pipeline.{key} is {json.dumps(value)}; a pipeline without production has no approval; "
        "remove it, or name slipway:pipeline.staging"
    )


def test_staging_alone_needs_a_registry_only() -> None:
    """Then it is the first and the last environment."""
    chosen = load({"staging": None}, images=None, registry={})
    assert chosen.staging_stack == ""


def test_staging_is_found_by_its_short_name() -> None:
    """In the same organization and project; a qualified name stays as it is."""
    assert load().staging_stack == "organization/slipway/staging"
    assert load({"staging": "o/p/s"}).staging_stack == "o/p/s"


def test_the_owner_of_the_repository_has_to_be_named() -> None:
    """GitHub's provider registers webhooks in the account of that name."""
    remedy = f"run: pulumi config set github:owner {OWNER}"
    assert mistakes(owner=None) == [
        f"{FILE}github:owner is missing; webhooks are registered in the account it names; {remedy}"
    ]
    assert mistakes(owner="another") == [
        f'{FILE}github:owner is "another"; slipway:pipeline.repository is {OWNER}/slipway; {remedy}'
    ]


def test_a_webhook_needs_both_secrets() -> None:
    """One that GitHub signs with, one that the source is read with."""
    assert mistakes({"trigger": "webhook"}) == [
        f"{FILE}github:token is missing; the pipeline reads the source with it under trigger: webhook; "
        f"run: pulumi config set --secret {TOKEN}",
        f"{FILE}slipway:webhook_secret is missing; GitHub signs with it under trigger: webhook; "
        f"run: pulumi config set --secret {SECRET}",
    ]


def test_a_connection_needs_no_secret() -> None:
    """The provider may take its token from the environment; secrets that are set do no harm."""
    assert load().pipeline
    assert load(encrypted={SECRET: "hush", TOKEN: "whisper"}).pipeline


@pytest.mark.parametrize("key", [SECRET, TOKEN])
def test_a_secret_in_plain_text_is_refused_without_showing_it(key: str) -> None:
    """With the command that sets it encrypted."""
    (line,) = mistakes(plain={key: "changeme-hush"})
    assert line == f"{FILE}{key} is in plain text; a secret is stored encrypted; run: pulumi config set --secret {key}"


@pytest.mark.parametrize("length", [0, 101])
def test_a_secret_of_a_length_that_aws_refuses_is_refused(length: int) -> None:
    """CodePipeline takes 1 to 100 characters, and says so half-way through an update only."""
    (line,) = mistakes({"trigger": "webhook"}, encrypted={SECRET: "x" * length, TOKEN: "whisper"})
    assert line == (
        f"{FILE}slipway:webhook_secret has {length} characters; AWS takes 1 to 100; "
        f"run: pulumi config set --secret {SECRET}"
    )


def test_another_secret_in_the_projects_keys_is_refused() -> None:
    """Only known keys may hold one."""
    (line,) = mistakes(encrypted={"slipway:environment": json.dumps({"services": {}})})
    assert line.startswith(f"{FILE}slipway:environment holds a secret;")


def test_no_secret_gets_into_the_settings() -> None:
    """They are handed over beside them, encrypted."""
    chosen = load({"trigger": "webhook"}, encrypted={SECRET: "hush", TOKEN: "whisper"})
    assert "hush" not in repr(chosen)
    assert "whisper" not in repr(chosen)


def test_a_pipeline_and_pulumi_do_not_both_roll_out() -> None:
    """Each `pulumi up` would undo the pipeline's last release."""
    (line,) = mistakes(environment={"services": {"web": {"context": "app"}}, "rollout": "pulumi"})
    assert line == (
        f'{FILE}slipway:environment.rollout is "pulumi"; each `pulumi up` would undo the pipeline\'s releases; '
        "set it to pipeline or remove slipway:pipeline"
    )


def test_services_of_two_architectures_are_refused() -> None:
    """The build machine has one."""
    services = {
        "web": {"context": "app"},
        "api": {
            "context": "app",
            "cpu_architecture": "ARM64",
            "route": {"paths": ["/api/*"], "priority": 5},
        },
    }
    (line,) = mistakes(environment={"services": services})
    assert line == (
        f"{FILE}slipway:environment.services has several values of cpu_architecture; "
        "a pipeline builds for one; give all the same, or name both under slipway:pipeline.platforms"
    )


def test_all_mistakes_are_reported_at_once() -> None:
    """Of the section, of its secrets, and of the rest."""
    lines = mistakes({"trigger": "webhook", "connection_arn": ARN, "log_retention_days": 8}, owner="another")
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
            'slipway:pipeline.platforms is ["linux/arm64", "linux/arm64"]; a platform is named twice; name it once',
        ),
        (
            {"platforms": ["linux/amd64", "linux/arm64"], "image": "aws/codebuild/standard:7.0"},
            "ARM64",
            'slipway:pipeline.image is "aws/codebuild/standard:7.0"; that is for one architecture and platforms has '
            "several; remove it: there is one for each",
        ),
    ],
)
def test_platforms_that_do_not_fit_are_refused(pipeline: dict[str, Any], architecture: str, line: str) -> None:
    """What a service runs on must be built; what builds run in must run on all."""
    environment = {"services": {"web": {"context": "app", "cpu_architecture": architecture}}}
    assert mistakes(pipeline, environment=environment) == [FILE + line]


def test_with_both_platforms_services_may_run_on_either() -> None:
    """An index has an image for each."""
    arm = {"context": "app", "cpu_architecture": "ARM64", "route": {"paths": ["/api/*"], "priority": 5}}
    environment = {"services": {"web": {"context": "app"}, "api": arm}}
    assert load({"platforms": ["linux/amd64", "linux/arm64"]}, environment=environment).pipeline
