"""IAM statements of the build projects and the pipeline, one per purpose. Pure functions.

Resource types and condition keys: AWS Service Authorization Reference. An action without a resource type needs `*`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.aws.iam import Document, statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.aws.arns import Home

ALL_RESOURCES = ["*"]
TASKS = "ecs-tasks.amazonaws.com"


def write_logs(streams: object) -> Document:
    """Return the permission to write log streams; creating log groups is not allowed, so that each has a retention.

    Args:
        streams: ARN pattern of the log group's streams.
    """
    return statement("WriteLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], [streams])


def write_flow_logs(group: object, streams: object) -> list[Document]:
    """Return the permissions of the role of flow logs, which are those that AWS asks for but logs:CreateLogGroup.

    VPC user guide, "IAM role for publishing flow logs to CloudWatch Logs".

    Args:
        group: ARN of the log group.
        streams: ARN pattern of its streams.
    """
    return [
        write_logs(streams),
        statement("FindLogStreams", ["logs:DescribeLogStreams"], [group]),
        statement("FindLogGroups", ["logs:DescribeLogGroups"], ALL_RESOURCES),
    ]


def write_reports(groups: Sequence[object]) -> Document:
    """Return the permission to write test reports.

    Args:
        groups: ARNs of the report groups. CodeBuild calls CreateReportGroup for groups that exist, too.
    """
    actions = ("CreateReportGroup", "CreateReport", "UpdateReport", "BatchPutTestCases", "BatchPutCodeCoverages")
    return statement("WriteReports", [f"codebuild:{action}" for action in actions], groups)


def read_facts(home: Home, environment: str) -> Document:
    """Return the permission to read the parameters of an environment."""
    return statement("ReadFacts", ["ssm:GetParametersByPath"], home.parameters(environment))


def artifacts(home: Home, bucket: object, objects: object, *, write: bool) -> list[Document]:
    """Return the permissions to read, or to read and write, pipeline artifacts.

    Args:
        home: the account, which must own the bucket.
        bucket: ARN of the bucket.
        objects: ARN pattern of its objects.
        write: whether to allow writing.
    """
    own_account = {"StringEquals": {"aws:ResourceAccount": home.account}}
    actions = ["s3:GetObject", "s3:GetObjectVersion", *(["s3:PutObject"] if write else [])]
    return [
        statement("FindArtifacts", ["s3:GetBucketAcl", "s3:GetBucketLocation"], [bucket], own_account),
        statement("WriteArtifacts" if write else "ReadArtifacts", actions, [objects], own_account),
    ]


def keep_artifacts(home: Home, bucket: object, objects: object) -> list[Document]:
    """Return the further artifact permissions of the pipeline's own role.

    AWS's default service role has them too (CodePipeline user guide); a connection source sets the object's ACL.

    Args:
        home: the account, which must own the bucket.
        bucket: ARN of the bucket.
        objects: ARN pattern of its objects.
    """
    own_account = {"StringEquals": {"aws:ResourceAccount": home.account}}
    return [
        statement("SeeVersioning", ["s3:GetBucketVersioning"], [bucket], own_account),
        statement("OwnArtifacts", ["s3:PutObjectAcl"], [objects], own_account),
    ]


def use_connection(arn: str, *, fetch: bool) -> list[Document]:
    """Return the permissions to use a connection to GitHub.

    A connection has an ARN with each prefix, `codeconnections` and the former `codestar-connections`; the prefixes of
    action and ARN must match (Developer Tools console guide, "Rename").

    Args:
        arn: of the connection, with either prefix.
        fetch: whether to allow getting the token that a build clones with.
    """
    resource = arn.split(":", 3)[3]
    statements = []
    for purpose, prefix in (("UseConnection", "codeconnections"), ("UseConnectionAsBefore", "codestar-connections")):
        actions = ["UseConnection", *(["GetConnection", "GetConnectionToken"] if fetch else [])]
        partition = arn.split(":", 2)[1]
        prefixed = f"arn:{partition}:{prefix}:{resource}"
        statements.append(statement(purpose, [f"{prefix}:{action}" for action in actions], [prefixed]))
    return statements


def read_github_token(secret: str) -> Document:
    """Return the permission to read the token that tells GitHub of deployments.

    Args:
        secret: ARN of the secret; a customer managed key of its own has to let the role decrypt, too.
    """
    return statement("ReadGitHubToken", ["secretsmanager:GetSecretValue"], [secret])


def start_builds(projects: Sequence[object]) -> Document:
    """Return the permission to start builds and read their status.

    Args:
        projects: ARNs of the build projects.
    """
    return statement("RunBuilds", ["codebuild:StartBuild", "codebuild:BatchGetBuilds"], projects)


def wait_for_tests(pipeline: str, project: str) -> list[Document]:
    """Return the permissions to read how an execution's tests end.

    Args:
        pipeline: ARN of the pipeline.
        project: ARN of the build project that runs the tests.
    """
    return [
        statement("ReadActions", ["codepipeline:ListActionExecutions"], [pipeline]),
        statement("ReadTests", ["codebuild:BatchGetBuilds"], [project]),
    ]


def read_alarms(alarms: Sequence[str]) -> Document:
    """Return the permission to read the state of alarms (CodePipeline user guide, "CloudWatchAlarm").

    Args:
        alarms: their ARNs.
    """
    return statement("ReadAlarms", ["cloudwatch:DescribeAlarms"], alarms)


def publish(topic: object, key: str | None) -> list[Document]:
    """Return the permissions to publish approval requests.

    Args:
        topic: ARN of the SNS topic.
        key: ARN of the KMS key that encrypts it; None for none (SNS guide, "Managing encryption keys").
    """
    encrypt = [statement("EncryptRequests", ["kms:Decrypt", "kms:GenerateDataKey"], [key])] if key else []
    return [statement("AskForApproval", ["sns:Publish"], [topic]), *encrypt]


def notify(topic: object | None, key: str | None, secret: str | None) -> list[Document]:
    """Return the permissions of a step to notify people of how it ended.

    Args:
        topic: ARN of the SNS topic; None if steps do not publish.
        key: ARN of the KMS key that encrypts the topic; None for none.
        secret: ARN of the secret with the URL of a chat's webhook; None for none.
    """
    found = []
    if topic is not None:
        found.append(statement("Notify", ["sns:Publish"], [topic]))
        found += [statement("EncryptNotices", ["kms:Decrypt", "kms:GenerateDataKey"], [key])] if key else []
    return [*found, *([statement("FindChat", ["secretsmanager:GetSecretValue"], [secret])] if secret else [])]


def pull_build_image(repository: str) -> list[Document]:
    """Return the permissions to pull a project's build image (CodeBuild User Guide, "Amazon ECR sample").

    Args:
        repository: ARN of its ECR repository; that of another account has to allow this one, too.
    """
    actions = ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer")
    return [
        # The token is the registry's: the action has no resource type.
        statement("LogInForBuildImage", ["ecr:GetAuthorizationToken"], ALL_RESOURCES),
        statement("PullBuildImage", [f"ecr:{action}" for action in actions], [repository]),
    ]


def push_images(repositories: Sequence[object]) -> list[Document]:
    """Return the permissions to push images and to look up existing ones.

    Args:
        repositories: ARNs of the ECR repositories.
    """
    actions = (
        "BatchCheckLayerAvailability",
        "BatchGetImage",
        "CompleteLayerUpload",
        "DescribeImages",
        "GetDownloadUrlForLayer",
        "InitiateLayerUpload",
        "PutImage",
        "UploadLayerPart",
    )
    return [
        # The token is the registry's: the action has no resource type.
        statement("LogInToRegistry", ["ecr:GetAuthorizationToken"], ALL_RESOURCES),
        statement("PushImages", [f"ecr:{action}" for action in actions], repositories),
    ]


def pull_suites(repositories: Sequence[object]) -> list[Document]:
    """Return the permissions to pull the images of acceptance suites (ECR user guide, "Private repository policies").

    Args:
        repositories: ARNs of the ECR repositories.
    """
    return [
        # The token is the registry's: the action has no resource type.
        statement("LogInForSuites", ["ecr:GetAuthorizationToken"], ALL_RESOURCES),
        statement("PullSuites", ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], repositories),
    ]


def tag_images(repositories: Sequence[object]) -> Document:
    """Return the permission to tag existing images and to combine them in an image index.

    Args:
        repositories: ARNs of the ECR repositories.
    """
    return statement("TagImages", ["ecr:BatchGetImage", "ecr:DescribeImages", "ecr:PutImage"], repositories)


def read_rules() -> Document:
    """Return the permission to read the weights of a listener rule: which target group serves, with a canary."""
    return statement("ReadListenerRules", ["elasticloadbalancing:DescribeRules"], ALL_RESOURCES)


def deploy(home: Home, environment: str, services: Sequence[str], repositories: Sequence[object]) -> list[Document]:
    """Return the permissions to deploy a release to an environment's services, to verify it, and to roll it back.

    Args:
        home: the account and region.
        environment: its name.
        services: its services' names.
        repositories: ARNs of their ECR repositories.
    """
    # All services of the cluster: a list of a dozen would exceed the size limit of a role's inline policies.
    rollouts = [home.of_services(kind, environment) for kind in ("service", "service-deployment")]
    revisions = [home.of_services("service-revision", environment)]
    releases = [home.releases(environment, service) for service in services]
    in_cluster = {"ArnEquals": {"ecs:cluster": home.cluster(environment)}}
    roll_out = ("ecs:UpdateService", "ecs:StopServiceDeployment")
    follow = ("DescribeServices", "ListServiceDeployments", "DescribeServiceDeployments", "DescribeServiceRevisions")
    return [
        statement("RollOut", roll_out, rollouts),
        statement("FollowRollout", [f"ecs:{action}" for action in follow], [*rollouts, *revisions]),
        statement("SeeCluster", ["ecs:DescribeClusters"], [home.cluster(environment)]),
        statement("SeeTasks", ["ecs:DescribeTasks"], [home.tasks(environment)]),
        # Its resource type is the container instance, which Fargate does not have; hence the condition on the cluster.
        statement("ListTasks", ["ecs:ListTasks"], ALL_RESOURCES, in_cluster),
        # Tags of a revision record its commit and the outcome of its deployment.
        statement("RegisterReleases", ["ecs:RegisterTaskDefinition", "ecs:TagResource"], releases),
        statement("ReadTaskDefinitions", ["ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions"], ALL_RESOURCES),
        statement(
            "PassTaskRoles",
            ["iam:PassRole"],
            [home.task_roles(environment)],
            {"StringEquals": {"iam:PassedToService": TASKS}},
        ),
        statement("ReadTargetHealth", ["elasticloadbalancing:DescribeTargetHealth"], ALL_RESOURCES),
        statement("SeeImages", ["ecr:BatchGetImage", "ecr:DescribeImages"], repositories),
    ]
