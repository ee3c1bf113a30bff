"""The section `slipway:environment`: the network, load balancer, services and database of a stack."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from contract import containers, dockerfile
from infra.config.section import Section

# No consecutive hyphens: ECR CreateRepository and RDS CreateDBInstance reject them.
Name = Annotated[str, Field(pattern=r"^[a-z](-?[a-z0-9])*$")]
SecretArn = Annotated[str, Field(pattern=r"^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:\d{12}:secret:.+$")]


def _as_text(value: object) -> object:
    """Return numbers and booleans as the text that the stack file has."""
    return json.dumps(value) if isinstance(value, int | float) else value


Text = Annotated[str, BeforeValidator(_as_text)]


class Network(Section):
    """The VPC and its subnets."""

    cidr: str = Field("10.0.0.0/16", description="IPv4 CIDR block of the VPC, /16 to /24")
    zones: int = Field(2, ge=2, le=4, description="number of availability zones")
    private_subnets: bool = Field(
        default=False, description="run tasks in private subnets behind a NAT gateway, which AWS bills by the hour"
    )
    nat_per_zone: bool = Field(default=False, description="one NAT gateway per zone instead of one for all")


class LoadBalancer(Section):
    """The application load balancer: HTTP on port 80; with a certificate HTTPS on 443 and a redirect from 80."""

    certificate_arn: str | None = Field(
        None,
        pattern=r"^arn:[a-z-]+:acm:[a-z0-9-]+:\d{12}:certificate/.+$",
        description="ARN of an ACM certificate; enables HTTPS",
    )
    domain_name: str | None = Field(
        None, description="DNS name in the certificate; point it at the load balancer yourself"
    )
    allowed_cidrs: tuple[str, ...] = Field(
        ("0.0.0.0/0",),
        min_length=1,
        description="IPv4 CIDR blocks that may connect; the pipeline's tests connect from AWS's range `CODEBUILD`",
    )
    idle_timeout: int = Field(60, ge=1, le=4000, description="seconds after which an idle connection is closed")
    deletion_protection: bool = Field(
        default=False, description="deletion protection; `pulumi destroy` fails while it is on"
    )


class Route(Section):
    """The listener rule that routes requests to a service."""

    paths: tuple[str, ...] = Field(
        ("/*",), min_length=1, max_length=5, description="path patterns of the listener rule"
    )
    priority: int = Field(
        100, ge=1, le=50000, description="priority of the listener rule; lower values are evaluated first"
    )


class HealthCheck(Section):
    """The health check of a service's target group."""

    path: str = Field("/healthz", pattern=r"^/", description="path that returns 200 when the task is healthy")
    interval: int = Field(5, ge=5, le=300, description="seconds between checks")
    timeout: int = Field(2, ge=2, le=120, description="seconds to wait for the response; less than `interval`")
    threshold: int = Field(
        2, ge=2, le=10, description="consecutive checks after which a task becomes healthy or unhealthy"
    )
    status: Text = Field(
        "200",
        pattern=r"^[2-4]\d\d([-,][2-4]\d\d)*$",
        description="status codes of a healthy task: `200`, `200,302` or `200-399`",
    )


class Autoscaling(Section):
    """Target tracking of a service's number of tasks by average CPU utilization."""

    minimum: int = Field(ge=1, description="minimum number of tasks")
    maximum: int = Field(ge=1, description="maximum number of tasks")
    cpu_percent: int = Field(60, ge=10, le=90, description="target for average CPU utilization, percent")


class Suite(Section):
    """A test suite: the image that it runs in and its command."""

    target: str | None = Field(None, description="build stage of the Dockerfile to run in")
    image: str | None = Field(None, description="image to run in instead, by name")
    command: tuple[str, ...] = Field((), description="command; absent: the image's own")


class Check(Section):
    """A request that every release has to answer as expected."""

    path: str = Field(pattern=r"^/", description="path, with a query if need be")
    status: int = Field(200, ge=100, le=599, description="expected status code; redirects are not followed")
    text: str = Field("", description="text that the response body contains")


class Service(Section):
    """A service: how its image is built and how its tasks run."""

    context: str = Field(description="folder of the Docker build context, relative to `Pulumi.yaml`")
    dockerfile: str = Field("Dockerfile", description="path of the Dockerfile, relative to the context")
    target: str | None = Field(
        None, description="build stage of the Dockerfile; absent: `release` if there is one, else the last stage"
    )
    build_args: dict[str, Text] = Field({}, description="build arguments")
    entry_point: tuple[str, ...] | None = Field(None, description="absent: the image's `ENTRYPOINT`")
    command: tuple[str, ...] | None = Field(None, description="absent: the image's `CMD`")
    user: Text | None = Field(
        None, description="user of the container, `UID:GID` or a name; absent: the image's `USER`"
    )
    read_only: bool = Field(default=True, description="read-only root file system")
    writable: tuple[str, ...] | None = Field(
        None,
        description="directories in memory that the container may write to, at most half of `memory` each; they start "
        "empty and hide what the image has there; absent: "
        "`/tmp`, except for services that were created before this key existed",
    )
    port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="port that the container listens on, passed as `PORT`; absent: the one port that the Dockerfile "
        "exposes, else 8080; a service that is up keeps its port",
    )
    cpu: int = Field(256, description="CPU units (1/1024 vCPU), a size that Fargate offers")
    memory: int = Field(512, description="MiB, a size that Fargate offers with this `cpu`")
    cpu_architecture: Literal["X86_64", "ARM64"] = Field(
        "X86_64", description="CPU architecture of the tasks and of the image"
    )
    desired_count: int = Field(2, ge=1, description="number of tasks; with `autoscaling` the initial number only")
    route: Route = Field(Route(), description="listener rule")
    health_check: HealthCheck = Field(HealthCheck(), description="health check of the target group")
    version_path: str | None = Field(
        None,
        pattern=r"^(/.*|none)$",
        description="path that returns the version, which must match the service's own route; absent: `version` below "
        "its first path pattern, such as `/api/version` for `/api/*`; `none`: the application has no such path",
    )
    deregistration_delay: int = Field(
        15, ge=1, le=3600, description="seconds in which a deregistered task finishes open requests"
    )
    stop_timeout: int = Field(30, ge=2, le=120, description="seconds from SIGTERM to SIGKILL")
    grace_period: int = Field(
        60, ge=0, description="seconds after a task starts in which ECS ignores failed health checks"
    )
    autoscaling: Autoscaling | None = Field(
        None, description="target tracking of the number of tasks by CPU; absent: off"
    )
    spot: bool = Field(default=False, description="run on Fargate Spot: cheaper, tasks may be interrupted")
    database: bool = Field(default=True, description="access to the environment's database, if it has one")
    database_variables: dict[str, str] = Field(
        {},
        description="environment variables made of the database's address when a container starts, which needs a shell "
        "in the image: `DATABASE_URL: postgresql://{user}:{password}@{host}:{port}/{name}`; values are percent-encoded",
    )
    environment: dict[str, Text] = Field({}, description="environment variables in plain text")
    env_file: str | None = Field(
        None, description="file of further environment variables in plain text, relative to `Pulumi.yaml`"
    )
    secrets: dict[str, SecretArn] = Field({}, description="environment variables from Secrets Manager, by secret ARN")
    tests: Suite | None = Field(
        None,
        description="unit tests of an application without `bin/test`; absent: the build of its stage `test`, if any",
    )
    acceptance: Suite | None = Field(
        None, description="acceptance suite; absent: the stage `acceptance`, if any, else `checks`"
    )
    checks: tuple[Check, ...] = Field(
        (), description="requests that acceptance and smoke test make, in addition to the health check"
    )

    @property
    def effective_target(self) -> str:
        """The build stage: `target`, or empty for the last one (`infra.config.application` reads the Dockerfile)."""
        return self.target or dockerfile.LAST

    @property
    def effective_port(self) -> int:
        """The port that the container listens on."""
        return self.port or containers.DEFAULT_PORT

    @property
    def effective_version_path(self) -> str:
        """The path that returns the version: `version_path`, or its default; empty if there is none."""
        if self.version_path == "none":
            return ""
        return self.version_path or f"{self.route_prefix}/version"

    @property
    def route_prefix(self) -> str:
        """The first path of its route without wildcards and trailing slash."""
        return self.route.paths[0].partition("*")[0].rstrip("/")


class Database(Section):
    """PostgreSQL on RDS; RDS manages the password in Secrets Manager."""

    engine_version: Text = Field("15", description="PostgreSQL version")
    instance_class: str = Field("db.t4g.micro", pattern=r"^db\.[a-z0-9]+\.[a-z0-9]+$", description="RDS instance class")
    storage: int = Field(20, ge=20, le=65536, description="gp3 storage, GiB")
    multi_az: bool = Field(default=False, description="Multi-AZ: a standby instance in another zone")
    backup_days: int = Field(1, ge=0, le=35, description="retention of automated backups, days; 0 turns them off")
    deletion_protection: bool = Field(
        default=False, description="deletion protection; `pulumi destroy` fails while it is on"
    )
    final_snapshot: bool = Field(
        default=False, description="on destroy take a final snapshot and retain automated backups"
    )
    password_rotation_days: int = Field(
        365, ge=1, le=1000, description="days between password rotations; running tasks need a new deployment after one"
    )
    name: str = Field("app", pattern=r"^[a-z][a-z0-9_]{0,62}$", description="database name")
    user: str = Field("app", pattern=r"^[a-z][a-z0-9_]{0,15}$", description="master user name")


class Environment(Section):
    """The network, load balancer, services and database of a stack."""

    network: Network = Field(Network(), description="VPC and subnets")
    load_balancer: LoadBalancer = Field(LoadBalancer(), description="application load balancer, internet-facing")
    services: dict[Name, Service] = Field(min_length=1, description="services by name")
    database: Database | None = Field(None, description="PostgreSQL on RDS; absent: no database")
    log_retention_days: int = Field(
        30, description="retention of the services' logs in days, a value that CloudWatch Logs accepts"
    )
    container_insights: bool = Field(default=False, description="Container Insights metrics, which CloudWatch bills")
    rollout: Literal["pipeline", "pulumi"] = Field(
        "pipeline", description="what deploys releases after the first: the pipeline, or each `pulumi up`"
    )
