"""The IAM actions and resources of requests, by AWS's Service Authorization Reference."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localcloud.iam import s3_authorization
from localcloud.iam.authorization import asks
from localcloud.iam.calls import Call, CallError, read
from localcloud.iam.names import Names

HOME = "eu-central-1:000000000000"
ROLE = "arn:aws:iam::000000000000:role/acme/staging/task"
NAMES = Names(
    account="000000000000",
    region="eu-central-1",
    find=lambda kind, name: f"arn:of:{kind}:{name}" if name != "none" else None,
    roles=lambda definition: [ROLE] if definition == "web:1" else [],
)


def asked(service: str, operation: str, params: dict[str, Any]) -> list[str]:
    """Return the required permissions of a call, each as "action resource"."""
    call = Call(service=service, operation=operation, region="eu-central-1", params=params)
    return [f"{ask.action} {ask.resource}" for ask in asks(call, NAMES)]


@pytest.mark.parametrize(
    ("service", "operation", "params", "expected"),
    [
        ("sts", "GetCallerIdentity", {}, []),
        ("sts", "AssumeRole", {"RoleArn": ROLE, "RoleSessionName": "x"}, [f"sts:AssumeRole {ROLE}"]),
        ("ecs", "ListClusters", {}, ["ecs:ListClusters *"]),
        ("ecs", "DescribeTaskDefinition", {"taskDefinition": "web"}, ["ecs:DescribeTaskDefinition *"]),
        ("ecs", "UpdateService", {"cluster": "prod", "service": "web"},
         [f"ecs:UpdateService arn:aws:ecs:{HOME}:service/prod/web"]),
        # The local ECS uses the cluster and the end of an ARN, so that both interpretations must be allowed.
        ("ecs", "UpdateService", {"cluster": "prod", "service": f"arn:aws:ecs:{HOME}:service/staging/web"},
         [f"ecs:UpdateService arn:aws:ecs:{HOME}:service/prod/web",
          f"ecs:UpdateService arn:aws:ecs:{HOME}:service/staging/web"]),
        ("ecs", "UpdateService", {"service": "web", "taskDefinition": "web:1"},
         [f"ecs:UpdateService arn:aws:ecs:{HOME}:service/default/web", f"iam:PassRole {ROLE}"]),
        ("ecs", "UpdateService", {"service": "web", "loadBalancers": [{"advancedConfiguration": {"roleArn": ROLE}}]},
         [f"ecs:UpdateService arn:aws:ecs:{HOME}:service/default/web", f"iam:PassRole {ROLE}"]),
        ("ecs", "DescribeServices", {"cluster": f"arn:aws:ecs:{HOME}:cluster/prod", "services": ["a", "b"]},
         [f"ecs:DescribeServices arn:aws:ecs:{HOME}:service/prod/a",
          f"ecs:DescribeServices arn:aws:ecs:{HOME}:service/prod/b"]),
        ("ecs", "DescribeServices", {"cluster": "prod"}, ["ecs:DescribeServices *"]),
        ("ecs", "DescribeClusters", {}, [f"ecs:DescribeClusters arn:aws:ecs:{HOME}:cluster/default"]),
        ("ecs", "DescribeTasks", {"cluster": "prod", "tasks": ["1"]},
         [f"ecs:DescribeTasks arn:aws:ecs:{HOME}:task/prod/1"]),
        ("ecs", "ListTasks", {"cluster": "prod"}, ["ecs:ListTasks *"]),
        ("ecs", "StopServiceDeployment", {"serviceDeploymentArn": "arn:x"}, ["ecs:StopServiceDeployment arn:x"]),
        ("ecs", "RegisterTaskDefinition", {"family": "web", "taskRoleArn": ROLE, "tags": [{"key": "a"}]},
         [f"ecs:RegisterTaskDefinition arn:aws:ecs:{HOME}:task-definition/web:*", f"iam:PassRole {ROLE}",
          f"ecs:TagResource arn:aws:ecs:{HOME}:task-definition/web:*"]),
        ("ecs", "RunTask", {"taskDefinition": "web:1", "overrides": {"taskRoleArn": "admin"}},
         [f"ecs:RunTask arn:aws:ecs:{HOME}:task-definition/web:1", f"iam:PassRole {ROLE}",
          "iam:PassRole arn:of:role:admin"]),
        ("codebuild", "StartBuild", {"projectName": "p", "serviceRoleOverride": ROLE},
         [f"codebuild:StartBuild arn:aws:codebuild:{HOME}:project/p", f"iam:PassRole {ROLE}"]),
        ("codebuild", "BatchGetBuilds", {"ids": ["p:1", f"arn:aws:codebuild:{HOME}:build/q:2"]},
         [f"codebuild:BatchGetBuilds arn:aws:codebuild:{HOME}:project/p",
          f"codebuild:BatchGetBuilds arn:aws:codebuild:{HOME}:project/q"]),
        ("codebuild", "UpdateProject", {"name": "p", "serviceRole": ROLE},
         [f"codebuild:UpdateProject arn:aws:codebuild:{HOME}:project/p", f"iam:PassRole {ROLE}"]),
        ("codebuild", "ListBuilds", {}, ["codebuild:ListBuilds *"]),
        ("codebuild", "BatchGetReports", {"reportArns": [f"arn:aws:codebuild:{HOME}:report/g:1"]},
         [f"codebuild:BatchGetReports arn:aws:codebuild:{HOME}:report-group/g"]),
        ("codepipeline", "PutApprovalResult", {"pipelineName": "p", "stageName": "s", "actionName": "a"},
         [f"codepipeline:PutApprovalResult arn:aws:codepipeline:{HOME}:p/s/a"]),
        ("codepipeline", "OverrideStageCondition", {"pipelineName": "p", "stageName": "s"},
         [f"codepipeline:OverrideStageCondition arn:aws:codepipeline:{HOME}:p/s"]),
        ("codepipeline", "ListRuleExecutions", {"pipelineName": "p"},
         [f"codepipeline:ListRuleExecutions arn:aws:codepipeline:{HOME}:p"]),
        ("codepipeline", "EnableStageTransition", {"pipelineName": "p", "stageName": "s"},
         [f"codepipeline:EnableStageTransition arn:aws:codepipeline:{HOME}:p/s"]),
        ("codepipeline", "StartPipelineExecution", {"name": "p"},
         [f"codepipeline:StartPipelineExecution arn:aws:codepipeline:{HOME}:p"]),
        ("codepipeline", "UpdatePipeline", {"pipeline": {"name": "p", "roleArn": ROLE}},
         [f"codepipeline:UpdatePipeline arn:aws:codepipeline:{HOME}:p", f"iam:PassRole {ROLE}"]),
        ("codepipeline", "ListPipelines", {}, ["codepipeline:ListPipelines *"]),
        ("ecr", "GetAuthorizationToken", {}, ["ecr:GetAuthorizationToken *"]),
        ("ecr", "PutImage", {"repositoryName": "a/b"}, [f"ecr:PutImage arn:aws:ecr:{HOME}:repository/a/b"]),
        ("ecr", "DescribeRepositories", {}, [f"ecr:DescribeRepositories arn:aws:ecr:{HOME}:repository/*"]),
        ("logs", "PutLogEvents", {"logGroupName": "/g", "logStreamName": "s"},
         [f"logs:PutLogEvents arn:aws:logs:{HOME}:log-group:/g:log-stream:s"]),
        ("logs", "FilterLogEvents", {"logGroupIdentifier": f"arn:aws:logs:{HOME}:log-group:/g:*"},
         [f"logs:FilterLogEvents arn:aws:logs:{HOME}:log-group:/g:log-stream:"]),
        ("ssm", "GetParameter", {"Name": "/acme/prod/x:3"},
         [f"ssm:GetParameter arn:aws:ssm:{HOME}:parameter/acme/prod/x"]),
        ("ssm", "GetParametersByPath", {"Path": "/acme/prod/"},
         [f"ssm:GetParametersByPath arn:aws:ssm:{HOME}:parameter/acme/prod"]),
        ("ssm", "GetParameters", {"Names": ["a", f"arn:aws:ssm:{HOME}:parameter/b"]},
         [f"ssm:GetParameters arn:aws:ssm:{HOME}:parameter/a", f"ssm:GetParameters arn:aws:ssm:{HOME}:parameter/b"]),
        ("secretsmanager", "GetSecretValue", {"SecretId": "db"},
         ["secretsmanager:GetSecretValue arn:of:secret:db", "kms:Decrypt arn:of:key of secret:db"]),
        ("secretsmanager", "DescribeSecret", {"SecretId": "db"}, ["secretsmanager:DescribeSecret arn:of:secret:db"]),
        ("ssm", "GetParameter", {"Name": "/x", "WithDecryption": True},
         [f"ssm:GetParameter arn:aws:ssm:{HOME}:parameter/x", "kms:Decrypt arn:of:key of parameter:/x"]),
        ("secretsmanager", "GetSecretValue", {"SecretId": "none"}, ["secretsmanager:GetSecretValue *"]),
        ("secretsmanager", "BatchGetSecretValue", {"SecretIdList": ["db"]},
         ["secretsmanager:BatchGetSecretValue *", "secretsmanager:GetSecretValue *"]),
        ("kms", "Decrypt", {"CiphertextBlob": "x"}, ["kms:Decrypt *"]),
        ("kms", "Encrypt", {"KeyId": "alias/x"}, ["kms:Encrypt arn:of:key:alias/x"]),
        ("iam", "PutRolePolicy", {"RoleName": "admin"}, ["iam:PutRolePolicy arn:of:role:admin"]),
        ("iam", "CreateUser", {"UserName": "x"}, ["iam:CreateUser *"]),
        ("sns", "Publish", {"TopicArn": "arn:aws:sns:t", "Message": "arn:x"}, ["sns:Publish arn:aws:sns:t"]),
        ("elasticloadbalancing", "DescribeTargetHealth", {"TargetGroupArn": "arn:t"},
         ["elasticloadbalancing:DescribeTargetHealth *"]),
        ("elasticloadbalancing", "ModifyListener", {"ListenerArn": "arn:l"},
         ["elasticloadbalancing:ModifyListener arn:l"]),
        ("monitoring", "PutMetricData", {}, ["cloudwatch:PutMetricData *"]),
        ("monitoring", "PutMetricAlarm", {"AlarmName": "a", "Tags": [{"Key": "x"}]},
         [f"cloudwatch:PutMetricAlarm arn:aws:cloudwatch:{HOME}:alarm:a",
          f"cloudwatch:TagResource arn:aws:cloudwatch:{HOME}:alarm:a"]),
        ("monitoring", "DescribeAlarms", {"AlarmNames.member.1": "a"},
         [f"cloudwatch:DescribeAlarms arn:aws:cloudwatch:{HOME}:alarm:a"]),
        ("monitoring", "DescribeAlarms", {}, [f"cloudwatch:DescribeAlarms arn:aws:cloudwatch:{HOME}:alarm:*"]),
        ("monitoring", "DeleteDashboards", {"DashboardNames": ["d"]},
         ["cloudwatch:DeleteDashboards arn:aws:cloudwatch::000000000000:dashboard/d"]),
        ("rds", "CreateDBInstance", {"DBInstanceIdentifier": "d", "ManageMasterUserPassword": "true"},
         [f"rds:CreateDBInstance arn:aws:rds:{HOME}:db:d",
          f"secretsmanager:CreateSecret arn:aws:secretsmanager:{HOME}:secret:rds!db-*",
          f"secretsmanager:TagResource arn:aws:secretsmanager:{HOME}:secret:rds!db-*",
          f"kms:DescribeKey arn:aws:kms:{HOME}:key/*"]),
        ("rds", "DescribeDBInstances", {}, [f"rds:DescribeDBInstances arn:aws:rds:{HOME}:db:*"]),
        ("rds", "ListTagsForResource", {"ResourceName": "arn:aws:rds:d"}, ["rds:ListTagsForResource arn:aws:rds:d"]),
        ("rds", "DescribeDBEngineVersions", {}, ["rds:DescribeDBEngineVersions *"]),
        ("ec2", "CreateVpc", {"TagSpecification.1.Tag.1.Key": "x"}, ["ec2:CreateVpc *", "ec2:CreateTags *"]),
        ("ec2", "CreateTags", {"Tag.1.Key": "x"}, ["ec2:CreateTags *"]),
        ("ecs", "CreateCluster", {"clusterName": "c", "tags": [{"key": "x"}]},
         [f"ecs:CreateCluster arn:aws:ecs:{HOME}:cluster/c", f"ecs:TagResource arn:aws:ecs:{HOME}:cluster/c"]),
        ("elasticloadbalancing", "CreateTargetGroup", {"Name": "t"},
         [f"elasticloadbalancing:CreateTargetGroup arn:aws:elasticloadbalancing:{HOME}:targetgroup/t/*"]),
        ("application-autoscaling", "RegisterScalableTarget", {"ResourceId": "service/c/s"},
         [f"application-autoscaling:RegisterScalableTarget arn:aws:application-autoscaling:{HOME}:scalable-target/*"]),
        ("application-autoscaling", "DescribeScalableTargets", {},
         ["application-autoscaling:DescribeScalableTargets *"]),
        ("sns", "CreateTopic", {"Name": "t"}, [f"sns:CreateTopic arn:aws:sns:{HOME}:t"]),
        ("sns", "Unsubscribe", {"SubscriptionArn": "arn:aws:sns:t:1"}, ["sns:Unsubscribe *"]),
        ("codestar-notifications", "CreateNotificationRule", {"Name": "n"},
         [f"codestar-notifications:CreateNotificationRule arn:aws:codestar-notifications:{HOME}:notificationrule/*"]),
        ("codeconnections", "CreateConnection", {"Tags": [{"Key": "x"}]},
         ["codeconnections:CreateConnection *",
          f"codeconnections:TagResource arn:aws:codeconnections:{HOME}:connection/*"]),
        ("codepipeline", "ListWebhooks", {}, [f"codepipeline:ListWebhooks arn:aws:codepipeline:{HOME}:webhook:*"]),
        ("codepipeline", "CreatePipeline",
         {"pipeline": {"name": "p", "stages": [{"actions": [{"configuration": {"ConnectionArn": "arn:aws:c:x"}}]}]}},
         [f"codepipeline:CreatePipeline arn:aws:codepipeline:{HOME}:p", "c:PassConnection arn:aws:c:x"]),
        ("codeconnections", "GetConnection", {"ConnectionArn": "arn:c"}, ["codeconnections:GetConnection arn:c"]),
        ("events", "PutEvents", {}, ["events:PutEvents *"]),
    ],
)  # fmt: skip
def test_a_call_asks_for(service: str, operation: str, params: dict[str, Any], expected: list[str]) -> None:
    """Each action on each resource; an unknown operation requires all resources."""
    assert asked(service, operation, params) == expected


def test_keys_of_actions() -> None:
    """The condition keys: ECS's cluster, and the service that a role is passed to."""
    call = Call(service="ecs", operation="RunTask", region="eu-central-1",
                params={"cluster": "prod", "taskDefinition": "web:1"})  # fmt: skip
    run, passing = asks(call, NAMES)
    assert run.keys == {"ecs:cluster": f"arn:aws:ecs:{HOME}:cluster/prod"}
    assert passing.keys == {"iam:passedtoservice": "ecs-tasks.amazonaws.com"}


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "expected"),
    [
        ("GET", "/", "", {}, ["s3:ListAllMyBuckets *"]),
        ("GET", "/bucket", "list-type=2&prefix=a", {}, ["s3:ListBucket arn:aws:s3:::bucket"]),
        ("GET", "/v20180820/tags/arn:aws:s3:::bucket", "", {}, ["s3:ListTagsForResource arn:aws:s3:::bucket"]),
        ("PUT", "/bucket", "publicAccessBlock", {}, ["s3:PutBucketPublicAccessBlock arn:aws:s3:::bucket"]),
        ("GET", "/bucket/a/b", "", {}, ["s3:GetObject arn:aws:s3:::bucket/a/b"]),
        ("HEAD", "/bucket/a", "versionId=1", {}, ["s3:GetObjectVersion arn:aws:s3:::bucket/a"]),
        ("PUT", "/bucket/a", "", {"x-amz-acl": "public-read"},
         ["s3:PutObject arn:aws:s3:::bucket/a", "s3:PutObjectAcl arn:aws:s3:::bucket/a"]),
        ("PUT", "/bucket/a", "x-amz-copy-source=other/b", {},
         ["s3:PutObject arn:aws:s3:::bucket/a", "s3:GetObject arn:aws:s3:::other/b"]),
        ("PUT", "/bucket/a", "", {"x-amz-copy-source": "/other/b?versionId=3"},
         ["s3:PutObject arn:aws:s3:::bucket/a", "s3:GetObjectVersion arn:aws:s3:::other/b"]),
        ("POST", "/bucket/a", "uploads", {}, ["s3:PutObject arn:aws:s3:::bucket/a"]),
        ("PUT", "/bucket/a", "partNumber=1&uploadId=x", {}, ["s3:PutObject arn:aws:s3:::bucket/a"]),
        ("DELETE", "/bucket/a", "uploadId=x", {}, ["s3:AbortMultipartUpload arn:aws:s3:::bucket/a"]),
        ("POST", "/bucket", "delete", {},
         ["s3:DeleteObject arn:aws:s3:::bucket/*", "s3:DeleteObjectVersion arn:aws:s3:::bucket/*"]),
        ("GET", "/bucket", "policy", {}, ["s3:GetBucketPolicy arn:aws:s3:::bucket"]),
        ("PUT", "/bucket", "replication", {}, ["s3:AnyOther *"]),
        ("GET", "/bucket/a", "acl&tagging", {}, ["s3:AnyOther *"]),
        ("GET", "/BUCKET/a", "", {}, ["s3:AnyOther *"]),
        ("POST", "/WriteGetObjectResponse", "", {"x-amz-request-route": "x"}, ["s3:AnyOther *"]),
        ("DELETE", "/bucket/a", "", {"x-amz-bypass-governance-retention": "true"}, ["s3:AnyOther *"]),
    ],
)  # fmt: skip
def test_a_request_to_s3_asks_for(
    method: str, path: str, query: str, headers: dict[str, str], expected: list[str]
) -> None:
    """By method, path and sub-resource; headers also count in a presigned URL."""
    found = s3_authorization.asks(method, path, query.encode(), headers)
    assert [f"{ask.action} {ask.resource}" for ask in found] == expected


JSON = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "AmazonSSM.GetParameter"}
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


@pytest.mark.parametrize(
    ("service", "method", "path", "query", "headers", "body"),
    [
        ("logs", "POST", "/", "", JSON, "{}"),  # signed for one service, for an operation of another
        ("ssm", "POST", "/", "Action=x", JSON, "{}"),
        ("ssm", "GET", "/", "", JSON, "{}"),
        ("nothing", "POST", "/", "", JSON, "{}"),
        ("ssm", "POST", "/x", "", JSON, "{}"),
        ("ssm", "POST", "/", "", JSON, "[]"),
        ("ssm", "POST", "/", "", JSON | {"content-encoding": "gzip"}, "{}"),  # the service would decompress it
        ("ssm", "POST", "/", "", JSON, "{"),
        ("ssm", "POST", "/", "", JSON | {"x-amz-target": "AmazonSSM.Nothing"}, "{}"),
        ("ssm", "POST", "/", "", {}, "{}"),
        ("iam", "POST", "/", "", FORM, "Action=ListRoles&Action=CreateUser"),
        ("iam", "POST", "/", "", {"content-type": "text/plain"}, "Action=CreateUser"),
        ("iam", "POST", "/", "", JSON | {"x-amz-target": "IAMService.CreateUser"}, "{}"),
        ("iam", "GET", "/", "Action=CreateUser", {}, ""),
        ("ssm", "POST", "/service/AmazonSSM/operation/GetParameter", "",
         JSON | {"smithy-protocol": "rpc-v2-cbor"}, ""),
    ],
)  # fmt: skip
def test_what_could_be_read_in_two_ways_is_refused(  # noqa: PLR0913 - independent parameters
    service: str, method: str, path: str, query: str, headers: dict[str, str], body: str
) -> None:
    """Authorization and execution must see the same call."""
    with pytest.raises(CallError):
        read(service, "eu-central-1", method, path, query.encode(), headers, body.encode())


def test_calls_are_read_from_each_protocol() -> None:
    """JSON and forms."""
    body = json.dumps({"Name": "/a"}).encode()
    assert read("ssm", "eu-central-1", "POST", "/", b"", JSON, body).params == {"Name": "/a"}
    path = "/untagResource/arn%3Aaws%3Acodestar-notifications%3Ax%3A1%3Anotificationrule%2F1"
    call = read("codestar-notifications", "eu-central-1", "POST", path, b"tagKeys=a", {}, b"")
    assert call.operation == "UntagResource"
    assert call.params == {"resourceArn": "arn:aws:codestar-notifications:x:1:notificationrule/1"}
    call = read("iam", "eu-central-1", "POST", "/", b"", FORM, b"Action=GetRole&RoleName=x&Version=2010-05-08")
    assert (call.action, call.params["RoleName"]) == ("iam:GetRole", "x")
