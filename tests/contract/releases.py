"""An environment for releases: a Site with the template task definitions, repositories and parameters of a stack."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import docker

from support.cloud import ROLE, Site
from tests import service_facts
from tests.setups import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from support.cloud import Cloud

STACK = "released"
CONTEXT = "tests/contract/images/release"


class Releases(Site):
    """An environment with service "web", optional others on their own paths, and images with different behavior."""

    def __init__(self, cloud: Cloud, folder: Path, stack: str = STACK, services: tuple[str, ...] = ("web",)) -> None:
        """Create the environment with first releases as Pulumi does; files are written to the folder."""
        super().__init__(cloud, stack)
        self.folder, self.stack, self.services = folder, stack, services
        self.tags = [{"key": "project", "value": "slipway"}, {"key": "environment", "value": stack}]
        ecr = cloud.client("ecr")
        self.repositories = {
            service: ecr.create_repository(repositoryName=f"{stack}/{service}")["repository"]["repositoryUri"]
            for service in services
        }
        self.base = cloud.variables["PYTHON_IMAGE"]
        self._parameter("environment", {"url": f"http://{self.host}", "cluster": self.name})
        firsts = {service: self._first(service) for service in services}
        self.first = firsts["web"]
        self.serve(self.first, desired=1)
        for service in services[1:]:
            self._beside(service, firsts[service])
        for service in services:
            assert self.outcome(self.service(service)["currentServiceDeployment"])["status"] == "SUCCESSFUL"

    def template(self, service: str = "web", /, **environment: str) -> str:
        """Register a revision of a service's template task definition, as `pulumi up` does; returns its ARN."""
        image = f"{self.repositories[service]}:template"
        return self._define(f"{self.stack}-{service}-template", image, environment)

    def _first(self, service: str) -> str:
        """Push a service's first image, register its revision and template, write its parameter; returns the ARN."""
        self.template(service)
        digest, repository = self.push("good", "content-1", service), self.repositories[service]
        facts = service_facts.service(
            service,
            self.stack,
            ecs_service=service,
            container="app",
            repository_url=repository,
            context=CONTEXT,
            build_args={"PYTHON_IMAGE": self.base},
            version_path="/version" if service == "web" else f"/{service}/version",
        )
        self._parameter(f"services/{service}", json.loads(facts.payload()))
        own = {"IMAGE_DIGEST": digest, "APP_VERSION": "content-1"}
        return self._define(f"{self.stack}-{service}", f"{repository}@{digest}", own)

    def _beside(self, service: str, definition: str) -> None:
        """Create another service, which gets the requests below /<service>/."""
        group = self.target_group(f"{self.stack}-{service}")
        self.elb.create_rule(
            ListenerArn=self.listener, Priority=10, Actions=[{"Type": "forward", "TargetGroupArn": group}],
            Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": [f"/{service}/*"]}}],
        )  # fmt: skip
        self.ecs.create_service(
            cluster=self.name, serviceName=service, taskDefinition=definition, desiredCount=1, launchType="FARGATE",
            networkConfiguration=self.network_configuration(), healthCheckGracePeriodSeconds=10,
            loadBalancers=[{"targetGroupArn": group, "containerName": "app", "containerPort": 8080}],
            deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
        )  # fmt: skip

    def _define(self, family: str, image: str, environment: dict[str, str]) -> str:
        container: dict[str, Any] = {
            "name": "app",
            "image": image,
            "portMappings": [{"containerPort": 8080}],
            "environment": [{"name": key, "value": value} for key, value in environment.items()],
        }
        made = self.ecs.register_task_definition(
            family=family, networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
            executionRoleArn=ROLE, containerDefinitions=[container], tags=self.tags,
        )  # fmt: skip
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def _parameter(self, name: str, value: dict[str, Any]) -> None:
        """Write a parameter as the stack does."""
        self.cloud.client("ssm").put_parameter(
            Name=f"/slipway/{self.stack}/{name}", Type="String", Value=json.dumps(value), Overwrite=True
        )

    def push(self, mode: str, tag: str, service: str = "web") -> str:
        """Build an image with the given behavior and push it with the tag; returns its digest."""
        engine, repository = docker.from_env(), self.repositories[service]
        image = f"{repository}:{tag}"
        folder = str(ROOT / CONTEXT)
        arguments = {"MODE": mode, "PYTHON_IMAGE": self.base}
        # The label makes images of one mode differ, as those of different commits and services do.
        engine.images.build(
            path=folder, tag=image, target="release", buildargs=arguments, labels={"of": image}, rm=True
        )
        token = self.cloud.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
        user, _, password = base64.b64decode(token).decode().partition(":")
        told = engine.images.push(repository, tag=tag, auth_config={"username": user, "password": password})
        assert "errorDetail" not in told, told
        engine.images.remove(image)
        found = self.cloud.client("ecr").describe_images(
            repositoryName=f"{self.stack}/{service}", imageIds=[{"imageTag": tag}]
        )
        return str(found["imageDetails"][0]["imageDigest"])

    def candidate(self, mode: str, commit: str, **modes: str) -> Path:
        """Push a commit's images with the given behavior, by service if given; returns the path of release.json."""
        digests = {name: self.push(modes.get(name, mode), f"candidate-{commit}", name) for name in self.services}
        services = {
            name: {"repository": f"{self.stack}/{name}", "digest": digest, "version": commit}
            for name, digest in digests.items()
        }
        path = self.folder / f"{commit}.json"
        path.write_text(json.dumps({"commit": commit, "execution": f"run-{commit}", "services": services}))
        return path

    def start(self, command: str, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start a delivery command for this environment."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        return subprocess.Popen(
            [sys.executable, "-m", "delivery", command, "--stack", self.stack, *map(str, arguments)],
            cwd=ROOT,
            env={**kept, **self.cloud.variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def delivery(self, command: str, *arguments: str | Path) -> tuple[int, str]:
        """Run a delivery command for this environment; returns its exit code and output."""
        process = self.start(command, *arguments)
        told, _ = process.communicate(timeout=300)
        return process.returncode, told

    def serves(self, service: str = "web") -> str:
        """Return the revision in a service's definition."""
        return str(self.service(service)["taskDefinition"])

    def revision(self, arn: str = "") -> tuple[dict[str, Any], dict[str, str]]:
        """Return a revision (default: the one that is served) and its tags."""
        found = self.ecs.describe_task_definition(taskDefinition=arn or self.serves(), include=["TAGS"])
        return found["taskDefinition"], {tag["key"]: tag["value"] for tag in found.get("tags", [])}
