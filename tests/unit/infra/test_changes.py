"""What a change would do to the stack that stands is said before anything is declared."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pulumi
import pytest

from contract.facts import Service
from contract.health import is_in
from infra.config import loading
from infra.config.errors import ConfigError
from infra.live import changes, probe, service_changes, upgrades
from infra.live.records import Standing
from infra.live.resources import Database, Resources, Running

if TYPE_CHECKING:
    from infra.config.stack import StackConfig

FILE = "Pulumi.staging.yaml: slipway:environment"
INSTANCE = "staging-1a2b3c4"
REPOSITORY = "registry/slipway/web"


def load(environment: dict[str, Any] | None = None, *, stack: str = "staging", **sections: Any) -> StackConfig:  # noqa: ANN401
    """Load a stack with one service and a database, and these changes; a section set to None is left out."""
    whole = {
        "services": {"web": {"context": "app", "port": 8080, **sections.pop("web", {})}},
        "database": {},
        "network": {"cidr": "10.10.0.0/16"},
        **(environment or {}),
    }
    whole = {key: value for key, value in whole.items() if value is not None}
    values = {"slipway:environment": whole, "slipway:registry": {}} | {f"slipway:{k}": v for k, v in sections.items()}
    config = {key: json.dumps(value) for key, value in values.items() if value is not None}
    return loading.load(
        {"aws:region": "eu-central-1", **config}, stack=stack, organization="organization", project="slipway"
    )


def facts(**changed: Any) -> Service:  # noqa: ANN401
    """Return what the service recorded."""
    empty = {fact.name: "" for fact in dataclasses.fields(Service) if fact.default is dataclasses.MISSING}
    known: dict[str, Any] = {
        "name": "web",
        "repository_url": REPOSITORY,
        "desired_count": 1,
        "port": 8080,
        "health_path": "/healthz",
        "build_args": {},
    }
    optional: dict[str, Any] = {"writable": [], "tests": {}, "acceptance": {}, "checks": []}
    return Service(**{**empty, **optional, **known, **changed})


def stands(**changed: Any) -> Resources:  # noqa: ANN401
    """Return the resources of the stack."""
    database = {
        "identifier": INSTANCE,
        "name": "app",
        "user": "app",
        "engine_version": "15.12",
        "storage": 20,
        "deletion_protection": False,
    }
    running = Running(
        health_path="/healthz", health_status="200", uses_database=True, providers=frozenset(), rule="rule"
    )
    return Resources(cidr="10.10.0.0/16", database=Database(**database | changed), services={"web": running})  # type: ignore[arg-type]


def check(
    config: StackConfig,
    resources: Resources | None = None,
    others: dict[str, Service | None] | None = None,
    up: dict[str, Service | None] | None = None,
) -> list[Database]:
    """Check a configuration against the stack; nobody may be asked who is not told of here."""
    ask = service_changes.Neighbours(services=lambda: others or {}, url=lambda: "http://balancer")
    recorded = Standing({"web": facts()} if up is None else up)
    return changes.check(config, recorded, stands() if resources is None else resources, ask)


def refusal(*arguments: Any, **named: Any) -> str:  # noqa: ANN401
    """Return the message of a refusal."""
    with pytest.raises(ConfigError) as error:
        check(*arguments, **named)
    return str(error.value)


def test_a_stack_as_it_stands_is_not_refused() -> None:
    """And nothing of it is destroyed."""
    assert check(load()) == []


def test_a_new_stack_takes_any_value() -> None:
    """There is nothing that a change could break."""
    config = load({"database": {"name": "shop"}, "network": {"cidr": "10.60.0.0/16"}}, web={"port": 9090})
    assert check(config, Resources(), up={}) == []


def test_another_port_waits_for_the_release_that_listens_on_it() -> None:
    """What runs keeps the port that the load balancer has."""
    assert check(load(web={"port": 9090})) == []


def test_what_stands_is_compared_where_another_version_of_the_program_recorded_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """AWS is asked, not the record."""
    monkeypatch.setattr(probe, "get", lambda _: (404, ""))
    config = load({"database": {"name": "shop"}}, web={"health_check": {"path": "/ready"}})
    message = refusal(config, up={"web": None})
    assert "database.name" in message
    assert "health_check.path" in message


@pytest.mark.parametrize(("key", "value"), [("name", "shop"), ("user", "shop")])
def test_another_name_of_the_database_is_refused_until_its_instance_is_named(key: str, value: str) -> None:
    """RDS would replace the instance, and the old one is deleted with its data."""
    config = {"database": {key: value}}
    message = refusal(load(config))
    assert message.startswith(f'{FILE}.database.{key} is "shop"; database {INSTANCE} has the {key} "app"; ')
    assert message.endswith(f"pulumi config set --path 'slipway:allow[0]' '{INSTANCE}'")
    assert check(load(config, allow=[INSTANCE])) == [stands().database]


def test_a_permission_for_another_instance_is_none() -> None:
    """One that was given for an earlier `up` names an instance that is gone."""
    message = refusal(load({"database": {"name": "shop"}}, allow=["staging-older"]))
    assert "'slipway:allow[1]'" in message


def test_what_is_allowed_is_told_and_so_is_an_entry_that_allows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As warnings of the preview, hence in the comment on a pull request."""
    told: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", told.append)
    check(load({"database": {"name": "shop"}}, allow=[INSTANCE, "staging-older"]))
    assert told[0].startswith(f'slipway:environment.database.name: database {INSTANCE} has the name "app"; RDS cannot')
    assert told[1:] == ["slipway:allow has staging-older, which permits nothing (any more); remove the entry"]


def test_a_database_that_is_no_longer_declared_is_refused_until_it_is_named() -> None:
    """Its automated backups would go as well."""
    assert refusal(load({"database": None})).startswith(f"{FILE}.database is gone; database {INSTANCE} stands; ")
    assert check(load({"database": None}, allow=[INSTANCE])) == [stands().database]


def test_a_protected_database_is_not_destroyed_even_if_named() -> None:
    """AWS refuses that at the very end, when everything else has moved."""
    message = refusal(load({"database": {"name": "shop"}}, allow=[INSTANCE]), stands(deletion_protection=True))
    assert "deletion_protection: false in an `up` of its own first" in message


def test_less_storage_is_refused() -> None:
    """RDS cannot shrink it; more is no problem."""
    assert "has 40 GiB; RDS cannot shrink storage; set at least 40" in refusal(load(), stands(storage=40))
    assert check(load({"database": {"storage": 60}}), stands(storage=40)) == []


def test_storage_that_rds_has_enlarged_is_left_alone() -> None:
    """As the provider leaves it; without a limit of its own it is what the stack file says."""
    assert check(load({"database": {"storage": 20, "max_storage": 100}}), stands(storage=40)) == []


def test_another_minor_version_is_taken() -> None:
    """RDS changes it by itself, too."""
    assert check(load({"database": {"engine_version": "15.13"}})) == []


def test_a_later_major_version_is_refused_until_instance_and_version_are_named() -> None:
    """It is no reason to destroy anything, and a snapshot is taken first."""
    config = {"database": {"engine_version": "16"}}
    message = refusal(load(config))
    assert f"database {INSTANCE} runs PostgreSQL 15.12; an upgrade to another major version cannot be undone" in message
    assert message.endswith(f"pulumi config set --path 'slipway:allow[0]' '{INSTANCE}:16'")
    allowed = load(config, allow=[f"{INSTANCE}:16"])
    assert check(allowed) == []
    assert upgrades.permitted(allowed, stands().database) == [stands().database]


@pytest.mark.parametrize("entry", [INSTANCE, f"{INSTANCE}:15", f"{INSTANCE}:17"])
def test_another_permission_upgrades_nothing(entry: str) -> None:
    """Neither that for a replacement nor that for another version."""
    config = load({"database": {"engine_version": "16"}}, allow=[entry])
    assert "cannot be undone" in refusal(config)
    assert upgrades.permitted(config, stands().database) == []


def test_an_earlier_major_version_is_refused_for_good() -> None:
    """RDS has no way back but a snapshot."""
    config = load({"database": {"engine_version": "14"}}, allow=[f"{INSTANCE}:14"])
    assert refusal(config).endswith("RDS upgrades and never goes back; set 15, or restore a snapshot from before")


def test_an_upgrade_does_not_wait_for_the_maintenance_window() -> None:
    """What is written until then would be missing in the snapshot."""
    section = {"engine_version": "16", "apply_immediately": False}
    config = load({"database": section}, allow=[f"{INSTANCE}:16"])
    assert refusal(config).endswith("set apply_immediately: true for this `up`")


def test_a_database_that_is_replaced_is_not_restored_at_once() -> None:
    """The snapshot has another name or user than the stack file then."""
    config = load({"database": {"name": "shop", "restore_from": "before"}}, allow=[INSTANCE])
    assert refusal(config).endswith("a snapshot has the name and user of its database; remove restore_from")


def test_the_snapshot_that_a_standing_database_was_restored_from_may_stay_in_the_file() -> None:
    """It is used at the creation only."""
    assert check(load({"database": {"restore_from": "before"}})) == []


def test_another_address_range_is_refused() -> None:
    """A VPC keeps its range."""
    message = refusal(load({"network": {"cidr": "10.60.0.0/16"}}))
    assert message.startswith(f'{FILE}.network.cidr is "10.60.0.0/16"; the VPC that stands has 10.10.0.0/16; ')


@pytest.mark.parametrize(("status", "refused"), [(404, True), (302, True), (200, False)])
def test_a_health_path_is_refused_unless_what_runs_answers_it(
    monkeypatch: pytest.MonkeyPatch, status: int, *, refused: bool
) -> None:
    """The running release is asked through the load balancer."""
    asked: list[str] = []

    def answer(url: str) -> tuple[int, str]:
        asked.append(url)
        return status, ""

    monkeypatch.setattr(probe, "get", answer)
    config = load(web={"health_check": {"path": "/ready"}})
    if refused:
        assert f'health_check.path is "/ready"; service web answers /ready with {status}; ' in refusal(config)
    else:
        assert check(config) == []
    assert asked == ["http://balancer/ready"]


def test_a_status_that_what_runs_does_not_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the same fault as another path."""
    monkeypatch.setattr(probe, "get", lambda _: (200, ""))
    assert "service web answers /healthz with 200" in refusal(load(web={"health_check": {"status": "204"}}))


def test_a_health_path_that_nobody_can_see_is_refused_until_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The load balancer may not be reachable from where the preview runs."""
    monkeypatch.setattr(probe, "get", lambda _: (None, "timed out"))
    section = {"health_check": {"path": "/ready"}}
    message = refusal(load(web=section))
    assert "cannot be seen from here (timed out)" in message
    assert message.endswith("'slipway:allow[0]' 'web:/ready'")
    assert check(load(web=section, allow=["web:/ready"])) == []


def test_a_health_path_outside_of_the_route_is_refused_until_it_is_named() -> None:
    """No request from outside gets there."""
    section = {"route": {"paths": ["/api/*"]}, "version_path": "none", "health_check": {"path": "/ready"}}
    assert "no request from outside reaches service web under /ready" in refusal(load(web=section))


def test_a_service_whose_images_another_stack_runs_is_not_removed() -> None:
    """The repository would be deleted with them."""
    config = load({"services": {"site": {"context": "app"}}})
    message = refusal(config, others={"prod/web": facts(), "qa/web": facts()})
    assert message.startswith(f"{FILE}.services.web is gone; prod/web, qa/web run its images; ")
    assert message.endswith("remove the service there first: pulumi up -s prod, pulumi up -s qa")


def test_a_service_is_not_removed_while_it_is_not_known_what_another_stack_runs() -> None:
    """Whether images are in use is never guessed."""
    message = refusal(
        load({"services": {"site": {"context": "app"}}}),
        others={"prod/web": None, "qa/api": facts(repository_url="registry/slipway/api")},
    )
    assert "prod/web may run (another version of the program recorded that) its images" in message


@pytest.mark.parametrize(("stack", "service"), [("staging-web", "x"), ("staging", "web-x")])
def test_a_new_service_whose_task_definition_family_another_stack_has_is_refused(stack: str, service: str) -> None:
    """Stack `staging` with `web-x` and stack `staging-web` with `x` would deploy each other's task definitions."""
    config = load({"services": {service: {"context": "app"}}}, stack=stack)
    other = "staging/web-x" if stack == "staging-web" else "staging-web/x"
    message = refusal(config, Resources(), up={}, others={other: None})
    assert message.startswith(
        f'Pulumi.{stack}.yaml: slipway:environment.services.{service} is "{service}"; service {other} has the task '
        "definition family staging-web-x; "
    )
    assert check(config, up={service: facts()}, others={other: None}) == []


def test_a_service_that_nobody_else_runs_is_removed() -> None:
    """Whoever takes it out of the stack file has asked for that."""
    assert (
        check(
            load({"services": {"site": {"context": "app"}}}),
            others={"prod/web": facts(repository_url="registry/slipway/other")},
        )
        == []
    )


def test_a_stack_without_a_registry_removes_a_service_freely() -> None:
    """Its images belong to another stack."""
    config = load(
        {"services": {"site": {"context": "app"}}}, registry=None, images={"from_stack": "organization/other/staging"}
    )
    assert check(config, others={"qa/web": facts()}) == []


@pytest.mark.parametrize(
    ("status", "matcher", "expected"),
    [(200, "200", True), (301, "200,301", True), (399, "200-399", True), (404, "200-399", False)],
)
def test_a_status_is_matched_as_by_a_target_group(status: int, matcher: str, *, expected: bool) -> None:
    """Codes, lists and ranges."""
    assert is_in(status, matcher) is expected


def test_an_address_without_an_answer_gives_the_reason() -> None:
    """Neither a refused connection nor a broken address ends the program."""
    for url in ("http://127.0.0.1:9/", "/healthz"):
        status, reason = probe.get(url)
        assert status is None
        assert reason
