"""Webhook deliveries: stored before they are sent, sent in order for each hook, recorded with request and response."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import time
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx

from localcloud.github.history import iso
from localcloud.github.rest import Call, GitHubError, Reply, Route, number
from localcloud.state.table import Table

if TYPE_CHECKING:
    from localcloud.context import Context
    from localcloud.github.hook_table import HookTable
    from localcloud.github.repositories import Repositories

Doc = dict[str, Any]
SECONDS = 10
"""Timeout of one delivery, as on GitHub."""
KEPT = 100
"""Number of recorded deliveries for each hook."""
RESPONSE_BYTES = 2**16
"""Recorded length of a response's body."""
AT = "/repos/{owner}/{repo}/hooks/{id}/deliveries"
SHOWN = ("id", "guid", "delivered_at", "redelivery", "duration", "status", "status_code", "event", "action")
LOG = logging.getLogger(__name__)


class Deliveries:
    """The queue and record of deliveries. As on GitHub, failed ones are not retried; pending ones are sent on start."""

    def __init__(self, ctx: Context, repositories: Repositories, hooks: HookTable) -> None:
        """Load the deliveries from the store."""
        self._repositories, self._hooks = repositories, hooks
        self._table = Table(ctx.store, "github-deliveries")
        self._senders: dict[int, asyncio.Task[None]] = {}
        self._clients: dict[bool, httpx.AsyncClient] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def routes(self) -> list[Route]:
        """Return the routes of deliveries."""
        return [
            Route("GET", AT, self.show_all),
            Route("GET", f"{AT}/{{delivery}}", lambda call: self.view(self.delivery(call), call, whole=True)),
            Route("POST", f"{AT}/{{delivery}}/attempts", self.redeliver),
        ]

    def start(self) -> None:
        """Start sending, first the deliveries that are still pending."""
        self._loop = asyncio.get_running_loop()
        for hook in {doc["hook"] for doc in self._table.values() if doc["pending"]}:
            self._wake(hook)

    async def stop(self) -> None:
        """Stop sending; unsent deliveries stay pending."""
        self._loop = None
        for task in self._senders.values():
            task.cancel()
        await asyncio.gather(*self._senders.values(), return_exceptions=True)
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    def clear(self) -> None:
        """Remove all deliveries."""
        self._table.clear()

    def send(self, hook: Doc, repository: Doc, event: str, payload: Doc) -> None:
        """Queue an event for a hook; durable on return, thread-safe."""
        now = iso(time.time())
        self._put({
            "guid": str(uuid.uuid4()), "hook": hook["id"], "repository_id": repository["id"], "event": event,
            "action": payload.get("action"), "payload": payload, "redelivery": False, "created_at": now,
        })  # fmt: skip

    def _put(self, doc: Doc) -> None:
        number = self._repositories.next_id()
        unsent = {"id": number, "pending": True, "delivered_at": None, "duration": 0.0, "status": "pending"}
        rest: Doc = {"status_code": 0, "url": None, "request_headers": {}, "response_headers": {}, "response": ""}
        self._table.put(f"{number:015}", doc | unsent | rest)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake, doc["hook"])

    def _of(self, hook: int) -> list[Doc]:
        return [doc for doc in self._table.values() if doc["hook"] == hook]

    def forget(self, hook: int) -> None:
        """Remove a hook's deliveries."""
        for doc in self._of(hook):
            self._table.delete(f"{doc['id']:015}")

    def _wake(self, hook: int) -> None:
        """Start the task that sends a hook's pending deliveries, unless it is running."""
        if self._loop is not None and (hook not in self._senders or self._senders[hook].done()):
            self._senders[hook] = self._loop.create_task(self._send_all(hook))

    async def _send_all(self, hook: int) -> None:
        while waiting := [doc for doc in self._of(hook) if doc["pending"]]:
            doc = waiting[0]
            target = self._hooks.get(str(hook))
            if target is None:
                self.forget(hook)
                return
            doc |= await self._attempt(target, doc)
            self._table.save(f"{doc['id']:015}")
            message = None if doc["status"] == "OK" else doc["status"]
            state = "active" if 200 <= doc["status_code"] < 300 else "failed"  # noqa: PLR2004 - HTTP's success codes
            target["last_response"] = {"code": doc["status_code"], "status": state, "message": message}
            self._hooks.save(str(hook))
            for old in [one for one in self._of(hook) if not one["pending"]][:-KEPT]:
                self._table.delete(f"{old['id']:015}")

    async def _attempt(self, hook: Doc, doc: Doc) -> Doc:
        """Post a delivery to its hook and return the outcome to record."""
        body, headers = request_of(hook, doc)
        url, started, delivered = hook["config"]["url"], time.monotonic(), iso(time.time())
        code, status, told, response = 0, "", {}, ""
        try:
            client = self._client(verify=hook["config"]["insecure_ssl"] == "0")
            async with asyncio.timeout(SECONDS), client.stream("POST", url, content=body, headers=headers) as got:
                code, told = got.status_code, dict(got.headers)
                status = "OK" if got.is_success else f"Invalid HTTP Response: {code}"
                response = await beginning(got)
        except (TimeoutError, httpx.TimeoutException):
            code, status = 504, "timed out"
        except Exception as error:  # noqa: BLE001 - no error may block the following deliveries
            code, status, response = 502, "failed to connect to host", f"{type(error).__name__}: {error}"
        return {
            "pending": False, "delivered_at": delivered, "duration": round(time.monotonic() - started, 3), "url": url,
            "status": status, "status_code": code, "request_headers": headers, "response_headers": told,
            "response": response,
        }  # fmt: skip

    def _client(self, *, verify: bool) -> httpx.AsyncClient:
        """Return an HTTP client without proxies and redirects."""
        if verify not in self._clients:
            self._clients[verify] = httpx.AsyncClient(verify=verify, trust_env=False, timeout=SECONDS)
        return self._clients[verify]

    def delivery(self, call: Call) -> Doc:
        """Return the delivery that a path names.

        Raises:
            GitHubError: it does not exist.
        """
        hook, given = self._hooks.named(call), call.parts["delivery"]
        found = self._table.get(f"{number(given, 0):015}")
        if found is None or found["hook"] != hook["id"]:
            raise GitHubError(404, f"Not Found: delivery {given[:20]} of hook {hook['id']}")
        return found

    def show_all(self, call: Call) -> list[Doc]:
        """List a hook's deliveries, newest first."""
        return [self.view(doc, call, whole=False) for doc in reversed(self._of(self._hooks.named(call)["id"]))]

    def redeliver(self, call: Call) -> Reply:
        """Send a delivery again, with the same guid and payload."""
        doc = self.delivery(call)
        names = ("guid", "hook", "repository_id", "event", "action", "payload")
        self._put({name: doc[name] for name in names} | {"redelivery": True, "created_at": iso(time.time())})
        return Reply(202, {})

    @staticmethod
    def view(doc: Doc, call: Call, *, whole: bool) -> Doc:
        """Render a delivery as the API returns it; `whole` adds request and response."""
        del call
        shown = {name: doc[name] for name in SHOWN}
        shown |= {"installation_id": None, "repository_id": doc["repository_id"], "throttled_at": None}
        shown["delivered_at"] = doc["delivered_at"] or doc["created_at"]
        if whole:
            shown["url"] = doc["url"]
            shown["request"] = {"headers": doc["request_headers"], "payload": doc["payload"]}
            shown["response"] = {"headers": doc["response_headers"], "payload": doc["response"]}
        return shown


def request_of(hook: Doc, doc: Doc) -> tuple[bytes, dict[str, str]]:
    """Return the body and headers of a delivery, signed if the hook has a secret."""
    body, kind = json.dumps(doc["payload"], separators=(",", ":")).encode(), "application/json"
    if hook["config"]["content_type"] == "form":
        body, kind = urlencode({"payload": body.decode()}).encode(), "application/x-www-form-urlencoded"
    headers = {
        "User-Agent": "GitHub-Hookshot/local", "Accept": "*/*", "Content-Type": kind, "X-GitHub-Event": doc["event"],
        "X-GitHub-Delivery": doc["guid"], "X-GitHub-Hook-ID": str(doc["hook"]),
        "X-GitHub-Hook-Installation-Target-ID": str(doc["repository_id"]),
        "X-GitHub-Hook-Installation-Target-Type": "repository",
    }  # fmt: skip
    if secret := hook["config"].get("secret"):
        for name, method in (("X-Hub-Signature", hashlib.sha1), ("X-Hub-Signature-256", hashlib.sha256)):
            headers[name] = f"{method().name}={hmac.new(secret.encode(), body, method).hexdigest()}"
    return body, headers


async def beginning(response: httpx.Response) -> str:
    """Return the first part of a response's body as text."""
    found = bytearray()
    async for part in response.aiter_bytes():
        found += part
        if len(found) >= RESPONSE_BYTES:
            break
    return found[:RESPONSE_BYTES].decode(errors="replace")
