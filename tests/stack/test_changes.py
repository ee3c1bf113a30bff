"""What is declared depends on what stands, so that a change is carried through without a failed request."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pulumi
import pytest

from infra.environment.targets import NOBODY
from infra.live.resources import Database, Resources, Running
from tests.fake_engine import DIGEST, REGISTRY
from tests.stack import program
from tests.stack.program import RECORDS, account, nothing_stands, run, stack_file, standing

if TYPE_CHECKING:
    from tests.fake_engine import FakeEngine, Registered

SERVICE = "ecs/service:Service"
INSTANCE = Database(
    identifier="staging-1a2b3c4", name="app", user="app", engine_version="15", storage=20, deletion_protection=False
)


def with_web(**section: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the staging stack file with these keys of the service."""
    config = stack_file("staging")
    config["slipway:environment"]["services"]["web"].update(section)
    return config


def running(*providers: str, uses_database: bool = True, port: int = 8080) -> Resources:
    """Return the service as it runs."""
    web = Running(
        health_path="/healthz",
        health_status="200",
        uses_database=uses_database,
        providers=frozenset(providers),
        rule="rule",
        port=port,
    )
    return Resources(services={"web": web}, priorities={"rule": 100})


def declare(monkeypatch: pytest.MonkeyPatch, config: dict[str, Any], resources: Resources) -> FakeEngine:
    """Run the program on a stack with these resources."""
    return run(monkeypatch, config, resources=resources)[0]


def with_facts(monkeypatch: pytest.MonkeyPatch, config: dict[str, Any], **changed: Any) -> FakeEngine:  # noqa: ANN401
    """Run the program on a stack whose service recorded these facts."""
    found = standing("staging", json.dumps(config["slipway:environment"]))({})
    (value,) = found["values"]
    records = found | {"values": [json.dumps(json.loads(value) | changed)]}
    return run(monkeypatch, config, engine=account({RECORDS: lambda _: records}), resources=running())[0]


def payload(engine: FakeEngine) -> dict[str, Any]:
    """Return what the service records."""
    (parameter,) = [one for one in engine.of("ssm/parameter:Parameter") if one.name == "staging-web"]
    held: dict[str, Any] = json.loads(parameter.inputs["insecureValue"])
    return held


def providers(service: Registered) -> list[str]:
    """Return the capacity providers of a service."""
    return [one["capacityProvider"] for one in service.inputs["capacityProviderStrategies"]]


def test_spot_is_switched_on_by_a_forced_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider takes another capacity provider in no other way."""
    service = declare(monkeypatch, with_web(spot=True), running()).one(SERVICE)
    assert providers(service) == ["FARGATE", "FARGATE_SPOT"]
    assert service.inputs["forceNewDeployment"] is True
    assert "launchType" not in service.inputs


def test_an_up_after_that_does_not_deploy_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The flag in the state is left as it is, so that a preview shows no change."""
    service = declare(monkeypatch, with_web(spot=True), running("FARGATE", "FARGATE_SPOT")).one(SERVICE)
    assert providers(service) == ["FARGATE", "FARGATE_SPOT"]
    assert "forceNewDeployment" not in service.inputs
    assert "forceNewDeployment" in service.ignored


def test_spot_is_switched_off_without_going_back_to_a_launch_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """That would replace the service; the cluster keeps its capacity providers meanwhile and after."""
    engine = declare(monkeypatch, with_web(), running("FARGATE", "FARGATE_SPOT"))
    service = engine.one(SERVICE)
    assert providers(service) == ["FARGATE"]
    assert service.inputs["forceNewDeployment"] is True
    assert engine.of("ClusterCapacityProviders")
    later = declare(monkeypatch, with_web(), running("FARGATE"))
    assert later.one(SERVICE).inputs["capacityProviderStrategies"][0]["capacityProvider"] == "FARGATE"
    assert "forceNewDeployment" in later.one(SERVICE).ignored
    assert later.of("ClusterCapacityProviders")


def test_a_service_that_stands_on_spot_alone_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody asked for the on-demand task that Spot has had since."""
    service = declare(monkeypatch, with_web(spot=True), running("FARGATE_SPOT")).one(SERVICE)
    assert providers(service) == ["FARGATE_SPOT"]
    assert "forceNewDeployment" not in service.inputs


def test_a_service_that_never_was_on_spot_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that stands moves."""
    service = declare(monkeypatch, with_web(), running()).one(SERVICE)
    assert service.inputs["launchType"] == "FARGATE"
    assert service.ignored == ["taskDefinition", "loadBalancers[0].containerPort"]


@pytest.mark.parametrize("uses", [True, False])
def test_tasks_that_run_keep_their_database_until_a_release_without_it(
    monkeypatch: pytest.MonkeyPatch, *, uses: bool
) -> None:
    """The template has it no longer, and the rule of the security group goes with the first `up` after the release."""
    engine = declare(monkeypatch, with_web(database=False), running(uses_database=uses))
    rules = [one.name for one in engine.of("SecurityGroupIngressRule")]
    assert ("staging-web-database" in rules) is uses
    template = engine.one("ecs/taskDefinition:TaskDefinition", "staging-web-template")
    assert "DATABASE_HOST" not in template.inputs["containerDefinitions"]


def test_another_port_is_open_beside_the_one_of_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The load balancer's own port waits for the release, and the rule of the port of before is not touched."""
    engine = with_facts(monkeypatch, with_web(port=9090), port=8080)
    for kind in ("SecurityGroupIngressRule", "SecurityGroupEgressRule"):
        rules = {one.name: one.inputs["fromPort"] for one in engine.of(kind) if "web-balancer" in one.name}
        assert rules == {"staging-web-balancer": 8080, "staging-web-balancer-9090": 9090}
    assert "loadBalancers[0].containerPort" in engine.one(SERVICE).ignored
    assert "port" in engine.one("lb/targetGroup:TargetGroup").ignored
    assert payload(engine)["ports"] == [8080, 9090]


def test_a_port_that_was_served_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rollback to a release that listens on it can serve, and its rules keep their names."""
    engine = with_facts(monkeypatch, with_web(port=7070), port=9090, ports=[8080, 9090])
    names = {one.name for one in engine.of("SecurityGroupIngressRule") if "web-balancer" in one.name}
    assert names == {"staging-web-balancer", "staging-web-balancer-9090", "staging-web-balancer-7070"}


def test_where_the_record_cannot_be_read_the_port_that_is_served_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """The load balancer knows it; without it, what runs would be cut off until its release."""
    found = standing("staging", json.dumps(stack_file("staging")["slipway:environment"]))({})
    records = found | {"values": ["written by another version"]}
    engine, _ = run(
        monkeypatch, with_web(port=9090), engine=account({RECORDS: lambda _: records}), resources=running(port=7070)
    )
    rules = {one.name: one.inputs["fromPort"] for one in engine.of("SecurityGroupIngressRule")}
    assert rules["staging-web-balancer"] == 7070
    assert rules["staging-web-balancer-9090"] == 9090
    assert payload(engine)["ports"] == [7070, 9090]


def test_another_version_path_leaves_the_first_images_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """It tells its version where it did, and may be rolled back to."""
    engine = with_facts(monkeypatch, with_web(version_path="/about"), version_path="/version")
    assert (payload(engine)["version_path"], payload(engine)["first_version_path"]) == ("/about", "/version")


def test_a_new_service_is_steady_before_its_listener_rule_is_created(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else requests that another service answered would meet a target group without targets."""
    engine, _ = run(
        monkeypatch, stack_file("staging"), engine=account({RECORDS: nothing_stands}), resources=Resources()
    )
    rules = {one.name: one.inputs for one in engine.of("ListenerRule")}
    assert rules["staging-web-attachment"]["conditions"] == [{"sourceIp": {"values": [NOBODY]}}]
    assert rules["staging-web-attachment"]["priority"] == 50000
    after = engine.options["aws:lb/listenerRule:ListenerRule", "staging-web"].dependencies
    assert [urn for urn in after if "aws:ecs/service:Service" in urn]


def test_a_service_from_before_keeps_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets no further rule."""
    engine = declare(monkeypatch, stack_file("staging"), running())
    assert [one.name for one in engine.of("ListenerRule")] == ["staging-web"]


def test_what_ran_on_a_destroyed_database_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its next release has the new address; until then the `up` would wait for nothing."""
    config = stack_file("staging")
    config["slipway:environment"]["database"]["name"] = "shop"
    config["slipway:allow"] = ["staging-1a2b3c4"]
    taken: list[Database] = []
    monkeypatch.setattr(
        "infra.live.snapshots.take", lambda _, of, done="": taken.extend(of if done != "upgraded" else ())
    )
    stands = Resources(database=INSTANCE, services=running().services, priorities={"rule": 100})
    engine = declare(monkeypatch, config, stands)
    assert taken == [INSTANCE]
    assert engine.checked == []


def durable(name: str = "app") -> dict[str, Any]:
    """Return the staging stack file with a database of this name that leaves a snapshot."""
    config = stack_file("staging")
    config["slipway:environment"]["database"] |= {"final_snapshot": True, "name": name}
    config["slipway:allow"] = [INSTANCE.identifier]
    return config


def final_snapshot(monkeypatch: pytest.MonkeyPatch, config: dict[str, Any], resources: Resources | None) -> str:
    """Run the program anew; return the name of the snapshot that a destroy would leave."""
    monkeypatch.setattr(program, "RUNS", {})
    database = run(monkeypatch, config, resources=resources)[0].one("rds/instance:Instance")
    assert database.inputs["finalSnapshotIdentifier"].startswith(database.inputs["identifier"])
    name: str = database.inputs["finalSnapshotIdentifier"]
    return name


def test_a_database_that_is_created_again_leaves_a_snapshot_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """RDS refuses a second snapshot of one name (DBSnapshotAlreadyExists), so the second destroy would fail."""
    names = {final_snapshot(monkeypatch, durable(), Resources()) for _ in range(9)}
    assert len(names) == 9


def test_a_database_that_stands_keeps_the_name_of_its_final_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each preview would show a change."""
    stands = Resources(database=INSTANCE, services=running().services, priorities={"rule": 100})
    assert final_snapshot(monkeypatch, durable(), stands) == f"{INSTANCE.identifier}-final"
    assert final_snapshot(monkeypatch, durable(), stands) == f"{INSTANCE.identifier}-final"


def test_a_database_that_is_replaced_shares_no_name_with_its_successor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both stand at once, and both leave a snapshot."""
    monkeypatch.setattr("infra.live.snapshots.take", lambda *_, **__: None)
    stands = Resources(database=INSTANCE, services=running().services, priorities={"rule": 100})
    assert not final_snapshot(monkeypatch, durable("shop"), stands).startswith(INSTANCE.identifier)
    engine, _ = run(monkeypatch, durable("shop"), resources=stands)
    assert engine.one("rds/instance:Instance").ignored == []


def test_a_database_whose_identifier_pulumi_made_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one would rename the instance; where what stands cannot be read, too."""
    engine = declare(monkeypatch, stack_file("staging"), running())
    kept = engine.one("rds/instance:Instance").ignored
    assert kept == ["identifier", "snapshotIdentifier", "allowMajorVersionUpgrade"]


def test_a_database_is_upgraded_to_another_major_version_by_one_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a snapshot; the permission stays in the state, where nobody sees a change of it."""
    taken: list[tuple[Database, str]] = []
    monkeypatch.setattr(
        "infra.live.snapshots.take", lambda _, of, done="destroyed": taken.extend((one, done) for one in of)
    )
    config = stack_file("staging")
    config["slipway:environment"]["database"]["engine_version"] = "16"
    config["slipway:allow"] = [f"{INSTANCE.identifier}:16"]
    stands = Resources(database=INSTANCE, services=running().services, priorities={"rule": 100})
    database = declare(monkeypatch, config, stands).one("rds/instance:Instance")
    assert taken == [(INSTANCE, "upgraded")]
    assert database.inputs["allowMajorVersionUpgrade"] is True
    assert "allowMajorVersionUpgrade" not in database.ignored
    after = Resources(
        database=replace(INSTANCE, engine_version="16.4"), services=stands.services, priorities={"rule": 100}
    )
    database = declare(monkeypatch, config, after).one("rds/instance:Instance")
    assert "allowMajorVersionUpgrade" not in database.inputs
    assert "allowMajorVersionUpgrade" in database.ignored


def test_the_image_of_productions_first_up_is_marked_as_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what runs at each later one; the newest accepted image, which the pipeline has not released yet, is not."""
    marked: list[str] = []
    monkeypatch.setattr("infra.live.images_in_use.mark", lambda _, stack, of: marked.extend((stack, *filter(None, of))))
    monkeypatch.setattr(program, "RUNS", {})
    first = account({RECORDS: nothing_stands})
    run(monkeypatch, stack_file("prod"), stack="prod", engine=first, resources=Resources())
    assert marked == ["prod", f"{REGISTRY}/slipway/web@{DIGEST}"]
    marked.clear()
    web = replace(running().services["web"], image="registry/slipway/web@sha256:2")
    run(
        monkeypatch,
        stack_file("prod"),
        stack="prod",
        resources=Resources(services={"web": web}, priorities={"rule": 100}),
    )
    assert marked == ["prod", "registry/slipway/web@sha256:2"]


def renamed() -> dict[str, Any]:
    """Return the staging stack file with its service under another name."""
    config = stack_file("staging")
    services = config["slipway:environment"]["services"]
    services["site"] = services.pop("web")
    return config


def recorded(*others: str) -> Any:  # noqa: ANN401 - an answer of the engine
    """Return the answer to the look-up of records: the service of staging, and where all are asked for, of others."""
    own = standing("staging", json.dumps(stack_file("staging")["slipway:environment"]))({})

    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        more = [f"/slipway/{other}/services/web" for other in others] if asked["path"] == "/slipway" else []
        return {**own, "names": [*own["names"], *more], "values": [*own["values"], *own["values"] * len(more)]}

    return answer


def test_a_removed_service_gives_way_first_and_leaves_the_load_balancer_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rule is moved before anything is declared, and deleted once what takes its place is steady."""
    done: list[str] = []
    monkeypatch.setattr("infra.live.routing.settle", lambda *_: done.append("settle"))
    monkeypatch.setattr("infra.live.routing.retire", lambda *_: done.append("retire"))
    engine = account({RECORDS: recorded()})
    run(monkeypatch, renamed(), engine=engine, resources=running())
    assert done == ["settle", "retire"]


def test_a_service_is_not_removed_while_the_records_of_another_stack_name_its_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The stack's own record does not count."""
    with pytest.raises(pulumi.RunError, match=r"services\.web is gone; prod/web run its images"):
        run(monkeypatch, renamed(), engine=account({RECORDS: recorded("prod")}), resources=running())
