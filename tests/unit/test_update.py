"""`make update`: the report of updates by package, base images, and changed resources."""

from __future__ import annotations

import http.server
import json
import re
import subprocess
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tools import digests, locks, pulumi_release, update

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OLD, NEW = (f"sha256:{digit * 64}" for digit in "12")


class Registry(http.server.BaseHTTPRequestHandler):
    """A fake registry with anonymous tokens, and the digest of one tag."""

    def do_GET(self) -> None:
        """Respond with a token."""
        self.answer(200, b'{"token": "anonymous"}')

    def do_HEAD(self) -> None:
        """Respond with the digest."""
        known = self.path == "/v2/docker/library/python/manifests/3.11"
        allowed = self.headers["Authorization"] == "Bearer anonymous" and "oci.image.index" in self.headers["Accept"]
        self.answer(200 if known and allowed else 404)

    def answer(self, status: int, body: bytes = b"") -> None:
        """Send a response."""
        self.send_response(status)
        self.send_header("Docker-Content-Digest", NEW)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def registry() -> Iterator[str]:
    """The URL of a registry on this machine."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository in which two files pin the same base image."""
    for name in ("Dockerfile", "compose.yaml"):
        (tmp_path / name).write_text(f"# a base\nx/docker/library/python:3.11@{OLD} as it was\n", "utf-8")
    for command in (["init", "--quiet"], ["add", "."]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def test_a_base_image_follows_its_tag_in_every_file(repository: Path, registry: str) -> None:
    """Nothing else in the files changes."""
    moved, left = digests.move(repository, registry)
    assert moved == [f"python:3.11 {OLD[:19]} -> {NEW[:19]}"]
    assert not left
    for name in ("Dockerfile", "compose.yaml"):
        assert (repository / name).read_text("utf-8") == f"# a base\nx/docker/library/python:3.11@{NEW} as it was\n"
    assert digests.move(repository, registry) == ([], [])


def test_without_a_registry_base_images_stay_and_it_is_said(repository: Path) -> None:
    """The rest of the update continues."""
    moved, (remark,) = digests.move(repository, "http://127.0.0.1:9")
    assert not moved
    assert remark.startswith("base images: http://127.0.0.1:9 gives no digests (")
    assert OLD in (repository / "Dockerfile").read_text("utf-8")


def test_a_tag_that_is_gone_leaves_every_file_as_it_was(repository: Path, registry: str) -> None:
    """A partial update would leave two digests for one image."""
    text = (repository / "Dockerfile").read_text("utf-8")
    (repository / "Dockerfile").write_text(text.replace("python:3.11", "gone:1"), "utf-8")
    moved, (remark,) = digests.move(repository, registry)
    assert not moved
    assert "404" in remark
    assert OLD in (repository / "compose.yaml").read_text("utf-8")


def test_a_package_that_moved_in_several_locks_is_one_line() -> None:
    """The list of updates is for readers."""
    moved = ["a.txt: boto3 1 -> 2", "b.txt: boto3 1 -> 2", "b.txt: anyio 3 -> gone"]
    assert update.grouped(moved) == ["anyio 3 -> gone (b.txt)", "boto3 1 -> 2 (a.txt, b.txt)"]


def test_a_preview_names_what_would_change() -> None:
    """By operation, type and name, from the engine's events."""
    urn = "urn:pulumi:staging::slipway::slipway:infra:Service$aws:ecs/service:Service::web"
    steps = [{"op": "same", "urn": urn}, {"op": "update", "urn": urn}, {"op": "read", "urn": urn}]
    assert update.changes(json.dumps({"steps": steps})) == ["update aws:ecs/service:Service web"]


def test_an_update_is_not_mixed_with_other_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An update is one commit, or is discarded as a whole."""
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    monkeypatch.setattr(update, "ROOT", tmp_path)
    update.refuse_changes()
    (tmp_path / "work").write_text("", "utf-8")
    with pytest.raises(update.UpdateError, match="there are uncommitted changes, and an update is one commit"):
        update.refuse_changes()


def test_exact_pins_are_those_that_move_by_hand_or_with_the_toolchain() -> None:
    """Other versions are only in locks; Renovate ignores the same packages."""
    sources = [update.ROOT / source for source in locks.LOCKS.values() if source.endswith(".in")]
    exact = {name for source in sources for name in re.findall(r"(?m)^([\w-]+)==", source.read_text("utf-8"))}
    assert exact == {"pulumi", *update.BY_HAND}
    rules = json.loads((update.ROOT / ".github" / "renovate.json").read_text("utf-8"))["packageRules"]
    assert [set(rule["matchPackageNames"]) for rule in rules if "matchPackageNames" in rule] == [exact]


@pytest.mark.parametrize(
    ("python", "refused", "taken"),
    [
        ("3.272.0", set(), "3.272.0"),
        ("3.272.1", {"3.272.1", "3.272.0"}, "3.271.0"),
        ("3.257.0", {"3.257.0"}, "3.256.0"),
    ],
)
def test_the_newest_pulumi_release_is_one_that_every_registry_serves(
    monkeypatch: pytest.MonkeyPatch, python: str, refused: set[str], taken: str
) -> None:
    """If there is none, the current one stays."""
    monkeypatch.setattr(pulumi_release, "served", lambda version: version not in refused)
    monkeypatch.setattr(pulumi_release, "pins", lambda: SimpleNamespace(cli="3.256.0"))
    assert pulumi_release.newest(python) == taken
