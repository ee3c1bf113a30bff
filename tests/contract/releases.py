"""An environment that releases are deployed to: a Site with a template, repository and parameters as a stack's."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import docker

from tests.contract.cloud import ROLE, Site

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.cloud import Cloud

STACK = "released"
CONTEXT = "tests/contract/images/release"
TAGS = [{"key": "project", "value": "slipway"}, {"key": "environment", "value": STACK}]


class Releases(Site):
    """The environment "released" with one service "web", and its images by what they do."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        """Make it, with a first release as Pulumi would have made it; files are written to the folder."""
        super().__init__(cloud, STACK)
        self.folder = folder
        ecr = cloud.client("ecr")
        self.repository = ecr.create_repository(repositoryName="released/web")["repository"]["repositoryUri"]
        self.base = json.loads(cloud.command("env", "--json"))["PYTHON_IMAGE"]
        self.template()
        first = self.push("good", "content-1")
        own = {"IMAGE_DIGEST": first, "APP_VERSION": "content-1"}
        self.first = self._define(f"{STACK}-web", f"{self.repository}@{first}", own)
        self.serve(self.first, desired=1)
        self._parameters()
        assert self.outcome()["status"] == "SUCCESSFUL"

    def template(self, **environment: str) -> str:
        """Register a revision of the template, as `pulumi up` does; returns its ARN."""
        return self._define(f"{STACK}-web-template", f"{self.repository}:template", environment)

    def _define(self, family: str, image: str, environment: dict[str, str]) -> str:
        container: dict[str, Any] = {
            "name": "app",
            "image": image,
            "portMappings": [{"containerPort": 8080}],
            "environment": [{"name": key, "value": value} for key, value in environment.items()],
        }
        made = self.ecs.register_task_definition(
            family=family, networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
            executionRoleArn=ROLE, containerDefinitions=[container], tags=TAGS,
        )  # fmt: skip
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def _parameters(self) -> None:
        facts: dict[str, dict[str, Any]] = {
            "environment": {"url": f"http://{self.host}", "cluster": self.name},
            "services/web": {
                "service": "web",
                "template_family": f"{STACK}-web-template",
                "release_family": f"{STACK}-web",
                "repository_url": self.repository,
                "context": CONTEXT,
                "dockerfile": "Dockerfile",
                "build_args": {"PYTHON_IMAGE": self.base},
            },
        }
        for name, value in facts.items():
            self.cloud.client("ssm").put_parameter(
                Name=f"/slipway/{STACK}/{name}", Type="String", Value=json.dumps(value), Overwrite=True
            )

    def push(self, mode: str, tag: str) -> str:
        """Build the image that behaves so, push it under the tag; returns its digest."""
        engine = docker.from_env()
        image = f"{self.repository}:{tag}"
        folder = str(self.cloud.repository / CONTEXT)
        arguments = {"MODE": mode, "PYTHON_IMAGE": self.base}
        # The label makes two images of one mode differ, as two commits do.
        engine.images.build(path=folder, tag=image, target="release", buildargs=arguments, labels={"tag": tag}, rm=True)
        token = self.cloud.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
        user, _, password = base64.b64decode(token).decode().partition(":")
        told = engine.images.push(self.repository, tag=tag, auth_config={"username": user, "password": password})
        assert "errorDetail" not in told, told
        engine.images.remove(image)
        found = self.cloud.client("ecr").describe_images(repositoryName="released/web", imageIds=[{"imageTag": tag}])
        return str(found["imageDetails"][0]["imageDigest"])

    def candidate(self, mode: str, commit: str) -> Path:
        """Push a commit's image that behaves so; returns its release.json."""
        digest = self.push(mode, f"candidate-{commit}")
        web = {"repository": "released/web", "digest": digest, "version": commit}
        path = self.folder / f"{commit}.json"
        path.write_text(json.dumps({"commit": commit, "execution": f"run-{commit}", "services": {"web": web}}))
        return path

    def start(self, command: str, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start a delivery command of this environment."""
        variables = json.loads(self.cloud.command("env", "--json"))
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        return subprocess.Popen(
            [sys.executable, "-m", "delivery", command, "--stack", STACK, *map(str, arguments)],
            cwd=self.cloud.repository,
            env={**kept, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def delivery(self, command: str, *arguments: str | Path) -> tuple[int, str]:
        """Run a delivery command of this environment; returns its exit code and what it wrote."""
        process = self.start(command, *arguments)
        told, _ = process.communicate(timeout=300)
        return process.returncode, told

    def serves(self) -> str:
        """Return the revision that the service is set to run."""
        return str(self.service()["taskDefinition"])

    def revision(self, arn: str = "") -> tuple[dict[str, Any], dict[str, str]]:
        """Return a revision (the one that is served) and its tags."""
        found = self.ecs.describe_task_definition(taskDefinition=arn or self.serves(), include=["TAGS"])
        return found["taskDefinition"], {tag["key"]: tag["value"] for tag in found.get("tags", [])}
