"""IAM through boto3: authentication and authorization."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
import httpx
import pytest

from support.building import Workshop
from support.identities import HOME, LOGS, Person, allow, refused, taken

if TYPE_CHECKING:
    from support.cloud import Cloud

BUCKET = "contract-iam"


def test_a_session_is_the_role_and_may_do_what_its_policies_allow(cloud: Cloud) -> None:
    """Its ARN is the assumed role's; denials have AWS's message."""
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
    """For our own and ministack's services, in every protocol."""
    mine = taken(cloud, "iam-nothing")
    found, text = refused(lambda: getattr(mine.client(api), operation)(**arguments))
    assert found == code
    assert "iam-nothing/me is not authorized to perform" in text


def test_who_reads_a_secret_of_a_customers_key_needs_that_key_too(cloud: Cloud) -> None:
    """By way of the service that holds it; AWS's own keys need no permission."""
    key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    manager, ssm = cloud.client("secretsmanager"), cloud.client("ssm")
    secret = manager.create_secret(Name="contract-iam-key", SecretString="hush", KmsKeyId=key)["ARN"]
    ssm.put_parameter(Name="/contract-iam-key/own", Value="hush", Type="SecureString", KeyId=key)
    ssm.put_parameter(Name="/contract-iam-key/aws", Value="hush", Type="SecureString")
    reads = allow(["secretsmanager:GetSecretValue", "ssm:GetParameter"])
    mine = taken(cloud, "iam-reads", reads)
    for call in (
        lambda: mine.client("secretsmanager").get_secret_value(SecretId=secret),
        lambda: mine.client("ssm").get_parameter(Name="/contract-iam-key/own", WithDecryption=True),
    ):
        code, text = refused(call)
        assert code == "AccessDeniedException"
        assert f"is not authorized to perform: kms:Decrypt on resource: {key}" in text
    mine.client("ssm").get_parameter(Name="/contract-iam-key/own")
    mine.client("ssm").get_parameter(Name="/contract-iam-key/aws", WithDecryption=True)
    via = {"StringEquals": {"kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com"}}
    able = taken(cloud, "iam-decrypts", reads, allow("kms:Decrypt", key) | {"Condition": via})
    assert able.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"] == "hush"
    assert (
        "kms:Decrypt"
        in refused(lambda: able.client("ssm").get_parameter(Name="/contract-iam-key/own", WithDecryption=True))[1]
    )


def test_objects_are_decided_by_bucket_and_key_also_by_presigned_address(cloud: Cloud) -> None:
    """A presigned URL has the permissions of its creator."""
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
    """A wrong, missing or invented session token, even from this machine."""
    credentials = taken(cloud, "iam-nothing").credentials | change
    nobody = Person(cloud, credentials)
    assert refused(nobody.client("ssm").describe_parameters)[0] == ssm
    assert refused(nobody.client("iam").list_roles)[0] == iam
    assert refused(nobody.client("s3").list_buckets)[0] == s3


def test_a_request_signed_for_one_service_does_not_reach_another(cloud: Cloud) -> None:
    """The authorizing service is the one that handles the request."""
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
    """An attached policy grants permissions, a permissions boundary limits them."""
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
    """To ECS by a task definition; no other role, and to no other service."""
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


def test_sessions_outlive_a_kill_of_the_local_cloud(cloud: Cloud) -> None:
    """Their credentials stay valid."""
    mine = taken(cloud, "iam-killed", allow("ssm:DescribeParameters"))
    cloud.kill()
    cloud.command("up", "--yes")
    assert mine.client("ssm").describe_parameters()["Parameters"] is not None
    assert refused(lambda: mine.client("ssm").get_parameter(Name="/x"))[0] == "AccessDeniedException"
