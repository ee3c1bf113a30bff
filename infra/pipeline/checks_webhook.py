"""The GitHub webhook that starts the checks of pushes and pull requests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
import pulumi_github as github

if TYPE_CHECKING:
    from infra.config.pipeline import Pipeline as Section

# Patterns are regular expressions that match anywhere in the value, hence the anchors.
ANY_BRANCH = "^refs/heads/.+$"
PULL_REQUESTS = "PULL_REQUEST_CREATED, PULL_REQUEST_UPDATED, PULL_REQUEST_REOPENED"
# Repository roles whose comment starts the build of a pull request from a fork.
APPROVERS = ("GITHUB_ADMIN", "GITHUB_MAINTAIN", "GITHUB_WRITE")


class ChecksWebhook(pulumi.ComponentResource):
    """The webhook that starts a build for each push to a branch and each pull request.

    - with `check_branch: false` none for a push to the branch that the pipeline releases
    - registered with GitHub; CodeBuild generates the secret that deliveries are signed with
    - a pull request from a fork waits for a comment of a person with write access

    Args:
        name: of the stack.
        section: `slipway:pipeline`.
        project_name: of the CodeBuild project to start.
    """

    url: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        section: Section,
        *,
        project_name: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("slipway:infra:ChecksWebhook", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        receiver = aws.codebuild.Webhook(
            f"{name}-checks",
            project_name=project_name,
            build_type="BUILD",
            manual_creation=True,
            filter_groups=[_pushes(section), _group(PULL_REQUESTS, "BASE_REF", ANY_BRANCH)],
            pull_request_build_policy=aws.codebuild.WebhookPullRequestBuildPolicyArgs(
                requires_comment_approval="FORK_PULL_REQUESTS", approver_roles=list(APPROVERS)
            ),
            opts=child,
        )
        sender = github.RepositoryWebhook(
            f"{name}-checks",
            repository=section.repository.split("/")[1],
            events=["push", "pull_request", "issue_comment"],
            configuration=github.RepositoryWebhookConfigurationArgs(
                url=receiver.payload_url,
                secret=pulumi.Output.secret(receiver.secret),
                content_type="json",
                insecure_ssl=False,
            ),
            opts=child,
        )
        self.url = pulumi.Output.all(receiver.payload_url, sender.id).apply(lambda both: str(both[0]))
        self.register_outputs({"url": self.url})


def _pushes(section: Section) -> aws.codebuild.WebhookFilterGroupArgs:
    """Return the filter group of pushes to branches; tags do not match."""
    if section.check_branch:
        return _group("PUSH", "HEAD_REF", ANY_BRANCH)
    return _group("PUSH", "HEAD_REF", f"^refs/tags/|^refs/heads/{re.escape(section.branch)}$", exclude=True)


def _group(events: str, ref: str, pattern: str, *, exclude: bool = False) -> aws.codebuild.WebhookFilterGroupArgs:
    """Return the filter group of events on some branches.

    Args:
        events: CodeBuild's event names, comma-separated.
        ref: the filter type of the branch, `HEAD_REF` or `BASE_REF`.
        pattern: regular expression on the Git reference.
        exclude: whether the events are those of all references that it does not match.
    """
    make = aws.codebuild.WebhookFilterGroupFilterArgs
    branches = make(type=ref, pattern=pattern, exclude_matched_pattern=True if exclude else None)
    return aws.codebuild.WebhookFilterGroupArgs(filters=[make(type="EVENT", pattern=events), branches])
