"""A constant load: requests at a fixed rate over keep-alive connections; responses are counted."""

from __future__ import annotations

import asyncio
import collections
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import httpx

if TYPE_CHECKING:
    import ssl
    from collections.abc import Collection
    from types import TracebackType

SLOW_EVERY = 25  # every n-th request takes two seconds


@dataclass
class Load:
    """Sends requests to `url` during the `with` block; `failures` lists those without one of the statuses in `good`."""

    url: str
    slow_path: str
    fast_path: str = "/version"
    rate: int = 50
    good: Collection[str] = ("200",)
    domain: str = ""
    """The host that is asked for in place of the URL's, which may be an address."""
    trusts: ssl.SSLContext | bool = True
    """What verifies the certificate that is served for an https URL."""
    counts: collections.Counter[str] = field(default_factory=collections.Counter)
    failures: list[str] = field(default_factory=list)
    versions: collections.Counter[str] = field(default_factory=collections.Counter)
    """The number of responses by commit."""

    def __enter__(self) -> Self:
        """Start the load in a separate thread."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._drive()))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and wait for pending responses."""
        self._stop.set()
        self._thread.join()

    @property
    def answered(self) -> int:
        """The number of responses with a good status."""
        return sum(self.counts[status] for status in self.good)

    async def _drive(self) -> None:
        limits = httpx.Limits(max_keepalive_connections=50, max_connections=200)
        headers = {"Host": self.domain} if self.domain else {}
        async with httpx.AsyncClient(
            base_url=self.url, timeout=15, limits=limits, headers=headers, verify=self.trusts
        ) as client:
            pending: set[asyncio.Task[None]] = set()
            start, number = time.monotonic(), 0
            while not self._stop.is_set():
                path = self.slow_path if number % SLOW_EVERY == 0 else self.fast_path
                task = asyncio.create_task(self._one(client, path))
                pending.add(task)
                task.add_done_callback(pending.discard)
                number += 1
                await asyncio.sleep(max(0.0, start + number / self.rate - time.monotonic()))
            await asyncio.gather(*pending)

    async def _one(self, client: httpx.AsyncClient, path: str) -> None:
        try:
            answer = await client.get(path, extensions={"sni_hostname": self.domain} if self.domain else {})
            what = str(answer.status_code)
            if what == "200" and "json" in answer.headers.get("content-type", "") and path == self.fast_path:
                self.versions[answer.json()["commit"]] += 1
        except httpx.HTTPError as error:
            what = type(error).__name__
        self.counts[what] += 1
        if what not in self.good:
            self.failures.append(f"{time.strftime('%X')} {path} {what}")
