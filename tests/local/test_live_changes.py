"""`pulumi up` with a changed configuration on a stack that serves does what docs/configuration.md says, under load."""

from __future__ import annotations

import json
import ssl
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from support.load import Load
from support.waiting import until
from tests.local.conftest import SLOW
from tests.local.workspace import changes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.local.releases import Releases
    from tests.local.workspace import Workspace

pytestmark = [pytest.mark.local, pytest.mark.usefixtures("production")]
Config = dict[str, Any]
ENVIRONMENT = "slipway:environment"
DOMAIN = "shop.example.test"
LEAST_SHARE = 0.5
"""Of the requests by HTTPS, served while it is switched off: the port closes when all else is done, in few seconds."""


def web(config: Config) -> Config:
    """Return the section of the service that serves."""
    section: Config = config[ENVIRONMENT]["services"]["web"]
    return section


def network(config: Config) -> Config:
    """Return the section of the network."""
    section: Config = config[ENVIRONMENT].setdefault("network", {})
    return section


def rare(name: str, change: Callable[[Config], object]) -> Any:  # noqa: ANN401 - a parameter of pytest
    """Return a change that only `make faults` tries."""
    return pytest.param(change, id=name, marks=pytest.mark.rare)


IN_PLACE = [
    pytest.param(lambda config: web(config).update(desired_count=2), id="desired_count"),
    pytest.param(lambda config: web(config).update(spot=True), id="spot"),
    rare("autoscaling", lambda config: web(config).update(autoscaling={"minimum": 1, "maximum": 3})),
    rare("health_check.path", lambda config: web(config).update(health_check={"path": "/version"})),
    rare("health_check.interval", lambda config: web(config).update(health_check={"interval": 10, "threshold": 3})),
    rare("grace_period", lambda config: web(config).update(grace_period=30)),
    rare("deregistration_delay", lambda config: web(config).update(deregistration_delay=5)),
    rare("route.priority", lambda config: web(config).update(route={"priority": 70})),
    rare("service.database", lambda config: web(config).update(database=False)),
    rare("cpu", lambda config: web(config).update(cpu=512, memory=1024)),
    rare("environment", lambda config: web(config).update(environment={"COLOUR": "blue"})),
    rare("zones", lambda config: network(config).update(zones=3)),
    rare("private_subnets", lambda config: network(config).update(private_subnets=True)),
    rare("nat_per_zone", lambda config: network(config).update(private_subnets=True, nat_per_zone=True)),
    rare("flow_log_days", lambda config: network(config).update(flow_log_days=14)),
    rare("access_log_days", lambda config: config[ENVIRONMENT].update(load_balancer={"access_log_days": 30})),
    rare("log_retention_days", lambda config: config[ENVIRONMENT].update(log_retention_days=14)),
    rare("container_insights", lambda config: config[ENVIRONMENT].update(container_insights=True)),
    rare("idle_timeout", lambda config: config[ENVIRONMENT].update(load_balancer={"idle_timeout": 30})),
    rare("allowed_cidrs", lambda config: config[ENVIRONMENT].update(
        load_balancer={"allowed_cidrs": ["172.16.0.0/12", "0.0.0.0/0"]})),
    rare("rollback_alarm", lambda config: web(config).update(rollback_alarm={"failed_requests": 50, "minutes": 1})),
    rare("alarm_topic_arn", lambda config: config[ENVIRONMENT].update(
        alarm_topic_arn="arn:aws:sns:eu-central-1:000000000000:people")),
    rare("runbook_url", lambda config: config[ENVIRONMENT].update(runbook_url="https://runbook.example.test")),
    rare("backup_days", lambda config: config[ENVIRONMENT]["database"].update(backup_days=3)),
    rare("keep_built", lambda config: config["slipway:registry"].update(keep_built=30)),
]  # fmt: skip
REFUSED = {
    "health path": (
        lambda config: web(config).update(health_check={"path": "/nowhere"}),
        'health_check.path is "/nowhere"; service web answers /nowhere with 404; ',
    ),
    "database name": (
        lambda config: config[ENVIRONMENT]["database"].update(name="shop"),
        "RDS cannot rename a database, so the instance is replaced by an empty one; put it back, or allow it: ",
    ),
    "database": (lambda config: config[ENVIRONMENT].pop("database"), "slipway:environment.database is gone; database "),
    "cidr": (lambda config: network(config).update(cidr="10.60.0.0/16"), "the VPC that stands has 10.10.0.0/16; "),
    "service": (
        lambda config: config[ENVIRONMENT]["services"].update(site=config[ENVIRONMENT]["services"].pop("web")),
        "services.web is gone; prod/web run its images; its repository would be deleted",
    ),
}
ALWAYS = ("health path", "database name")
"""Those refused in every run: one that is asked of what serves, one that `slipway:allow` may permit."""


@pytest.fixture
def stack_file(workspace: Workspace) -> Iterator[None]:
    """The stack file of staging, which is put back after the test."""
    path = workspace.root / "Pulumi.staging.yaml"
    before = path.read_text("utf-8")
    yield
    path.write_text(before, "utf-8")


def served(workspace: Workspace) -> Any:  # noqa: ANN401 - JSON
    """Return the version that staging serves."""
    return httpx.get(workspace.outputs("staging")["url"] + "/version").json()


def assert_clean(workspace: Workspace) -> None:
    """Assert that a preview shows no change."""
    done = workspace.pulumi("preview", "-s", "staging", "--diff", "--expect-no-changes")
    assert done.returncode == 0, done.stdout[-4000:]


def up_under_load(workspace: Workspace, url: str) -> str:
    """Deploy staging under load; no request fails, and a preview is clean afterwards."""
    with Load(url, SLOW, rate=20) as load:
        printed = workspace.up("staging")
    assert load.failures == []
    assert load.answered > 0
    assert_clean(workspace)
    return printed


@pytest.mark.parametrize("change", IN_PLACE)
@pytest.mark.usefixtures("stack_file")
def test_a_change_in_place_fails_no_request_and_neither_does_its_way_back(
    workspace: Workspace, change: Callable[[Config], None]
) -> None:
    """The version served and the data stay."""
    url, before = workspace.outputs("staging")["url"], served(workspace)
    text = f"written at {time.time_ns()}"
    httpx.post(url + "/api/entries", json={"author": "test", "message": text}).raise_for_status()
    original = (workspace.root / "Pulumi.staging.yaml").read_text("utf-8")
    workspace.edit("staging", change)
    assert set(changes(up_under_load(workspace, url))) > {"unchanged"}
    (workspace.root / "Pulumi.staging.yaml").write_text(original, "utf-8")
    up_under_load(workspace, url)
    assert served(workspace) == before
    assert text in httpx.get(url + "/api/entries").text


def deploy_again(workspace: Workspace, url: str, commit: str) -> str:
    """Deploy the image that staging serves, as another commit's, under load; no request fails."""
    before, outputs = served(workspace), workspace.outputs("staging")
    repository = outputs["repository_urls"]["web"].split("/", 1)[1]
    image = {"repository": repository, "digest": before["digest"], "version": before["commit"]}
    release = workspace.root / "again.json"
    release.write_text(json.dumps({"commit": commit * 40, "execution": "by-hand", "services": {"web": image}}))
    with Load(url, SLOW, rate=20) as load:
        done = workspace.delivery("deploy", "--stack", "staging", "--release", str(release))
    assert done.returncode == 0, done.stdout
    assert load.failures == []
    assert served(workspace) == before
    return done.stdout


@pytest.mark.rare
@pytest.mark.usefixtures("stack_file")
def test_a_canary_is_switched_on_moves_the_tasks_and_is_switched_off(workspace: Workspace) -> None:
    """No request fails in all this, and no preview shows the weights that ECS moves.

    Once it is on, the alternate target group serves, which would be deleted with it: the next deployment goes back.
    """
    path, url = workspace.root / "Pulumi.staging.yaml", workspace.outputs("staging")["url"]
    original = path.read_text("utf-8")
    workspace.edit("staging", lambda config: web(config).update(canary={"percent": 20, "minutes": 1}))
    up_under_load(workspace, url)
    by_canary = path.read_text("utf-8")
    path.write_text(original, "utf-8")
    refused = workspace.pulumi("preview", "-s", "staging")
    assert refused.returncode != 0
    assert "the alternate target group serves, which would be deleted" in refused.stdout
    path.write_text(by_canary, "utf-8")
    with Load(url, SLOW, rate=20) as load:
        done = workspace.delivery("restart", "--stack", "staging", "--service", "web")
    assert done.returncode == 0, done.stdout
    assert "canary: 20 % of requests for 1 min" in done.stdout
    assert load.failures == []
    assert_clean(workspace)
    path.write_text(original, "utf-8")
    up_under_load(workspace, url)


@pytest.mark.usefixtures("stack_file")
def test_another_port_comes_with_the_release_and_goes_with_the_rollback(workspace: Workspace) -> None:
    """What runs keeps its own until then; load balancer and tasks move in one request, and nothing fails."""
    url = workspace.outputs("staging")["url"]
    workspace.edit("staging", lambda config: web(config).update(port=9090))
    up_under_load(workspace, url)
    assert "the load balancer's port becomes 9090" in deploy_again(workspace, url, "a")
    up_under_load(workspace, url)
    with Load(url, SLOW, rate=20) as load:
        done = workspace.delivery("rollback", "--stack", "staging")
    assert "the load balancer's port becomes 8080" in done.stdout
    assert load.failures == []
    workspace.edit("staging", lambda config: web(config).update(port=8080))
    up_under_load(workspace, url)
    assert "the load balancer's port" not in deploy_again(workspace, url, "b")


@pytest.mark.rare
@pytest.mark.usefixtures("stack_file")
def test_keys_of_registry_and_pipeline_touch_nothing_that_serves(workspace: Workspace, connected: Releases) -> None:
    """There and back, in the stack with the registry and in the one with the pipeline; each is clean afterwards."""
    execution = connected.execution_of(connected.git("rev-parse", "HEAD"))
    connected.approve(execution)  # `up` leaves the pipeline alone while a release is in flight
    assert connected.end(execution) == "Succeeded", connected.told(execution)
    path = workspace.root / "Pulumi.prod.yaml"
    original = {"staging": (workspace.root / "Pulumi.staging.yaml").read_text("utf-8"), "prod": path.read_text("utf-8")}
    registry = {"keep_releases": 30, "keep_accepted": 30, "keep_built": 30, "candidate_days": 20, "protect": True}
    pipeline = {
        "approval": "automatic",
        "notify": ["ops@example.test"],
        "compute_type": "BUILD_GENERAL1_MEDIUM",
        "artifact_days": 40,
        "log_retention_days": 14,
        "topic_key_arn": "arn:aws:kms:eu-central-1:000000000000:key/1",
        "parallel_tests": False,
        "check_branch": True,
        "dashboard": True,
        "push_suites": True,
        "notify_steps": False,
        "hold_on_alarm": True,
        "lambda_compute": True,
        "fleet_arn": f"arn:aws:codebuild:eu-central-1:000000000000:fleet/fast:{uuid.UUID(int=1)}",
        "chat_webhook_secret_arn": "arn:aws:secretsmanager:eu-central-1:000000000000:secret:chat-a1b2c3",
    }
    urls = [workspace.outputs(stack)["url"] for stack in original]
    with Load(urls[0], SLOW, rate=10) as staging, Load(urls[1], SLOW, rate=10) as production:
        workspace.edit("staging", lambda config: config["slipway:registry"].update(registry))
        workspace.edit("prod", lambda config: config["slipway:pipeline"].update(pipeline))
        for back in (False, True):
            for stack, text in original.items():
                if back:
                    (workspace.root / f"Pulumi.{stack}.yaml").write_text(text, "utf-8")
                assert set(changes(workspace.up(stack))) > {"unchanged"}
                done = workspace.pulumi("preview", "-s", stack, "--diff", "--expect-no-changes")
                assert done.returncode == 0, done.stdout[-4000:]
    assert (staging.failures, production.failures) == ([], [])


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if kind in ALWAYS else pytest.mark.rare) for kind in REFUSED]
)
@pytest.mark.usefixtures("stack_file")
def test_what_would_take_the_service_off_the_air_is_refused_by_preview_and_up_alike(
    workspace: Workspace, kind: str
) -> None:
    """In one line, and nothing has changed."""
    url, (change, message) = workspace.outputs("staging")["url"], REFUSED[kind]
    workspace.edit("staging", change)
    with Load(url, SLOW, rate=20) as load:
        for command in (["preview"], ["up", "--yes", "--skip-preview"]):
            done = workspace.pulumi(*command, "-s", "staging")
            assert done.returncode != 0
            assert message in done.stdout
            assert "Traceback" not in done.stdout
    assert load.failures == []


@pytest.mark.usefixtures("stack_file")
def test_a_service_is_added_in_front_of_another_renamed_and_removed_without_a_failed_request(
    workspace: Workspace,
) -> None:
    """Under the same route and priority; each takes over once it is steady."""
    url, before = workspace.outputs("staging")["url"], served(workspace)

    def add(config: Config) -> None:
        route = {"paths": ["/api/*"], "priority": 50}
        config[ENVIRONMENT]["services"]["api"] = {**web(config), "route": route, "version_path": "none"}

    def rename(config: Config) -> None:
        config[ENVIRONMENT]["services"]["entries"] = config[ENVIRONMENT]["services"].pop("api")

    def exchange(config: Config) -> None:
        config[ENVIRONMENT]["services"]["entries"]["route"]["priority"] = 49
        web(config)["route"] = {"priority": 50}

    def remove(config: Config) -> None:
        del config[ENVIRONMENT]["services"]["entries"]
        web(config).pop("route")

    for change in (add, rename, exchange, remove):
        workspace.edit("staging", change)
        up_under_load(workspace, url)
    assert served(workspace) == before


@pytest.mark.rare
@pytest.mark.usefixtures("stack_file")
def test_https_is_switched_on_and_off_without_a_failed_request(workspace: Workspace) -> None:
    """By HTTP every request is served or redirected; by HTTPS it is served until the port closes, at the very end."""
    url, before = workspace.outputs("staging")["url"], served(workspace)
    original = (workspace.root / "Pulumi.staging.yaml").read_text("utf-8")
    arn = workspace.client("acm").request_certificate(DomainName=DOMAIN)["CertificateArn"]
    workspace.edit("staging", lambda config: config[ENVIRONMENT].update(
        load_balancer={"certificate_arn": arn, "domain_name": DOMAIN}))  # fmt: skip
    with by_http(url) as http:
        workspace.up("staging")
        until(lambda: http.counts["301"])
    assert http.failures == []
    assert_clean(workspace)
    assert workspace.outputs("staging")["url"] == f"https://{DOMAIN}"

    workspace.edit("staging", lambda config: web(config).update(route={"priority": 70}, grace_period=30))
    with by_http(url) as http, by_https(workspace, url) as https:
        workspace.up("staging")
    assert (http.failures, https.failures) == ([], [])
    assert set(http.counts) == {"301"}
    assert https.answered > 0
    assert_the_name_is_missed_in_one_line(workspace)

    (workspace.root / "Pulumi.staging.yaml").write_text(original, "utf-8")
    with by_http(url) as http, by_https(workspace, url) as https:
        workspace.up("staging")
        until(lambda: https.counts["ConnectError"])
    assert http.failures == []
    assert http.counts["200"] > 0
    assert https.counts["200"] > LEAST_SHARE * sum(https.counts.values())
    assert_clean(workspace)
    assert served(workspace) == before


def by_http(url: str) -> Load:
    """Return a load by HTTP, which may be redirected."""
    return Load(url, SLOW, rate=20, good=("200", "301"), domain=DOMAIN)


def by_https(workspace: Workspace, url: str) -> Load:
    """Return a load by HTTPS on the same address, which trusts the local cloud's certificate authority alone."""
    state = Path(workspace.environment.get("LOCALCLOUD_STATE") or workspace.root / ".localcloud")
    trusts = ssl.create_default_context(cafile=state / "tls" / "ca.pem")
    return Load(url.replace("http:", "https:"), SLOW, rate=20, domain=DOMAIN, trusts=trusts)


def assert_the_name_is_missed_in_one_line(workspace: Workspace) -> None:
    """Assert that what asks the environment's URL says so, since nothing resolves the domain name here."""
    doctor = workspace.delivery("doctor", "--stack", "staging")
    assert f"https://{DOMAIN}/version does not answer: " in doctor.stdout
    file = workspace.root / "Pulumi.staging.yaml"
    text = file.read_text("utf-8")
    workspace.edit("staging", lambda config: web(config).update(health_check={"path": "/version"}))
    refused = workspace.pulumi("preview", "-s", "staging")
    file.write_text(text, "utf-8")
    assert refused.returncode != 0
    assert "what service web answers under /version cannot be seen from here (" in refused.stdout
    assert "Traceback" not in doctor.stdout + refused.stdout


@pytest.mark.rare
@pytest.mark.usefixtures("stack_file")
def test_a_database_is_replaced_only_once_it_is_named_and_its_snapshot_taken(workspace: Workspace) -> None:
    """The permission names the instance, so it ends with it; the last test, since it leaves another database."""
    rds = workspace.client("rds")
    (before,) = {one["DBInstanceIdentifier"] for one in rds.describe_db_instances()["DBInstances"]
                 if one["DBInstanceIdentifier"].startswith("staging-")}  # fmt: skip

    def rename(config: Config) -> None:
        config[ENVIRONMENT]["database"]["name"] = "shop"
        config["slipway:allow"] = [before]

    workspace.edit("staging", rename)
    printed = workspace.up("staging")
    assert "service web has the address of the database that is gone" in printed
    (snapshot,) = rds.describe_db_snapshots(DBInstanceIdentifier=before)["DBSnapshots"]
    assert snapshot["Status"] == "available"
    rds.delete_db_snapshot(DBSnapshotIdentifier=snapshot["DBSnapshotIdentifier"])
    assert_clean(workspace)
