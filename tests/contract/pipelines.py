"""Pipelines under test: a repository at the local GitHub, build projects, and what tests ask of executions."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tests.contract.responses import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.contract.cloud import Cloud

ROLE = "arn:aws:iam::000000000000:role/contract-pipeline"
BUCKET, PROJECT = "contract-artifacts", "contract-work"
OVER = ("Succeeded", "Failed", "Superseded", "Stopped", "Cancelled")
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


def until(what: Callable[[], Any], seconds: float = 60) -> Any:  # noqa: ANN401
    """Wait for something that is true; returns it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s")


def once(make: Callable[..., Any], **arguments: object) -> None:
    """Make something that another test may have made already."""
    try:
        make(**arguments)
    except ClientError as error:
        if "Already" not in error.response["Error"]["Code"]:
            raise


def action(kind: str, name: str, configuration: dict[str, str], **more: object) -> dict[str, Any]:
    """Return an action's declaration; kind is category/owner/provider."""
    category, owner, provider = kind.split("/")
    inputs, outputs = more.pop("inputs", ()), more.pop("outputs", ())
    return {
        "name": name,
        "actionTypeId": {"category": category, "owner": owner, "provider": provider, "version": "1"},
        "configuration": configuration,
        "inputArtifacts": [{"name": item} for item in inputs],  # type: ignore[attr-defined]
        "outputArtifacts": [{"name": item} for item in outputs],  # type: ignore[attr-defined]
        **more,
    }


def build(name: str, command: str, **more: object) -> dict[str, Any]:
    """Return a build action that runs a shell command in the repository's files."""
    extra = more.pop("variables", [])
    variables = [{"name": "COMMAND", "value": command, "type": "PLAINTEXT"}, *extra]  # type: ignore[misc]
    configuration = {"ProjectName": PROJECT, "EnvironmentVariables": json.dumps(variables)}
    return action("Build/AWS/CodeBuild", name, configuration, **({"inputs": ["Source"]} | more))


def approval(name: str = "Approve", **more: object) -> dict[str, Any]:
    """Return an approval action that expires after five minutes."""
    return action("Approval/AWS/Manual", name, dict(more), timeoutInMinutes=5)  # type: ignore[arg-type]


class Works:
    """A repository, a bucket, roles, a build project and a connection, and pipelines over them."""

    def __init__(self, cloud: Cloud, folder: Path, name: str = "app") -> None:
        """Make what is not there yet and push a first commit to a repository of that name."""
        self.cloud, self.recorder = cloud, Recorder()
        self.endpoint = f"http://127.0.0.1:{cloud.environment['SLIPWAY_PORT']}"
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
        image = json.loads(cloud.command("env", "--json"))["PYTHON_IMAGE"]
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
        """Make a connection; returns its ARN."""
        client = self.cloud.client("codeconnections")
        key = str(client.create_connection(ProviderType="GitHub", ConnectionName=name)["ConnectionArn"])
        if available:
            self.cloud.command("connect", key)
        return key

    def git(self, *arguments: str) -> str:
        """Run git in the working copy."""
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
        """Commit files on the working copy's branch and push them to a branch; returns the commit."""
        for name, text in files.items():
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", 'a "quoted" change')
        self.git("push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{branch}")
        return self.git("rev-parse", "HEAD")

    def source(self, **configuration: str) -> dict[str, Any]:
        """Return the stage with a connection's source, which pushes do not start unless DetectChanges is given."""
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
        """Make a pipeline; returns it with its first execution under way."""
        stages = stages if stages and stages[0]["name"] == "Source" else (self.source(), *stages)
        self.pipelines.create_pipeline(pipeline=self.declaration(name, *stages, **more))
        return Line(self, name)

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Post to a webhook; returns status and answer."""
        request = urllib.request.Request(url, body, {"Content-Type": "application/json", **headers})  # noqa: S310
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)


class Line:
    """One pipeline."""

    def __init__(self, works: Works, name: str) -> None:
        """Take its name."""
        self.works, self.api, self.name = works, works.pipelines, name

    def executions(self) -> list[dict[str, Any]]:
        """Return its executions, newest first."""
        return list(self.api.list_pipeline_executions(pipelineName=self.name)["pipelineExecutionSummaries"])

    def start(self, **more: object) -> str:
        """Start an execution; returns its identifier."""
        return str(self.api.start_pipeline_execution(name=self.name, **more)["pipelineExecutionId"])

    def first(self) -> str:
        """Return the first execution's identifier."""
        return str(self.executions()[-1]["pipelineExecutionId"])

    def status(self, execution: str) -> str:
        """Return an execution's status."""
        found = self.api.get_pipeline_execution(pipelineName=self.name, pipelineExecutionId=execution)
        return str(found["pipelineExecution"]["status"])

    def outcome(self, execution: str | None = None, seconds: float = 90) -> str:
        """Wait for an execution's end (the first one's if none is given); returns its status."""
        execution = execution or self.first()
        until(lambda: self.status(execution) in OVER, seconds)
        for row in self.actions(execution):
            if row["status"] == "Failed":  # pytest shows it where a test fails
                print(self.name, row["actionName"], row["output"]["executionResult"]["errorDetails"])
        return self.status(execution)

    def stage(self, name: str) -> dict[str, Any]:
        """Return a stage's state."""
        states = self.api.get_pipeline_state(name=self.name)["stageStates"]
        return dict(next(row for row in states if row["stageName"] == name))

    def entered(self, stage: str, execution: str) -> dict[str, Any]:
        """Wait until an execution is in a stage; returns the stage's state."""
        return dict(until(lambda: self._in(stage, execution)))

    def _in(self, stage: str, execution: str) -> dict[str, Any] | None:
        state = self.stage(stage)
        return state if state.get("latestExecution", {}).get("pipelineExecutionId") == execution else None

    def waiting(self, stage: str, execution: str) -> dict[str, Any]:
        """Wait until an execution stands in front of a stage; returns the stage's state."""
        return dict(until(lambda: self._before(stage, execution)))

    def _before(self, stage: str, execution: str) -> dict[str, Any] | None:
        state = self.stage(stage)
        return state if state.get("inboundExecution", {}).get("pipelineExecutionId") == execution else None

    def token(self, stage: str, execution: str) -> str:
        """Wait until an execution holds an approval, and return its token."""
        self.entered(stage, execution)
        return str(until(lambda: self.stage(stage)["actionStates"][0].get("latestExecution", {}).get("token")))

    def decide(self, stage: str, token: str, status: str = "Approved", name: str = "Approve") -> None:
        """Approve or reject."""
        result = {"status": status, "summary": "seen"}
        self.api.put_approval_result(
            pipelineName=self.name, stageName=stage, actionName=name, result=result, token=token
        )

    def actions(self, execution: str) -> list[dict[str, Any]]:
        """Return what the actions of an execution did, oldest first."""
        wanted = {"pipelineExecutionId": execution}
        rows = self.api.list_action_executions(pipelineName=self.name, filter=wanted)["actionExecutionDetails"]
        return list(reversed(rows))
