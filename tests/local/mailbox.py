"""A subscriber of the pipeline's topic: a queue, in which the messages that people get are found."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support.waiting import until

if TYPE_CHECKING:
    from tests.local.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A queue that is subscribed to the topic of production's pipeline."""

    workspace: Workspace
    url: str
    subscription: str

    @classmethod
    def of(cls, workspace: Workspace) -> Mailbox:
        """Subscribe a queue of this name to the topic."""
        sqs, sns = workspace.client("sqs"), workspace.client("sns")
        url = sqs.create_queue(QueueName="mailbox")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic = workspace.outputs("prod")["pipeline_topic"]
        held = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)
        return cls(workspace, url, held["SubscriptionArn"])

    def close(self) -> None:
        """End the subscription and delete the queue."""
        self.workspace.client("sns").unsubscribe(SubscriptionArn=self.subscription)
        self.workspace.client("sqs").delete_queue(QueueUrl=self.url)

    def find(self, subject: str) -> str:
        """Wait for a message whose subject ends with these words; returns its body."""
        seen: list[str] = []

        def found() -> str:
            taken = self.workspace.client("sqs").receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
            for one in taken.get("Messages", []):
                held = json.loads(one["Body"])
                seen.append(held.get("Subject") or "")
                if seen[-1].endswith(subject):
                    return str(held["Message"])
            return ""

        return until(found, lambda: f"no message {subject!r} came, but {seen}")
