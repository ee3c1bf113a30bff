"""Alarms under test: a topic that hears them, and waiting for their states."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from support.waiting import until

if TYPE_CHECKING:
    from support.cloud import Cloud


class Topic:
    """A topic with a queue that receives its messages."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        """Create both."""
        sns, self._sqs = cloud.client("sns"), cloud.client("sqs")
        self.arn = sns.create_topic(Name=name)["TopicArn"]
        self._queue = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        queue = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=queue["Attributes"]["QueueArn"])

    def message(self) -> tuple[str, dict[str, Any]]:
        """Wait for a message; return its subject and content."""
        found: list[dict[str, Any]] = []

        def received() -> bool:
            rows = self._sqs.receive_message(QueueUrl=self._queue).get("Messages", [])
            for row in rows:
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=row["ReceiptHandle"])
                found.append(json.loads(row["Body"]))
            return bool(found)

        until(received)
        return found[0]["Subject"], json.loads(found[0]["Message"])


def described(watch: Any, name: str) -> dict[str, Any]:
    """Describe an alarm."""
    return dict(watch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0])


def reached(watch: Any, name: str, state: str, limit: float = 120) -> dict[str, Any]:
    """Wait until an alarm has a state; returns the alarm."""
    until(lambda: described(watch, name)["StateValue"] == state, lambda: described(watch, name)["StateReason"], limit)
    return described(watch, name)
