"""A CodeBuild project and its role."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra.aws import iam, names, permissions, platforms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.aws.arns import Home
    from infra.config.pipeline import Pipeline as Section

# CodeBuild's status at GitHub; one name, so that a branch protection can ask for it.
STATUS = "slipway/checks"
BUILDSPECS = "delivery/buildspecs"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What a build project runs.

    Attributes:
        description: shown in the console.
        buildspec: the file in delivery/buildspecs, without its suffix.
        docker: whether it builds or runs containers.
        minutes: until it is stopped.
        reports: type of report (CodeBuild CreateReportGroup, type) by the report's name in the buildspec.
    """

    description: str
    buildspec: str
    docker: bool
    minutes: int
    reports: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnSource:
    """The source of a project that no pipeline hands it: GitHub's, where its status is reported.

    Authorised by the connection or, without one, by the account's credential. `buildspec` is the text of the steps,
    which are the project's and not the change's to choose.
    """

    connection_arn: str | None
    buildspec: str


class BuildProject(pulumi.ComponentResource):
    """A CodeBuild project with a role of its own.

    - the role may do what is given, write its own logs, and fill its own reports; no other project can assume it
    - a log group with a retention, and its report groups, which go with the stack
    - the last source and Docker layers are kept on the build machine where it is used again

    Args:
        stack: the stack's name.
        key: the project's key, such as `staging-deploy`.
        section: `slipway:pipeline`.
        step: what it runs.
        platform: what it runs on, such as `linux/amd64`.
        variables: environment variables of its builds.
        statements: what its role may do.
        own_source: None where the pipeline hands the source over.
        home: the account and region.
        after: what the project is created after; its role does not wait for them.
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
        own_source: OwnSource | None,
        home: Home,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        name = f"{stack}-{key}"
        super().__init__("slipway:infra:BuildProject", name, None, opts)
        self._name, self._project_name, self._section = name, names.build_project(stack, key), section
        self._child = pulumi.ResourceOptions(parent=self)
        logs = aws.cloudwatch.LogGroup(
            name,
            name=names.build_log_group(stack, key),
            retention_in_days=section.log_retention_days,
            opts=self._child,
        )
        groups = [self._report_group(kind, of_type) for kind, of_type in step.reports.items()]
        project = aws.codebuild.Project(
            name,
            name=self._project_name,
            description=step.description,
            service_role=self._role(home, logs, groups, statements),
            source=self._source(step, own_source),
            artifacts=aws.codebuild.ProjectArtifactsArgs(type="NO_ARTIFACTS" if own_source else "CODEPIPELINE"),
            environment=self._environment(step, platform, variables),
            # What one change leaves in a cache, the builds of others would run (OWASP CICD-SEC-4).
            cache=None if own_source else _cache(docker=step.docker),
            build_timeout=step.minutes,
            logs_config=aws.codebuild.ProjectLogsConfigArgs(
                cloudwatch_logs=aws.codebuild.ProjectLogsConfigCloudwatchLogsArgs(group_name=logs.name)
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(after)),
        )
        self.name, self.arn, self.log_group = project.name, project.arn, logs.name
        self.register_outputs({"name": self.name, "arn": self.arn, "log_group": self.log_group})

    def _report_group(self, kind: str, of_type: str) -> aws.codebuild.ReportGroup:
        """Make the group that CodeBuild takes for this kind in the buildspec; its reports go with it."""
        return aws.codebuild.ReportGroup(
            f"{self._name}-{kind}",
            name=names.report_group(self._project_name, kind),
            type=of_type,
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
        """Make the role; its ARN comes out once it has its permissions."""
        trust = iam.service_trust_policy(
            "codebuild.amazonaws.com", account=home.account, source=home.build_project(self._project_name)
        )
        role = aws.iam.Role(self._name, assume_role_policy=trust, opts=self._child)
        own = [permissions.write_logs(pulumi.Output.concat(logs.arn, ":*"))]
        if groups:
            own.append(permissions.write_reports([group.arn for group in groups]))
        policy = aws.iam.RolePolicy(
            self._name,
            role=role.name,
            policy=pulumi.Output.json_dumps(iam.document(*own, *statements)),
            opts=self._child,
        )
        return pulumi.Output.all(role.arn, policy.id).apply(lambda both: str(both[0]))

    def _source(self, step: Step, own: OwnSource | None) -> aws.codebuild.ProjectSourceArgs:
        """Return where source and buildspec come from: the pipeline's come with the commit."""
        if own is None:
            return aws.codebuild.ProjectSourceArgs(type="CODEPIPELINE", buildspec=f"{BUILDSPECS}/{step.buildspec}.yml")
        auth = aws.codebuild.ProjectSourceAuthArgs(type="CODECONNECTIONS", resource=own.connection_arn or "")
        return aws.codebuild.ProjectSourceArgs(
            type="GITHUB",
            location=f"https://github.com/{self._section.repository}.git",
            buildspec=own.buildspec,
            git_clone_depth=1,
            report_build_status=True,
            build_status_config=aws.codebuild.ProjectSourceBuildStatusConfigArgs(context=STATUS),
            auth=auth if own.connection_arn else None,
        )

    def _environment(
        self, step: Step, platform: str, variables: Mapping[str, str]
    ) -> aws.codebuild.ProjectEnvironmentArgs:
        """Return the machine and image that builds run in, and their variables."""
        return aws.codebuild.ProjectEnvironmentArgs(
            type=platforms.ENVIRONMENT_TYPES[platform],
            image=self._section.image or platforms.BUILD_IMAGES[platform],
            compute_type=self._section.compute_type,
            privileged_mode=step.docker,
            environment_variables=[
                aws.codebuild.ProjectEnvironmentEnvironmentVariableArgs(name=key, value=value)
                for key, value in variables.items()
            ],
        )


def _cache(*, docker: bool) -> aws.codebuild.ProjectCacheArgs:
    """Keep what buildspecs name, and Docker's layers where there is a Docker Engine, on the build machine."""
    modes = ["LOCAL_CUSTOM_CACHE", *(["LOCAL_DOCKER_LAYER_CACHE"] if docker else [])]
    return aws.codebuild.ProjectCacheArgs(type="LOCAL", modes=modes)
