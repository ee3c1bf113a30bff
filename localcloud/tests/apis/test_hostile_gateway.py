"""Malicious requests to the gateway: invalid headers, lengths, bodies, hosts and signatures."""

from __future__ import annotations

import gzip
import itertools
import json
import time
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from support.attacker import SIGNED, Attacker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cloud import Cloud

HERE = "Host: 127.0.0.1"
BY = f"Authorization: {SIGNED.format('sqs')}"
INVALID, HEAD = "Invalid HTTP request", "65536 bytes at most"
SECRET = "hunter2hunter2"


@pytest.fixture(scope="module")
def attacker(cloud: Cloud) -> Attacker:
    """A client that sends raw requests."""
    return Attacker(cloud)


@pytest.fixture(autouse=True)
def _alive(attacker: Attacker) -> Iterator[None]:
    """After each attack the local cloud responds, and has logged no traceback."""
    before = attacker.inside().count("Traceback")
    yield
    assert attacker.send("GET", "/_localcloud/health").status == 200
    assert attacker.inside().count("Traceback") == before


def head(line: str, *headers: str, body: bytes = b"") -> bytes:
    """Return a raw request."""
    return "\r\n".join([line, *headers, "", ""]).encode("latin-1") + body


def post(*headers: str, body: bytes = b"") -> bytes:
    """Return a signed POST request with these headers."""
    return head("POST / HTTP/1.1", HERE, BY, *headers, body=body)


BROKEN: dict[str, tuple[bytes, str]] = {
    "a negative length": (post("Content-Length: -5"), INVALID),
    "a length that is no number": (post("Content-Length: abc"), INVALID),
    "a length with a sign": (post("Content-Length: +5", body=b"12345"), INVALID),
    "a length of 24 digits": (post("Content-Length: " + "9" * 24), INVALID),
    "two lengths": (post("Content-Length: 5", "Content-Length: 6", body=b"123456"), INVALID),
    "length and chunks": (post("Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"), INVALID),
    "chunks in between": (post("Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"), INVALID),
    "an unknown encoding": (post("Transfer-Encoding: xchunked", body=b"0\r\n\r\n"), INVALID),
    "a chunk without a length": (post("Transfer-Encoding: chunked", body=b"zz\r\n\r\n"), INVALID),
    "a folded header": (post("X-A: b", " c", "Content-Length: 0"), INVALID),
    "a space before the colon": (head("GET / HTTP/1.1", HERE, "X-A : b"), INVALID),
    "NUL in a header": (head("GET / HTTP/1.1", HERE, "X-A: \0b"), INVALID),
    "lines without a return": (b"GET / HTTP/1.1\nHost: localhost\n\n", INVALID),
    "HTTP/2 at once": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", INVALID),
    "an unknown method": (head("FOO / HTTP/1.1", HERE), INVALID),
    "CONNECT": (head("CONNECT a:1 HTTP/1.1", HERE), INVALID),
    "bytes in the path": (b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n", INVALID),
    "a thousand long headers": (head("GET / HTTP/1.1", HERE, *[f"X-{n}: {'y' * 100}" for n in range(1000)]), HEAD),
    "an endless header": (b"GET / HTTP/1.1\r\nX: " + b"a" * 2**20, HEAD),
    "an endless path": (b"GET /" + b"a" * 2**20, HEAD),
    "another protocol with a body": (
        post("Connection: Upgrade", "Upgrade: h2c", "Content-Length: 5", body=b"12345"), "Upgrade",
    ),
    "another's host": (head("GET / HTTP/1.1", "Host: evil.example"), "evil.example"),
    "another's host for the health page": (head("GET /_localcloud/health HTTP/1.1", "Host: evil.example"), "this"),
    "two hosts": (head("GET / HTTP/1.1", HERE, HERE), "host is there 2 times"),
    "no host": (head("GET / HTTP/1.1"), "this machine"),
    "two signatures": (head("GET / HTTP/1.1", HERE, BY, BY), "authorization is there 2 times"),
    "two targets": (post("X-Amz-Target: a.B", "X-Amz-Target: a.C", "Content-Length: 0"), "x-amz-target is there 2"),
    "a path that is no UTF-8": (head("GET /%ff%fe HTTP/1.1", HERE), "no UTF-8"),
    "NUL in the path": (head("GET /a%00b HTTP/1.1", HERE), "control character"),
    "a line end in the path": (head("GET /a%0Ab HTTP/1.1", HERE), "control character"),
    "half a signature": (
        head("POST / HTTP/1.1", HERE, "Authorization: AWS4-HMAC-SHA256 Credential=a/20260101/x/sqs/aws4_request",
             "Content-Length: 0"), "Credential, SignedHeaders and Signature",
    ),
    "half a signature in the query": (
        head("GET /b/k?X-Amz-Credential=a%2F20260101%2Fx%2Fs3%2Faws4_request HTTP/1.1", HERE), "X-Amz-Signature",
    ),
    "an unsigned target": (
        head("POST / HTTP/1.1", HERE, "X-Amz-Target: AmazonSSM.GetParameters", "Content-Length: 2", body=b"{}"),
        "not signed",
    ),
    "an unsigned action": (
        head("POST / HTTP/1.1", HERE, "Content-Type: application/x-www-form-urlencoded", "Content-Length: 32",
             body=b"Action=CreateUser&UserName=mallo"), "not signed",
    ),
    "an unsigned action in the query": (head("GET /?Action=ListUsers HTTP/1.1", HERE), "not signed"),
    "an unsigned bucket": (head("PUT /bucket HTTP/1.1", HERE, "Content-Length: 0"), "not signed"),
    "an unsigned deletion": (head("DELETE /bucket HTTP/1.1", HERE), "not signed"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_request_is_refused(attacker: Attacker, case: str) -> None:
    """With status 400 and the reason, whatever follows on the connection."""
    data, words = BROKEN[case]
    got = attacker.raw(data)
    assert got.status == 400, got
    assert words in got.text


def test_a_second_request_hidden_in_a_body_is_never_served(attacker: Attacker) -> None:
    """Request smuggling: all parts must agree on the end of a body."""
    inner = head("PUT /smuggled HTTP/1.1", HERE, f"Authorization: {SIGNED.format('s3')}", "Content-Length: 0")
    for framing in ("Content-Length: 4\r\nTransfer-Encoding: chunked", "Transfer-Encoding : chunked"):
        attacker.raw(post(framing, body=b"0\r\n\r\n" + inner))
    attacker.raw(post(f"Content-Length: {len(inner)}", body=inner))
    assert "smuggled" not in attacker.signed("s3", "GET", "/").text


BODIES: dict[str, tuple[str, str, bytes]] = {
    "JSON that is none": ("codebuild", "CodeBuild_20161006.ListProjects", b"{"),
    "JSON of another shape": ("codebuild", "CodeBuild_20161006.BatchGetProjects", b'{"names": {"a": [1]}}'),
    "a list": ("codebuild", "CodeBuild_20161006.ListProjects", b"[]"),
    "JSON nested deeply": ("codebuild", "CodeBuild_20161006.ListProjects", b"[" * 100_000),
    "objects nested deeply": ("codepipeline", "CodePipeline_20150709.ListPipelines", b'{"a":' * 50_000),
    "no number": ("codebuild", "CodeBuild_20161006.ListBuilds", b'{"maxResults": NaN}'),
    "a number without end": ("codebuild", "CodeBuild_20161006.ListBuilds", b'{"maxResults": ' + b"9" * 5000 + b"}"),
    "a lone surrogate": ("codebuild", "CodeBuild_20161006.BatchGetProjects", b'{"names": ["\\ud800"]}'),
    "bytes that are no text": ("codebuild", "CodeBuild_20161006.ListBuilds", b'{"\xff": 1}'),
    "a blob that is none": ("ecr", "AmazonEC2ContainerRegistry_V20150921.UploadLayerPart", b'{"layerPartBlob": "*"}'),
    "a time beyond all": ("codepipeline", "CodePipeline_20150709.PutActionRevision", b'{"created": 1e300}'),
    "a token that is none": ("ecr", "AmazonEC2ContainerRegistry_V20150921.ListImages",
                             b'{"repositoryName": "x", "nextToken": "-1"}'),
    "another service's target": ("codebuild", "AmazonSSM.GetParameter", b"{}"),
    "a target that is none": ("codebuild", "....", b"{}"),
    "JSON for a service with forms": ("elasticloadbalancing", "", b'{"Action": "DescribeLoadBalancers"}'),
    "a service that is not there": ("dynamodb", "DynamoDB_20120810.ListTables", b"{}"),
    "deep JSON for the emulator": ("ssm", "AmazonSSM.GetParameter", b"[" * 100_000),
    "no JSON for the emulator": ("secretsmanager", "secretsmanager.CreateSecret", b"\xff\xfe{"),
}  # fmt: skip


@pytest.mark.parametrize("case", BODIES)
def test_a_body_that_cannot_be_read_is_refused(attacker: Attacker, case: str) -> None:
    """With a 4xx that names the request's error, never an internal one."""
    service, target, body = BODIES[case]
    kind = {"content_type": "application/x-amz-json-1.1", "x_amz_target": target}
    got = attacker.signed(service, "POST", "/", body, **kind)
    assert 400 <= got.status < 500, got
    assert "InternalFailure" not in got.text


def entities() -> bytes:
    """Return a few lines of XML whose entities expand to ten billion letters."""
    rows = [f'<!ENTITY {name} "{f"&{part};" * 10}">' for part, name in itertools.pairwise("abcdefghij")]
    return f'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">{"".join(rows)}]><a>&j;</a>'.encode()


FORM = "application/x-www-form-urlencoded"
TEXTS: dict[str, tuple[str, str, str, bytes]] = {
    "a form with a value that is a structure": ("elasticloadbalancing", "/", FORM, b"Action=X&a=1&a.b=2&a.b.c=3"),
    "a form of bytes": ("elasticloadbalancing", "/", FORM, b"Action=\xff\xfe"),
    "a form of a million fields": ("sns", "/", FORM, b"Action=ListTopics" + b"&a=b" * 1_000_000),
    "CBOR that is none": ("monitoring", "/service/GraniteServiceVersion20100801/operation/PutMetricData",
                          "application/cbor", b"\xff\xff\xff"),
    "XML of entities": ("s3", "/hostile?tagging", "application/xml", entities()),
    "XML that is none": ("s3", "/hostile?delete", "application/xml", b"<a><b></a>"),
}  # fmt: skip


@pytest.mark.parametrize("case", TEXTS)
def test_a_form_or_a_document_that_cannot_be_read_is_refused(attacker: Attacker, case: str) -> None:
    """Immediately: nothing is expanded to gigabytes."""
    service, path, kind, body = TEXTS[case]
    attacker.signed("s3", "PUT", "/hostile")
    more = {"smithy_protocol": "rpc-v2-cbor"} if "cbor" in kind else {}
    begun = time.monotonic()
    got = attacker.signed(service, "PUT" if "tagging" in path else "POST", path, body, content_type=kind, **more)
    assert 400 <= got.status < 500, got
    assert time.monotonic() - begun < 15


def chunked(size: int) -> bytes:
    """Return a body in chunks of a megabyte, without a declared length."""
    return (b"100000\r\n" + b" " * 2**20 + b"\r\n") * (size // 2**20) + b"0\r\n\r\n"


LARGE = {
    "an API's": ("POST", "/", {"authorization": SIGNED.format("ssm")}, 400, 17),
    "a webhook's": ("POST", "/_localcloud/codebuild/webhooks/x", {}, 413, 26),
    "GitHub's": ("POST", "/api/v3/user/repos", {"authorization": "token x"}, 413, 5),
}


@pytest.mark.parametrize("case", LARGE)
def test_a_body_over_its_limit_is_refused_said_or_not(attacker: Attacker, case: str) -> None:
    """By its declared length before it is read, or in chunks as soon as it exceeds the limit."""
    method, path, headers, status, size = LARGE[case]
    said = attacker.send(method, path, b"", content_length=str(size * 2**20), **headers)
    assert (said.status, "bytes at most" in said.text) == (status, True), said
    unsaid = attacker.send(method, path, chunked(size * 2**20), transfer_encoding="chunked", **headers)
    assert (unsaid.status, "bytes at most" in unsaid.text) == (status, True), unsaid


def test_an_upload_over_the_limit_is_refused_before_it_is_read(attacker: Attacker) -> None:
    """512 MB for one object: ministack keeps it in memory."""
    got = attacker.signed("s3", "PUT", "/hostile/x", content_length=str(513 * 2**20))
    assert (got.status, "536870912 bytes at most" in got.text) == (400, True)


def test_a_packed_body_that_explodes_is_refused(attacker: Attacker) -> None:
    """17 MB of spaces are compressed to 17 KB."""
    body = gzip.compress(b" " * 17 * 2**20)
    got = attacker.signed("monitoring", "POST", "/", body, content_encoding="GZIP", content_type=FORM)
    assert (got.status, "16777216 bytes at most" in got.text) == (400, True)


def test_half_a_request_is_not_served(attacker: Attacker, cloud: Cloud) -> None:
    """A client that disconnects during a body, chunked or not, changes nothing."""
    attacker.signed("s3", "PUT", "/hostile")
    lines = ("PUT /hostile/half HTTP/1.1", HERE, f"Authorization: {SIGNED.format('s3')}")
    for framing, body in (("Content-Length: 100", b"x" * 50), ("Transfer-Encoding: chunked", b"5\r\nhello\r\n")):
        attacker.raw(head(*lines, framing, body=body), end=True)
        with pytest.raises(ClientError, match="404"):
            cloud.client("s3").head_object(Bucket="hostile", Key="half")
    form = b"1c\r\nAction=CreateTopic&Name=half\r\n"
    more = ("POST / HTTP/1.1", HERE, f"Authorization: {SIGNED.format('sns')}", f"Content-Type: {FORM}")
    attacker.raw(head(*more, "Transfer-Encoding: chunked", body=form), end=True)
    assert "half" not in str(cloud.client("sns").list_topics()["Topics"])


CONTROLS = ("clock", "codeconnections/complete", "codebuild/webhooks/none", "codepipeline/webhooks/none", "none/x")


@pytest.mark.parametrize("page", CONTROLS)
def test_a_control_page_refuses_what_it_cannot_read(attacker: Attacker, page: str) -> None:
    """With a 4xx; the clock is unchanged."""
    before = json.loads(attacker.send("GET", "/_localcloud/clock").text)["ahead"]
    for body in (b"", b"{", b"[]", b'{"advance": "x"}', b'{"advance": -1}', b"[" * 100_000, b"\xff"):
        for method in ("POST", "PUT", "DELETE"):
            got = attacker.send(method, f"/_localcloud/{page}", body)
            assert 400 <= got.status < 500 or (page == "clock" and method != "POST"), got
    assert json.loads(attacker.send("GET", "/_localcloud/clock").text)["ahead"] == before


def test_what_is_refused_is_logged_in_one_line_without_its_secret(attacker: Attacker) -> None:
    """Signatures, tokens and webhook URLs are not logged."""
    parts = f"Credential=AKIA{SECRET}/20260101/x/nothing/aws4_request, SignedHeaders=host, Signature={SECRET}"
    attacker.send("POST", "/", b"{}", authorization=f"AWS4-HMAC-SHA256 {parts}", x_amz_security_token=SECRET)
    attacker.send("POST", f"/_localcloud/codebuild/webhooks/{SECRET}", b"{}", x_hub_signature_256=f"sha256={SECRET}")
    attacker.send("GET", f"/b/k?X-Amz-Credential=a&X-Amz-Security-Token={SECRET}", host="evil.example")
    attacker.send("GET", f"/api/v3/repos/a/b?access_token={SECRET}", authorization=f"token {SECRET}")
    rows = attacker.logged()[-4:]
    assert [row["status"] for row in rows] == [400, 404, 400, 404]
    assert rows[1]["path"] == f"/_localcloud/codebuild/webhooks/{SECRET[:4]}..."
    assert SECRET not in attacker.written()
