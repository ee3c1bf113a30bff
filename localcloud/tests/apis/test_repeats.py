"""Retries: a client repeats a request whose response was lost, and it is executed only once."""

from __future__ import annotations

import json
import socket
import uuid
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from support.cloud import Cloud

SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/{}/aws4_request, SignedHeaders=host, Signature=x"
CALLS = {
    "a service of our own": ("codebuild", "CodeBuild_20161006.CreateReportGroup"),
    "one of ministack's": ("ssm", "AmazonSSM.PutParameter"),
}


def attempt(cloud: Cloud, call: str, name: str, invocation: str, number: int) -> httpx.Response:
    """Send an attempt of a call that creates a resource, with an SDK's headers for retries."""
    service, target = CALLS[call]
    bodies = {
        "codebuild": {"name": name, "type": "TEST", "exportConfig": {"exportConfigType": "NO_EXPORT"}},
        "ssm": {"Name": name, "Type": "String", "Value": "x", "Overwrite": False},
    }
    headers = {
        "Authorization": SIGNED.format(service),
        "X-Amz-Target": target,
        "Content-Type": "application/x-amz-json-1.1",
        "amz-sdk-invocation-id": invocation,
        "amz-sdk-request": f"attempt={number}; max=25",
    }
    url = f"http://127.0.0.1:{cloud.environment['LOCALCLOUD_PORT']}/"
    return httpx.post(url, content=json.dumps(bodies[service]), headers=headers)


@pytest.mark.parametrize("call", CALLS)
def test_a_repeated_attempt_gets_the_first_ones_answer(cloud: Cloud, call: str) -> None:
    """Otherwise a retry would fail with "already exists", and the client could not know who created the resource."""
    name, invocation = f"repeat-{uuid.uuid4().hex[:8]}", str(uuid.uuid4())
    first = attempt(cloud, call, name, invocation, 1)
    second = attempt(cloud, call, name, invocation, 2)
    assert first.status_code == 200, first.text
    assert (second.status_code, second.text) == (200, first.text)
    assert attempt(cloud, call, name, str(uuid.uuid4()), 1).status_code == 400
    assert attempt(cloud, call, name, str(uuid.uuid4()), 2).status_code == 400


def test_an_answer_comes_in_one_piece(cloud: Cloud) -> None:
    """The AWS provider drops a connection if the headers arrive separately, and retries."""
    body = b'{"names": ["nobody"]}'
    request = (
        "POST / HTTP/1.1\r\nHost: localcloud\r\nX-Amz-Target: CodeBuild_20161006.BatchGetProjects\r\n"
        f"Content-Type: application/x-amz-json-1.1\r\nAuthorization: {SIGNED.format('codebuild')}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    with socket.create_connection(("127.0.0.1", int(cloud.environment["LOCALCLOUD_PORT"])), timeout=10) as client:
        for _ in range(50):
            client.sendall(request)
            assert client.recv(2**16).endswith(b'"projectsNotFound": ["nobody"]}')
