"""A fake SNS topic, and what steps of the pipeline find in their environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.unit.delivery.aws import ACCOUNT, REGION

if TYPE_CHECKING:
    import pytest

    from tests.unit.delivery.world import World

ARN = f"arn:aws:sns:{REGION}:{ACCOUNT}:slipway-prod"
EXECUTION = "11111111-2222-3333-4444-555555555555"


@dataclass
class Topic:
    """SNS with one topic: the messages that were published, as subject and body."""

    messages: list[tuple[str, str]] = field(default_factory=list)

    def publish(self, params: dict[str, Any]) -> dict[str, Any]:
        """Take a message within the limits of the API reference."""
        assert params["TopicArn"] == ARN
        subject = params["Subject"]
        assert 0 < len(subject) < 100
        assert subject.isascii()
        assert subject.isprintable()
        assert 0 < len(params["Message"].encode()) <= 256 * 1024
        self.messages.append((subject, params["Message"]))
        return {"MessageId": "1"}

    @property
    def only(self) -> tuple[str, str]:
        """The one message that was published."""
        (one,) = self.messages
        return one


def notified(world: World, **facts: str) -> Topic:
    """Give an environment's pipeline a topic that its steps publish to; further facts as they are given."""
    topic = Topic()
    world.aws.services["sns"] = topic
    world.record_pipeline(**({"topic": ARN} | facts))
    return topic


def in_build(monkeypatch: pytest.MonkeyPatch, key: str, commit: str, stack: str = "staging") -> None:
    """Let this process be a build of the pipeline, by its project's key."""
    variables = {"STACK": stack, "EXECUTION": EXECUTION, "COMMIT": commit, "CODEBUILD_BUILD_ID": f"slipway-{key}:1-2-3"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
