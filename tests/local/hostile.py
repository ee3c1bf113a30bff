"""Malicious requests; each must be refused without starting anything."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support.attacker import Answer, Attacker
from support.cloud import Cloud

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.local.workspace import Workspace

GUESS = "guessed"
PUSH = json.dumps(
    {"ref": "refs/heads/main", "after": "0" * 40, "repository": {"full_name": "mallory/slipway"}}
).encode()
NEST = b"[" * 100_000


@dataclass(frozen=True)
class Hostile:
    """A malicious request: how it is sent to a path, and the expected response."""

    send: Callable[[Attacker, str], Answer]
    status: tuple[int, ...]


def attacker(workspace: Workspace) -> Attacker:
    """Return the attacker of a workspace's local cloud."""
    return Attacker(Cloud(workspace.environment | {"LOCALCLOUD_STATE": str(workspace.root / ".localcloud")}))


def signature(body: bytes) -> str:
    """Return a signature made without knowledge of the secret."""
    return "sha256=" + hmac.new(GUESS.encode(), body, hashlib.sha256).hexdigest()


def hook(body: bytes, signed: str | None) -> Callable[[Attacker, str], Answer]:
    """Return a function that posts a body to a webhook as GitHub does."""

    def send(attacker: Attacker, path: str) -> Answer:
        own = {"x_hub_signature_256": signed} if signed is not None else {}
        return attacker.send("POST", path, body, x_github_event="push", content_type="application/json", **own)

    return send


def to(method: str, path: str, body: bytes = b"") -> Callable[[Attacker, str], Answer]:
    """Return a function that sends a request to a fixed path."""
    return lambda attacker, _: attacker.send(method, path, body)


REQUESTS = {
    "a webhook message without a signature": Hostile(hook(PUSH, None), (400, 401, 403)),
    "a webhook message with a wrong signature": Hostile(hook(PUSH, signature(PUSH)), (400, 401, 403)),
    "a webhook message with half a signature": Hostile(hook(PUSH, "sha256="), (400, 401, 403)),
    "a webhook message that is no JSON": Hostile(hook(NEST, signature(NEST)), (400, 401, 403)),
    "a webhook message of 30 MB": Hostile(hook(b"x" * 30_000_000, signature(b"")), (400, 401, 403, 413)),
    "an address of no webhook": Hostile(to("POST", "/_localcloud/codebuild/webhooks/guessed", PUSH), (404,)),
    "a repository outside of the git server's folder": Hostile(
        to("GET", "/slipway-example/..%2f..%2fstate.git/info/refs?service=git-receive-pack"), (400, 403, 404)
    ),
    "an image pushed by nobody": Hostile(to("POST", "/v2/slipway/web/blobs/uploads/"), (401, 403)),
    "an upload to a repository outside of the registry's folder": Hostile(
        to("POST", "/v2/..%2f..%2fstate/blobs/uploads/"), (400, 401, 403, 404)
    ),
    "an API request without a signature": Hostile(to("POST", "/", b'{"name": "slipway-prod"}'), (400, 403, 404)),
}
