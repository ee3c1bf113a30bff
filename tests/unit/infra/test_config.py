"""The configuration: all problems are reported together, each in one line with file, key, value, rule and remedy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pytest
import yaml
from pydantic import create_model

from infra.config import effects, loading, reference
from infra.config.environment import Autoscaling
from infra.config.errors import ConfigError

if TYPE_CHECKING:
    from infra.config.stack import StackConfig

ROOT = Path(__file__).resolve().parents[3]
SECRET = "arn:aws:secretsmanager:eu-central-1"
REGION = {"aws:region": "eu-central-1"}


def load(environment: dict[str, Any] | None = None, stack: object = "staging", **sections: object) -> StackConfig:
    """Load a small configuration with these changes; a section set to None is left out."""
    base: dict[str, Any] = {
        "environment": {"services": {"web": {"context": "app"}}} | (environment or {}),
        "registry": {"protect": False},
    }
    chosen = {key: value for key, value in (base | sections).items() if value is not None}
    config = {f"slipway:{key}": json.dumps(value) for key, value in chosen.items()} | REGION
    return loading.load(config, stack=str(stack), organization="organization", project="slipway")


def service(**changes: object) -> dict[str, Any]:
    """Return an environment with one service that has these changes."""
    return {"services": {"web": {"context": "app", **changes}}}


def problems(environment: dict[str, Any] | None = None, **sections: object) -> list[str]:
    """Return the lines of the error for an invalid configuration."""
    with pytest.raises(ConfigError) as error:
        load(environment, **sections)
    return str(error.value).splitlines()


@pytest.mark.parametrize("stack", ["staging", "prod"])
def test_the_committed_stack_files_are_accepted(stack: str) -> None:
    """As they are, without a change."""
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text("utf-8"))["config"]
    config = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    chosen = loading.load(config, stack=stack, organization="organization", project="slipway")
    assert chosen.environment.rollout == "pipeline"


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        (
            service(cpu=300),
            "Pulumi.staging.yaml: slipway:environment.services.web.cpu is 300; "
            "Fargate allows 256, 512, 1024, 2048, 4096, 8192, 16384; choose one",
        ),
        (
            service(cpu=256, memory=4096),
            "Pulumi.staging.yaml: slipway:environment.services.web.memory is 4096; "
            "with cpu 256 Fargate allows 512, 1024, 2048; choose one",
        ),
        (
            {"network": {"cidr": "10.0.0.0/28"}},
            "Pulumi.staging.yaml: slipway:environment.network.cidr is "
            '"10.0.0.0/28"; it must be between /16 and /24, since it is divided into 16 subnets of at least /28; '
            "for example 10.0.0.0/16",
        ),
        (
            {"log_retention_days": 8},
            "Pulumi.staging.yaml: slipway:environment.log_retention_days is 8; CloudWatch Logs accepts "
            "1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653; "
            "choose one",
        ),
        (
            {"network": {"flow_log_days": 8}},
            "Pulumi.staging.yaml: slipway:environment.network.flow_log_days is 8; CloudWatch Logs accepts "
            "1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653; "
            "choose one",
        ),
        (
            {"load_balancer": {"access_log_days": 0}},
            "Pulumi.staging.yaml: slipway:environment.load_balancer.access_log_days is 0; it must be greater than or "
            "equal to 1; see docs/configuration.md",
        ),
        (
            service(health_check={"interval": 5, "timeout": 5}),
            "Pulumi.staging.yaml: slipway:environment.services.web.health_check.timeout is 5; "
            "it must be less than interval (5); lower it",
        ),
        (
            service(context="docs/adr/none"),
            'Pulumi.staging.yaml: slipway:environment.services.web.context is "docs/adr/none"; '
            "there is no file to build an image from; set a folder below that of Pulumi.yaml",
        ),
        (
            service(dockerfile="Containerfile"),
            'Pulumi.staging.yaml: slipway:environment.services.web.dockerfile is "Containerfile"; '
            "app has no such file; correct it",
        ),
        (
            service(environment={"DATABASE_HOST": "x"}) | {"database": {}},
            "Pulumi.staging.yaml: slipway:environment.services.web.environment.DATABASE_HOST is reserved; "
            "Slipway sets this variable; remove it",
        ),
        (
            service(autoscaling={"minimum": 4, "maximum": 2}),
            "Pulumi.staging.yaml: slipway:environment.services.web.autoscaling.minimum is 4; "
            "it must not exceed maximum (2); lower it",
        ),
        (
            {"load_balancer": {"domain_name": "www.example.org"}},
            "Pulumi.staging.yaml: slipway:environment.load_balancer has only one of certificate_arn and domain_name; "
            "HTTPS needs both; set both or neither",
        ),
        (
            {"network": {"zone_names": ["a", "a"]}},
            'Pulumi.staging.yaml: slipway:environment.network.zone_names is ["a", "a"]; '
            "it has a duplicate; list each zone once",
        ),
        (
            {"network": {"zone_names": ["a", "b"], "zones": 2}},
            "Pulumi.staging.yaml: slipway:environment.network.zones is 2; "
            "zone_names says how many there are; remove one of both",
        ),
        (
            {"network": {"nat_per_zone": True}},
            "Pulumi.staging.yaml: slipway:environment.network.nat_per_zone is true; "
            "NAT gateways need private_subnets: true; set it or remove nat_per_zone",
        ),
    ],
)
def test_a_violated_rule_is_reported_in_one_line(environment: dict[str, Any], line: str) -> None:
    """File, key, value, rule and remedy."""
    assert problems(environment) == [line]


def test_an_unknown_key_is_rejected_with_the_valid_keys() -> None:
    """In a section as deep as a service's."""
    (line,) = problems(service(healthcheck={}))
    key = "slipway:environment.services.web.healthcheck"
    start = f"Pulumi.staging.yaml: {key} is not a known key; did you mean health_check? "
    assert line.startswith(f"{start}valid keys: acceptance, autoscaling, ")


def test_an_unknown_section_is_rejected() -> None:
    """Otherwise its feature would silently be off."""
    (line,) = problems(regisrty={})
    assert line.startswith(
        "Pulumi.staging.yaml: slipway:regisrty is not a known key; did you mean registry? valid keys: "
    )


def test_a_missing_section_is_named() -> None:
    """Without an environment there is nothing to create."""
    with pytest.raises(ConfigError, match=r"^Pulumi.staging.yaml: slipway:environment is missing; .*; add it"):
        loading.load(REGION, stack="staging", organization="o", project="slipway")


def test_all_problems_are_reported_together() -> None:
    """Whether validation or a rule finds them."""
    lines = problems({**service(cpu="much", memry=1), "network": {"zones": 9}})
    assert len(lines) == 3
    lines = problems({**service(cpu=300), "network": {"cidr": "10.0.0.0/30"}, "log_retention_days": 2})
    assert len(lines) == 3


def test_a_duplicate_path_pattern_is_rejected() -> None:
    """The load balancer would never route to the second service."""
    second = {"context": "app", "route": {"paths": ["/*"], "priority": 5}}
    (line,) = problems({"services": {"web": {"context": "app"}, "api": second}})
    assert "slipway:environment.services." in line
    assert '.route.paths[0] is "/*"; service' in line


@pytest.mark.parametrize(
    ("route", "version_path", "expected"),
    [
        (["/api/*"], None, None),
        (["/api*"], None, None),
        (["/api/*", "/about"], "/about", None),
        (["/api/*"], "/version", '"/version"; service web receives this path'),
        (["/api"], None, '"/api/version"; service web receives this path'),
    ],
)
def test_a_services_version_path_matches_its_own_route(
    route: list[str], version_path: str | None, expected: str | None
) -> None:
    """Otherwise another service would answer."""
    named = {"version_path": version_path} if version_path else {}
    second = {"context": "app", "route": {"paths": route, "priority": 5}, **named}
    services = {"services": {"web": {"context": "app"}, "api": second}}
    if expected is None:
        load(services)
        return
    (line,) = problems(services)
    assert f"slipway:environment.services.api.version_path is {expected}" in line


def test_a_duplicate_priority_is_rejected() -> None:
    """AWS rejects it, but only in the middle of an update."""
    second = {"context": "app", "route": {"paths": ["/api/*"]}}
    (line,) = problems({"services": {"web": {"context": "app"}, "api": second}})
    assert "route.priority is 100" in line


def test_a_service_name_over_the_limit_is_rejected_with_the_calculation() -> None:
    """Before AWS rejects it in the middle of an update."""
    (line,) = problems({"services": {"a" * 17: {"context": "app"}}})
    assert "25 characters" in line
    assert "shorten it" in line


def test_the_priority_of_the_redirect_to_https_is_of_no_service() -> None:
    """With or without a certificate: the rules of the services join it when the certificate is taken away."""
    (line,) = problems(service(route={"priority": 49443}))
    assert line == (
        "Pulumi.staging.yaml: slipway:environment.services.web.route.priority is 49443; the redirect from HTTP to "
        "HTTPS has this priority; set another"
    )


@pytest.mark.parametrize("name", ["Web", "web_1", "-web", "web-"])
def test_a_service_name_with_other_characters_is_rejected(name: str) -> None:
    """Target group names accept letters, digits and hyphens only."""
    assert any("rename it" in line for line in problems({"services": {name: {"context": "app"}}}))


@pytest.mark.parametrize(
    ("environment", "key"),
    [
        (service(environment={"KEY": "<certificate>"}), "services.web.environment.KEY"),
        (service(environment={"KEY": "CHANGEME"}), "services.web.environment.KEY"),
        (service(build_args={"KEY": "replace-me"}), "services.web.build_args.KEY"),
        (service(context="<folder>"), "services.web.context"),
        (service(target="TODO"), "services.web.target"),
        ({"load_balancer": {"domain_name": "your-domain.example"}}, "load_balancer.domain_name"),
        ({"load_balancer": {"domain_name": "www.xxx.example"}}, "load_balancer.domain_name"),
        (service(secrets={"KEY": f"{SECRET}:123456789012:secret:x"}), "services.web.secrets.KEY"),
    ],
)
def test_a_placeholder_is_rejected(environment: dict[str, Any], key: str) -> None:
    """Even if it satisfies the key's rules; a value that may be a secret is not shown."""
    (line,) = [line for line in problems(environment) if "it is a placeholder" in line]
    assert line.startswith(f"Pulumi.staging.yaml: slipway:environment.{key} is ")
    assert ("not shown" in line) == ("secrets" in key)


@pytest.mark.parametrize("text", ["todo", "<b>Hello</b>", "your-bucket", "xxx", "123456789012", "exchange-meter"])
def test_free_text_is_not_a_placeholder(text: str) -> None:
    """An environment variable may contain any text."""
    assert load(service(environment={"KEY": text})).environment.services["web"].environment["KEY"] == text


def test_an_encrypted_section_is_rejected_without_showing_it() -> None:
    """Its values would appear in task definitions in plain text; the message names Secrets Manager."""
    config = {"slipway:environment": json.dumps(service(environment={"KEY": "hush"}))}
    with pytest.raises(ConfigError) as error:
        loading.load(config, stack="staging", organization="o", project="slipway", secret_keys=["slipway:environment"])
    assert "hush" not in str(error.value)
    assert "Secrets Manager" in str(error.value)


def test_images_come_from_exactly_one_source() -> None:
    """None and two are rejected."""
    assert "a stack needs its own image registry or another stack's images" in problems(registry=None)[0]
    assert "a stack has one source of images" in problems(images={"from_stack": "staging"})[0]


def test_numbers_in_strings_are_accepted() -> None:
    """Pulumi passes some numbers as strings."""
    assert load(service(cpu="512", memory="1024")).environment.services["web"].cpu == 512


def test_another_stack_is_found_by_its_short_name() -> None:
    """In the same organization and project; a qualified name is used unchanged."""
    for name, expected in (("staging", "organization/slipway/staging"), ("o/p/s", "o/p/s")):
        assert load(stack="prod", registry=None, images={"from_stack": name}).image_stack == expected


def test_the_reference_of_keys_is_current() -> None:
    """Generated by `python -m infra.config > docs/configuration.md`."""
    assert (ROOT / "docs" / "configuration.md").read_text("utf-8") == reference.render()


def test_every_key_has_a_description_in_the_reference() -> None:
    """No cell of the table is empty."""
    rows = [line for line in reference.render().splitlines() if line.startswith("| `")]
    assert len(rows) > 50
    assert not [row for row in rows if row.rstrip(" |").endswith("|") or "|  |" in row]


def test_a_key_that_does_not_declare_what_its_change_does_has_no_place_in_the_reference() -> None:
    """Neither has one that declares two effects: the program acts on exactly one."""
    effects.of(Autoscaling.model_fields["minimum"])
    for annotation in (int, Annotated[int, effects.IN_PLACE, effects.RELEASE]):
        section = create_model("Section", key=(annotation, 1))
        with pytest.raises(LookupError, match=r"annotate it with one of infra\.config\.effects"):
            effects.of(section.model_fields["key"])


REPORT = {
    "slipway:environment": {
        "network": {"cidr": "10.0.0.0/30", "zones": "many"},
        "services": {
            "web": {"context": "app", "cpu": 256, "memory": 4096, "helth_check": {}},
            "api": {"context": "../app", "cpu": "much", "memory": 4096, "route": {"paths": ["/*"]}},
        },
        "database": None,
    },
    "slipway:images": {"from_stack": "stagin"},
    "slipway:pipeline": {"repository": "<owner>/app", "trigger": "webhook", "staging": "staging"},
    "aws:region": "eu-centrl-1",
    "github:token": "hush",
}


def test_one_report_has_every_kind_of_problem_but_none_that_follows_from_another() -> None:
    """Invalid values do not hide violated rules; a rule that reads an invalid value reports nothing."""
    config = {key: value if isinstance(value, str) else json.dumps(value) for key, value in REPORT.items()}
    with pytest.raises(ConfigError) as error:
        loading.load(config, stack="prod", organization="organization", project="slipway")
    starts = [
        " ".join(line.removeprefix("Pulumi.prod.yaml: ").split(" ")[:3]) for line in str(error.value).splitlines()
    ]
    assert starts == [
        'aws:region is "eu-centrl-1";',
        "github:owner is missing;",
        "github:token is in",
        "slipway:environment.database is empty;",
        'slipway:environment.network.cidr is "10.0.0.0/30";',
        'slipway:environment.network.zones is "many";',
        'slipway:environment.services.api.context is "../app";',
        'slipway:environment.services.api.cpu is "much";',
        'slipway:environment.services.api.route.paths[0] is "/*";',
        "slipway:environment.services.api.route.priority is 100;",
        "slipway:environment.services.web.helth_check is not",
        "slipway:environment.services.web.memory is 4096;",
        'slipway:images.from_stack is "stagin";',
        'slipway:pipeline.repository is "<owner>/app";',
        "slipway:webhook_secret is missing;",
    ]
