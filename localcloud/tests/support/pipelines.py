"""Pipelines under test: a repository on the local GitHub, build projects, declarations."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from support.lines import Line
from support.responses import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.cloud import Cloud

__all__ = ["Line", "Works", "action", "approval", "build", "gate", "stage", "unchecked", "valid"]
ROLE = "arn:aws:iam::000000000000:role/contract-pipeline"
NO_CONNECTION = "arn:aws:codeconnections:eu-central-1:000000000000:connection/00000000-0000-0000-0000-000000000000"
BUCKET, PROJECT = "contract-artifacts", "contract-work"
BUILDSPEC = """version: 0.2
env:
  exported-variables: [WORD]
phases:
  build:
    commands:
      - eval "$COMMAND"
artifacts:
  files: ['**/*']
"""


def once(make: Callable[..., Any], **arguments: object) -> None:
    """Create a resource, unless another test has created it."""
    try:
        make(**arguments)
    except ClientError as error:
        if "Already" not in error.response["Error"]["Code"]:
            raise


def action(kind: str, name: str, configuration: dict[str, str], **more: object) -> dict[str, Any]:
    """Return an action's declaration; `kind` is category/owner/provider."""
    category, owner, provider = kind.split("/")
    inputs, outputs = more.pop("inputs", ()), more.pop("outputs", ())
    return {
        "name": name,
        "actionTypeId": {"category": category, "owner": owner, "provider": provider, "version": "1"},
        "configuration": configuration,
        "inputArtifacts": [{"name": item} for item in inputs],  # type: ignore[attr-defined]  # rows are typed as objects
        "outputArtifacts": [{"name": item} for item in outputs],  # type: ignore[attr-defined]  # rows are typed as objects
        **more,
    }


def build(name: str, command: str, **more: object) -> dict[str, Any]:
    """Return a build action that runs a shell command in the repository's files."""
    extra = more.pop("variables", [])
    variables = [{"name": "COMMAND", "value": command, "type": "PLAINTEXT"}, *extra]  # type: ignore[misc]  # an object, by the caller's `more`
    configuration = {"ProjectName": PROJECT, "EnvironmentVariables": json.dumps(variables)}
    return action("Build/AWS/CodeBuild", name, configuration, **({"inputs": ["Source"]} | more))


def approval(name: str = "Approve", **more: object) -> dict[str, Any]:
    """Return an approval action that expires after five minutes."""
    return action("Approval/AWS/Manual", name, dict(more), timeoutInMinutes=5)  # type: ignore[arg-type]  # the caller's `more` is a configuration


def gate(name: str = "Gate") -> dict[str, Any]:
    """Return a stage with an approval."""
    return {"name": name, "actions": [approval()]}


def stage(name: str, *commands: str) -> dict[str, Any]:
    """Return a stage that runs commands in sequence."""
    return {"name": name, "actions": [build(f"Run{n}", command, runOrder=n) for n, command in enumerate(commands, 1)]}


def valid() -> dict[str, Any]:
    """Return a valid declaration."""
    values = {"ConnectionArn": NO_CONNECTION, "FullRepositoryId": "acme/app", "BranchName": "main"}
    fetch = action("Source/AWS/CodeStarSourceConnection", "Fetch", values, outputs=["Source"], namespace="Fetched")
    return {
        "name": "refused",
        "roleArn": ROLE,
        "artifactStore": {"type": "S3", "location": BUCKET},
        "pipelineType": "V2",
        "stages": [
            {"name": "Source", "actions": [fetch]},
            {"name": "Build", "actions": [build("Make", "true", outputs=["Made"], namespace="Making")]},
            {"name": "Gate", "actions": [approval()]},
        ],
    }


def unchecked(cloud: Cloud) -> Any:
    """Return a boto3 client without parameter validation."""
    return boto3.client(
        "codepipeline",
        endpoint_url=f"http://127.0.0.1:{cloud.environment['LOCALCLOUD_PORT']}",
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}, parameter_validation=False),
    )


class Works:
    """A repository, a bucket, roles, a build project and a connection, and the pipelines that use them."""

    def __init__(self, cloud: Cloud, folder: Path, name: str = "app") -> None:
        """Create missing resources and push a first commit to a repository with that name."""
        self.cloud, self.recorder = cloud, Recorder()
        self.endpoint = f"http://127.0.0.1:{cloud.environment['LOCALCLOUD_PORT']}"
        self.repository, self._folder = f"acme/{name}", folder / name
        self.pipelines = cloud.client("codepipeline")
        for api in ("codepipeline", "codeconnections", "codestar-connections", "codestar-notifications"):
            self.recorder.watch(cloud.client(api))
        region = {"LocationConstraint": "eu-central-1"}
        once(cloud.client("s3").create_bucket, Bucket=BUCKET, CreateBucketConfiguration=region)
        for service in ("codepipeline", "codebuild"):
            principal = {"Service": f"{service}.amazonaws.com"}
            trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
            role = f"contract-{service.removeprefix('code')}"
            document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
            once(cloud.client("iam").create_role, RoleName=role, AssumeRolePolicyDocument=document)
        once(cloud.client("logs").create_log_group, logGroupName=f"/aws/codebuild/{PROJECT}")
        image = cloud.variables["PYTHON_IMAGE"]
        once(
            cloud.client("codebuild").create_project,
            name=PROJECT,
            serviceRole="arn:aws:iam::000000000000:role/contract-build",
            source={"type": "CODEPIPELINE"},
            artifacts={"type": "CODEPIPELINE"},
            environment={"type": "LINUX_CONTAINER", "image": image, "computeType": "BUILD_GENERAL1_SMALL"},
        )
        self.connection = self.connect(f"contract-{name}")
        self._folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("remote", "add", "origin", f"{self.endpoint}/{self.repository}.git")
        self.push({"buildspec.yml": BUILDSPEC})

    def connect(self, name: str, *, available: bool = True) -> str:
        """Create a connection; returns its ARN."""
        client = self.cloud.client("codeconnections")
        key = str(client.create_connection(ProviderType="GitHub", ConnectionName=name)["ConnectionArn"])
        if available:
            self.cloud.command("connect", key)
        return key

    def git(self, *arguments: str) -> str:
        """Run git in the clone."""
        identity = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com"}
        identity |= {"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.com"}
        done = subprocess.run(
            ["git", *arguments],
            cwd=self._folder,
            env=os.environ | identity,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def push(self, files: dict[str, str], branch: str = "main") -> str:
        """Commit files on the clone's current branch and push them to a branch; returns the commit."""
        for name, text in files.items():
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", 'a "quoted" change')
        self.git("push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{branch}")
        return self.git("rev-parse", "HEAD")

    def source(self, **configuration: str) -> dict[str, Any]:
        """Return the source stage with a connection; pushes do not start it unless DetectChanges is given."""
        values = {
            "ConnectionArn": self.connection,
            "FullRepositoryId": self.repository,
            "BranchName": "main",
            "DetectChanges": "false",
            **configuration,
        }
        row = action(
            "Source/AWS/CodeStarSourceConnection", "Fetch", values, outputs=["Source"], namespace="SourceVariables"
        )
        return {"name": "Source", "actions": [row]}

    def declaration(self, name: str, *stages: dict[str, Any], **more: object) -> dict[str, Any]:
        """Return a V2 pipeline's declaration."""
        return {
            "name": name,
            "roleArn": ROLE,
            "artifactStore": {"type": "S3", "location": BUCKET},
            "pipelineType": "V2",
            "stages": list(stages),
            **more,
        }

    def line(self, name: str, *stages: dict[str, Any], **more: object) -> Line:
        """Create a pipeline; returns it with its first execution in progress."""
        stages = stages if stages and stages[0]["name"] == "Source" else (self.source(), *stages)
        self.pipelines.create_pipeline(pipeline=self.declaration(name, *stages, **more))
        return Line(self, name)

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Post to a webhook; returns the status and response."""
        request = urllib.request.Request(url, body, {"Content-Type": "application/json", **headers})  # noqa: S310 - an address of this machine
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310 - an address of this machine
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
