"""The section `slipway:environment`: the network, load balancer, services and database of a stack."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from contract import containers, dockerfile, limits
from infra.config import effects
from infra.config.arns import KeyArn, SecretArn
from infra.config.database import Database
from infra.config.section import Section
from infra.config.text import Text

# No consecutive hyphens: ECR CreateRepository and RDS CreateDBInstance reject them.
Name = Annotated[str, Field(pattern=r"^[a-z](-?[a-z0-9])*$")]


class Network(Section):
    """The VPC and its subnets."""

    cidr: Annotated[
        str,
        effects.CIDR,
    ] = Field("10.0.0.0/16", description="IPv4 CIDR block of the VPC, /16 to /24")
    zones: Annotated[int, effects.ROLLING] = Field(2, ge=2, le=4, description="number of availability zones")
    zone_names: Annotated[tuple[Text, ...] | None, effects.ZONE_NAMES] = Field(
        None,
        min_length=2,
        max_length=4,
        description="names of the availability zones, in the order of the subnets, in place of `zones`; absent: the "
        "first ones of the region, by name",
    )
    private_subnets: Annotated[bool, effects.ROLLING] = Field(
        default=False, description="run tasks in private subnets behind a NAT gateway, which AWS bills by the hour"
    )
    nat_per_zone: Annotated[bool, effects.NAT] = Field(
        default=False, description="one NAT gateway per zone instead of one for all"
    )
    flow_log_days: Annotated[int | None, effects.LOGS] = Field(
        None,
        description="flow logs of all connections to CloudWatch Logs, kept so many days, a value that CloudWatch Logs "
        "accepts; AWS bills them by the gigabyte; absent: none",
    )


class LoadBalancer(Section):
    """The application load balancer: HTTP on port 80; with a certificate HTTPS on 443 and a redirect from 80."""

    certificate_arn: Annotated[
        str | None,
        effects.CERTIFICATE,
    ] = Field(
        None,
        pattern=r"^arn:[a-z-]+:acm:[a-z0-9-]+:\d{12}:certificate/.+$",
        description="ARN of an ACM certificate; enables HTTPS",
    )
    domain_name: Annotated[str | None, effects.IN_PLACE] = Field(
        None, description="DNS name in the certificate; point it at the load balancer yourself"
    )
    allowed_cidrs: Annotated[tuple[str, ...], effects.IN_PLACE] = Field(
        ("0.0.0.0/0",),
        min_length=1,
        description="IPv4 CIDR blocks that may connect; the pipeline's tests connect from AWS's range `CODEBUILD`",
    )
    idle_timeout: Annotated[int, effects.IN_PLACE] = Field(
        60, ge=1, le=4000, description="seconds after which an idle connection is closed"
    )
    deletion_protection: Annotated[bool, effects.IN_PLACE] = Field(
        default=False, description="deletion protection; `pulumi destroy` fails while it is on"
    )
    access_log_days: Annotated[int | None, effects.LOGS] = Field(
        None,
        ge=1,
        description="access logs of all requests to an S3 bucket of the stack's own, kept so many days; absent: none",
    )


class Route(Section):
    """The listener rule that routes requests to a service."""

    paths: Annotated[tuple[str, ...], effects.IN_PLACE] = Field(
        ("/*",), min_length=1, max_length=5, description="path patterns of the listener rule"
    )
    priority: Annotated[int, effects.PRIORITY] = Field(
        100,
        ge=1,
        le=50000,
        description="priority of the listener rule; lower values are evaluated first; 49443 is that of the redirect "
        "to HTTPS",
    )


class HealthCheck(Section):
    """The health check of a service's target group."""

    path: Annotated[
        str,
        effects.HEALTH_PATH,
    ] = Field("/healthz", pattern=r"^/", description="path that returns 200 when the task is healthy")
    interval: Annotated[int, effects.IN_PLACE] = Field(5, ge=5, le=300, description="seconds between checks")
    timeout: Annotated[int, effects.IN_PLACE] = Field(
        2, ge=2, le=120, description="seconds to wait for the response; less than `interval`"
    )
    threshold: Annotated[int, effects.IN_PLACE] = Field(
        2, ge=2, le=10, description="consecutive checks after which a task becomes healthy or unhealthy"
    )
    status: Annotated[
        Text,
        effects.HEALTH_STATUS,
    ] = Field(
        "200",
        pattern=r"^[2-4]\d\d([-,][2-4]\d\d)*$",
        description="status codes of a healthy task: `200`, `200,302` or `200-399`",
    )


class Autoscaling(Section):
    """Target tracking of a service's number of tasks by average CPU utilization."""

    minimum: Annotated[int, effects.IN_PLACE] = Field(ge=1, description="minimum number of tasks")
    maximum: Annotated[int, effects.IN_PLACE] = Field(ge=1, description="maximum number of tasks")
    cpu_percent: Annotated[int, effects.IN_PLACE] = Field(
        60, ge=10, le=90, description="target for average CPU utilization, percent"
    )


class RollbackAlarm(Section):
    """The alarm that rolls a deployment back: failed requests of the service, while ECS watches it."""

    failed_requests: Annotated[int, effects.IN_PLACE] = Field(
        5, ge=1, description="5xx responses of the service's tasks, in a minute, from which on the minute counts"
    )
    minutes: Annotated[int, effects.IN_PLACE] = Field(
        1,
        ge=1,
        le=5,
        description="such minutes in a row that roll a deployment back; ECS watches for about as long after the new "
        "tasks run (the bake time), by which each deployment takes longer",
    )


class Canary(Section):
    """The canary of a release: a share of the requests goes to its tasks first, all others follow later."""

    percent: Annotated[int, effects.IN_PLACE] = Field(
        10, ge=1, le=99, description="share of the requests that the new tasks get first"
    )
    minutes: Annotated[int, effects.IN_PLACE] = Field(
        5,
        ge=1,
        le=1440,
        description="time until they get all of them, by which each deployment takes longer, a rollback too",
    )


class Suite(Section):
    """A test suite: the image that it runs in and its command."""

    target: Annotated[str | None, effects.RELEASE] = Field(None, description="build stage of the Dockerfile to run in")
    image: Annotated[str | None, effects.RELEASE] = Field(None, description="image to run in instead, by name")
    command: Annotated[tuple[str, ...], effects.RELEASE] = Field((), description="command; absent: the image's own")


class Check(Section):
    """A request that every release has to answer as expected."""

    path: Annotated[str, effects.RELEASE] = Field(pattern=r"^/", description="path, with a query if need be")
    status: Annotated[int, effects.RELEASE] = Field(
        200, ge=100, le=599, description="expected status code; redirects are not followed"
    )
    text: Annotated[str, effects.RELEASE] = Field("", description="text that the response body contains")


class Service(Section):
    """A service: how its image is built and how its tasks run."""

    context: Annotated[str, effects.RELEASE] = Field(
        description="folder of the Docker build context, relative to `Pulumi.yaml`"
    )
    dockerfile: Annotated[str, effects.RELEASE] = Field(
        "Dockerfile", description="path of the Dockerfile, relative to the context"
    )
    target: Annotated[str | None, effects.RELEASE] = Field(
        None, description="build stage of the Dockerfile; absent: `release` if there is one, else the last stage"
    )
    build_args: Annotated[dict[str, Text], effects.RELEASE] = Field({}, description="build arguments")
    entry_point: Annotated[tuple[str, ...] | None, effects.RELEASE] = Field(
        None, description="absent: the image's `ENTRYPOINT`"
    )
    command: Annotated[tuple[str, ...] | None, effects.RELEASE] = Field(None, description="absent: the image's `CMD`")
    user: Annotated[Text | None, effects.RELEASE] = Field(
        None, description="user of the container, `UID:GID` or a name; absent: the image's `USER`"
    )
    read_only: Annotated[bool, effects.RELEASE] = Field(default=True, description="read-only root file system")
    writable: Annotated[tuple[str, ...] | None, effects.RELEASE] = Field(
        None,
        description="directories in memory that the container may write to, at most half of `memory` each; they start "
        "empty and hide what the image has there; absent: "
        "`/tmp`, except for services that were created before this key existed",
    )
    port: Annotated[
        int | None,
        effects.PORT,
    ] = Field(
        None,
        ge=1,
        le=65535,
        description="port that the container listens on, passed as `PORT`; absent: the one port that the Dockerfile "
        "exposes, else 8080; a service that is up keeps its port",
    )
    cpu: Annotated[int, effects.RELEASE] = Field(256, description="CPU units (1/1024 vCPU), a size that Fargate offers")
    memory: Annotated[int, effects.RELEASE] = Field(512, description="MiB, a size that Fargate offers with this `cpu`")
    cpu_architecture: Annotated[Literal["X86_64", "ARM64"], effects.RELEASE] = Field(
        "X86_64", description="CPU architecture of the tasks and of the image"
    )
    desired_count: Annotated[int, effects.IN_PLACE] = Field(
        2, ge=1, description="number of tasks; with `autoscaling` the initial number only"
    )
    route: Annotated[Route, effects.IN_PLACE] = Field(Route(), description="listener rule")
    health_check: Annotated[HealthCheck, effects.IN_PLACE] = Field(
        HealthCheck(), description="health check of the target group"
    )
    version_path: Annotated[str | None, effects.RELEASE] = Field(
        None,
        pattern=r"^(/.*|none)$",
        description="path that returns the version, which must match the service's own route; absent: `version` below "
        "its first path pattern, such as `/api/version` for `/api/*`; `none`: the application has no such path",
    )
    deregistration_delay: Annotated[int, effects.IN_PLACE] = Field(
        15, ge=1, le=3600, description="seconds in which a deregistered task finishes open requests"
    )
    stop_timeout: Annotated[int, effects.RELEASE] = Field(
        30, ge=2, le=120, description="seconds from SIGTERM to SIGKILL"
    )
    grace_period: Annotated[int, effects.IN_PLACE] = Field(
        60, ge=0, description="seconds after a task starts in which ECS ignores failed health checks"
    )
    autoscaling: Annotated[Autoscaling | None, effects.AUTOSCALING] = Field(
        None, description="target tracking of the number of tasks by CPU; absent: off"
    )
    rollback_alarm: Annotated[RollbackAlarm | None, effects.IN_PLACE] = Field(
        None,
        description="ECS rolls a deployment back while this alarm is on; `{}` takes the defaults; absent: only tasks "
        "that do not start or are unhealthy roll it back",
    )
    canary: Annotated[Canary | None, effects.CANARY] = Field(
        None,
        description="a new release gets a share of the requests first, and all of them if nothing rolls it back until "
        "then (ECS's strategy CANARY); `{}` takes the defaults; twice the tasks run meanwhile; absent: its tasks "
        "replace the old ones as they become healthy",
    )
    spot: Annotated[bool, effects.ROLLING] = Field(
        default=False,
        description="run all tasks but the first on Fargate Spot: cheaper, tasks may be interrupted; with a "
        "`desired_count` of 1 nothing runs on Spot",
    )
    database: Annotated[bool, effects.DATABASE_ACCESS] = Field(
        default=True, description="access to the environment's database, if it has one"
    )
    database_variables: Annotated[dict[str, str], effects.RELEASE] = Field(
        {},
        description="environment variables made of the database's address when a container starts, which needs a shell "
        "in the image: `DATABASE_URL: postgresql://{user}:{password}@{host}:{port}/{name}`; values are percent-encoded",
    )
    environment: Annotated[dict[str, Text], effects.RELEASE] = Field(
        {}, description="environment variables in plain text"
    )
    env_file: Annotated[str | None, effects.RELEASE] = Field(
        None, description="file of further environment variables in plain text, relative to `Pulumi.yaml`"
    )
    secrets: Annotated[dict[str, SecretArn], effects.RELEASE] = Field(
        {},
        description="environment variables from Secrets Manager or Parameter Store, by the ARN of secret or parameter",
    )
    kms_keys: Annotated[tuple[KeyArn, ...], effects.SECRET_KEYS] = Field(
        (),
        description="ARNs of the KMS keys of your own that encrypt what `secrets` names; AWS's own keys "
        "(`aws/secretsmanager`, `aws/ssm`) need no entry",
    )
    tests: Annotated[Suite | None, effects.RELEASE] = Field(
        None,
        description="unit tests of an application without `bin/test`; absent: the build of its stage `test`, if any",
    )
    acceptance: Annotated[Suite | None, effects.RELEASE] = Field(
        None, description="acceptance suite; absent: the stage `acceptance`, if any, else `checks`"
    )
    checks: Annotated[tuple[Check, ...], effects.RELEASE] = Field(
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
    def canary_bake(self) -> int:
        """For how many minutes the old tasks run on once a canary gets all requests: as long as an alarm is watched."""
        return limits.bake_minutes(self.rollback_alarm.minutes) if self.canary and self.rollback_alarm else 0

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


class Environment(Section):
    """The network, load balancer, services and database of a stack."""

    network: Annotated[Network, effects.IN_PLACE] = Field(Network(), description="VPC and subnets")
    load_balancer: Annotated[LoadBalancer, effects.IN_PLACE] = Field(
        LoadBalancer(), description="application load balancer, internet-facing"
    )
    services: Annotated[
        dict[Name, Service],
        effects.SERVICES,
    ] = Field(min_length=1, description="services by name")
    database: Annotated[Database | None, effects.DATABASE] = Field(
        None, description="PostgreSQL on RDS; absent: no database"
    )
    log_retention_days: Annotated[int, effects.RETENTION] = Field(
        30, description="retention of the services' logs in days, a value that CloudWatch Logs accepts"
    )
    container_insights: Annotated[bool, effects.IN_PLACE] = Field(
        default=False, description="Container Insights metrics, which CloudWatch bills"
    )
    alarm_topic_arn: Annotated[str | None, effects.IN_PLACE] = Field(
        None,
        pattern=r"^arn:[a-z-]+:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]+$",
        description="ARN of an SNS topic of the stack's region that alarms are published to, such as the one of "
        "production's pipeline (its output `pipeline_topic`), for staging to alarm the same people; absent: the topic "
        "of the stack's own pipeline, if it has one",
    )
    runbook_url: Annotated[str | None, effects.IN_PLACE] = Field(
        None,
        pattern=r"^https://\S+[^/\s]$",
        description="URL of the folder docs/runbook, such as `https://github.com/OWNER/NAME/blob/main/docs/runbook`; "
        "the description of each alarm then ends with the link to its page; absent: without a link",
    )
    rollout: Annotated[
        Literal["pipeline", "pulumi"],
        effects.ROLLOUT,
    ] = Field("pipeline", description="what deploys releases after the first: the pipeline, or each `pulumi up`")
