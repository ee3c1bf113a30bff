"""A full disk: new work is refused by a one-line error, stored data stays intact, free space restores service."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from localcloud.gateway.limits import LimitError
from localcloud.settings import NAME
from localcloud.state.store import Store
from localcloud.state.table import Table
from support.attacker import Attacker
from support.building import Workshop
from support.cloud import Cloud
from support.fixtures import PORT
from support.github_client import Clone
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OWN_PORT = str(int(PORT) + 40)
REGION = {"LocationConstraint": "eu-central-1"}


class Disk:
    """A file system of 160 MiB with a local cloud's state."""

    def __init__(self, folder: Path) -> None:
        """Mount the file system, or skip the test."""
        self.folder, self._ballast = folder, folder / "ballast"
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(folder)], capture_output=True, check=False
        )
        if done.returncode != 0:
            pytest.skip(f"no disk of a size can be mounted here: {done.stderr.decode().strip()}")
        own = {"LOCALCLOUD_STATE": str(folder / "state"), "LOCALCLOUD_PORT": OWN_PORT}
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        self.cloud = Cloud(kept | own | {"LOCALCLOUD_NETWORK": f"{NAME}-contract-{OWN_PORT}", "CI": "true"})

    def fill(self, left: int) -> None:
        """Fill the disk except for a number of bytes."""
        found = os.statvfs(self.folder)
        with self._ballast.open("wb", buffering=0) as stream:
            os.posix_fallocate(stream.fileno(), 0, max(found.f_bavail * found.f_frsize - left - 2**16, 1))
            stream.seek(0, os.SEEK_END)
            with contextlib.suppress(OSError):
                while not left:
                    stream.write(b"x" * 4096)

    def empty(self) -> None:
        """Free the space."""
        self._ballast.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    """A local cloud on a small disk, with a parameter, a bucket, image and git repositories and a build project."""
    made = Disk(tmp_path_factory.mktemp("disk") / "small")
    try:
        made.cloud.command("up", "--yes")
        cloud = made.cloud
        cloud.roles()
        cloud.client("ssm").put_parameter(Name="kept", Type="String", Value="1")
        cloud.client("s3").create_bucket(Bucket="kept", CreateBucketConfiguration=REGION)
        cloud.client("ecr").create_repository(repositoryName="kept")
        yield made
        made.empty()
        made.cloud.command("reset")
    finally:
        subprocess.run(["umount", "--lazy", str(made.folder)], check=True)


@pytest.fixture(autouse=True)
def _emptied(disk: Disk) -> Iterator[None]:
    """Free the disk after each test."""
    yield
    disk.empty()


@pytest.fixture
def full(disk: Disk) -> Disk:
    """The disk with 20 MiB free, which is too little for new work."""
    disk.fill(20 * 2**20)
    return disk


def refused(call: Callable[..., Any], **arguments: object) -> str:
    """Return the error message of a refused call."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == "LimitExceededException", caught.value
    assert "free some space" in caught.value.response["Error"]["Message"]
    return str(caught.value.response["Error"]["Message"])


def test_on_a_disk_that_is_nearly_full_nothing_begins(full: Disk, tmp_path: Path) -> None:
    """Every service, the registry, the git server and webhooks refuse by one line; reads and deletions work."""
    cloud, attacker = full.cloud, Attacker(full.cloud)
    client = cloud.client
    before = attacker.inside().count("Traceback")
    assert "MiB free" in refused(client("ssm").put_parameter, Name="new", Type="String", Value="1")
    refused(client("s3").put_object, Bucket="kept", Key="new", Body=b"x")
    refused(client("ecr").create_repository, repositoryName="new")
    refused(client("codepipeline").start_pipeline_execution, name="any")
    refused(client("sns").create_topic, Name="new")
    got = attacker.send("POST", "/v2/kept/blobs/uploads/", authorization="Basic x")
    assert (got.status, "free some space" in got.text) == (403, True), got
    got = attacker.send("POST", "/api/v3/orgs/acme/repos", b'{"name": "new"}', authorization="token x")
    assert (got.status, "free some space" in got.text) == (403, True), got
    got = attacker.send("POST", "/_localcloud/codebuild/webhooks/x", b"{}")
    assert (got.status, "free some space" in got.text) == (403, True), got
    clone = Clone(tmp_path / "clone", f"http://127.0.0.1:{OWN_PORT}/acme/new.git")
    clone.commit("one", file="x")
    assert "free some space" in clone.git("push", "origin", "main", check=False)
    assert client("ssm").get_parameter(Name="kept")["Parameter"]["Value"] == "1"
    client("ecr").delete_repository(repositoryName="kept")
    full.empty()
    client("ecr").create_repository(repositoryName="kept")
    clone.push()
    assert attacker.inside().count("Traceback") == before


def test_what_cannot_be_written_is_refused_and_not_changed(disk: Disk) -> None:
    """With no byte free, by ministack's services; after a kill the state is as confirmed to clients."""
    cloud, attacker = disk.cloud, Attacker(disk.cloud)
    ssm = cloud.client("ssm")
    before = attacker.inside().count("Traceback")
    for number in range(60):  # so that writes need more than the allocated space
        ssm.put_parameter(Name=f"p{number}", Type="String", Value="x" * 4000)
    disk.fill(0)
    assert "nothing is changed" in refused(ssm.delete_parameter, Name="kept")
    assert ssm.get_parameter(Name="kept")["Parameter"]["Value"] == "1"
    assert attacker.send("GET", "/_localcloud/health").status == 200
    disk.empty()
    ssm.put_parameter(Name="after", Type="String", Value="2")
    cloud.kill()
    cloud.command("up", "--yes")
    assert {row["Value"] for row in ssm.get_parameters(Names=["kept", "after"])["Parameters"]} == {"1", "2"}
    assert attacker.inside().count("Traceback") == before


def test_a_document_that_cannot_be_written_is_as_it_was(tmp_path: Path) -> None:
    """In our own services, on disk and in memory, alone and in a transaction."""
    store = Store(tmp_path / "store.sqlite3")
    table = Table(store, "kind")
    doc = table.put("a", {"n": 1})
    store._db.execute("PRAGMA max_page_count = 20")
    long = "x" * 10**6
    with pytest.raises(LimitError, match="free some space"):
        table.put("b", {"n": long})
    doc["n"] = long
    with pytest.raises(LimitError, match="nothing is changed"):
        table.save("a")
    assert doc == {"n": 1}

    def together() -> None:
        with store.transaction():
            doc.update(n=2, more=3)
            table.save("a")
            table.delete("a")
            table.put("c", {"n": 3})
            table.put("b", {"n": long})

    with pytest.raises(LimitError):
        together()
    assert table.rows == {"a": {"n": 1}}
    store._db.execute("PRAGMA max_page_count = 10000")
    with store.transaction():
        table.put("b", {"n": long})
    store.close()
    assert Table(Store(tmp_path / "store.sqlite3"), "kind").rows == {"a": {"n": 1}, "b": {"n": long}}


def test_a_layer_that_does_not_fit_leaves_nothing(disk: Disk) -> None:
    """The push is refused during the upload with the registry's error, and its space is freed."""
    attacker = Attacker(disk.cloud)
    token = disk.cloud.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    head = attacker.send("POST", "/v2/kept/blobs/uploads/", authorization=f"Basic {token}").head
    path = head.partition("/v2/kept/")[2].split("\r\n")[0]
    disk.fill(80 * 2**20)
    got = attacker.send("PATCH", f"/v2/kept/{path}", b"x" * (40 * 2**20), authorization=f"Basic {token}")
    assert (got.status, "free some space" in got.text) == (403, True), got
    assert list((attacker.state / "registry" / "uploads").iterdir()) == []
    disk.empty()


def test_a_build_that_ends_on_a_full_disk_is_not_lost(disk: Disk) -> None:
    """Its end is recorded once there is space; a source that does not fit fails the build with the reason."""
    shop = Workshop(disk.cloud)
    spec = "version: 0.2\nphases: {build: {commands: [sleep 10, echo done]}}\n"
    shop.project("full", source={"type": "NO_SOURCE", "buildspec": spec})
    build = shop.start("full")
    until(lambda: any(row["phaseType"] == "BUILD" for row in shop.build(build)["phases"]))
    disk.fill(0)
    until(lambda: not [one for one in disk.cloud.containers("build") if one.status == "running"])
    time.sleep(3)  # until its end, which cannot be written
    disk.empty()
    assert shop.wait(build)["buildStatus"] == "SUCCEEDED", shop.build(build)["phases"]
