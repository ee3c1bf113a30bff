"""The chat channel: an incoming webhook, whose URL is a secret of its own and appears in no output.

Slack, Google Chat and Mattermost take `{"text": ...}` (their guides, "Incoming webhooks"). A workflow of Microsoft
Teams takes an Adaptive Card only (Teams developer guide, "Create and send messages", Known issues).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import urllib3

from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from delivery.aws.clients import Clients
    from delivery.notifications.message import Message

KEY = "slipway:pipeline.chat_webhook_secret_arn"
TIMEOUT = urllib3.Timeout(connect=5, read=5)
# A chat that asks for a longer wait is not waited for. No redirect is followed: it could leave https.
RETRIES = urllib3.Retry(
    total=1, redirect=0, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504), allowed_methods=None,
    raise_on_status=False, raise_on_redirect=False, respect_retry_after_header=False,
)  # fmt: skip
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SLACK = "hooks.slack.com"
TEAMS = (".logic.azure.com", ".logic.azure.us", ".powerplatform.com", ".powerplatform.us")
"""How the hosts of Teams workflows end (Power Automate, in its public and US Government clouds)."""
FAILED = 300


def post(clients: Clients, secret: str, message: Message) -> None:
    """Post a message to the chat.

    Args:
        clients: from AWS service name to boto3 client.
        secret: ARN of the secret with the webhook's URL.
        message: what is posted.

    Raises:
        DeliveryError: the secret holds no URL to post to, or the chat did not take the message; without the URL.
        ClientError, BotoCoreError: the secret cannot be read.
    """
    url = str(clients("secretsmanager").get_secret_value(SecretId=secret).get("SecretString", "")).strip()
    host = _host(url)
    try:
        with urllib3.PoolManager(retries=RETRIES, timeout=TIMEOUT) as pool:
            body = json.dumps(payload(host, message)).encode()
            answer = pool.request("POST", url, body=body, headers={"Content-Type": "application/json"})
    except urllib3.exceptions.HTTPError as error:  # its text has the URL
        cause = getattr(error, "reason", None) or error
        raise DeliveryError(f"the chat of {KEY} cannot be reached ({type(cause).__name__})") from None
    if answer.status >= FAILED:
        raise DeliveryError(f"the chat of {KEY} answered {answer.status}; check the webhook in the secret")


def _host(url: str) -> str:
    """Return the host of a webhook's URL.

    Raises:
        DeliveryError: it is no https URL; http is taken to this machine only.
    """
    try:
        parts = urlsplit(url)
        host, scheme = (parts.hostname or "").lower(), parts.scheme
    except ValueError:
        host, scheme = "", ""
    if not host or (scheme != "https" and not (scheme == "http" and host in LOOPBACK)):
        raise DeliveryError(
            f"the secret of {KEY} does not hold an https URL; put the webhook's URL there, as plain text"
        )
    return host


def payload(host: str, message: Message) -> dict[str, Any]:
    """Return the body that the chat at a host takes."""
    if host.endswith(TEAMS):
        lines = [message.subject, *message.body.splitlines()]
        blocks = [
            {"type": "TextBlock", "text": line, "wrap": True, **({} if number else {"weight": "Bolder"})}
            for number, line in enumerate(lines)
        ]
        card = {"type": "AdaptiveCard", "version": "1.4", "body": blocks}
        card["$schema"] = "http://adaptivecards.io/schemas/adaptive-card.json"
        attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
        return {"type": "message", "attachments": [attachment]}
    text = f"{message.subject}\n{message.body}"
    if host == SLACK:  # its control characters; a quoted `<!channel>` would call everybody
        for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            text = text.replace(sign, entity)
    return {"text": text}
