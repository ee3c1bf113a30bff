"""The doctor's look at the branch that releases: whoever can push to it can release."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from delivery.operator import branch_protection
from delivery.operator.findings import OK, UNKNOWN, WARN

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECTION = {"FullRepositoryId": "acme/app", "BranchName": "release/next"}
VERSION_1 = {"Owner": "acme", "Repo": "app", "Branch": "release/next"}
BRANCH, RULES = "/repos/acme/app/branches/release%2Fnext", "/repos/acme/app/rules/branches/release%2Fnext"


class GitHub(HTTPServer):
    """A server with the answers of GitHub; it answers 404 to everything else."""

    answers: dict[str, Any]


class Handler(BaseHTTPRequestHandler):
    """Answers from the server's table."""

    def do_GET(self) -> None:
        """Answer a request."""
        assert isinstance(self.server, GitHub)
        found = self.server.answers.get(self.path)
        body = json.dumps({"message": "Not Found"} if found is None else found).encode()
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def github() -> Iterator[GitHub]:
    """A server on the loopback interface."""
    server = GitHub(("127.0.0.1", 0), Handler)
    server.answers = {}
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def check(github: GitHub, source: dict[str, str] = CONNECTION) -> tuple[str, str]:
    """Return what the doctor finds."""
    environment = {"GITHUB_API_URL": f"http://127.0.0.1:{github.server_port}", "GITHUB_TOKEN": "any"}
    return branch_protection.check(source, environment)


@pytest.mark.parametrize("source", [CONNECTION, VERSION_1], ids=["connection", "webhook"])
def test_a_branch_that_anybody_may_push_to_is_a_warning(github: GitHub, source: dict[str, str]) -> None:
    """With what to require, and where."""
    github.answers = {BRANCH: {"protected": False}, RULES: [{"type": "deletion"}]}
    level, text = check(github, source)
    assert level == WARN
    assert text.startswith("branch release/next of acme/app is not protected")
    assert "Settings, Rules" in text


@pytest.mark.parametrize(
    "answers",
    [{BRANCH: {"protected": True}}, {BRANCH: {"protected": False}, RULES: [{"type": "pull_request"}]}],
    ids=["branch protection", "ruleset"],
)
def test_a_protected_branch_is_found_by_either_way_of_github(github: GitHub, answers: dict[str, Any]) -> None:
    """Rulesets are the newer one."""
    github.answers = answers
    assert check(github) == (OK, "branch release/next of acme/app is protected")


def test_what_github_does_not_tell_is_not_checked(github: GitHub) -> None:
    """It answers 404 for what a token may not see, too; without a token nothing is asked."""
    level, text = check(github)
    assert level == UNKNOWN
    assert "GitHub answered 404" in text
    assert "may read the repository" in text
    assert branch_protection.check(CONNECTION, {})[0] == UNKNOWN
