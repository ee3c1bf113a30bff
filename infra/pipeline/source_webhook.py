"""The GitHub webhook that starts the pipeline if there is no connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
import pulumi_github as github

from contract.pipeline import Action
from infra.aws import names

if TYPE_CHECKING:
    from infra.config.pipeline import Pipeline as Section


class SourceWebhook(pulumi.ComponentResource):
    """The webhook that starts the pipeline for each push to its branch.

    - registered with GitHub with the same secret: CodePipeline rejects deliveries that are not signed with it

    Args:
        name: of the stack.
        section: `slipway:pipeline`.
        pipeline_name: of the pipeline to start.
        secret: that GitHub signs deliveries with.
    """

    url: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        section: Section,
        *,
        pipeline_name: pulumi.Input[str],
        secret: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("slipway:infra:SourceWebhook", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        shared_secret = pulumi.Output.secret(secret)
        receiver = aws.codepipeline.Webhook(
            f"{name}-source",
            name=names.pipeline(name),
            target_pipeline=pipeline_name,
            target_action=Action.SOURCE,
            authentication="GITHUB_HMAC",
            authentication_configuration=aws.codepipeline.WebhookAuthenticationConfigurationArgs(
                secret_token=shared_secret
            ),
            filters=[
                aws.codepipeline.WebhookFilterArgs(json_path="$.ref", match_equals=f"refs/heads/{section.branch}")
            ],
            opts=child,
        )
        sender = github.RepositoryWebhook(
            f"{name}-source",
            repository=section.repository.split("/")[1],
            events=["push"],
            configuration=github.RepositoryWebhookConfigurationArgs(
                url=receiver.url, secret=shared_secret, content_type="json", insecure_ssl=False
            ),
            opts=child,
        )
        self.url = pulumi.Output.all(receiver.url, sender.id).apply(lambda both: str(both[0]))
        self.register_outputs({"url": self.url})
