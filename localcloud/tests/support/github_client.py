"""A client of a GitHub: pushes by git, REST calls, and a receiver of webhooks."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import os
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

PERSON = {"GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@example.com"}
PERSON |= {"GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@example.com"}
PLAIN = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
SECRET = "a secret of 24 characters"


def git(folder: Path, *arguments: str, check: bool = True, **environment: str) -> str:
    """Run git in a folder and return its output, including stderr."""
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=False,
        env=os.environ | PLAIN | PERSON | environment,
    )  # fmt: skip
    assert done.returncode == 0 or not check, done.stderr
    return (done.stdout + done.stderr).strip()


@dataclass
class Clone:
    """A clone with the remote "origin"."""

    folder: Path
    url: str

    def __post_init__(self) -> None:
        """Initialize an empty repository."""
        self.folder.mkdir(parents=True)
        git(self.folder, "init", "--quiet", "--initial-branch=main")
        git(self.folder, "remote", "add", "origin", self.url)

    def git(self, *arguments: str, **options: Any) -> str:
        """Run git in the clone."""
        return git(self.folder, *arguments, **options)

    def commit(self, message: str, **files: str) -> str:
        """Write and commit files; returns the sha."""
        for name, text in files.items():
            (self.folder / name).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}")
        return self.git("rev-parse", "HEAD")

    def push(self, *refs: str) -> str:
        """Push refs (default: "main"); returns git's output."""
        return self.git("push", "origin", *(refs or ("main",)))


@dataclass
class Delivered:
    """A request to the receiver."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> str:
        """The name of the event."""
        return self.headers["x-github-event"]

    @property
    def payload(self) -> dict[str, Any]:
        """The parsed payload."""
        return dict(json.loads(self.body))

    def signed(self, secret: str = SECRET) -> bool:
        """Tell whether both signatures are valid."""
        sha1, sha256 = (hmac.new(secret.encode(), self.body, f).hexdigest() for f in (hashlib.sha1, hashlib.sha256))
        ours = (self.headers.get("x-hub-signature"), self.headers.get("x-hub-signature-256"))
        return ours == (f"sha1={sha1}", f"sha256={sha256}")


@dataclass
class Receiver:
    """An HTTP server that records the requests to it."""

    got: list[Delivered] = field(default_factory=list)
    status: int = 200
    seconds: float = 0
    """The delay of responses."""
    answered: int = 0

    def __post_init__(self) -> None:
        """Listen on a free port of the loopback interface."""
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append(Delivered({k.lower(): v for k, v in self.headers.items()}, body))
                time.sleep(receiver.seconds)
                receiver.answered += 1
                self.send_response(receiver.status)
                self.end_headers()
                self.wfile.write(b"seen")

            def log_message(self, *_arguments: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, count: int) -> list[Delivered]:
        """Wait for a number of requests, and a moment longer for unexpected ones; returns all."""
        until(lambda: len(self.got) >= count, lambda: [one.event for one in self.got])
        time.sleep(0.2)
        assert len(self.got) == count, [(one.event, one.payload.get("ref")) for one in self.got]
        return list(self.got)

    def close(self) -> None:
        """Stop listening."""
        self.server.shutdown()
        self.server.server_close()


@dataclass
class Site:
    """A GitHub and one of its repositories."""

    endpoint: str
    repository: str
    token: str = "any"

    @property
    def url(self) -> str:
        """The clone URL."""
        return f"{self.endpoint}/{self.repository}.git"

    @property
    def owner(self) -> str:
        """The repository's owner."""
        return self.repository.split("/")[0]

    def make(self) -> None:
        """Create the empty repository."""
        self.call("POST", f"/orgs/{self.owner}/repos", 201, name=self.repository.split("/")[1])

    def call(self, method: str, path: str, expect: int, **body: object) -> Any:
        """Call the API below /api/v3 and return its JSON; a leading "{}" is replaced by the repository's path."""
        path = path.replace("{}", f"/repos/{self.repository}")
        headers = {"Authorization": f"token {self.token}"} if self.token else {}
        answer = httpx.request(
            method, f"{self.endpoint}/api/v3{path}", headers=headers, json=body or None, timeout=20, trust_env=False
        )
        assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def hook(self, receiver: Receiver, *events: str, **config: str) -> dict[str, Any]:
        """Create a webhook for a receiver (default: signed JSON) and consume its ping."""
        if self.repository not in [one["full_name"] for one in self.call("GET", f"/orgs/{self.owner}/repos", 200)]:
            self.make()
        full = {"url": receiver.url, "content_type": "json", "secret": SECRET, **config}
        before = len(receiver.got)
        made = self.call("POST", "{}/hooks", 201, config=full, events=list(events or ("push",)))
        assert [one.event for one in receiver.wait(before + 1)][-1] == "ping"
        receiver.got.clear()
        return dict(made)
