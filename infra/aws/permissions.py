"""Permissions of the build projects, the pipeline and previews: IAM statements, one per purpose. Pure functions.

Which actions take a resource: AWS's service authorization reference. Where one takes none, `*` is all there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.aws.iam import Document, statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.aws.arns import Home

EVERYTHING = ["*"]
TASKS = "ecs-tasks.amazonaws.com"


def write_logs(streams: object) -> Document:
    """Write to one log group; none may be created, so each has a retention."""
    return statement("WriteLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], [streams])


def write_reports(groups: Sequence[object]) -> Document:
    """Fill the report groups that are declared; CodeBuild asks to create a group that it finds by name, too."""
    actions = ("CreateReportGroup", "CreateReport", "UpdateReport", "BatchPutTestCases", "BatchPutCodeCoverages")
    return statement("WriteReports", [f"codebuild:{action}" for action in actions], groups)


def read_facts(home: Home, environment: str) -> Document:
    """Read what an environment says of itself."""
    return statement("ReadFacts", ["ssm:GetParametersByPath"], home.parameters(environment))


def artifacts(home: Home, bucket: object, objects: object, *, write: bool) -> list[Document]:
    """Read, and where asked write, what the pipeline's actions hand to one another.

    Args:
        home: of the bucket, which must be in this account.
        bucket: ARN of the bucket.
        objects: ARN pattern of what is in it.
        write: also put artifacts there.
    """
    ours = {"StringEquals": {"aws:ResourceAccount": home.account}}
    actions = ["s3:GetObject", "s3:GetObjectVersion", *(["s3:PutObject"] if write else [])]
    return [
        statement("FindArtifacts", ["s3:GetBucketAcl", "s3:GetBucketLocation"], [bucket], ours),
        statement("WriteArtifacts" if write else "ReadArtifacts", actions, [objects], ours),
    ]


def keep_artifacts(home: Home, bucket: object, objects: object) -> list[Document]:
    """Do with artifacts what only the pipeline itself does, beside reading and writing them.

    AWS's own role for a pipeline has these too; the source by a connection sets the object's owner by its ACL.

    Args:
        home: of the bucket, which must be in this account.
        bucket: ARN of the bucket.
        objects: ARN pattern of what is in it.
    """
    ours = {"StringEquals": {"aws:ResourceAccount": home.account}}
    return [
        statement("SeeVersioning", ["s3:GetBucketVersioning"], [bucket], ours),
        statement("OwnArtifacts", ["s3:PutObjectAcl"], [objects], ours),
    ]


def use_connection(arn: str, *, fetch: bool) -> list[Document]:
    """Use a connection to GitHub; it has an ARN under both names of the service, and actions must match (AWS).

    Args:
        arn: of the connection.
        fetch: also get the token that a build clones with.
    """
    resource = arn.split(":", 3)[3]
    statements = []
    for purpose, prefix in (("UseConnection", "codeconnections"), ("UseConnectionAsBefore", "codestar-connections")):
        actions = ["UseConnection", *(["GetConnection", "GetConnectionToken"] if fetch else [])]
        partition = arn.split(":", 2)[1]
        here = f"arn:{partition}:{prefix}:{resource}"
        statements.append(statement(purpose, [f"{prefix}:{action}" for action in actions], [here]))
    return statements


def start_builds(projects: Sequence[object]) -> Document:
    """Run build projects and follow them; ARNs of the projects."""
    return statement("RunBuilds", ["codebuild:StartBuild", "codebuild:BatchGetBuilds"], projects)


def publish(topic: object) -> Document:
    """Ask for an approval by a message to a topic; its ARN."""
    return statement("AskForApproval", ["sns:Publish"], [topic])


def push_images(repositories: Sequence[object]) -> list[Document]:
    """Push images, and see which are there already."""
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
        # The token is the registry's, not a repository's.
        statement("LogInToRegistry", ["ecr:GetAuthorizationToken"], EVERYTHING),
        statement("PushImages", [f"ecr:{action}" for action in actions], repositories),
    ]


def tag_images(repositories: Sequence[object]) -> Document:
    """Give an image that is there another tag, or put images that are there under one index."""
    return statement("TagImages", ["ecr:BatchGetImage", "ecr:DescribeImages", "ecr:PutImage"], repositories)


def deploy(home: Home, environment: str, services: Sequence[str], repositories: Sequence[object]) -> list[Document]:
    """Roll a release out to an environment's services, follow it, prove what is served, and put it back.

    Args:
        home: where the environment is.
        environment: its name.
        services: its services' names.
        repositories: ARNs of their image repositories.
    """
    # All services of the cluster, which has no others: named one by one, a dozen would not fit into a role's policies.
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
        # Its resource is a container instance, which Fargate has not; the condition names the cluster.
        statement("ListTasks", ["ecs:ListTasks"], EVERYTHING, in_cluster),
        # Tags say what a revision is and how it went.
        statement("RegisterReleases", ["ecs:RegisterTaskDefinition", "ecs:TagResource"], releases),
        statement("ReadTaskDefinitions", ["ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions"], EVERYTHING),
        statement(
            "PassTaskRoles",
            ["iam:PassRole"],
            [home.task_roles(environment)],
            {"StringEquals": {"iam:PassedToService": TASKS}},
        ),
        statement("ReadTargetHealth", ["elasticloadbalancing:DescribeTargetHealth"], EVERYTHING),
        statement("SeeImages", ["ecr:BatchGetImage", "ecr:DescribeImages"], repositories),
    ]


def look_up(home: Home, repositories: Sequence[object], provider: str) -> list[Document]:
    """Look up what the program does, in whichever stack.

    Args:
        home: the account.
        repositories: ARNs of the image repositories.
        provider: ARN of GitHub's OIDC provider.
    """
    kinds = ("ListImages", "DescribeImages", "DescribeRepositories", "ListTagsForResource")
    listed = ("ec2:DescribeAvailabilityZones", "iam:ListOpenIDConnectProviders", "codestar-connections:ListConnections")
    prefixes = ("codestar-connections", "codeconnections")
    see = [f"{prefix}:{action}" for prefix in prefixes for action in ("GetConnection", "ListTagsForResource")]
    return [
        # None of them takes a resource.
        statement("LookUp", listed, EVERYTHING),
        statement("LogInToRegistry", ["ecr:GetAuthorizationToken"], EVERYTHING),
        statement("ReadImages", [f"ecr:{action}" for action in kinds], repositories),
        statement("ReadProvider", ["iam:GetOpenIDConnectProvider"], [provider]),
        # It is found by its name, which its ARN does not hold.
        statement("SeeConnections", see, [home.arn(prefix, "connection/*") for prefix in prefixes]),
    ]


def read_state(home: Home, bucket: str | None) -> list[Document]:
    """Read the state in a bucket of this account; None where the state is elsewhere."""
    if bucket is None:
        return []
    arn, ours = f"arn:{home.partition}:s3:::{bucket}", {"StringEquals": {"aws:ResourceAccount": home.account}}
    return [
        statement("FindState", ["s3:ListBucket"], [arn], ours),
        statement("ReadState", ["s3:GetObject"], [f"{arn}/*"], ours),
    ]
