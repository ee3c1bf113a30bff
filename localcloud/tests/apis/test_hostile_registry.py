"""Malicious requests to the image registry: names, digests, sizes, manifests and uploads."""

from __future__ import annotations

import hashlib
import json
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from botocore.exceptions import ClientError

from support.attacker import Answer, Attacker, answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cloud import Cloud

NAME = "hostile/image"
KIND = "application/vnd.docker.distribution.manifest.v2+json"
INDEX = "application/vnd.oci.image.index.v1+json"


class Pusher:
    """An attacker with permission to push."""

    def __init__(self, cloud: Cloud) -> None:
        """Create a repository and log in."""
        self.attacker, self.ecr = Attacker(cloud), cloud.client("ecr")
        self.ecr.create_repository(repositoryName=NAME)
        token = self.ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        self.authorization = f"Basic {token}"
        self.config = self.blob(b"{}")

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Send a request to the repository."""
        return self.attacker.send(method, f"/v2/{NAME}/{path}", body, authorization=self.authorization, **headers)

    def begin(self) -> str:
        """Start an upload; returns its path in the repository."""
        head = self.send("POST", "blobs/uploads/").head.lower()
        return next(line for line in head.split("\r\n") if line.startswith("location:")).partition(f"{NAME}/")[2]

    def blob(self, data: bytes) -> str:
        """Push a blob; returns its digest."""
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        assert self.send("PUT", f"{self.begin()}?digest={digest}", data).status == 201
        return digest

    def manifest(self, body: bytes, tag: str = "attack", kind: str = KIND) -> Answer:
        """Push a manifest."""
        return self.send("PUT", f"manifests/{tag}", body, content_type=kind)

    def good(self, **more: object) -> dict[str, Any]:
        """Return a valid manifest."""
        config = {"mediaType": "application/vnd.docker.container.image.v1+json", "digest": self.config, "size": 2}
        return {"schemaVersion": 2, "mediaType": KIND, "config": config, "layers": []} | more

    def files(self) -> list[str]:
        """Return all files of the registry."""
        return sorted(str(path) for path in (self.attacker.state / "registry").rglob("*"))


@pytest.fixture(scope="module")
def pusher(cloud: Cloud) -> Iterator[Pusher]:
    """A repository with one image, tagged "good"."""
    made = Pusher(cloud)
    assert made.manifest(json.dumps(made.good()).encode(), "good").status == 201
    yield made
    made.ecr.delete_repository(repositoryName=NAME, force=True)


@pytest.fixture(autouse=True)
def _unharmed(pusher: Pusher) -> Iterator[None]:
    """After each attack the one image has its one tag, and no traceback is logged."""
    before = pusher.attacker.inside().count("Traceback")
    yield
    assert [row.get("imageTag") for row in pusher.ecr.list_images(repositoryName=NAME)["imageIds"]] == ["good"]
    assert pusher.attacker.inside().count("Traceback") == before


MISSING = "sha256:" + "0" * 64
MANIFESTS: dict[str, tuple[Any, str]] = {
    "no JSON": ("{", "invalid"),
    "a list": ([], "invalid"),
    "a text": ("x", "invalid"),
    "JSON nested deeply": ("[" * 100_000, "nested"),
    "no number in it": ('{"schemaVersion": 2, "x": NaN}', "NaN"),
    "another version": ({"schemaVersion": 1}, "schemaVersion 2"),
    "no version": ({"schemaVersion": None}, "schemaVersion 2"),
    "layers that are a text": ({"layers": "abc"}, "invalid"),
    "layers that are an object": ({"layers": {"a": 1}}, "invalid"),
    "a layer that is no object": ({"layers": [1]}, "invalid"),
    "a layer without a digest": ({"layers": [{"size": 1}]}, "digest"),
    "a layer whose digest is a path": ({"layers": [{"digest": "../../../store.sqlite3", "size": 1}]}, "digest"),
    "a layer whose digest climbs": ({"layers": [{"digest": "sha256:../../../../x", "size": 1}]}, "digest"),
    "a layer whose digest is a number": ({"layers": [{"digest": 1, "size": 1}]}, "invalid"),
    "a layer that was not pushed": ({"layers": [{"digest": MISSING, "size": 1}]}, "was not pushed"),
    "a size that is negative": ({"layers": [{"digest": MISSING, "size": -1}]}, "size"),
    "a size that is a text": ({"layers": [{"digest": MISSING, "size": "1"}]}, "size"),
    "a size that is true": ({"layers": [{"digest": MISSING, "size": True}]}, "size"),
    "an index of what is not there": ({"manifests": [{"digest": MISSING, "size": 1}]}, "does not exist"),
    "more than 4 MiB": (" " * (4 * 2**20 + 1), "4194304 bytes at most"),
}  # fmt: skip


@pytest.mark.parametrize("case", MANIFESTS)
def test_a_manifest_is_refused_that_is_or_has(pusher: Pusher, case: str) -> None:
    """By push and by PutImage, with the registry's error format; nothing is stored, and the tag stays."""
    given, words = MANIFESTS[case]
    text = given if isinstance(given, str) and case != "a text" else json.dumps(
        pusher.good(**given) if isinstance(given, dict) else given)  # fmt: skip
    before = pusher.files()
    for tag in ("attack", "good"):
        got = pusher.manifest(text.encode(), tag)
        assert got.status in (400, 413), got
        assert words in json.loads(got.body)["errors"][0]["message"]
    if case != "more than 4 MiB":
        with pytest.raises(ClientError) as caught:
            pusher.ecr.put_image(repositoryName=NAME, imageManifest=text, imageTag="attack")
        assert caught.value.response["Error"]["Code"] != "InternalFailure"
    assert pusher.files() == before


def test_a_manifest_is_refused_whose_sizes_or_types_are_not_true(pusher: Pusher) -> None:
    """A wrong size of a blob, a media type that is not a manifest's, or one that differs from the manifest's."""
    lies = pusher.good(config={"digest": pusher.config, "size": 3})
    assert "has 2 bytes" in pusher.manifest(json.dumps(lies).encode()).text
    for kind, said in (("text/html", "text/html"), (INDEX, KIND), (KIND, INDEX), ("", "x\r\ny")):
        got = pusher.manifest(json.dumps(pusher.good(mediaType=said, annotations={"a": kind})).encode(), kind=kind)
        assert (got.status, "was sent as" in got.text) == (400, True), got


def test_no_deletion_reaches_a_file_outside(pusher: Pusher) -> None:
    """A digest in a manifest must never be used as a path to delete."""
    store = pusher.attacker.state / "store.sqlite3"
    climb = "../../../store.sqlite3"
    evil = pusher.good(layers=[{"digest": climb, "size": store.stat().st_size}])
    assert pusher.manifest(json.dumps(evil).encode()).status == 400
    assert store.exists()


PATHS = (
    "manifests/..", "manifests/a%2f..%2fb", "manifests/" + "x" * 129, "manifests/-x", "manifests/sha256:abc",
    "blobs/sha256:..%2f..%2fstore.sqlite3", "blobs/" + MISSING + "%2f..", "blobs/sha512:" + "0" * 128,
    "blobs/uploads/..%2f..%2fstore.sqlite3", "blobs/uploads/00000000-0000-0000-0000-000000000000",
    "../../manifests/good", "..%2f..%2fhostile%2fimage/manifests/none", "tags/../manifests/none",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:40])
def test_no_path_leads_out_of_the_repository(pusher: Pusher, path: str) -> None:
    """For any method: the status is a 4xx in the registry's format, and nothing is created."""
    before = pusher.files()
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "POST"):
        got = pusher.send(method, path, b"" if method in ("GET", "HEAD") else b"x")
        assert 400 <= got.status < 500, (method, got)
        assert method == "HEAD" or json.loads(got.body)["errors"]
    assert pusher.files() == before


def test_an_upload_takes_only_what_follows(pusher: Pusher) -> None:
    """Refused: a gap in ranges, another repository's upload, a wrong digest, data after the end."""
    path = pusher.begin()
    assert pusher.send("PATCH", path, b"abc", content_range="0-2").status == 202
    for wrong in ("7-9", "0-2", "-1-", "x", "bytes 9-10/11"):
        assert pusher.send("PATCH", path, b"abc", content_range=wrong).status == 416
    pusher.ecr.create_repository(repositoryName="hostile/other")
    other = pusher.attacker.send("PATCH", f"/v2/hostile/other/{path}", b"x", authorization=pusher.authorization)
    assert (other.status, "BLOB_UPLOAD_UNKNOWN" in other.text) == (404, True)
    pusher.ecr.delete_repository(repositoryName="hostile/other")
    assert "DIGEST_INVALID" in pusher.send("PUT", f"{path}?digest={MISSING}").text
    assert pusher.send("PUT", f"{path}?digest={MISSING}").status == 404
    assert list((pusher.attacker.state / "registry" / "uploads").iterdir()) == []


def test_a_layer_that_is_checked_cannot_be_added_to(pusher: Pusher) -> None:
    """A concurrent second writer is refused: its bytes would be added after the digest check."""
    path = pusher.begin()
    with socket.create_connection(("127.0.0.1", pusher.attacker.port), 10) as first:
        lines = f"PATCH /v2/{NAME}/{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {pusher.authorization}\r\n"
        first.sendall(f"{lines}Content-Length: 10\r\n\r\n12345".encode())
        while not any(part.stat().st_size for part in pusher.attacker.state.glob("registry/uploads/*")):
            if b"BLOB_UPLOAD_INVALID" in (got := pusher.send("PUT", f"{path}?digest={MISSING}")).body:
                break
        assert got.status == 409
        first.sendall(b"67890")
        assert answer(first).status == 202
    assert pusher.send("DELETE", path).status == 204


def test_a_layer_over_the_limit_is_refused_before_it_is_read(pusher: Pusher) -> None:
    """With a declared size of 11 GiB; the upload is discarded."""
    path = pusher.begin()
    got = pusher.send("PATCH", path, content_length=str(11 * 2**30))
    assert (got.status, json.loads(got.body)["errors"][0]["code"]) == (413, "SIZE_INVALID")
    assert pusher.send("PATCH", path, b"x").status == 404


def test_a_push_that_breaks_off_leaves_an_upload_that_goes_on(pusher: Pusher) -> None:
    """Received data is stored: the client requests the offset and resumes there."""
    path = pusher.begin()
    head = f"PATCH /v2/{NAME}/{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {pusher.authorization}\r\n"
    pusher.attacker.raw(f"{head}Content-Length: 100\r\n\r\nabc".encode(), end=True)
    assert "range: 0-2" in pusher.send("GET", path).head.lower()
    digest = f"sha256:{hashlib.sha256(b'abcdef').hexdigest()}"
    assert pusher.send("PATCH", path, b"def", content_range="3-5").status == 202
    assert pusher.send("PUT", f"{path}?digest={digest}").status == 201


@pytest.mark.parametrize("token", ["", "Basic x", "Basic QVdTOg==", "Basic QVdTOsOpLsOp", "Bearer a.b", "Digest x"])
def test_a_push_needs_a_valid_token(pusher: Pusher, token: str) -> None:
    """A missing, invalid or non-ASCII token gets status 401."""
    got = pusher.attacker.send("POST", f"/v2/{NAME}/blobs/uploads/", authorization=token)
    assert got.status == 401


def test_another_repositorys_blob_is_mounted_only_by_its_name(pusher: Pusher) -> None:
    """A mount from a path, or of an invalid digest, becomes an ordinary upload."""
    for source, digest in (("../x", MISSING), (NAME, "../../x"), ("no/where", pusher.config)):
        got = pusher.send("POST", f"blobs/uploads/?mount={quote(digest)}&from={quote(source, safe='')}")
        assert got.status == 202, got
        pusher.send("DELETE", got.head.partition(f"{NAME}/")[2].split("\r\n")[0])


@pytest.mark.parametrize("given", [{"imageTag": "../x"}, {"imageTag": "x\n"}, {"imageTag": "-x"},
                                   {"imageDigest": MISSING}, {"imageManifestMediaType": "text/html\r\nX: y"}],
                         ids=str)  # fmt: skip
def test_the_api_refuses_an_image_with(pusher: Pusher, given: dict[str, str]) -> None:
    """An invalid tag, another digest, another media type: nothing is stored."""
    manifest = json.dumps(pusher.good(annotations={"made": "by PutImage"}))
    with pytest.raises(ClientError) as caught:
        pusher.ecr.put_image(repositoryName=NAME, imageManifest=manifest, **given)
    assert caught.value.response["Error"]["Code"] in ("InvalidParameterException", "ImageDigestDoesNotMatchException")
