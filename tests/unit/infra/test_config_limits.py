"""Settings that AWS cannot work with are refused before anything is created, each in one line."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.infra.test_config import load, problems, service

WEB = "Pulumi.staging.yaml: slipway:environment.services.web"


def routed(*paths: str, **more: object) -> dict[str, Any]:
    """Return an environment with one service that has this route."""
    return service(route={"paths": list(paths)}, **more)


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        (
            routed("api/*"),
            f'{WEB}.route.paths[0] is "api/*"; the path of a request begins with a slash; begin the pattern with one',
        ),
        (
            routed("/*", "/a b/*"),
            f'{WEB}.route.paths[1] is "/a b/*"; the load balancer refuses " " in it and accepts letters, digits, '
            "_-.$/~\"'@:+& and the wildcards * and ?; put a wildcard in its place",
        ),
        (
            routed("/v?/*"),
            f"{WEB}.version_path is missing; /v?/version of the first path pattern /v?/* is no path, since ? is a "
            "wildcard; set it",
        ),
        (
            routed("/v?/*", version_path="none"),
            f'{WEB}.route.paths[0] is "/v?/*"; the pipeline requests what is before the first *, which is no path '
            "with a ?; put a pattern without ? first",
        ),
        (
            service(build_args={"COMMIT": "1"}),
            f"{WEB}.build_args.COMMIT is reserved; the pipeline sets this build argument to the commit; "
            "rename or remove it",
        ),
        (
            service(build_args={"PATH": "/app/bin"}),
            f"{WEB}.build_args.PATH is reserved; bin/test gets the build arguments as environment variables and would "
            "find no program; rename or remove it",
        ),
        (
            service(health_check={"path": "/health check"}),
            f'{WEB}.health_check.path is "/health check"; " " cannot be in a request\'s path; '
            "percent-encode or remove it",
        ),
    ],
)
def test_what_aws_cannot_work_with_is_reported_in_one_line(environment: dict[str, Any], line: str) -> None:
    """File, key, value, rule and remedy."""
    assert problems(environment) == [line]


@pytest.mark.parametrize("character", [" ", "%", "#", "(", ",", "=", ";", "!", "[", "\\", "ü", "\n"])
def test_a_character_that_elbv2_refuses_in_a_path_pattern_is_refused(character: str) -> None:
    """The error of AWS would come after most of the stack is created."""
    (line,) = problems(routed(f"/a{character}/*", version_path="none"))
    assert ".route.paths[0] is " in line
    assert "put a wildcard in its place" in line


@pytest.mark.parametrize("pattern", ["/*", "*", "*.php", "/A-Z_0.9/$~\"'@:+&/*", "/" + "a" * 127, "/v1/*"])
def test_a_path_pattern_that_elbv2_accepts_is_accepted(pattern: str) -> None:
    """Up to its limits."""
    assert load(routed(pattern, version_path="none")).environment.services["web"].route.paths == (pattern,)


def test_a_path_pattern_is_as_long_as_elbv2_allows() -> None:
    """128 characters."""
    (line,) = problems(routed("/" + "a" * 128, version_path="none"))
    assert line.endswith("; it has 129 characters and a path pattern at most 128; shorten it")


def test_a_listener_rule_has_at_most_five_path_patterns() -> None:
    """ELBv2's limit of condition values."""
    (line,) = problems(routed(*(f"/{index}/*" for index in range(6))))
    assert line.startswith(f"{WEB}.route.paths is ")
    assert "at most 5 items" in line


@pytest.mark.parametrize("version_path", ["/v1/version", "/v2/about"])
def test_a_wildcard_of_one_character_needs_a_version_path(version_path: str) -> None:
    """With one that the pattern matches, it is accepted."""
    load(routed("/v?/*", version_path=version_path))
    load(routed("/v1/*", "/v?/*"))


@pytest.mark.parametrize(
    "path", ["/a b", "/a#b", "/ü", "/a\tb", "/" + "a" * 1024], ids=["space", "hash", "umlaut", "tab", "long"]
)
@pytest.mark.parametrize("key", ["health_check", "version_path", "checks"])
def test_a_path_that_cannot_be_requested_is_refused(key: str, path: str) -> None:
    """By the load balancer's health check (ELBv2's limits), or by the pipeline."""
    values: dict[str, object] = {"health_check": {"path": path}, "version_path": path, "checks": [{"path": path}]}
    (line,) = problems(service(**{key: values[key]}))
    assert line.startswith(f"{WEB}.{key}")
    assert line.endswith(("; percent-encode or remove it", "; shorten it"))
    assert line.isascii()


@pytest.mark.parametrize("path", ["/", "/a%20b?c=d&e=%23", "/" + "a" * 1023], ids=["root", "query", "longest"])
def test_a_path_that_can_be_requested_is_accepted(path: str) -> None:
    """With a query, encoded, up to the limit."""
    load(service(health_check={"path": path}, version_path=path, checks=[{"path": path}]))


def test_a_service_named_like_the_load_balancers_alarms_is_refused() -> None:
    """Pulumi and CloudWatch refuse a name that is taken."""
    assert problems({"services": {"balancer": {"context": "app"}}}) == [
        "Pulumi.staging.yaml: slipway:environment.services.balancer is the name of the load balancer's alarms; "
        "rename the service"
    ]


def test_a_service_named_like_anothers_security_group_rule_is_refused() -> None:
    """Only beside that service."""
    other = {"context": "app", "route": {"paths": ["/b/*"], "priority": 1}}
    assert problems({"services": {"web": {"context": "app"}, "web-balancer": other}}) == [
        f"{WEB}-balancer is the name of the load balancer's security group rule of service web; rename the service"
    ]
    load({"services": {"web": {"context": "app"}, "api-balancer": other}})
