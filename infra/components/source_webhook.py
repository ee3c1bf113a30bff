"""What makes GitHub start a release where there is no connection."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_github as github


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceWebhookArgs:
    """The pipeline and its source action, the branch, the repository's name, and the secret that GitHub signs with."""

    webhook_name: str
    pipeline_name: pulumi.Input[str]
    source_action: str
    branch: str
    repository_name: str
    secret: pulumi.Input[str]


class SourceWebhook(pulumi.ComponentResource):
    """Starts the pipeline when its branch is pushed to.

    - registered at GitHub with the same secret: a message that is not signed with it starts nothing
    """

    url: pulumi.Output[str]

    def __init__(self, name: str, args: SourceWebhookArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:SourceWebhook", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        secret = pulumi.Output.secret(args.secret)
        receiver = aws.codepipeline.Webhook(
            f"{name}-source",
            name=args.webhook_name,
            target_pipeline=args.pipeline_name,
            target_action=args.source_action,
            authentication="GITHUB_HMAC",
            authentication_configuration=aws.codepipeline.WebhookAuthenticationConfigurationArgs(secret_token=secret),
            filters=[aws.codepipeline.WebhookFilterArgs(json_path="$.ref", match_equals=f"refs/heads/{args.branch}")],
            opts=child,
        )
        sender = github.RepositoryWebhook(
            f"{name}-source",
            repository=args.repository_name,
            events=["push"],
            configuration=github.RepositoryWebhookConfigurationArgs(
                url=receiver.url, secret=secret, content_type="json", insecure_ssl=False
            ),
            opts=child,
        )
        self.url = pulumi.Output.all(receiver.url, sender.id).apply(lambda both: str(both[0]))
        self.register_outputs({"url": self.url})
