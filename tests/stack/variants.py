"""The stack files and variants of them that cover every configuration key, as runs of the real program."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.fake_engine import ACCOUNT, REGION, REGISTRY
from tests.stack import program

if TYPE_CHECKING:
    import pytest

    from tests.fake_engine import FakeEngine

BY_WEBHOOK = {"slipway:webhook_secret": "hush", "github:token": "whisper"}
CONNECTION = f"arn:aws:codestar-connections:{REGION}:{ACCOUNT}:connection/given"
CERTIFICATE = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/1"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:api-key-AbCdEf"
PARAMETER = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/shop/mode"
FLEET = f"arn:aws:codebuild:{REGION}:{ACCOUNT}:fleet/releases:0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
RUNBOOK = "https://github.com/slipway-example/slipway/blob/main/docs/runbook"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
WEB = "slipway:environment.services.web"
API = {
    "context": "app",
    "port": 9000,
    "cpu": 1024,
    "memory": 2048,
    "desired_count": 3,
    "database": False,
    "route": {"paths": ["/api/*", "/v2/*"], "priority": 10},
    "health_check": {"path": "/ready", "interval": 30, "timeout": 9, "threshold": 4},
    "deregistration_delay": 77,
    "stop_timeout": 44,
    "grace_period": 88,
    "environment": {"MODE": "api"},
    "build_args": {"FLAVOUR": "plain"},
    "dockerfile": "Dockerfile",
}


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A stack file with changes: key paths as `pulumi config set --path` takes them; None removes a key."""

    stack: str
    changes: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, Any] | None = None
    connection: str | None = "AVAILABLE"
    is_up: bool = True
    """Whether the services have been stable."""

    def config(self) -> dict[str, Any]:
        """Return the stack's configuration with the changes made."""
        config = deepcopy(program.stack_file(self.stack))
        for key, value in self.changes.items():
            *parents, last = key.split(".")
            at = config
            for part in parents:
                at = at.setdefault(part, {})
            if value is None:
                at.pop(last)
            else:
                at[last] = value
        return config

    def run(self, monkeypatch: pytest.MonkeyPatch) -> tuple[FakeEngine, dict[str, Any]]:
        """Run the program; return the fake engine with the registered resources, and the stack's outputs."""
        nothing = {} if self.is_up else {program.RECORDS: program.nothing_stands}
        engine = program.account({**program.connection(self.connection), **nothing}, self.outputs)
        return program.run(
            monkeypatch,
            self.config() | self.secrets,
            stack=self.stack,
            engine=engine,
            secret_keys=list(self.secrets) or None,
        )


BASES = {stack: Variant(stack=stack) for stack in ("staging", "prod")}
"""The committed stack files; production has the connection that its pipeline needs."""

VARIANTS = {
    "staging-https": Variant(
        stack="staging",
        changes={
            "slipway:environment.load_balancer": {
                "certificate_arn": CERTIFICATE,
                "domain_name": "shop.example.test",
                "allowed_cidrs": ["192.0.2.0/24", "198.51.100.0/24"],
                "idle_timeout": 120,
                "deletion_protection": True,
            }
        },
    ),
    "staging-private-subnets": Variant(stack="staging", changes={"slipway:environment.network.private_subnets": True}),
    "staging-zone-names": Variant(
        stack="staging",
        changes={"slipway:environment.network.zone_names": ["eu-central-1c", "eu-central-1a", "eu-central-1b"]},
    ),
    "staging-nat-per-zone": Variant(
        stack="staging",
        changes={
            "slipway:environment.network.private_subnets": True,
            "slipway:environment.network.nat_per_zone": True,
            "slipway:environment.network.zones": 3,
        },
    ),
    "staging-services": Variant(
        stack="staging",
        changes={
            "slipway:environment.services.api": API,
            f"{WEB}.version_path": "/about",
            f"{WEB}.environment": {"FEATURE": "on"},
            f"{WEB}.secrets": {"API_KEY": f"{SECRET}:key::"},
        },
    ),
    "staging-secrets": Variant(
        stack="staging",
        changes={f"{WEB}.secrets": {"API_KEY": SECRET, "MODE": PARAMETER}, f"{WEB}.kms_keys": [KEY]},
    ),
    "staging-arm": Variant(stack="staging", changes={f"{WEB}.cpu_architecture": "ARM64"}),
    "staging-spot": Variant(stack="staging", changes={f"{WEB}.spot": True}),
    "staging-autoscaling": Variant(
        stack="staging", changes={f"{WEB}.autoscaling": {"minimum": 2, "maximum": 7, "cpu_percent": 55}}
    ),
    "staging-rollout-by-pulumi": Variant(stack="staging", changes={"slipway:environment.rollout": "pulumi"}),
    "staging-first-up": Variant(stack="staging", is_up=False),
    "prod-first-up": Variant(stack="prod", is_up=False),
    "staging-application": Variant(
        stack="staging",
        changes={
            f"{WEB}.writable": ["/tmp", "/var/cache"],  # noqa: S108 - directories of the container
            f"{WEB}.command": ["serve", "--now"],
            f"{WEB}.entry_point": ["/entry"],
            f"{WEB}.user": "1000:1000",
            f"{WEB}.port": 5000,
            f"{WEB}.health_check": {"path": "/", "status": "200-399"},
            f"{WEB}.version_path": "none",
            f"{WEB}.database_variables": {"DATABASE_URL": "postgresql://{user}:{password}@{host}:{port}/{name}"},
            f"{WEB}.tests": {"image": "node:22", "command": ["npm", "test"]},
            f"{WEB}.acceptance": {"target": "acceptance", "command": ["try"]},
            f"{WEB}.checks": [{"path": "/login", "status": 302}, {"path": "/", "text": "Welcome"}],
        },
    ),
    "staging-logs": Variant(
        stack="staging",
        changes={
            "slipway:environment.network.flow_log_days": 90,
            "slipway:environment.load_balancer.access_log_days": 45,
        },
    ),
    "prod-topic-key": Variant(stack="prod", changes={"slipway:pipeline.topic_key_arn": KEY}),
    "prod-notify": Variant(
        stack="prod",
        changes={
            "slipway:pipeline.notify_steps": True,
            "slipway:pipeline.chat_webhook_secret_arn": SECRET,
            "slipway:pipeline.topic_key_arn": KEY,
        },
    ),
    "staging-alarms": Variant(
        stack="staging",
        changes={
            "slipway:environment.alarm_topic_arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:slipway-prod",
            "slipway:environment.runbook_url": RUNBOOK,
        },
    ),
    "prod-github": Variant(stack="prod", changes={"slipway:pipeline.github_token_secret_arn": SECRET}),
    "staging-writable": Variant(stack="staging", changes={f"{WEB}.read_only": False}),
    "staging-without-database": Variant(stack="staging", changes={"slipway:environment.database": None}),
    "staging-durable": Variant(
        stack="staging",
        changes={
            "slipway:environment.database": {
                "engine_version": "16",
                "instance_class": "db.m7g.large",
                "storage": 100,
                "multi_az": True,
                "backup_days": 14,
                "deletion_protection": True,
                "final_snapshot": True,
                "apply_immediately": False,
                "max_storage": 500,
                "maintenance_window": "sun:03:00-sun:04:00",
                "backup_window": "01:00-02:00",
                "restore_from": "shop-before",
                "alarms": {"free_storage_percent": 20, "cpu_percent": 70, "connections": 500},
                "log_exports": True,
                "performance_insights": True,
                "password_rotation_days": 90,
                "name": "shop",
                "user": "owner",
            },
            "slipway:environment.container_insights": True,
            "slipway:environment.log_retention_days": 365,
            "slipway:registry": {
                "protect": True,
                "keep_releases": 30,
                "keep_accepted": 31,
                "keep_built": 32,
                "candidate_days": 33,
            },
        },
    ),
    "staging-pipeline": Variant(
        stack="staging",
        changes={
            "slipway:pipeline": {"repository": "slipway-example/slipway", "connection_arn": CONNECTION},
            "github:owner": "slipway-example",
        },
    ),
    "staging-previews": Variant(
        stack="staging",
        changes={
            "slipway:previews": {
                "repository": "slipway-example/slipway",
                "state_bucket": "slipway-state",
                "kms_keys": [KEY],
            }
        },
    ),
    "prod-pending-connection": Variant(stack="prod", connection=None),
    "prod-webhook": Variant(stack="prod", changes={"slipway:pipeline.trigger": "webhook"}, secrets=BY_WEBHOOK),
    "prod-platforms": Variant(stack="prod", changes={"slipway:pipeline.platforms": ["linux/amd64", "linux/arm64"]}),
    "prod-arm": Variant(
        stack="prod",
        changes={f"{WEB}.cpu_architecture": "ARM64", "slipway:pipeline.platforms": ["linux/amd64", "linux/arm64"]},
    ),
    "prod-automatic": Variant(stack="prod", changes={"slipway:pipeline.approval": "automatic"}),
    "prod-build-image": Variant(
        stack="prod", changes={"slipway:pipeline.image": "210987654321.dkr.ecr.eu-west-1.amazonaws.com/tools/build:3"}
    ),
    "prod-services": Variant(
        stack="prod",
        changes={
            "slipway:environment.services.api": API,
            "slipway:pipeline": {
                "repository": "slipway-example/shop",
                "branch": "trunk",
                "staging": "staging",
                "connection_arn": CONNECTION,
                "approval": "manual",
                "approval_minutes": 120,
                "notify": ["ops@example.test", "dev@example.test"],
                "artifact_days": 9,
                "log_retention_days": 60,
                "compute_type": "BUILD_GENERAL1_LARGE",
                "image": "aws/codebuild/standard:7.0",
            },
        },
        outputs={"repository_urls": {name: f"{REGISTRY}/slipway/{name}" for name in ("web", "api")}},
    ),
    "prod-safe-release": Variant(
        stack="prod", changes={f"{WEB}.rollback_alarm": {}, "slipway:pipeline.hold_on_alarm": True}
    ),
    "prod-canary": Variant(
        stack="prod",
        changes={
            f"{WEB}.canary": {"percent": 20, "minutes": 3},
            f"{WEB}.rollback_alarm": {"minutes": 1},
            "slipway:pipeline.hold_on_alarm": True,
        },
    ),
    "prod-fast-release": Variant(
        stack="prod",
        changes={
            "slipway:pipeline.parallel_tests": True,
            "slipway:pipeline.check_branch": False,
            "slipway:pipeline.fleet_arn": FLEET,
            "slipway:pipeline.dashboard": True,
        },
    ),
    "prod-pushed-suites": Variant(stack="prod", changes={"slipway:pipeline.push_suites": True}),
    "prod-lambda-compute": Variant(
        stack="prod",
        changes={"slipway:pipeline.lambda_compute": True, "slipway:pipeline.platforms": ["linux/amd64", "linux/arm64"]},
    ),
}
"""Variants of the stack files by name."""
