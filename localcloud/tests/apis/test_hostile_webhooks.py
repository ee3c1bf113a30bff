"""Malicious webhook deliveries: only a valid one, for this repository and branch, starts anything."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest

from apis.test_codebuild_webhooks import CONNECTION
from apis.test_codepipeline_triggers import SECRET, hook
from support.attacker import Answer, Attacker
from support.building import Workshop
from support.pipelines import Works, action, approval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.cloud import Cloud

Doc = dict[str, Any]
FORM = "application/x-www-form-urlencoded"
GROUPS = [
    [{"type": "EVENT", "pattern": "PUSH"}, {"type": "HEAD_REF", "pattern": "^refs/heads/"}],
    [{"type": "EVENT", "pattern": "PULL_REQUEST_CREATED"}],
]


@dataclass
class Target:
    """The receiver of a webhook, and the number of builds or executions that it has started."""

    attacker: Attacker
    url: str
    secret: str
    started: Callable[[], int]
    refused: int
    """The HTTP status for an invalid signature."""

    def sign(self, body: bytes, kind: str = "sha256") -> str:
        """Return the signature of a body."""
        return f"{kind}={hmac.new(self.secret.encode(), body, kind).hexdigest()}"

    def post(self, body: bytes, signature: str | None = None, **headers: str) -> Answer:
        """Post a delivery, with a valid signature unless one is given."""
        headers = {"x_github_event": "push", "x_github_delivery": "1", "content_type": "application/json"} | headers
        if signature != "":
            headers.setdefault("x_hub_signature_256", signature or self.sign(body))
        return self.attacker.send("POST", urlsplit(self.url).path, body, **headers)


@pytest.fixture(scope="module")
def attacker(cloud: Cloud) -> Attacker:
    """A client that sends raw requests."""
    return Attacker(cloud)


@pytest.fixture(scope="module")
def checks(cloud: Cloud, attacker: Attacker) -> Target:
    """The receiver of a build project."""
    shop = Workshop(cloud)
    auth = {"type": "CODECONNECTIONS", "resource": CONNECTION}
    shop.project("hostile", source={"type": "GITHUB", "location": "https://github.com/acme/hostile", "auth": auth})
    made = shop.api.create_webhook(projectName="hostile", manualCreation=True, filterGroups=GROUPS)["webhook"]
    return Target(
        attacker, made["payloadUrl"], made["secret"],
        lambda: len(shop.api.list_builds_for_project(projectName="hostile")["ids"]), 400,
    )  # fmt: skip


@pytest.fixture(scope="module")
def release(cloud: Cloud, attacker: Attacker, tmp_path_factory: pytest.TempPathFactory) -> Target:
    """The receiver of a pipeline, whose first execution waits for approval."""
    works = Works(cloud, tmp_path_factory.mktemp("hostile"), "hostile")
    values = {"Owner": "acme", "Repo": "hostile", "Branch": "main", "OAuthToken": "t0ken"}
    values["PollForSourceChanges"] = "false"
    fetch = action("Source/ThirdParty/GitHub", "Fetch", values, outputs=["Source"])
    line = works.line("hostile", {"name": "Source", "actions": [fetch]}, {"name": "Gate", "actions": [approval()]})
    made = line.api.put_webhook(webhook=hook("hostile", line.name))["webhook"]
    return Target(attacker, made["url"], SECRET, lambda: len(line.executions()) - 1, 403)


@pytest.fixture(params=["checks", "release"])
def target(request: pytest.FixtureRequest, attacker: Attacker) -> Iterator[Target]:
    """Each receiver; afterwards, nothing has been started, and no traceback or secret has been logged."""
    found: Target = request.getfixturevalue(request.param)
    before, traces = found.started(), attacker.inside().count("Traceback")
    yield found
    assert found.started() == before
    assert attacker.inside().count("Traceback") == traces
    assert found.secret not in attacker.written()
    assert found.url.rpartition("/")[2] not in attacker.written()


def delivery(**more: object) -> bytes:
    """Return the payload of a push to main of the expected repository."""
    told = {
        "ref": "refs/heads/main", "before": "0" * 40, "after": "1" * 40, "commits": [],
        "head_commit": {"id": "1" * 40, "message": "m"}, "repository": {"full_name": "acme/hostile"},
        "sender": {"login": "ann", "id": 7},
    }  # fmt: skip
    return json.dumps(told | more).encode()


SIGNATURES: dict[str, Callable[[Target, bytes], str]] = {
    "none": lambda _target, _body: "",
    "of another secret": lambda _target, body: "sha256=" + hmac.new(b"guess", body, hashlib.sha256).hexdigest(),
    "of another body": lambda target, body: target.sign(body + b" "),
    "cut short": lambda target, body: target.sign(body)[:-1],
    "cut to its name": lambda _target, _body: "sha256=",
    "by another algorithm": lambda target, body: target.sign(body, "md5"),
    "by SHA-1 under the header of SHA-256": lambda target, body: target.sign(body, "sha1"),
    "in capitals": lambda target, body: target.sign(body).upper(),
    "of bytes": lambda _target, _body: "sha256=\xff\xfe",
}


@pytest.mark.parametrize("kind", SIGNATURES)
def test_a_delivery_with_a_signature_that_is(target: Target, kind: str) -> None:
    """It is refused before the body is parsed."""
    body = delivery()
    got = target.post(body, SIGNATURES[kind](target, body))
    assert got.status == target.refused, got
    assert "signature" in got.text
    nonsense = target.post(b"[" * 10_000, SIGNATURES[kind](target, b""))
    assert (nonsense.status, "signature" in nonsense.text) == (target.refused, True)


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "no object": b"[]",
    "a text": b'"refs/heads/main"',
    "nested deeply": b'{"ref":' * 50_000,
    "lists nested deeply": b"[" * 100_000,
    "no number": b'{"ref": "refs/heads/main", "after": NaN}',
    "a number of 5000 digits": b'{"ref": "refs/heads/main", "x": ' + b"9" * 5000 + b"}",
    "bytes": b'{"ref": "\xff\xfe"}',
    "a lone surrogate": b'{"ref": "refs/heads/main", "after": "\\ud800"}',
}


@pytest.mark.parametrize("case", BODIES)
def test_a_rightly_signed_body_that_is(target: Target, case: str) -> None:
    """It is refused, or ignored since no filter matches."""
    got = target.post(BODIES[case])
    assert got.status == 400 or (got.status == 200 and "pipelineExecutionId" not in got.text), got
    form = b"payload=" + quote(BODIES[case]).encode()
    got = target.post(form, content_type=FORM)
    assert got.status == 400 or (got.status == 200 and "pipelineExecutionId" not in got.text), got


ELSEWHERE: dict[str, bytes] = {
    "another branch": delivery(ref="refs/heads/mainly"),
    "another branch, below it": delivery(ref="refs/heads/main/x"),
    "a tag of the branch's name": delivery(ref="refs/tags/main"),
    "no ref": delivery(ref=None),
    "a ref that is a list": delivery(ref=["refs/heads/main", "refs/heads/main"]),
    "a ref with a line end": delivery(ref="refs/heads/main\n"),
    "a ref with NUL": delivery(ref="refs/heads/main\0"),
    "a ref that climbs": delivery(ref="refs/heads/../../x"),
    "a ref of 10,000 letters": delivery(ref="refs/heads/" + "x" * 10_000),
    "a ref that is an option": delivery(ref="--upload-pack=touch"),
}


@pytest.mark.parametrize("case", ELSEWHERE)
def test_a_pipeline_is_not_started_by(release: Target, case: str) -> None:
    """Only the exact name of the declared branch starts it."""
    got = release.post(ELSEWHERE[case])
    assert (got.status, "does not match the filter" in got.text) == (200, True), got
    assert release.started() == 0


PULL: Doc = {
    "number": 3,
    "head": {"sha": "2" * 40, "ref": "x", "repo": {"full_name": "acme/hostile"}},
    "base": {"sha": "1" * 40, "ref": "main", "repo": {"full_name": "acme/hostile"}},
}
ODD: dict[str, tuple[str, bytes, str]] = {
    "another repository": ("push", delivery(repository={"full_name": "acme/other"}), "starts no build"),
    "a repository below": ("push", delivery(repository={"full_name": "acme/hostile/x"}), "starts no build"),
    "no repository": ("push", delivery(repository=None), "starts no build"),
    "a repository that is a list": ("push", delivery(repository=[1]), "nothing is started"),
    "a deletion": ("push", delivery(after="0" * 40), "starts no build"),
    "a ref that climbs": ("push", delivery(ref="refs/heads/../../x"), "no ref"),
    "a ref with a line end": ("push", delivery(ref="refs/heads/x\ny"), "no ref"),
    "a ref with NUL": ("push", delivery(ref="refs/heads/x\0"), "no ref"),
    "a ref of 10,000 letters": ("push", delivery(ref="refs/heads/" + "x" * 10_000), "no ref"),
    "a ref that is an option": ("push", delivery(ref="--upload-pack=touch"), "no ref"),
    "a ref that is a list": ("push", delivery(ref=["a"]), "no ref"),
    "a commit that is none": ("push", delivery(head_commit={"id": "; touch x"}), "no commit"),
    "a commit before that is none": ("push", delivery(before="$(touch x)"), "no commit"),
    "a sender that is none": ("push", delivery(sender={"id": "7\n"}), "sender"),
    "commits that are none": ("push", delivery(commits=[1]), "nothing is started"),
    "files that are none": ("push", delivery(commits=[{"added": [{}], "modified": [], "removed": []}]), "nothing"),
    "a pull request that is none": ("pull_request", delivery(action="opened", pull_request=[]), "nothing is started"),
    "a pull request without a commit": (
        "pull_request", delivery(action="opened", pull_request=PULL | {"head": {"sha": None, "ref": "x"}}), "nothing",
    ),
    "a pull request of an odd branch": (
        "pull_request", delivery(action="opened", pull_request=PULL | {"head": PULL["head"] | {"ref": "a..b"}}), "ref",
    ),
    "a pull request of an odd number": (
        "pull_request", delivery(action="opened", pull_request=PULL | {"number": "1/../2"}), "number",
    ),
    "a pull request from a fork": (
        "pull_request",
        delivery(action="opened", pull_request=PULL | {"head": PULL["head"] | {"repo": {"full_name": "x/y"}}}),
        "approval",
    ),
    "another event": ("issue_comment", delivery(action="created"), "starts no build"),
    "an event that is none": ("\xff", delivery(), "starts no build"),
    "a ping": ("ping", delivery(), "pong"),
}  # fmt: skip


@pytest.mark.parametrize("case", ODD)
def test_no_build_is_started_by(checks: Target, attacker: Attacker, case: str) -> None:
    """An invalid ref never becomes a build's variable or an argument of git."""
    event, body, words = ODD[case]
    traces = attacker.inside().count("Traceback")
    got = checks.post(body, x_github_event=event)
    assert got.status in (200, 400), got
    assert words in got.text
    assert checks.started() == 0
    assert attacker.inside().count("Traceback") == traces


def test_no_other_method_or_address_is_taken(target: Target) -> None:
    """The status is 404, even with a valid signature."""
    path, body = urlsplit(target.url).path, delivery()
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert target.attacker.send(method, path, body, x_hub_signature_256=target.sign(body)).status == 404
    for other in (f"{path}x", path[:-1], f"{path}/x", path.rpartition("/")[0] + "/", f"{path}%00", f"{path}/..%2f"):
        assert target.attacker.send("POST", other, body, x_hub_signature_256=target.sign(body)).status in (400, 404)


def test_a_replayed_delivery_builds_nothing_twice(checks: Target, cloud: Cloud) -> None:
    """GitHub signs the body only: a replay with another delivery id is the same delivery."""
    body = delivery(head_commit={"id": "3" * 40}, after="3" * 40)
    first = checks.post(body)
    assert json.loads(first.text)["message"] == "started"
    for number in ("1", "2", "another"):
        again = checks.post(body, x_github_delivery=number)
        assert (again.status, "was here before" in again.text) == (200, True), again
    assert checks.started() == 1
    Workshop(cloud).api.stop_build(id=json.loads(first.text)["builds"][0])
