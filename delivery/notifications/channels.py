"""The channels of notifications: the pipeline's SNS topic and a chat. What cannot be sent is a line and no failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from delivery.aws.clients import sentence
from delivery.errors import DeliveryError
from delivery.notifications import chat

if TYPE_CHECKING:
    from delivery.aws.clients import Clients
    from delivery.console import Say
    from delivery.environment import Pipeline
    from delivery.notifications.message import Message


def send(clients: Clients, of: Pipeline, message: Message, say: Say, *, topic: bool = True) -> None:
    """Send a message by each channel that a pipeline has; whatever fails is said and raises nothing.

    Args:
        clients: from AWS service name to boto3 client.
        of: the pipeline, whose facts name the channels.
        message: what is sent.
        say: takes a line for each channel.
        topic: whether the topic is one of them; False where AWS itself publishes there.
    """
    if topic and of.topic:
        say(_publish(clients, of.topic, message))
    if of.chat_secret:
        say(_post(clients, of.chat_secret, message))


def _publish(clients: Clients, topic: str, message: Message) -> str:
    """Publish to the topic; return what came of it."""
    try:
        clients("sns").publish(TopicArn=topic, Subject=message.subject, Message=message.body)
    except (BotoCoreError, ClientError) as error:
        return f"topic {topic} is not notified: {sentence(error)}"
    return f"topic {topic} is notified: {message.subject}"


def _post(clients: Clients, secret: str, message: Message) -> str:
    """Post to the chat; return what came of it."""
    try:
        chat.post(clients, secret, message)
    except (BotoCoreError, ClientError, DeliveryError) as error:
        return f"the chat is not notified: {sentence(error)}"
    return f"the chat is notified: {message.subject}"
