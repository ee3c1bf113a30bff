"""IAM through boto3, real builds and the real registry: who calls, and what it may do."""

from __future__ import annotations

import base64
import io
import json
import secrets
import tarfile
from typing import TYPE_CHECKING, Any

import boto3
import docker
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.contract.building import GROUP, Workshop, context, workshop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.contract.cloud import Cloud

pytestmark = pytest.mark.local
HOME = "eu-central-1:000000000000"
ROOT = json.dumps({"AWS": "arn:aws:iam::000000000000:root"})
LOGS = {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}
BUCKET = "contract-iam"


def allow(action: str | list[str], resource: str | list[str] = "*") -> dict[str, Any]:
    """Return a statement that allows."""
    return {"Effect": "Allow", "Action": action, "Resource": resource}


class Person:
    """Clients with the credentials of a role."""

    def __init__(self, cloud: Cloud, credentials: dict[str, str]) -> None:
        """Take temporary credentials."""
        self.cloud, self.credentials = cloud, credentials
        self.endpoint = f"http://127.0.0.1:{cloud.environment['SLIPWAY_PORT']}"

    def client(self, api: str) -> Any:  # noqa: ANN401
        """Return a client."""
        return boto3.client(
            api, endpoint_url=self.endpoint, region_name="eu-central-1",
            aws_access_key_id=self.credentials["AccessKeyId"],
            aws_secret_access_key=self.credentials["SecretAccessKey"],
            aws_session_token=self.credentials.get("SessionToken"),
            config=Config(retries={"max_attempts": 0}),
        )  # fmt: skip


def taken(cloud: Cloud, name: str, *statements: dict[str, Any]) -> Person:
    """Make a role with these rights and take it by AssumeRole."""
    role = cloud.role(name, list(statements) or [allow("ssm:DescribeParameters")], ROOT)
    return Person(cloud, cloud.client("sts").assume_role(RoleArn=role, RoleSessionName="me")["Credentials"])


def refused(call: Callable[[], object]) -> tuple[str, str]:
    """Return code and message of a refused call."""
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


@pytest.fixture
def shop(cloud: Cloud) -> Iterator[Workshop]:
    """CodeBuild."""
    yield from workshop(cloud)


def test_a_session_is_the_role_and_may_do_what_its_policies_allow(cloud: Cloud) -> None:
    """Its ARN is the assumed role's; what is refused says so as AWS does."""
    cloud.client("ssm").put_parameter(Name="/contract-iam/a", Value="1", Type="String", Overwrite=True)
    mine = taken(cloud, "iam-reader", allow("ssm:GetParameter", f"arn:aws:ssm:{HOME}:parameter/contract-iam/*"))
    me = mine.client("sts").get_caller_identity()
    assert me["Arn"] == "arn:aws:sts::000000000000:assumed-role/iam-reader/me"
    assert me["Account"] == "000000000000"
    assert mine.client("ssm").get_parameter(Name="/contract-iam/a")["Parameter"]["Value"] == "1"
    code, text = refused(lambda: mine.client("ssm").get_parameter(Name="/other/a"))
    assert code == "AccessDeniedException"
    assert text == (
        f"User: {me['Arn']} is not authorized to perform: ssm:GetParameter on resource: "
        f"arn:aws:ssm:{HOME}:parameter/other/a because no identity-based policy allows the ssm:GetParameter action"
    )


@pytest.mark.parametrize(
    ("api", "operation", "arguments", "code"),
    [
        ("s3", "get_object", {"Bucket": BUCKET, "Key": "b"}, "AccessDenied"),
        ("s3", "list_buckets", {}, "AccessDenied"),
        ("iam", "list_roles", {}, "AccessDenied"),
        ("ec2", "describe_vpcs", {}, "UnauthorizedOperation"),
        ("sns", "list_topics", {}, "AuthorizationError"),
        ("cloudwatch", "list_metrics", {}, "AccessDeniedException"),
        ("elbv2", "describe_load_balancers", {}, "AccessDenied"),
        ("rds", "describe_db_instances", {}, "AccessDenied"),
        ("ecs", "list_clusters", {}, "AccessDeniedException"),
        ("ecr", "get_authorization_token", {}, "AccessDeniedException"),
        ("codebuild", "list_builds", {}, "AccessDeniedException"),
        ("codepipeline", "start_pipeline_execution", {"name": "x"}, "AccessDeniedException"),
        ("codestar-notifications", "list_notification_rules", {}, "AccessDeniedException"),
        ("application-autoscaling", "describe_scalable_targets", {"ServiceNamespace": "ecs"}, "AccessDeniedException"),
        ("kms", "list_keys", {}, "AccessDeniedException"),
        ("events", "list_rules", {}, "AccessDeniedException"),
        ("secretsmanager", "list_secrets", {}, "AccessDeniedException"),
        ("resourcegroupstaggingapi", "get_resources", {}, "AccessDeniedException"),
        ("sts", "assume_role", {"RoleArn": "arn:aws:iam::000000000000:role/build", "RoleSessionName": "xx"},
         "AccessDenied"),
        ("sts", "get_session_token", {}, "AccessDenied"),
    ],
)  # fmt: skip
def test_every_service_is_decided_and_refuses_in_its_own_form(
    cloud: Cloud, api: str, operation: str, arguments: dict[str, str], code: str
) -> None:
    """Served by us or by ministack, in every protocol."""
    mine = taken(cloud, "iam-nothing")
    found, text = refused(lambda: getattr(mine.client(api), operation)(**arguments))
    assert found == code
    assert "iam-nothing/me is not authorized to perform" in text


def test_objects_are_decided_by_bucket_and_key_also_by_presigned_address(cloud: Cloud) -> None:
    """A presigned address may do what its maker may."""
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    for key in ("a", "b"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
    mine = taken(cloud, "iam-objects", allow("s3:GetObject", f"arn:aws:s3:::{BUCKET}/a")).client("s3")
    assert mine.get_object(Bucket=BUCKET, Key="a")["Body"].read() == b"a"
    assert refused(lambda: mine.get_object(Bucket=BUCKET, Key="b"))[0] == "AccessDenied"
    copy = {"Bucket": BUCKET, "Key": "b"}
    assert refused(lambda: mine.copy_object(Bucket=BUCKET, Key="a", CopySource=copy))[0] == "AccessDenied"
    urls = {key: mine.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": key}) for key in ("a", "b")}
    assert httpx.get(urls["a"]).text == "a"
    assert httpx.get(urls["b"]).status_code == 403


@pytest.mark.parametrize(
    ("change", "ssm", "iam", "s3"),
    [
        ({"SessionToken": "wrong"}, "UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId"),
        ({"SessionToken": None}, "UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId"),
        ({"AccessKeyId": "ASIAAAAAAAAAAAAAAAAA"}, "UnrecognizedClientException", "InvalidClientTokenId",
         "InvalidAccessKeyId"),
    ],
)  # fmt: skip
def test_credentials_that_are_nobodys_are_refused(
    cloud: Cloud, change: dict[str, str], ssm: str, iam: str, s3: str
) -> None:
    """A wrong, missing or made up session token, even from this machine."""
    credentials = taken(cloud, "iam-nothing").credentials | change
    nobody = Person(cloud, credentials)
    assert refused(nobody.client("ssm").describe_parameters)[0] == ssm
    assert refused(nobody.client("iam").list_roles)[0] == iam
    assert refused(nobody.client("s3").list_buckets)[0] == s3


def test_a_request_signed_for_one_service_does_not_reach_another(cloud: Cloud) -> None:
    """The service that decides is the one that answers."""
    mine = taken(cloud, "iam-wide", allow("ssm:*"))
    session = boto3.session.Session(
        mine.credentials["AccessKeyId"], mine.credentials["SecretAccessKey"], mine.credentials["SessionToken"]
    )
    signed = f"Credential={session.get_credentials().access_key}/20260101/eu-central-1/ssm/aws4_request"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 {signed}, SignedHeaders=host, Signature=0",
        "X-Amz-Security-Token": mine.credentials["SessionToken"],
        "X-Amz-Target": "secretsmanager.ListSecrets",
        "Content-Type": "application/x-amz-json-1.1",
    }
    answer = httpx.post(mine.endpoint, headers=headers, content="{}")
    assert answer.json()["__type"] == "ValidationException", answer.text


def test_a_boundary_and_a_managed_policy_count(cloud: Cloud) -> None:
    """An attached policy gives, a permissions boundary limits."""
    iam = cloud.client("iam")
    mine = taken(cloud, "iam-managed")
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow(["sns:ListTopics", "kms:ListKeys"])]})
    policy = iam.create_policy(PolicyName="iam-managed", PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="iam-managed", PolicyArn=policy)
    assert mine.client("sns").list_topics()["Topics"] is not None
    narrow = json.dumps({"Version": "2012-10-17", "Statement": [allow("kms:*")]})
    boundary = iam.create_policy(PolicyName="iam-boundary", PolicyDocument=narrow)["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName="iam-managed", PermissionsBoundary=boundary)
    assert "no permissions boundary allows" in refused(mine.client("sns").list_topics)[1]
    assert mine.client("kms").list_keys()["Keys"] is not None


def test_a_role_is_passed_on_only_where_that_is_allowed(cloud: Cloud) -> None:
    """To ECS by a task definition; not another role, and not to another service."""
    own, other = (cloud.role(name, [LOGS]) for name in ("iam-passed", "iam-other"))
    passing = allow("iam:PassRole", own) | {
        "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    }
    mine = taken(cloud, "iam-passing", allow(["ecs:RegisterTaskDefinition", "codebuild:CreateProject"]), passing)

    def register(role: str) -> object:
        return mine.client("ecs").register_task_definition(
            family="iam-passed", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
            taskRoleArn=role, containerDefinitions=[{"name": "app", "image": "x"}],
        )  # fmt: skip

    register(own)
    code, text = refused(lambda: register(other))
    assert (code, f"iam:PassRole on resource: {other}" in text) == ("AccessDeniedException", True)
    shop = Workshop(cloud)
    project = shop.arguments("iam-passed", serviceRole=own)
    assert "iam:PassRole" in refused(lambda: mine.client("codebuild").create_project(**project))[1]


PROBE = r"""
version: 0.2
phases:
  build:
    commands:
      - |
        call() {
          name=$1
          shift
          curl -s -o /tmp/answer -w "%{http_code}" "$@" >/tmp/code
          echo "$name $(cat /tmp/code) $(tr '\n' ' ' </tmp/answer)"
        }
        signed() {
          scope="$1/20260101/eu-central-1/sts/aws4_request"
          echo "Authorization: AWS4-HMAC-SHA256 Credential=$scope, SignedHeaders=host, Signature=0"
        }
        who() { call "$@" -d Action=GetCallerIdentity "$AWS_ENDPOINT_URL"; }
        who me -H "$(signed "$AWS_ACCESS_KEY_ID")" -H "X-Amz-Security-Token: $AWS_SESSION_TOKEN"
        who operator -H "$(signed test)"
        call unsigned "$AWS_ENDPOINT_URL/contract-build/x"
        call control "$AWS_ENDPOINT_URL/_localcloud/clock/"
        call health "$AWS_ENDPOINT_URL/_localcloud/health"
        call token "$AWS_ENDPOINT_URL/v2/token"
        call push -X POST "$AWS_ENDPOINT_URL/contract/built.git/git-receive-pack"
        call refs "$AWS_ENDPOINT_URL/contract/built.git/info/refs?service=git-receive-pack"
        call status -X POST "$AWS_ENDPOINT_URL/api/v3/repos/contract/built/statuses/0" -d '{}'
        echo "key $AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY $AWS_SESSION_TOKEN"
"""


def test_a_build_has_the_credentials_of_its_role_until_it_ends_and_nobody_elses(cloud: Cloud, shop: Workshop) -> None:
    """The operator's key, no key, control pages and GitHub's changes are refused from its container."""
    role = cloud.role("iam-probe", [LOGS])
    build = shop.spec("contract-iam-probe", PROBE, serviceRole=role)
    assert build["buildStatus"] == "SUCCEEDED", shop.text(build)
    told = {line.split()[0]: line for line in shop.log(build) if line.split() and not line.startswith("[")}
    name = build["id"].partition(":")[2]
    assert "200 <GetCallerIdentityResponse" in told["me"]
    assert f"assumed-role/iam-probe/AWSCodeBuild-{name}<" in told["me"]
    assert told["operator"].startswith("operator 403") and "InvalidClientTokenId" in told["operator"]  # noqa: PT018
    assert "403" in told["unsigned"]
    for refusal in ("control", "health", "push", "refs", "status"):
        assert told[refusal].startswith(f"{refusal} 403") and "this machine only" in told[refusal], told[refusal]  # noqa: PT018
    assert told["token"].startswith("token 401")
    key, secret, token = told["key"].split()[1:]
    after = Person(cloud, {"AccessKeyId": key, "SecretAccessKey": secret, "SessionToken": token})
    assert refused(after.client("sts").get_caller_identity)[0] == "ExpiredToken"
    assert refused(after.client("ssm").describe_parameters)[0] == "ExpiredTokenException"


@pytest.mark.parametrize(
    ("statements", "arguments", "phase", "word"),
    [
        ([], {}, "SUBMITTED", "logs:CreateLogStream"),
        ([allow("logs:CreateLogStream")], {}, "SUBMITTED", "logs:PutLogEvents"),
        ([LOGS], {"source": {"type": "S3", "location": "contract-build/iam.zip"}}, "DOWNLOAD_SOURCE", "s3:GetObject"),
        ([LOGS], {"environment": "parameter"}, "DOWNLOAD_SOURCE", "ssm:GetParameters"),
        ([LOGS], {"environment": "secret"}, "DOWNLOAD_SOURCE", "secretsmanager:GetSecretValue"),
        ([LOGS], {"artifacts": {"type": "S3", "location": "contract-build", "packaging": "ZIP"}}, "UPLOAD_ARTIFACTS",
         "s3:PutObject"),
    ],
)  # fmt: skip
def test_what_codebuild_does_for_a_build_needs_the_roles_right(  # noqa: PLR0913 - a table
    cloud: Cloud, shop: Workshop, statements: list[dict[str, Any]], arguments: dict[str, Any], phase: str, word: str
) -> None:
    """Logs, sources, variables and artifacts: a role without the right fails the build in its phase."""
    name = "contract-iam-service"
    role = cloud.role("iam-service", statements or [allow("sns:ListTopics")])
    shop.put("iam.zip", {"a": "b"})
    given = dict(arguments)
    if "environment" in given:
        kind, value = {
            "parameter": ("PARAMETER_STORE", "/contract-iam/a"),
            "secret": ("SECRETS_MANAGER", "contract-iam"),
        }[given["environment"]]
        with_secret(cloud)
        variables = [{"name": "X", "type": kind, "value": value}]
        given["environment"] = shop.arguments(name)["environment"] | {"environmentVariables": variables}
    spec = "version: 0.2\nphases: {build: {commands: [touch made]}}\nartifacts: {files: [made]}\n"
    given["source"] = given.get("source", {"type": "NO_SOURCE"}) | {"buildspec": spec}
    shop.project(name, serviceRole=role, **given)
    build = shop.run(name)
    assert build["buildStatus"] == "FAILED"
    assert word in context(build, phase)[1]
    assert "is not authorized to perform" in context(build, phase)[1]


def with_secret(cloud: Cloud) -> None:
    """Make what the tests' builds would like to read."""
    cloud.client("ssm").put_parameter(Name="/contract-iam/a", Value="1", Type="String", Overwrite=True)
    try:
        cloud.client("secretsmanager").create_secret(Name="contract-iam", SecretString="hush")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ResourceExistsException"  # noqa: PT017


@pytest.mark.parametrize("trust", [{"Service": "ecs-tasks.amazonaws.com"}, {"AWS": "*"}])
def test_a_role_that_does_not_trust_codebuild_runs_no_build(
    cloud: Cloud, shop: Workshop, trust: dict[str, str]
) -> None:
    """Nor does one that does not exist."""
    name = f"iam-untrusting-{next(iter(trust)).lower()}"
    role = cloud.role(name, [LOGS], json.dumps(trust))
    for given in (role, "arn:aws:iam::000000000000:role/iam-nowhere"):
        shop.project("contract-iam-trust", serviceRole=given)
        build = shop.run("contract-iam-trust")
        assert build["buildStatus"] == "FAILED"
        assert "sts:AssumeRole" in context(build, "SUBMITTED")[1]


def test_sessions_outlive_a_kill_of_the_local_cloud(cloud: Cloud) -> None:
    """Whoever has credentials goes on with them."""
    mine = taken(cloud, "iam-killed", allow("ssm:DescribeParameters"))
    cloud.kill()
    cloud.command("up", "--yes")
    assert mine.client("ssm").describe_parameters()["Parameters"] is not None
    assert refused(lambda: mine.client("ssm").get_parameter(Name="/x"))[0] == "AccessDeniedException"


REPOSITORY = "contract-iam/app"
PULL = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
PUSH = [
    *PULL,
    *(f"ecr:{each}" for each in ("InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload", "PutImage")),
]


def test_push_and_pull_are_decided_by_whose_token_it_is(cloud: Cloud) -> None:
    """By repository; without a token nothing is given."""
    with_image(cloud)
    here = f"arn:aws:ecr:{HOME}:repository/{REPOSITORY}"
    login = allow("ecr:GetAuthorizationToken")
    engine, name = docker.from_env(), f"127.0.0.1:{cloud.environment['SLIPWAY_PORT']}/{REPOSITORY}"
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
    """Return what Docker logs in with."""
    text = person.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(text).decode().partition(":")
    return {"username": user, "password": password}


def with_image(cloud: Cloud) -> None:
    """Make two repositories, one with a small image."""
    ecr, engine = cloud.client("ecr"), docker.from_env()
    for name in (REPOSITORY, f"{REPOSITORY}2"):
        ecr.create_repository(repositoryName=name)
    operator = Person(cloud, {"AccessKeyId": "test", "SecretAccessKey": "test"})
    name = f"127.0.0.1:{cloud.environment['SLIPWAY_PORT']}/{REPOSITORY}"
    with io.BytesIO() as data:
        with tarfile.open(fileobj=data, mode="w") as archive:
            archive.addfile(tarfile.TarInfo(f"of-{secrets.token_hex(8)}"))
        engine.api.import_image_from_data(data.getvalue(), repository=name, tag="first")
    told = engine.images.push(name, tag="first", auth_config=token(operator))
    assert "errorDetail" not in told, told


@pytest.mark.parametrize(
    ("statements", "word"),
    [([LOGS], "ecr:BatchGetImage"), ([allow(PULL)], "logs:CreateLogStream"), ([allow(PULL), LOGS], "secretsmanager:")],
)
def test_a_task_starts_with_the_rights_of_its_execution_role(
    cloud: Cloud, statements: list[dict[str, Any]], word: str
) -> None:
    """Pull, log and secrets; the stopped task says what was missing."""
    ecs, role = cloud.client("ecs"), cloud.role("iam-execution", statements)
    with_secret(cloud)
    _, subnets = cloud.network()
    ecs.create_cluster(clusterName="contract-iam")
    options = {"awslogs-group": GROUP, "awslogs-region": "eu-central-1", "awslogs-stream-prefix": "x"}
    secret = cloud.client("secretsmanager").describe_secret(SecretId="contract-iam")["ARN"]
    container: dict[str, Any] = {
        "name": "app",
        "image": f"127.0.0.1:{cloud.environment['SLIPWAY_PORT']}/{REPOSITORY}:first",
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
