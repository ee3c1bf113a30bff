"""IAM of images: permission to push and pull, and the execution role of tasks."""

from __future__ import annotations

import base64
import io
import secrets
import tarfile
from typing import TYPE_CHECKING, Any

import docker
import httpx
import pytest

from support.building import GROUP, Workshop, context
from support.identities import HOME, LOGS, Person, allow, taken, with_secret

if TYPE_CHECKING:
    from support.cloud import Cloud

REPOSITORY = "contract-iam/app"
PULL = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
PUSH = [
    *PULL,
    *(f"ecr:{each}" for each in ("InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload", "PutImage")),
]


@pytest.fixture(scope="module")
def name(cloud: Cloud) -> str:
    """The name of a repository with a small image "first"; another one is empty."""
    ecr, engine = cloud.client("ecr"), docker.from_env()
    Workshop(cloud)  # makes the log group
    for made in (REPOSITORY, f"{REPOSITORY}2"):
        ecr.create_repository(repositoryName=made)
    operator = Person(cloud, {"AccessKeyId": "test", "SecretAccessKey": "test"})
    name = f"127.0.0.1:{cloud.environment['LOCALCLOUD_PORT']}/{REPOSITORY}"
    with io.BytesIO() as data:
        with tarfile.open(fileobj=data, mode="w") as archive:
            archive.addfile(tarfile.TarInfo(f"of-{secrets.token_hex(8)}"))
        engine.api.import_image_from_data(data.getvalue(), repository=name, tag="first")
    told = engine.images.push(name, tag="first", auth_config=token(operator))
    assert "errorDetail" not in told, told
    return name


def test_push_and_pull_are_decided_by_whose_token_it_is(cloud: Cloud, name: str) -> None:
    """For each repository; requests without a token are refused."""
    here = f"arn:aws:ecr:{HOME}:repository/{REPOSITORY}"
    login = allow("ecr:GetAuthorizationToken")
    engine = docker.from_env()
    image = engine.images.get(f"{name}:first")
    cases = {
        "iam-no-image": ([login], "ecr:", "BatchGetImage"),
        "iam-puller": ([login, allow(PULL, here)], "ecr:PutImage", ""),
        "iam-elsewhere": ([login, allow(PUSH, here + "2")], "ecr:", "BatchGetImage"),
        "iam-pusher": ([login, allow(PUSH, here)], "", ""),
    }
    for role, (statements, push, pull) in cases.items():
        auth = token(taken(cloud, role, *statements))
        image.tag(name, role)
        told = engine.images.push(name, tag=role, auth_config=auth)
        engine.images.remove(f"{name}:{role}", noprune=True)
        assert ("errorDetail" in told) is bool(push), told
        assert push in told, told
        if pull:
            with pytest.raises(docker.errors.APIError, match="not authorized"):
                engine.images.pull(name, tag="first", auth_config=auth)
        else:
            engine.images.pull(name, tag="first", auth_config=auth)
    for path in ("/v2/", f"/v2/{REPOSITORY}/manifests/first", f"/v2/{REPOSITORY}/tags/list", "/v2/token"):
        assert httpx.get(f"http://{name.partition('/')[0]}{path}").status_code == 401


def token(person: Person) -> dict[str, str]:
    """Return Docker's credentials for the registry."""
    text = person.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(text).decode().partition(":")
    return {"username": user, "password": password}


@pytest.mark.parametrize(
    ("statements", "word"),
    [([LOGS], "ecr:BatchGetImage"), ([allow(PULL)], "logs:CreateLogStream"), ([allow(PULL), LOGS], "secretsmanager:")],
)
def test_a_task_starts_with_the_rights_of_its_execution_role(
    cloud: Cloud, name: str, statements: list[dict[str, Any]], word: str
) -> None:
    """Pull, logs and secrets; the stopped task names the missing permission."""
    ecs, role = cloud.client("ecs"), cloud.role("iam-execution", statements)
    with_secret(cloud)
    _, subnets = cloud.network()
    ecs.create_cluster(clusterName="contract-iam")
    options = {"awslogs-group": GROUP, "awslogs-region": "eu-central-1", "awslogs-stream-prefix": "x"}
    secret = cloud.client("secretsmanager").describe_secret(SecretId="contract-iam")["ARN"]
    container: dict[str, Any] = {
        "name": "app",
        "image": f"{name}:first",
        "logConfiguration": {"logDriver": "awslogs", "options": options},
    }
    container |= {"secrets": [{"name": "HUSH", "valueFrom": secret}]} if word == "secretsmanager:" else {}
    made = ecs.register_task_definition(
        family="contract-iam", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
        executionRoleArn=role, containerDefinitions=[container],
    )["taskDefinition"]["taskDefinitionArn"]  # fmt: skip
    network = {"awsvpcConfiguration": {"subnets": subnets}}
    task = ecs.run_task(cluster="contract-iam", taskDefinition=made, networkConfiguration=network)["tasks"][0]
    waiter = {"Delay": 1, "MaxAttempts": 30}
    ecs.get_waiter("tasks_stopped").wait(cluster="contract-iam", tasks=[task["taskArn"]], WaiterConfig=waiter)
    stopped = ecs.describe_tasks(cluster="contract-iam", tasks=[task["taskArn"]])["tasks"][0]
    assert word in stopped["stoppedReason"], stopped["stoppedReason"]
    assert "not authorized to perform" in stopped["stoppedReason"]


@pytest.mark.parametrize(
    ("statements", "credentials", "word"),
    [
        (
            [allow("ecr:GetAuthorizationToken"), allow(PULL)],
            "CODEBUILD",
            "set imagePullCredentialsType to SERVICE_ROLE",
        ),
        ([allow(PULL)], "SERVICE_ROLE", "ecr:GetAuthorizationToken"),
        ([allow("ecr:GetAuthorizationToken")], "SERVICE_ROLE", "ecr:BatchGetImage"),
        ([allow("ecr:GetAuthorizationToken"), allow(PULL)], "SERVICE_ROLE", ""),
    ],
)
def test_a_build_image_in_ecr_is_pulled_with_the_rights_of_the_projects_role(
    cloud: Cloud, name: str, statements: list[dict[str, Any]], credentials: str, word: str
) -> None:
    """By the registry's name on AWS, which is the local registry here."""
    assert name
    shop = Workshop(cloud)
    image = f"{HOME.partition(':')[2]}.dkr.ecr.{HOME.partition(':')[0]}.amazonaws.com/{REPOSITORY}:first"
    environment = {"image": image, "imagePullCredentialsType": credentials}
    environment |= {"type": "LINUX_CONTAINER", "computeType": "BUILD_GENERAL1_SMALL"}
    shop.project("iam-image", environment=environment, serviceRole=cloud.role("iam-image", [*statements, LOGS]))
    build = shop.run("iam-image")
    code, text = context(build, "PROVISIONING")
    assert code == ("BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE" if word else "")
    assert word in text
