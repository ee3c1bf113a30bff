"""A CodeBuild project and its role."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra.aws import build_images, iam, names, permissions, platforms
from infra.pipeline import build_environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.aws.arns import Home
    from infra.config.pipeline import Pipeline as Section

# Context of the commit status; one name, so that a branch protection rule can require it.
STATUS = "slipway/checks"
BUILDSPECS = "delivery/buildspecs"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What a build project runs.

    Attributes:
        description: shown in the console.
        buildspec: file name in delivery/buildspecs, without suffix; `-lambda` is appended on Lambda compute.
        docker: whether it needs a Docker daemon, hence privileged mode.
        minutes: timeout of a build.
        reports: report group types (CodeBuild CreateReportGroup, type) by the report's name in the buildspec.
    """

    description: str
    buildspec: str
    docker: bool
    minutes: int
    reports: Mapping[str, str]

    @property
    def fits_lambda(self) -> bool:
        """Whether CodeBuild's Lambda compute can run it, which has no Docker and a shorter limit."""
        return not self.docker and self.minutes < platforms.LAMBDA_MINUTES


@dataclass(frozen=True, kw_only=True, slots=True)
class GitHubSource:
    """The source of a project outside the pipeline: GitHub, which gets the build status.

    Attributes:
        connection_arn: authorizes the project; None for the account's source credential.
        buildspec: text of the buildspec, so that a change cannot alter it.
    """

    connection_arn: str | None
    buildspec: str


class BuildProject(pulumi.ComponentResource):
    """A CodeBuild project with a role of its own.

    - a role with the given permissions, and those to write its own logs and reports and to pull a build image that is
      private in ECR; only this project can assume it
    - a log group with a retention, and report groups, which are deleted with the stack
    - in the pipeline a local cache of directories and Docker layers, unless it runs on Lambda compute

    Args:
        stack: the stack's name.
        key: the project's key, such as `staging-deploy`.
        section: `slipway:pipeline`.
        step: description, buildspec, timeout and reports.
        platform: of its build environment, such as `linux/amd64`.
        variables: environment variables of its builds.
        statements: permissions of its role.
        github_source: None if the pipeline provides the source.
        home: the account and region.
        after: resources that the project depends on; its role does not.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    log_group: pulumi.Output[str]

    def __init__(
        self,
        stack: str,
        key: str,
        section: Section,
        *,
        step: Step,
        platform: str,
        variables: Mapping[str, str],
        statements: Sequence[iam.Document],
        github_source: GitHubSource | None,
        home: Home,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        name = f"{stack}-{key}"
        super().__init__("slipway:infra:BuildProject", name, None, opts)
        self._name, self._project_name, self._section = name, names.build_project(stack, key), section
        on_lambda = self._on_lambda = section.lambda_compute and step.fits_lambda
        self._child = pulumi.ResourceOptions(parent=self)
        logs = aws.cloudwatch.LogGroup(
            name,
            name=names.build_log_group(stack, key),
            retention_in_days=section.log_retention_days,
            opts=self._child,
        )
        groups = [self._report_group(kind, report_type) for kind, report_type in step.reports.items()]
        project = aws.codebuild.Project(
            name,
            name=self._project_name,
            description=step.description,
            service_role=self._role(home, logs, groups, statements),
            source=self._source(step, github_source),
            artifacts=aws.codebuild.ProjectArtifactsArgs(type="NO_ARTIFACTS" if github_source else "CODEPIPELINE"),
            environment=self._environment(step, platform, variables, home, fleet=not github_source),
            # Builds of other changes would run what one change leaves in the cache (OWASP CICD-SEC-4). CodeBuild takes
            # neither cache nor limit on Lambda compute ("Cannot specify timeoutInMinutes for lambda compute").
            cache=None if github_source or on_lambda else build_environment.cache(docker=step.docker),
            build_timeout=None if on_lambda else step.minutes,
            logs_config=aws.codebuild.ProjectLogsConfigArgs(
                cloudwatch_logs=aws.codebuild.ProjectLogsConfigCloudwatchLogsArgs(group_name=logs.name)
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(after)),
        )
        self.name, self.arn, self.log_group = project.name, project.arn, logs.name
        self.register_outputs({"name": self.name, "arn": self.arn, "log_group": self.log_group})

    def _report_group(self, kind: str, report_type: str) -> aws.codebuild.ReportGroup:
        """Create the report group that `kind` in the buildspec means; its reports are deleted with it."""
        return aws.codebuild.ReportGroup(
            f"{self._name}-{kind}",
            name=names.report_group(self._project_name, kind),
            type=report_type,
            export_config=aws.codebuild.ReportGroupExportConfigArgs(type="NO_EXPORT"),
            delete_reports=True,
            opts=self._child,
        )

    def _role(
        self,
        home: Home,
        logs: aws.cloudwatch.LogGroup,
        groups: Sequence[aws.codebuild.ReportGroup],
        statements: Sequence[iam.Document],
    ) -> pulumi.Output[str]:
        """Create the role; its ARN resolves after its policy exists."""
        trust = iam.service_trust_policy(
            "codebuild.amazonaws.com", account=home.account, source=home.build_project(self._project_name)
        )
        role = aws.iam.Role(self._name, assume_role_policy=trust, opts=self._child)
        own_statements = [permissions.write_logs(pulumi.Output.concat(logs.arn, ":*"))]
        if groups:
            own_statements.append(permissions.write_reports([group.arn for group in groups]))
        image = None if self._on_lambda else self._section.image
        if repository := build_images.repository_arn(image, home):
            own_statements += permissions.pull_build_image(repository)
        policy = aws.iam.RolePolicy(
            self._name,
            role=role.name,
            policy=pulumi.Output.json_dumps(iam.document(*own_statements, *statements)),
            opts=self._child,
        )
        return pulumi.Output.all(role.arn, policy.id).apply(lambda both: str(both[0]))

    def _source(self, step: Step, source: GitHubSource | None) -> aws.codebuild.ProjectSourceArgs:
        """Return the source and buildspec; in the pipeline both come with the commit."""
        if source is None:
            name = f"{step.buildspec}-lambda" if self._on_lambda else step.buildspec
            return aws.codebuild.ProjectSourceArgs(type="CODEPIPELINE", buildspec=f"{BUILDSPECS}/{name}.yml")
        auth = aws.codebuild.ProjectSourceAuthArgs(type="CODECONNECTIONS", resource=source.connection_arn or "")
        return aws.codebuild.ProjectSourceArgs(
            type="GITHUB",
            location=f"https://github.com/{self._section.repository}.git",
            buildspec=source.buildspec,
            git_clone_depth=1,
            report_build_status=True,
            build_status_config=aws.codebuild.ProjectSourceBuildStatusConfigArgs(context=STATUS),
            auth=auth if source.connection_arn else None,
        )

    def _environment(
        self, step: Step, platform: str, variables: Mapping[str, str], home: Home, *, fleet: bool
    ) -> aws.codebuild.ProjectEnvironmentArgs:
        """Return the build environment, on Lambda compute or on EC2 compute."""
        if self._on_lambda:
            return build_environment.on_lambda(platform, variables)
        return build_environment.on_ec2(self._section, platform, variables, home, docker=step.docker, fleet=fleet)
