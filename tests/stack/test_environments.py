"""The real program with the real stack files, on a stand-in engine."""

from __future__ import annotations

import json
import stat
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
import pytest

from infra.config.environment import Network
from infra.live import zones
from tests.fake_engine import DIGEST, REGISTRY, TOKEN, ZONES, FakeEngine, as_plain
from tests.stack import program, variants

if TYPE_CHECKING:
    from tests.fake_engine import Registered

Run = tuple[FakeEngine, dict[str, Any]]
# How Pulumi marks a secret on its way to the engine (its SDK, "special signatures").
SECRET_KEY, SECRET_MARK = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"


def changed(stack: str, **changes: object) -> dict[str, Any]:
    """Return a stack file's configuration with these changes of its environment."""
    config = deepcopy(program.stack_file(stack))
    config["slipway:environment"] |= changes
    return config


def container(definition: Registered) -> dict[str, Any]:
    """Return a task definition's only container."""
    (only,) = json.loads(definition.inputs["containerDefinitions"])
    return dict(only)


def prod(monkeypatch: pytest.MonkeyPatch, outputs: dict[str, Any]) -> Run:
    """Run production beside a staging that accepted an image and has these outputs."""
    return program.run_prod(monkeypatch, program.stack_file("prod"), outputs=outputs)


@pytest.fixture
def staging(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Staging as committed."""
    return program.run(monkeypatch, program.stack_file("staging"))


def test_staging_exports_what_acceptance_and_delivery_read(staging: Run) -> None:
    """Every output that the contract names is there, and nothing else."""
    _, outputs = staging
    assert outputs == {
        "url": "http://balancer.example.test",
        "cluster": "slipway-staging",
        "services": {"web": "staging-web"},
        "template_families": {"web": "staging-web-template"},
        "repository_urls": {"web": f"{REGISTRY}/slipway/web"},
        "log_groups": ["/slipway/staging/web"],
    }


def test_staging_records_its_facts_in_parameter_store(staging: Run) -> None:
    """Two parameters, whose names and keys delivery knows."""
    engine, _ = staging
    facts = {one.inputs["name"]: json.loads(one.inputs["insecureValue"]) for one in engine.of("Parameter")}
    assert set(facts) == {"/slipway/staging/environment", "/slipway/staging/services/web"}
    assert facts["/slipway/staging/environment"] == {
        "url": "http://balancer.example.test",
        "cluster": "slipway-staging",
    }
    web = facts["/slipway/staging/services/web"]
    assert web.pop("version").startswith("content-")
    assert web == {
        "service": "staging-web",
        "container": "web",
        "desired_count": 1,
        "port": 8080,
        "health_path": "/healthz",
        "version_path": "/version",
        "target_group": "arn:aws:test:eu-central-1:000000000000:aws:lb/targetGroup:TargetGroup/staging-web",
        "template_family": "staging-web-template",
        "release_family": "staging-web",
        "repository_url": f"{REGISTRY}/slipway/web",
        "digest": DIGEST,
        "context": "app",
        "dockerfile": "Dockerfile",
        "target": "release",
        "platform": "linux/amd64",
        "build_args": {},
    }


def test_a_task_is_told_its_image_and_its_database(staging: Run) -> None:
    """Digest, version, port and address as variables; user and password as references."""
    engine, _ = staging
    only = container(engine.one("TaskDefinition", "staging-web-release"))
    variables = {pair["name"]: pair["value"] for pair in only["environment"]}
    version = variables.pop("APP_VERSION")
    assert version.startswith("content-")
    assert variables == {
        "PORT": "8080",
        "IMAGE_DIGEST": DIGEST,
        "DATABASE_HOST": "database.example.test",
        "DATABASE_PORT": "5432",
        "DATABASE_NAME": "app",
    }
    assert {pair["name"]: pair["valueFrom"].rsplit(":", 3)[1] for pair in only["secrets"]} == {
        "DATABASE_USER": "username",
        "DATABASE_PASSWORD": "password",
    }
    assert only["image"] == f"{REGISTRY}/slipway/web@{DIGEST}"


def test_the_template_names_no_release(staging: Run) -> None:
    """So that no accepted image ever changes it; delivery adds what a release is."""
    engine, _ = staging
    only = container(engine.one("TaskDefinition", "staging-web-template"))
    assert only["image"] == f"{REGISTRY}/slipway/web:template"
    assert not {"IMAGE_DIGEST", "APP_VERSION"} & {pair["name"] for pair in only["environment"]}


def test_with_a_pipeline_releases_are_left_alone(staging: Run) -> None:
    """The first image, the first release and the service's release are made once."""
    engine, _ = staging
    image = engine.one("RegistryImage")
    assert image.name == "web"
    assert {"name", "build", "authConfig"} <= set(image.ignored)
    assert {"containerDefinitions", "cpu", "memory"} <= set(engine.one("TaskDefinition", "staging-web-release").ignored)
    assert engine.one("TaskDefinition", "staging-web-template").ignored == []
    assert engine.one("ecs/service:Service").ignored == ["taskDefinition", "loadBalancers[0].containerPort"]


def test_without_a_pipeline_each_up_rolls_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The image's name carries its content, the service follows and `up` waits."""
    engine, _ = program.run(monkeypatch, changed("staging", rollout="pulumi"))
    image = engine.one("RegistryImage")
    tag = image.inputs["name"].rsplit(":", 1)[1]
    assert image.name == f"web-{tag.split('-')[1]}"
    assert set(image.ignored) == {"name", "authConfig", "build"}
    assert engine.one("TaskDefinition", "staging-web-release").ignored == []
    service = engine.one("ecs/service:Service")
    assert service.ignored == []
    assert service.inputs["waitForSteadyState"] is True


@pytest.mark.parametrize("builder", ["buildkit-0.22", "older"])
def test_a_first_image_that_cannot_be_built_is_told_with_the_failing_step(
    staging: Run, caplog: pytest.LogCaptureFixture, builder: str
) -> None:
    """By the log that BuildKit writes, or by the older builder's output in the provider's error; it is not retried."""
    engine, _ = staging
    hooks = engine.options["docker:index/registryImage:RegistryImage", "web"].hooks
    log = Path(engine.one("RegistryImage").inputs["build"]["buildLogFile"])
    assert not log.parent.exists()
    engine.hooks[hooks.before_create[0]](pulumi.ResourceHookArgs("urn", "", "web", "type"))
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700
    output = (program.ROOT / "tests/unit/builds" / builder / "missing.txt").read_text("utf-8")
    if builder != "older":
        log.write_text(output, "utf-8")
        output = "Error running buildx build: exit code: 1"
    failed = pulumi.ErrorHookArgs("urn", "", "web", "type", failed_operation="create", errors=[output])
    assert engine.hooks[hooks.on_error[0]](failed) is False
    assert not log.parent.exists()
    (told,) = caplog.messages
    first, step, line, *_ = told.splitlines()
    assert first == "the image of service 'web' cannot be built"
    assert step.endswith("RUN /opt/venv/bin/pip install --quiet slipway-has-no-such-package==1.0")
    assert line.startswith("  ERROR: Could not find a version that satisfies the requirement")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            "Error running legacy build: executor failed running [/bin/sh -c x]: exit code: 1",
            "the image of service 'web' cannot be built; the reason is shown by: "
            "docker build --target=release --file=app/Dockerfile app",
        ),
        (
            "Error running buildx build: failed to solve: dockerfile parse error on line 6: unknown instruction: RUNN",
            "the image of service 'web' cannot be built\nthe step that failed: Dockerfile, line 6\n"
            "  unknown instruction: RUNN",
        ),
        ("Error pushing docker image: denied", ""),
    ],
    ids=["nothing was logged", "the Dockerfile is wrong", "the push failed"],
)
def test_of_a_build_without_a_log_the_error_or_the_command_tells_the_reason(
    staging: Run, caplog: pytest.LogCaptureFixture, error: str, told: str
) -> None:
    """The provider logs nothing with DOCKER_BUILDKIT=0; what it tells itself when a push fails is enough."""
    engine, _ = staging
    (hook,) = engine.options["docker:index/registryImage:RegistryImage", "web"].hooks.on_error
    failed = pulumi.ErrorHookArgs("urn", "", "web", "type", failed_operation="create", errors=[error])
    assert engine.hooks[hook](failed) is False
    assert "".join(caplog.messages) == told


def test_the_log_of_a_first_image_that_was_built_is_removed(staging: Run) -> None:
    """Nothing is left in the folder for temporary files."""
    engine, _ = staging
    hooks = engine.options["docker:index/registryImage:RegistryImage", "web"].hooks
    log = Path(engine.one("RegistryImage").inputs["build"]["buildLogFile"])
    for hook in (*hooks.before_create, *hooks.after_create):
        assert log.parent.exists() == (hook in hooks.after_create)
        engine.hooks[hook](pulumi.ResourceHookArgs("urn", "web-id", "web", "type"))
    assert not log.parent.exists()


def test_the_registrys_token_is_a_secret(staging: Run) -> None:
    """It never stands in the state in clear."""
    engine, _ = staging
    asked = as_plain(engine.options["docker:index/registryImage:RegistryImage", "web"].object)
    assert asked["authConfig"]["password"] == {SECRET_KEY: SECRET_MARK, "value": TOKEN}


def test_nothing_blocks_a_destroy_of_staging(staging: Run) -> None:
    """Repositories go with their images, the database without a snapshot, the rotation with its secret."""
    engine, _ = staging
    repository = engine.one("ecr/repository:Repository")
    assert repository.inputs["forceDelete"] is True
    assert not repository.protected
    database = engine.one("rds/instance:Instance").inputs
    assert database["skipFinalSnapshot"] is True
    assert database["deleteAutomatedBackups"] is True
    assert database["deletionProtection"] is False
    assert engine.one("lb/loadBalancer:LoadBalancer").inputs["enableDeletionProtection"] is False
    assert engine.one("SecretRotation").retained


def test_the_data_of_production_survives_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As committed: backups of a week or more, and a destroy that is refused first and leaves a snapshot then."""
    engine, _ = prod(monkeypatch, program.URLS)
    instance = engine.one("rds/instance:Instance")
    database = instance.inputs
    assert instance.protected
    assert database["backupRetentionPeriod"] >= 7
    assert database["deletionProtection"] is True
    assert database["skipFinalSnapshot"] is database["deleteAutomatedBackups"] is False
    assert database["finalSnapshotIdentifier"] == f"{database['identifier']}-final"


def test_a_database_without_further_keys_has_no_alarm_and_exports_no_log(staging: Run) -> None:
    """A stack whose file is silent shows no change."""
    engine, _ = staging
    database = engine.one("rds/instance:Instance").inputs
    new = {"maxAllocatedStorage", "enabledCloudwatchLogsExports", "performanceInsightsEnabled", "snapshotIdentifier"}
    assert not new & database.keys()
    assert database["applyImmediately"] is True
    assert not [one.name for one in engine.of("MetricAlarm") if "database" in one.name]


def test_productions_database_is_watched_and_its_log_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its log group is declared before RDS would create one whose events never expire."""
    engine, _ = prod(monkeypatch, program.URLS)
    alarms = {one.name: one.inputs for one in engine.of("MetricAlarm") if "database" in one.name}
    assert {name: (one["metricName"], one["threshold"]) for name, one in alarms.items()} == {
        "prod-database-storage": ("FreeStorageSpace", 2 * 1024**3),
        "prod-database-cpu": ("CPUUtilization", 80),
        "prod-database-connections": ("DatabaseConnections", 60),
    }
    assert {one["alarmActions"][0] for one in alarms.values()}
    identifier = engine.one("rds/instance:Instance").inputs["identifier"]
    (group,) = [one for one in engine.of("LogGroup") if one.name == "prod-database"]
    assert group.inputs["name"] == f"/aws/rds/instance/{identifier}/postgresql"
    assert group.inputs["retentionInDays"] == 30
    after = engine.options["aws:rds/instance:Instance", "prod"].dependencies
    assert [urn for urn in after if urn.endswith("LogGroup::prod-database")]


def test_each_safeguard_of_the_database_is_switched_off_by_its_own_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the others stay."""
    for key, declared, value in (
        ("deletion_protection", "deletionProtection", False),
        ("final_snapshot", "skipFinalSnapshot", True),
    ):
        config = program.stack_file("prod")
        config["slipway:environment"]["database"][key] = False
        database = program.run_prod(monkeypatch, config)[0].one("rds/instance:Instance").inputs
        assert database[declared] is value
        assert database["backupRetentionPeriod"] >= 7


def test_a_changed_lifecycle_policy_replaces_the_one_before(staging: Run) -> None:
    """In this order: the deletion of the old one would delete the only one that a repository has."""
    engine, _ = staging
    assert engine.options["aws:ecr/lifecyclePolicy:LifecyclePolicy", "web"].deleteBeforeReplace


def test_a_protected_registry_cannot_be_destroyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pulumi refuses, and AWS refuses while an image is in it."""
    config = program.stack_file("staging") | {"slipway:registry": {}}
    engine, _ = program.run(monkeypatch, config)
    repository = engine.one("ecr/repository:Repository")
    assert repository.protected
    assert repository.inputs["forceDelete"] is False


def test_tasks_are_reachable_from_the_load_balancer_only(staging: Run) -> None:
    """The world reaches the load balancer, it reaches the tasks, they reach the database."""
    engine, _ = staging
    ways = {
        (
            one.inputs.get("referencedSecurityGroupId") or one.inputs["cidrIpv4"],
            one.inputs["securityGroupId"],
            one.inputs["toPort"],
        )
        for one in engine.of("SecurityGroupIngressRule")
    }
    assert ways == {
        ("0.0.0.0/0", "staging-lb-id", 80),
        ("staging-lb-id", "staging-web-id", 8080),
        ("staging-web-id", "staging-database-id", 5432),
    }


def test_more_zones_than_the_region_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line: how many there are is known from AWS only."""
    with pytest.raises(pulumi.RunError) as refused:
        program.run(monkeypatch, changed("staging", network={"zones": 4}))
    assert str(refused.value) == (
        "Pulumi.staging.yaml: slipway:environment.network.zones is 4; the account has 3 availability zones in this "
        "region; set at most 3"
    )


def test_zones_are_given_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the subnets, so that a zone is added at the end, whatever its name."""
    names = [ZONES[2], ZONES[0]]
    engine, _ = program.run(monkeypatch, changed("staging", network={"zone_names": names}))
    found = {one.name: one.inputs["availabilityZone"] for one in engine.of("ec2/subnet:Subnet")}
    assert [found[f"staging-{tier}-{index}"] for tier in ("public", "database") for index in (0, 1)] == [*names, *names]
    assert len(found) == 4


@pytest.mark.parametrize(
    ("network", "standing", "message"),
    [
        (
            {"zone_names": ["A", "X"]},
            [],
            "zone_names has X; the account has no such zone in this region; set some of A, B, C",
        ),
        ({"zone_names": ["C", "A"]}, ["A", "C"], "would have its subnets in C, A; those that stand are in A, C"),
        ({"zone_names": ["A", "B"]}, ["A", "C"], "; set slipway:environment.network.zone_names to a list that begins "),
        ({"zones": 4}, ["A", "C"], "the account has 3 availability zones in this region; set at most 3"),
    ],
)
def test_a_subnet_that_stands_stays_in_its_zone(network: dict[str, Any], standing: list[str], message: str) -> None:
    """In one line."""
    section = Network.model_validate(network)
    with pytest.raises(pulumi.RunError) as refused:
        zones.chosen("staging", section, available=["C", "A", "B"], standing=standing)
    assert str(refused.value).startswith("Pulumi.staging.yaml: slipway:environment.network")
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("network", "standing", "wanted"),
    [
        ({}, [], ["A", "B"]),
        ({}, ["A", "B", "C"], ["A", "B"]),
        ({"zones": 3}, ["A", "B"], ["A", "B", "C"]),
        ({}, ["A", "C"], ["A", "C"]),
        ({}, ["A", "OLD"], ["A", "OLD"]),
        ({"zones": 3}, ["A", "C"], ["A", "C", "B"]),
        ({"zone_names": ["A", "C", "B"]}, ["A", "C"], ["A", "C", "B"]),
        ({"zone_names": ["A", "OLD"]}, ["A", "OLD"], ["A", "OLD"]),
    ],
)
def test_zones_are_added_and_removed_at_the_end(
    network: dict[str, Any], standing: list[str], wanted: list[str]
) -> None:
    """Those that stand stay, whatever zones the region has by now and whether one is away."""
    section = Network.model_validate(network)
    assert zones.chosen("staging", section, available=["C", "A", "B"], standing=standing) == wanted


def test_database_subnets_have_no_way_out(staging: Run) -> None:
    """No route table of ours is theirs."""
    engine, _ = staging
    routed = {one.inputs["subnetId"] for one in engine.of("RouteTableAssociation")}
    assert routed == {"staging-public-0-id", "staging-public-1-id"}


def test_every_log_group_is_declared_with_a_retention(monkeypatch: pytest.MonkeyPatch) -> None:
    """Container Insights' too, whose name AWS fixes."""
    engine, _ = program.run(monkeypatch, changed("staging", container_insights=True))
    groups = {one.inputs["name"]: one.inputs["retentionInDays"] for one in engine.of("LogGroup")}
    assert groups == {"/slipway/staging/web": 7, "/aws/ecs/containerinsights/slipway-staging/performance": 7}


def test_private_subnets_put_tasks_behind_a_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without public addresses, and with one NAT gateway for all zones, or one for each."""
    engine, _ = program.run(monkeypatch, changed("staging", network={"private_subnets": True}))
    network = engine.one("ecs/service:Service").inputs["networkConfiguration"]
    assert network["assignPublicIp"] is False
    assert network["subnets"] == ["staging-private-0-id", "staging-private-1-id"]
    assert len(engine.of("NatGateway")) == 1
    each = {"private_subnets": True, "nat_per_zone": True}
    engine, _ = program.run(monkeypatch, changed("staging", network=each))
    assert len(engine.of("NatGateway")) == 2


def test_a_certificate_makes_https_and_a_redirect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Services are on 443; 80 leads there; the url is the certificate's name."""
    arn = "arn:aws:acm:eu-central-1:000000000000:certificate/1"
    balancer = {"certificate_arn": arn, "domain_name": "www.example.test"}
    engine, outputs = program.run(monkeypatch, changed("staging", load_balancer=balancer))
    listeners = {one.inputs["port"]: one.inputs["defaultActions"][0]["type"] for one in engine.of("Listener")}
    assert listeners == {80: "redirect", 443: "fixed-response"}
    rules = {one.name: one for one in engine.of("ListenerRule")}
    assert rules["staging-web"].inputs["listenerArn"].endswith("staging-https")
    assert outputs["url"] == "https://www.example.test"


def test_http_is_redirected_once_the_services_are_on_https(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a rule that is created after theirs and, when the certificate is gone, deleted after theirs are back."""
    variant = variants.VARIANTS["staging-https"]
    engine, _ = variant.run(monkeypatch)
    rule = {one.name: one for one in engine.of("ListenerRule")}["staging-to-https"]
    assert rule.inputs["listenerArn"].endswith("staging-http")
    assert rule.inputs["conditions"] == [{"pathPattern": {"values": ["/*"]}}]
    assert rule.inputs["actions"][0]["redirect"] == {"port": "443", "protocol": "HTTPS", "statusCode": "HTTP_301"}
    engine, _ = variants.BASES["staging"].run(monkeypatch)
    assert "staging-to-https" not in {one.name for one in engine.of("ListenerRule")}


def test_an_autoscaled_services_count_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each `up` would undo the scaling."""
    services = {"web": {"context": "app", "autoscaling": {"minimum": 2, "maximum": 4}}}
    engine, _ = program.run(monkeypatch, changed("staging", services=services))
    assert engine.one("ecs/service:Service").ignored == [
        "taskDefinition",
        "loadBalancers[0].containerPort",
        "desiredCount",
    ]
    assert engine.one("Target").inputs["resourceId"] == "service/slipway-staging/staging-web"


def test_spot_is_for_all_tasks_but_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """By capacity providers and no launch type, since ECS refuses both at once."""
    engine, _ = program.run(monkeypatch, changed("staging", services={"web": {"context": "app", "spot": True}}))
    service = engine.one("ecs/service:Service").inputs
    assert "launchType" not in service
    assert service["capacityProviderStrategies"] == [
        {"capacityProvider": "FARGATE", "base": 1, "weight": 0},
        {"capacityProvider": "FARGATE_SPOT", "weight": 1},
    ]
    assert engine.one("ClusterCapacityProviders")


def test_an_image_for_arm_is_built_for_arm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The platform follows the service's CPU architecture."""
    services = {"web": {"context": "app", "cpu_architecture": "ARM64"}}
    engine, _ = program.run(monkeypatch, changed("staging", services=services))
    assert engine.one("RegistryImage").inputs["build"]["platform"] == "linux/arm64"
    assert engine.one("TaskDefinition", "staging-web-template").inputs["runtimePlatform"]["cpuArchitecture"] == "ARM64"


def test_without_a_database_there_is_nothing_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """No instance, no rotation, no variables, no permission to read secrets."""
    config = changed("staging")
    del config["slipway:environment"]["database"]
    engine, _ = program.run(monkeypatch, config)
    assert not engine.of("rds/instance:Instance")
    assert not engine.of("SecretRotation")
    assert container(engine.one("TaskDefinition", "staging-web-template"))["secrets"] == []
    assert "ReadSecrets" not in engine.one("RolePolicy").inputs["policy"]


def test_a_second_service_renames_nothing_of_the_first(monkeypatch: pytest.MonkeyPatch, staging: Run) -> None:
    """All that the first has stays as it is, and the second has the same in its own name."""
    before, _ = staging
    web = program.stack_file("staging")["slipway:environment"]["services"]["web"]
    api = {"context": "app", "port": 9000, "database": False, "route": {"paths": ["/api/*"], "priority": 10}}
    engine, outputs = program.run(monkeypatch, changed("staging", services={"web": web, "api": api}))
    kept = {(one.type, one.name) for one in engine.resources}
    assert {(one.type, one.name) for one in before.resources} <= kept
    added = {name for _, name in kept - {(one.type, one.name) for one in before.resources}}
    assert all("api" in name for name in added)
    assert outputs["services"] == {"web": "staging-web", "api": "staging-api"}
    rules = {one.name: (one.inputs["priority"], one.inputs["conditions"]) for one in engine.of("ListenerRule")}
    assert rules["staging-api"] == (10, [{"pathPattern": {"values": ["/api/*"]}}])
    assert engine.one("TargetGroup", "staging-api").inputs["port"] == 9000
    assert container(engine.one("TaskDefinition", "staging-api-template"))["secrets"] == []
    ways = {
        (one.inputs.get("referencedSecurityGroupId"), one.inputs["toPort"])
        for one in engine.of("SecurityGroupIngressRule")
    }
    assert ("staging-api-id", 5432) not in ways


def test_production_starts_from_the_image_that_staging_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """It builds nothing and has no repository; its tasks may pull from staging's."""
    engine, _ = prod(monkeypatch, program.URLS)
    assert container(engine.one("TaskDefinition", "prod-web-release"))["image"].endswith(f"@{DIGEST}")
    assert not engine.of("RegistryImage")
    assert not engine.of("ecr/repository:Repository")
    release = container(engine.one("TaskDefinition", "prod-web-release"))
    assert release["image"] == f"{REGISTRY}/slipway/web@{DIGEST}"
    assert "repository/slipway/web" in engine.one("RolePolicy", "prod-web-execution").inputs["policy"]


def test_production_shares_no_name_with_staging(monkeypatch: pytest.MonkeyPatch, staging: Run) -> None:
    """Both live in one account."""
    there, _ = staging
    here, _ = prod(monkeypatch, program.URLS)
    kinds = ("LogGroup", "Cluster", "ecs/service:Service", "Parameter")
    for kind in kinds:
        names = {one.inputs["name"] for one in there.of(kind) if "name" in one.inputs}
        assert not names & {one.inputs["name"] for one in here.of(kind) if "name" in one.inputs}


@pytest.mark.parametrize("tags", [[], ["content-1", "candidate-2"]])
def test_production_without_an_accepted_image_is_refused_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch, tags: list[str]
) -> None:
    """In one line that says what to run."""
    images = {"imageIds": [{"imageDigest": DIGEST, "imageTag": tag} for tag in tags]}
    engine = program.account({"aws:ecr/getImages:getImages": lambda _: images})
    with pytest.raises(pulumi.RunError) as refused:
        program.run(monkeypatch, program.stack_file("prod"), stack="prod", engine=engine)
    assert str(refused.value) == (
        "Pulumi.prod.yaml: slipway:images: no image of service web has passed acceptance in staging; "
        "run: make acceptance STACK=staging, on AWS with CLOUD=aws"
    )
    assert engine.resources == []


def test_production_beside_a_staging_that_was_never_up_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing output is a clear failure."""
    with pytest.raises(
        pulumi.RunError,
        match=r"Pulumi.prod.yaml: slipway:pipeline.staging: stack staging .*; run: pulumi up -s staging",
    ):
        prod(monkeypatch, {})
