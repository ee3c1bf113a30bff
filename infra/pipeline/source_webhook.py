"""The webhook that starts a release where there is no connection."""

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
    """Starts the pipeline when its branch is pushed to.

    - registered at GitHub with the same secret: a message that is not signed with it starts nothing

    Args:
        name: of the stack.
        section: `slipway:pipeline`.
        pipeline_name: of the pipeline that is started.
        secret: what GitHub signs with.
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
        signed = pulumi.Output.secret(secret)
        receiver = aws.codepipeline.Webhook(
            f"{name}-source",
            name=names.pipeline(name),
            target_pipeline=pipeline_name,
            target_action=Action.SOURCE,
            authentication="GITHUB_HMAC",
            authentication_configuration=aws.codepipeline.WebhookAuthenticationConfigurationArgs(secret_token=signed),
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
                url=receiver.url, secret=signed, content_type="json", insecure_ssl=False
            ),
            opts=child,
        )
        self.url = pulumi.Output.all(receiver.url, sender.id).apply(lambda both: str(both[0]))
        self.register_outputs({"url": self.url})
