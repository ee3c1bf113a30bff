"""One step of the pipeline: what it runs in, and what it may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra import naming, policies, rights

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# CodeBuild's status at GitHub; one name, so that a branch protection can ask for it.
STATUS = "slipway/checks"


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildProjectArgs:
    """What a build project needs; `minutes` until it is stopped, report groups by kind and type.

    With `repository` it fetches its own source from GitHub and reports its status there, authorised by
    `connection_arn` or, without one, by the account's credential; else the pipeline hands the source over.
    `trusted_source` is its own ARN: only this project may take its role.
    The project comes `after` others; its role does not wait for them.
    """

    project_name: str
    description: str
    buildspec: str
    repository: str | None
    connection_arn: str | None
    image: str
    compute_type: str
    machine: str
    privileged: bool
    minutes: int
    variables: Mapping[str, str]
    reports: Mapping[str, str]
    statements: Sequence[policies.Document]
    log_group: str
    log_retention_days: int
    account: str
    trusted_source: str
    after: Sequence[pulumi.Resource]


class BuildProject(pulumi.ComponentResource):
    """A CodeBuild project with a role of its own.

    - the role may do what is given, write its own logs, and fill its own reports
    - a log group with a retention, and its report groups, which go with the stack
    - the last source and Docker layers are kept on the build machine where it is used again
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    log_group: pulumi.Output[str]

    def __init__(self, name: str, args: BuildProjectArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:BuildProject", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        logs = aws.cloudwatch.LogGroup(
            name, name=args.log_group, retention_in_days=args.log_retention_days, opts=self._child
        )
        groups = [self._report_group(kind, of_type) for kind, of_type in args.reports.items()]
        role = self._role(logs, groups)
        project = aws.codebuild.Project(
            name,
            name=args.project_name,
            description=args.description,
            service_role=role,
            source=self._source(),
            artifacts=aws.codebuild.ProjectArtifactsArgs(type="NO_ARTIFACTS" if args.repository else "CODEPIPELINE"),
            environment=self._environment(),
            cache=self._cache(),
            build_timeout=args.minutes,
            logs_config=aws.codebuild.ProjectLogsConfigArgs(
                cloudwatch_logs=aws.codebuild.ProjectLogsConfigCloudwatchLogsArgs(group_name=logs.name)
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
        )
        self.name, self.arn, self.log_group = project.name, project.arn, logs.name
        self.register_outputs({"name": self.name, "arn": self.arn, "log_group": self.log_group})

    def _report_group(self, kind: str, of_type: str) -> aws.codebuild.ReportGroup:
        """Make the group that CodeBuild takes for this kind in the buildspec; its reports go with it."""
        return aws.codebuild.ReportGroup(
            f"{self._name}-{kind}",
            name=naming.report_group(self._args.project_name, kind),
            type=of_type,
            export_config=aws.codebuild.ReportGroupExportConfigArgs(type="NO_EXPORT"),
            delete_reports=True,
            opts=self._child,
        )

    def _role(self, logs: aws.cloudwatch.LogGroup, groups: Sequence[aws.codebuild.ReportGroup]) -> pulumi.Output[str]:
        """Make the role; its ARN comes out once it has its rights."""
        args = self._args
        trust = policies.trust("codebuild.amazonaws.com", account=args.account, source=args.trusted_source)
        role = aws.iam.Role(self._name, assume_role_policy=trust, opts=self._child)
        own = [rights.write_logs(pulumi.Output.concat(logs.arn, ":*"))]
        if groups:
            own.append(rights.write_reports([group.arn for group in groups]))
        policy = aws.iam.RolePolicy(
            self._name,
            role=role.name,
            policy=pulumi.Output.json_dumps(policies.document(*own, *args.statements)),
            opts=self._child,
        )
        return pulumi.Output.all(role.arn, policy.id).apply(lambda both: str(both[0]))

    def _source(self) -> aws.codebuild.ProjectSourceArgs:
        """Say where the source and the steps come from."""
        args = self._args
        if args.repository is None:
            return aws.codebuild.ProjectSourceArgs(type="CODEPIPELINE", buildspec=args.buildspec)
        auth = aws.codebuild.ProjectSourceAuthArgs(type="CODECONNECTIONS", resource=args.connection_arn or "")
        return aws.codebuild.ProjectSourceArgs(
            type="GITHUB",
            location=f"https://github.com/{args.repository}.git",
            buildspec=args.buildspec,
            git_clone_depth=1,
            report_build_status=True,
            build_status_config=aws.codebuild.ProjectSourceBuildStatusConfigArgs(context=STATUS),
            auth=auth if args.connection_arn else None,
        )

    def _environment(self) -> aws.codebuild.ProjectEnvironmentArgs:
        """Say what builds run in and are told."""
        args = self._args
        return aws.codebuild.ProjectEnvironmentArgs(
            type=args.machine,
            image=args.image,
            compute_type=args.compute_type,
            privileged_mode=args.privileged,
            environment_variables=[
                aws.codebuild.ProjectEnvironmentEnvironmentVariableArgs(name=key, value=value)
                for key, value in args.variables.items()
            ],
        )

    def _cache(self) -> aws.codebuild.ProjectCacheArgs | None:
        """Keep Docker's layers only where there is a Docker Engine, and nothing of what anybody pushes.

        What one change leaves in a cache, the builds of others would run (OWASP CICD-SEC-4, poisoned pipeline).
        """
        if self._args.repository:
            return None
        modes = ["LOCAL_CUSTOM_CACHE", *(["LOCAL_DOCKER_LAYER_CACHE"] if self._args.privileged else [])]
        return aws.codebuild.ProjectCacheArgs(type="LOCAL", modes=modes)
