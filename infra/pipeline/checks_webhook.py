"""The webhook that starts the checks of every push and pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
import pulumi_github as github

if TYPE_CHECKING:
    from infra.config.pipeline import Pipeline as Section

# Patterns are regular expressions that match anywhere: unanchored ones let more in than they say.
ANY_BRANCH = "^refs/heads/.+$"
PULL_REQUESTS = "PULL_REQUEST_CREATED, PULL_REQUEST_UPDATED, PULL_REQUEST_REOPENED"
# Who may have a stranger's change run on our machine, by a comment on it.
APPROVERS = ("GITHUB_ADMIN", "GITHUB_MAINTAIN", "GITHUB_WRITE")


class ChecksWebhook(pulumi.ComponentResource):
    """Starts a build for every push to any branch and every pull request.

    - registered at GitHub with a secret that CodeBuild makes, so that only GitHub is listened to
    - a pull request from a fork waits for a comment of someone who may write to the repository

    Args:
        name: of the stack.
        section: `slipway:pipeline`.
        project_name: of the build project that is started.
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
            filter_groups=[_group("PUSH", "HEAD_REF"), _group(PULL_REQUESTS, "BASE_REF")],
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


def _group(events: str, ref: str) -> aws.codebuild.WebhookFilterGroupArgs:
    """Return the filters of these events on any branch; a tag is none."""
    filters = {"EVENT": events, ref: ANY_BRANCH}
    return aws.codebuild.WebhookFilterGroupArgs(
        filters=[aws.codebuild.WebhookFilterGroupFilterArgs(type=key, pattern=value) for key, value in filters.items()]
    )
