"""The chat channel: what is posted to which chat, and that its URL appears nowhere."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from contract.names import PROJECT
from delivery.errors import DeliveryError
from delivery.notifications import chat
from delivery.notifications.message import Message
from delivery.notifications.notices import Teller
from tests.unit.delivery.aws import ACCOUNT, REGION
from tests.unit.delivery.topic import EXECUTION, notified

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.delivery.commands import Commands
    from tests.unit.delivery.world import World

SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:chat-AbCdEf"
PATH = "/hooks/T0KEN"
BUILD = {"EXECUTION": EXECUTION, "COMMIT": "b" * 40, "CODEBUILD_BUILD_ID": "slipway-test:1"}
MESSAGE = Message(subject="Test failed", facts={"What happened": "a < b & <!channel>", "Next": "one\ntwo"})


@dataclass
class Chat:
    """A chat on this machine: what was posted, and the statuses that it answers with, the last one for ever."""

    url: str = ""
    posts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=lambda: [200])
    headers: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def place() -> Iterator[Chat]:
    """A chat that takes messages."""
    held = Chat()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            held.posts.append((self.path, json.loads(body)))
            self.send_response(held.statuses[0] if len(held.statuses) == 1 else held.statuses.pop(0))
            for name, value in held.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        held.url = f"http://127.0.0.1:{server.server_address[1]}{PATH}"
        yield held
        server.shutdown()


class Secrets:
    """Secrets Manager with one secret."""

    def __init__(self, value: str) -> None:
        """Keep the value."""
        self.value = value

    def get_secret_value(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return it."""
        assert params == {"SecretId": SECRET}
        return {"ARN": SECRET, "SecretString": self.value}


def with_chat(world: World, url: str, **facts: str) -> None:
    """Give an environment's pipeline a chat."""
    notified(world, chat_secret=SECRET, **({"topic": ""} | facts))
    world.aws.services["secretsmanager"] = Secrets(url)


def fail(world: World) -> str:
    """Let a step fail; return the last line that it writes."""
    Teller(clients=world.aws, stack="staging", say=world.say).failed(DeliveryError("no"), "no", BUILD)
    return world.lines[-1]


def test_a_failed_step_is_posted_to_the_chat(piped: World, place: Chat) -> None:
    """Subject and body, as one text."""
    with_chat(piped, f" {place.url}\n")
    title = f"{PROJECT} bbbbbbb: Test/Test failed"
    assert fail(piped) == f"the chat is notified: {title}"
    ((path, body),) = place.posts
    assert path == PATH
    assert body["text"].startswith(f"{title}\nWhat happened: no\n")


def test_topic_and_chat_get_the_same_and_one_that_fails_keeps_not_the_other(piped: World, place: Chat) -> None:
    """They are independent."""
    topic = notified(piped, chat_secret=SECRET)
    piped.aws.services["secretsmanager"] = Secrets(place.url)
    fail(piped)
    assert place.posts[0][1]["text"] == "\n".join(topic.only)
    piped.aws.fail("Publish", "AuthorizationError")
    fail(piped)
    assert len(place.posts) == 2


def test_a_release_that_waits_for_its_approval_is_told_to_the_chat_alone(served: Commands, place: Chat) -> None:
    """With both commands; AWS's own request goes to the topic."""
    topic = notified(served.world, chat_secret=SECRET)
    served.world.aws.services["secretsmanager"] = Secrets(place.url)
    assert served("promote", "--release", served.release("a" * 40), "--execution", EXECUTION)[0] == 0
    assert not topic.messages
    text = place.posts[0][1]["text"]
    assert f"delivery approve --stack staging --execution {EXECUTION}" in text
    assert "Approval/Approve waits" in text


def test_a_pipeline_without_an_approval_asks_for_none(served: Commands, place: Chat) -> None:
    """Its release goes on by itself."""
    with_chat(served.world, place.url, approval_stage="", approval_action="")
    assert served("promote", "--release", served.release("a" * 40), "--execution", EXECUTION)[0] == 0
    assert not place.posts


@pytest.mark.parametrize(
    ("statuses", "posts", "told"),
    [([503, 200], 2, "the chat is notified"), ([503, 503, 200], 2, "answered 503"), ([404], 1, "answered 404")],
)
def test_a_chat_that_is_busy_is_asked_once_more(
    piped: World, place: Chat, statuses: list[int], posts: int, told: str
) -> None:
    """And no oftener; what it refuses is not repeated."""
    with_chat(piped, place.url)
    place.statuses = statuses
    place.headers = {"Retry-After": "60"}
    assert told in fail(piped)
    assert len(place.posts) == posts


def test_a_redirect_is_not_followed(piped: World, place: Chat) -> None:
    """The message would go to where nobody has configured it to go."""
    with_chat(piped, place.url)
    place.statuses, place.headers = [302], {"Location": f"{place.url}/elsewhere"}
    assert "answered 302" in fail(piped)
    assert len(place.posts) == 1


@pytest.mark.parametrize(
    "url",
    [
        " ",
        "not a URL at all T0KEN",
        "http://hooks.example.test/T0KEN",
        "ftp://127.0.0.1/T0KEN",
        "https:///T0KEN",
        "https://[T0KEN",
        "https://127.0.0.1:1/T0KEN",
        "http://127.0.0.1:T0KEN/x",
    ],
)
def test_whatever_is_wrong_with_the_webhook_the_line_names_the_key_and_not_the_url(piped: World, url: str) -> None:
    """The URL is all that one needs to post there."""
    with_chat(piped, url)
    told = fail(piped)
    assert told.startswith("the chat is not notified: ")
    assert "slipway:pipeline.chat_webhook_secret_arn" in told
    assert not [line for line in piped.lines if "T0KEN" in line]


def test_a_secret_that_may_not_be_read_is_told_in_awss_words(piped: World) -> None:
    """An operator who rolls back by hand may lack the permission."""
    with_chat(piped, "https://hooks.example.test/x")
    piped.aws.fail("GetSecretValue", "AccessDeniedException")
    assert fail(piped) == "the chat is not notified: AWS refused GetSecretValue: made up"


def test_a_chat_that_does_not_answer_is_given_up_after_five_seconds_twice() -> None:
    """A step that failed ends soon."""
    assert (chat.TIMEOUT.connect_timeout, chat.TIMEOUT.read_timeout, chat.RETRIES.total) == (5, 5, 1)


@pytest.mark.parametrize("host", ["chat.googleapis.com", "mattermost.example.test", "hooks.slack.com.example.test"])
def test_most_chats_take_a_text_as_it_is(host: str) -> None:
    """Google Chat, Mattermost, and whatever speaks as these do."""
    assert chat.payload(host, MESSAGE) == {"text": f"{MESSAGE.subject}\n{MESSAGE.body}"}


def test_what_slack_would_read_as_a_command_is_escaped() -> None:
    """A quoted output may hold its signs."""
    text = chat.payload("hooks.slack.com", MESSAGE)["text"]
    assert "a &lt; b &amp; &lt;!channel&gt;" in text


def test_teams_gets_an_adaptive_card_with_a_block_for_each_line() -> None:
    """Workflows take nothing else; one block would run its lines together."""
    body = chat.payload("prod-01.westeurope.logic.azure.com", MESSAGE)
    (attachment,) = body["attachments"]
    assert (body["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    assert [block["text"] for block in attachment["content"]["body"]] == [
        "Test failed",
        "What happened: a < b & <!channel>",
        "Next: one",
        "  two",
    ]
