"""The section `slipway:pipeline`: continuous delivery from a Git push to staging and production."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from infra.aws.platforms import Platform
from infra.config.effects import BUILDS, DELIVERY, TOPIC_KEY, Effect, Kind
from infra.config.section import Section

Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
ComputeType = Literal["BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_MEDIUM", "BUILD_GENERAL1_LARGE", "BUILD_GENERAL1_XLARGE"]


class Pipeline(Section):
    """The release pipeline and the checks of pushes and pull requests."""

    repository: Annotated[str, DELIVERY] = Field(
        pattern=r"^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", description="GitHub repository, `owner/name`"
    )
    branch: Annotated[str, DELIVERY] = Field(
        "main", pattern=r"^[A-Za-z0-9._/-]+$", description="branch whose pushes start a release"
    )
    trigger: Annotated[Literal["connection", "webhook"], DELIVERY] = Field(
        "connection",
        description="how the source is connected: a CodeConnections connection, or a webhook and a token (ADR 0006)",
    )
    connection_arn: Annotated[str | None, DELIVERY] = Field(
        None,
        pattern=r"^arn:[a-z-]+:code(star-)?connections:[a-z0-9-]+:\d{12}:connection/.+$",
        description="ARN of an AVAILABLE CodeConnections connection; absent: the stack creates one",
    )
    approval: Annotated[Literal["manual", "automatic"], DELIVERY] = Field(
        "manual", description="whether each release to production waits for a manual approval"
    )
    approval_minutes: Annotated[int, DELIVERY] = Field(
        10080, ge=5, le=86400, description="minutes after which a pending approval fails"
    )
    staging: Annotated[str | None, DELIVERY] = Field(
        None,
        pattern=r"^[\w.-]+(/[\w.-]+/[\w.-]+)?$",
        description="stack that a release must pass first; absent: this stack is staging and the pipeline ends there",
    )
    notify: Annotated[tuple[Email, ...], Effect(Kind.IN_PLACE, "each address has to confirm AWS's e-mail")] = Field(
        (), description="e-mail addresses that are notified of approvals, failures and alarms"
    )
    notify_steps: Annotated[bool, BUILDS] = Field(
        default=False,
        description="each step of the pipeline that fails publishes to the topic what happened, what serves now and "
        "what to type next; so do a release to production and a rollback by hand",
    )
    chat_webhook_secret_arn: Annotated[str | None, BUILDS] = Field(
        None,
        pattern=r"^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:\d{12}:secret:[^:]+$",
        description="ARN of a secret in Secrets Manager whose value is the https URL of an incoming webhook of Slack, "
        "Microsoft Teams (Workflows), Google Chat or Mattermost: the same messages go there, and that a release waits "
        "for its approval; encrypted by AWS's own key `aws/secretsmanager`; absent: none",
    )
    topic_key_arn: Annotated[str | None, TOPIC_KEY] = Field(
        None,
        pattern=r"^arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key/.+$",
        description="ARN of a KMS key that encrypts the topic for these; its policy has to let CloudWatch and CodeStar "
        "Notifications use it (docs/aws.md); absent: not encrypted by a key",
    )
    github_token_secret_arn: Annotated[str | None, DELIVERY] = Field(
        None,
        pattern=r"^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:\d{12}:secret:.+$",
        description="ARN of a Secrets Manager secret whose value is a GitHub token that may write the repository's "
        "deployments and commit statuses: GitHub shows each deploy to an environment (docs/releases.md); absent: none",
    )
    compute_type: Annotated[
        Literal["BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_MEDIUM", "BUILD_GENERAL1_LARGE", "BUILD_GENERAL1_XLARGE"],
        BUILDS,
    ] = Field("BUILD_GENERAL1_SMALL", description="compute type of the CodeBuild projects")
    fleet_arn: Annotated[str | None, BUILDS] = Field(
        None,
        pattern=r"^arn:[a-z-]+:codebuild:[a-z0-9-]+:\d{12}:fleet/[\w.-]+:[0-9a-f-]+$",
        description="ARN of a CodeBuild fleet (reserved capacity), whose machines wait for the pipeline's builds; of "
        "`compute_type`. The checks do not run on it: its machines keep caches from build to build, and they run "
        "whatever is pushed",
    )
    lambda_compute: Annotated[
        bool,
        Effect(
            Kind.IN_PLACE,
            "builds that start from then on; a commit without `delivery/buildspecs/promote-lambda.yml` "
            "fails at Promote",
        ),
    ] = Field(
        default=False,
        description="run Promote and, with two `platforms`, Index on CodeBuild's Lambda compute, where builds do not "
        "queue: about a minute saved for each. They need no Docker and less than 15 minutes. They use AWS's Lambda "
        "image, not `image` or `fleet_arn`. Deploy stays on EC2 compute: with a rollback it can take almost an hour",
    )
    image: Annotated[str | None, BUILDS] = Field(
        None,
        min_length=1,
        description="image of the CodeBuild projects: one of AWS's, a public one, or one in ECR by its URI "
        "`ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG`, which the projects' roles may pull; absent: "
        "`aws/codebuild/amazonlinux-x86_64-standard:5.0`, for ARM64 services "
        "`aws/codebuild/amazonlinux-aarch64-standard:3.0`",
    )
    parallel_tests: Annotated[bool, DELIVERY] = Field(
        default=False,
        description="run the action Test beside those of the stage Build: a release is faster by the shorter of both; "
        "an image is pushed once the tests have passed",
    )
    check_branch: Annotated[bool, DELIVERY] = Field(
        default=True,
        description="a push to `branch` starts the checks too, beside the pipeline, whose action Test runs the same "
        "tests; `false`: one build less for each push, no commit status `slipway/checks` of its commit, and a commit "
        "that a newer one overtakes before Test is not tested by itself",
    )
    push_suites: Annotated[bool, DELIVERY] = Field(
        default=False,
        description="push the image of each service's acceptance suite beside the release image: Acceptance and Smoke "
        "pull it instead of building it (docs/releases.md)",
    )
    hold_on_alarm: Annotated[bool, DELIVERY] = Field(
        default=False,
        description="no release enters production while its load balancer or one of its services answers requests with "
        "5xx (the alarms of this stack): the stage fails, and `delivery retry` tries again",
    )
    platforms: Annotated[tuple[Platform, ...] | None, DELIVERY] = Field(
        None,
        min_length=1,
        description="platforms that images are built for, each natively: `linux/amd64`, `linux/arm64` or both "
        "(ADR 0010); absent: that of the services",
    )
    dashboard: Annotated[bool, Effect(Kind.IN_PLACE, "the dashboard is created or deleted")] = Field(
        default=False,
        description="a CloudWatch dashboard of the pipeline, `slipway-<stack>-pipeline`: releases a day, how many of "
        "them failed, and how long each action waits for its machine and works",
    )
    artifact_days: Annotated[int, Effect(Kind.IN_PLACE, "older artifacts expire")] = Field(
        30, ge=1, description="days after which pipeline artifacts expire"
    )
    log_retention_days: Annotated[int, Effect(Kind.IN_PLACE, "events older than this are deleted")] = Field(
        30, description="retention of build logs in days, a value that CloudWatch Logs accepts"
    )

    @property
    def requires_approval(self) -> bool:
        """Whether a release waits for a manual approval before production."""
        return self.staging is not None and self.approval == "manual"
