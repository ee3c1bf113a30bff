"""A local cloud under test: its commands, its clients, and common resources."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import docker
from botocore.config import Config

from localcloud.settings import IMAGE_PREFIX, label
from support.waiting import until

IMAGE = f"{IMAGE_PREFIX}contract"
PYTHON = os.environ.get("LOCALCLOUD_PYTHON") or sys.executable
"""The interpreter of the local cloud's virtual environment."""
SERVER = Path(__file__).parent / "images" / "server"
OVER = ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")
ROLE = "arn:aws:iam::000000000000:role/execution"
ROLES = ("build", "contract-build", "contract-pipeline", "execution", "x")


@dataclass
class Cloud:
    """A local cloud under test."""

    environment: dict[str, str]
    clients: dict[str, Any] = field(default_factory=dict)

    def command(self, *arguments: str) -> str:
        """Run `python -m localcloud` and return its output."""
        done = subprocess.run(
            [PYTHON, "-m", "localcloud", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @cached_property
    def variables(self) -> dict[str, str]:
        """The environment variables for clients, and the base images; constant during its lifetime."""
        return dict(json.loads(self.command("env", "--json")))

    def kill(self) -> None:
        """Kill the local cloud's process (SIGKILL)."""
        os.kill(json.loads(self.command("status", "--json"))["pid"], signal.SIGKILL)

    def client(self, api: str) -> Any:
        """Return a boto3 client without retries."""
        if api not in self.clients:
            self.clients[api] = boto3.client(
                api,
                endpoint_url=f"http://127.0.0.1:{self.environment['LOCALCLOUD_PORT']}",
                region_name="eu-central-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(retries={"max_attempts": 0}),
            )
        return self.clients[api]

    def roles(self) -> None:
        """Create the roles of the tests' builds, tasks and pipelines, with all permissions."""
        for name in ROLES:
            # The name of a role for one service contains that service.
            own = [json.dumps({"Service": f"code{name.removeprefix('contract-')}.amazonaws.com"})]
            everything = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
            self.role(name, everything, *(own if name.startswith("contract-") else ()))

    def role(self, name: str, statements: list[dict[str, Any]], *principals: str) -> str:
        """Create a role with one inline policy, or replace its statements; returns its ARN.

        It trusts builds, tasks and pipelines, or the given principals, such as `{"AWS": ...}` as JSON.
        """
        iam, service = (
            self.client("iam"),
            [f"{name}.amazonaws.com" for name in ("codebuild", "ecs-tasks", "codepipeline")],
        )
        trusted = [json.loads(each) for each in principals] or [{"Service": service}]
        trust = [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": each} for each in trusted]
        with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": trust}))
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
        return str(iam.get_role(RoleName=name)["Role"]["Arn"])

    def containers(self, kind: str) -> list[Any]:
        """Return this cloud's containers of a kind ("task", "balancer"), including stopped ones."""
        labels = [f"{label('network')}={self.environment['LOCALCLOUD_NETWORK']}", f"{label('kind')}={kind}"]
        return list(docker.from_env().containers.list(all=True, filters={"label": labels}, ignore_removed=True))

    def image(self, mode: str) -> str:
        """Build the image of the test server in a mode (cached); returns its name."""
        name = f"{IMAGE}:{mode}"
        arguments = {"MODE": mode, "PYTHON_IMAGE": self.variables["PYTHON_IMAGE"]}
        docker.from_env().images.build(path=str(SERVER), tag=name, buildargs=arguments, rm=True)
        return name

    def network(self) -> tuple[str, list[str]]:
        """Create a VPC with two subnets in two zones; returns their ids."""
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.77.{n}.0/24", AvailabilityZone=f"eu-central-1{zone}")
            for n, zone in enumerate("ab")
        ]
        return vpc, [subnet["Subnet"]["SubnetId"] for subnet in subnets]


class Site:
    """A load balancer with a target group and an ECS cluster, all with the same name."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        """Create the resources, with health checks every 5 s and thresholds of 2."""
        self.cloud, self.name = cloud, name
        self.elb, self.ecs = cloud.client("elbv2"), cloud.client("ecs")
        self.vpc, self.subnets = cloud.network()
        made = self.elb.create_load_balancer(Name=name, Subnets=self.subnets)["LoadBalancers"][0]
        self.balancer, self.host = made["LoadBalancerArn"], made["DNSName"]
        self.group = self.target_group(name)
        forward = [{"Type": "forward", "TargetGroupArn": self.group}]
        listener = self.elb.create_listener(
            LoadBalancerArn=self.balancer, Port=80, Protocol="HTTP", DefaultActions=forward
        )
        self.listener = listener["Listeners"][0]["ListenerArn"]
        self.ecs.create_cluster(clusterName=name)
        cloud.client("logs").create_log_group(logGroupName=f"/contract/{name}")

    def target_group(self, name: str) -> str:
        """Create a target group; returns its ARN."""
        group = self.elb.create_target_group(
            Name=name, Protocol="HTTP", Port=8080, VpcId=self.vpc, TargetType="ip", HealthCheckPath="/healthz",
            HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2,
            HealthyThresholdCount=2, UnhealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
        delay = [{"Key": "deregistration_delay.timeout_seconds", "Value": "10"}]
        self.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=delay)
        return str(group)

    def definition(self, image: str, environment: dict[str, str] | None = None, **container: object) -> str:
        """Register a task definition with one container; returns its ARN."""
        options = {
            "awslogs-group": f"/contract/{self.name}",
            "awslogs-region": "eu-central-1",
            "awslogs-stream-prefix": "x",
        }
        full: dict[str, Any] = {
            "name": "app",
            "image": image,
            "portMappings": [{"containerPort": 8080}],
            "environment": [{"name": key, "value": value} for key, value in (environment or {}).items()],
            "logConfiguration": {"logDriver": "awslogs", "options": options},
            **container,
        }
        made = self.ecs.register_task_definition(
            family=self.name, networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
            executionRoleArn=ROLE, containerDefinitions=[full],
        )  # fmt: skip
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def network_configuration(self) -> dict[str, Any]:
        """Return the network configuration of tasks."""
        return {"awsvpcConfiguration": {"subnets": self.subnets}}

    def serve(self, definition: str, desired: int = 2, **more: object) -> dict[str, Any]:
        """Create the service "web" with a circuit breaker and a grace period of 10 s."""
        arguments: dict[str, Any] = {
            "loadBalancers": [{"targetGroupArn": self.group, "containerName": "app", "containerPort": 8080}],
            "healthCheckGracePeriodSeconds": 10,
            "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
            **more,
        }
        made = self.ecs.create_service(
            cluster=self.name, serviceName="web", taskDefinition=definition, desiredCount=desired, launchType="FARGATE",
            networkConfiguration=self.network_configuration(), **arguments,
        )  # fmt: skip
        return dict(made["service"])

    def service(self, name: str = "web") -> dict[str, Any]:
        """Describe a service."""
        return dict(self.ecs.describe_services(cluster=self.name, services=[name])["services"][0])

    def update(self, **arguments: object) -> str:
        """Update the service; returns the ARN of the current service deployment."""
        return str(
            self.ecs.update_service(cluster=self.name, service="web", **arguments)["service"][
                "currentServiceDeployment"
            ]
        )

    def outcome(self, rollout: str | None = None) -> dict[str, Any]:
        """Wait until a service deployment (default: the current one) has ended; returns it."""
        known = rollout or self.service()["currentServiceDeployment"]

        def found() -> dict[str, Any]:
            return dict(self.ecs.describe_service_deployments(serviceDeploymentArns=[known])["serviceDeployments"][0])

        until(lambda: found()["status"] in OVER, lambda: self.service()["events"][:5])
        return found()

    def tasks(self) -> list[dict[str, Any]]:
        """Describe the service's tasks with desired status RUNNING."""
        arns = self.ecs.list_tasks(cluster=self.name, serviceName="web")["taskArns"]
        return list(self.ecs.describe_tasks(cluster=self.name, tasks=arns)["tasks"]) if arns else []

    def run(self, definition: str, **arguments: object) -> dict[str, Any]:
        """Run a standalone task to its end; returns it."""
        task = self.ecs.run_task(
            cluster=self.name, taskDefinition=definition, networkConfiguration=self.network_configuration(), **arguments
        )["tasks"][0]["taskArn"]
        self.ecs.get_waiter("tasks_stopped").wait(
            cluster=self.name, tasks=[task], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        return dict(self.ecs.describe_tasks(cluster=self.name, tasks=[task])["tasks"][0])
