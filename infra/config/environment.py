"""The section `slipway:environment`: the network, load balancer, services and database of a stack."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from infra.config.section import Section

# Single hyphens only: ECR and RDS take no two in a row (ecr CreateRepository, rds CreateDBInstance).
Name = Annotated[str, Field(pattern=r"^[a-z](-?[a-z0-9])*$")]
SecretArn = Annotated[str, Field(pattern=r"^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:\d{12}:secret:.+$")]


def _as_text(value: object) -> object:
    """Take numbers, and true and false, as the text that the stack file has."""
    return json.dumps(value) if isinstance(value, int | float) else value


Text = Annotated[str, BeforeValidator(_as_text)]


class Network(Section):
    """Addresses and zones."""

    cidr: str = Field("10.0.0.0/16", description="IPv4 range, /16 to /24")
    zones: int = Field(2, ge=2, le=4, description="availability zones")
    private_subnets: bool = Field(default=False, description="tasks in private subnets behind NAT, which costs")
    nat_per_zone: bool = Field(default=False, description="a NAT gateway in each zone instead of one")


class LoadBalancer(Section):
    """The public entrance; with a certificate HTTPS on 443, and a redirect from 80."""

    certificate_arn: str | None = Field(
        None, pattern=r"^arn:[a-z-]+:acm:[a-z0-9-]+:\d{12}:certificate/.+$", description="ACM certificate: HTTPS"
    )
    domain_name: str | None = Field(None, description="the certificate's name, which you point at the load balancer")
    allowed_cidrs: tuple[str, ...] = Field(
        ("0.0.0.0/0",),
        min_length=1,
        description="who may connect; the pipeline's tests connect from AWS's range `CODEBUILD`",
    )
    idle_timeout: int = Field(60, ge=1, le=4000, description="seconds until an idle connection is closed")
    deletion_protection: bool = Field(default=False, description="true makes AWS refuse `pulumi destroy`")


class Route(Section):
    """Which requests a service gets."""

    paths: tuple[str, ...] = Field(("/*",), min_length=1, max_length=5, description="path patterns")
    priority: int = Field(100, ge=1, le=50000, description="lower is asked first")


class HealthCheck(Section):
    """When a task gets requests."""

    path: str = Field("/healthz", pattern=r"^/", description="answers 200 when the task can serve")
    interval: int = Field(5, ge=5, le=300, description="seconds between checks")
    timeout: int = Field(2, ge=2, le=120, description="seconds to wait for the answer, below the interval")
    threshold: int = Field(2, ge=2, le=10, description="checks in a row that change a task's health")


class Autoscaling(Section):
    """How many tasks, by their CPU use."""

    minimum: int = Field(ge=1, description="tasks at least")
    maximum: int = Field(ge=1, description="tasks at most")
    cpu_percent: int = Field(60, ge=10, le=90, description="mean CPU use to hold")


class Service(Section):
    """One container image and how it is run."""

    context: str = Field(description="folder of the Docker build context")
    dockerfile: str = Field("Dockerfile", description="path inside the context")
    target: str = Field("release", description="the Dockerfile's stage to run")
    build_args: dict[str, Text] = Field({}, description="build arguments")
    port: int = Field(8080, ge=1, le=65535, description="port the container listens on, told as PORT")
    cpu: int = Field(256, description="1/1024 vCPU, as Fargate sells it")
    memory: int = Field(512, description="MiB, as Fargate sells it with this cpu")
    cpu_architecture: Literal["X86_64", "ARM64"] = Field("X86_64", description="the image is built for it too")
    desired_count: int = Field(2, ge=1, description="tasks; with autoscaling only at the start")
    route: Route = Field(Route(), description="which requests it gets")
    health_check: HealthCheck = Field(HealthCheck(), description="when a task gets requests")
    version_path: str | None = Field(
        None,
        pattern=r"^/",
        description="where it tells its version, by its own route; absent: `version` in its first path, as "
        "`/api/version` in `/api/*`",
    )
    deregistration_delay: int = Field(15, ge=1, le=3600, description="seconds for open requests when a task leaves")
    stop_timeout: int = Field(30, ge=2, le=120, description="seconds from SIGTERM to SIGKILL")
    grace_period: int = Field(60, ge=0, description="seconds in which a new task may be unhealthy")
    autoscaling: Autoscaling | None = Field(None, description="how many tasks, by CPU use")
    spot: bool = Field(default=False, description="Fargate Spot: cheaper, may be interrupted")
    database: bool = Field(default=True, description="gets the environment's database, if there is one")
    environment: dict[str, Text] = Field({}, description="variables; never a secret")
    secrets: dict[str, SecretArn] = Field({}, description="variables from Secrets Manager, by ARN")

    @property
    def tells_version_at(self) -> str:
        """The path at which it tells its version."""
        return self.version_path or self.route.paths[0].partition("*")[0].rstrip("/") + "/version"


class Database(Section):
    """PostgreSQL on RDS, with a password that RDS keeps."""

    engine_version: Text = Field("15", description="PostgreSQL's version")
    instance_class: str = Field("db.t4g.micro", pattern=r"^db\.[a-z0-9]+\.[a-z0-9]+$", description="size")
    storage: int = Field(20, ge=20, le=65536, description="GiB")
    multi_az: bool = Field(default=False, description="a standby in another zone")
    backup_days: int = Field(1, ge=0, le=35, description="days of automated backups")
    deletion_protection: bool = Field(default=False, description="true makes AWS refuse `pulumi destroy`")
    final_snapshot: bool = Field(default=False, description="keep a snapshot and the backups on destroy")
    password_rotation_days: int = Field(
        365, ge=1, le=1000, description="days until RDS changes the password; tasks then need a new deployment"
    )
    name: str = Field("app", pattern=r"^[a-z][a-z0-9_]{0,62}$", description="database")
    user: str = Field("app", pattern=r"^[a-z][a-z0-9_]{0,15}$", description="its owner")


class Environment(Section):
    """Everything that serves requests."""

    network: Network = Field(Network(), description="addresses and zones")
    load_balancer: LoadBalancer = Field(LoadBalancer(), description="the public entrance")
    services: dict[Name, Service] = Field(min_length=1, description="by name")
    database: Database | None = Field(None, description="PostgreSQL; absent: none")
    log_retention_days: int = Field(30, description="days, as CloudWatch Logs allows")
    container_insights: bool = Field(default=False, description="ECS metrics of each task, which cost")
    rollout: Literal["pipeline", "pulumi"] = Field(
        "pipeline", description="who rolls releases out after the first: the pipeline, or each `pulumi up`"
    )
