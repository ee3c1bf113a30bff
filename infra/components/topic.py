"""Where people are told what needs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra import policies

if TYPE_CHECKING:
    from collections.abc import Sequence

# Alarms, and the pipeline's notifications; an approval is published by the pipeline's own role.
PUBLISHERS = ("cloudwatch.amazonaws.com", "codestar-notifications.amazonaws.com")


@dataclass(frozen=True, kw_only=True, slots=True)
class TopicArgs:
    """The topic's name, the addresses that get its messages, and the account that may publish."""

    topic_name: str
    addresses: Sequence[str]
    account: str


class Topic(pulumi.ComponentResource):
    """An SNS topic for approvals, failures and alarms.

    - a subscription for each address, which its owner confirms by a link that AWS sends
    """

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: TopicArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:Topic", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        topic = aws.sns.Topic(name, name=args.topic_name, opts=child)
        policy = aws.sns.TopicPolicy(
            name,
            arn=topic.arn,
            policy=pulumi.Output.json_dumps(policies.topic(topic.arn, args.account, PUBLISHERS)),
            opts=child,
        )
        for address in args.addresses:
            aws.sns.TopicSubscription(
                f"{name}-{address}", topic=topic.arn, protocol="email", endpoint=address, opts=child
            )
        self.arn = pulumi.Output.all(topic.arn, policy.id).apply(lambda both: str(both[0]))
        self.register_outputs({"arn": self.arn})
