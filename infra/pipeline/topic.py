"""The SNS topic for notifications."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra.aws import names, resource_policies

if TYPE_CHECKING:
    from infra.config.pipeline import Pipeline as Section


class Topic(pulumi.ComponentResource):
    """The SNS topic for approval requests, failed executions and alarms.

    Alarms and notifications are allowed by its policy, approval requests by the pipeline's role.

    - encrypted, if a key is given: alarms cannot use AWS's own key for SNS
    - an e-mail subscription for each address, which its owner confirms by the link that AWS sends

    Args:
        name: of the stack.
        section: `slipway:pipeline`.
        account: ID of the account that services may publish for.
    """

    arn: pulumi.Output[str]

    def __init__(
        self, name: str, section: Section, *, account: str, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("slipway:infra:Topic", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        topic = aws.sns.Topic(name, name=names.pipeline(name), kms_master_key_id=section.topic_key_arn, opts=child)
        policy = aws.sns.TopicPolicy(
            name,
            arn=topic.arn,
            policy=pulumi.Output.json_dumps(resource_policies.topic(topic.arn, account)),
            opts=child,
        )
        for address in section.notify:
            aws.sns.TopicSubscription(
                f"{name}-{address}", topic=topic.arn, protocol="email", endpoint=address, opts=child
            )
        self.arn = pulumi.Output.all(topic.arn, policy.id).apply(lambda both: str(both[0]))
        self.register_outputs({"arn": self.arn})
