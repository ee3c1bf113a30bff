"""The local GitHub's interface for other services, without a server process."""

from __future__ import annotations

import asyncio
import io
import os
import stat
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from localcloud.context import Context
from localcloud.github import GitHub, names
from localcloud.github.rest import GitHubError
from localcloud.settings import UserError
from localcloud.state.clock import Clock
from localcloud.state.store import Store
from support.github_client import Clone

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from localcloud.github import Event

REPOSITORY = "acme/app"


def context(folder: Path) -> Context:
    """Return a context with its state in a folder, without Docker and IAM, which GitHub does not need."""
    store, docker = Store(folder / "store"), None
    iam: Any = None
    certificates: Any = None
    cloudwatch: Any = None
    return Context(
        account="000000000000", region="eu-central-1", endpoint="http://127.0.0.1:1", container_endpoint="", network="",
        docker=docker, store=store, state_dir=folder, clock=Clock(store), images={}, iam=iam,
        certificates=certificates, cloudwatch=cloudwatch,
    )  # fmt: skip


def started(folder: Path, *listeners: Callable[[Event], None]) -> GitHub:
    """Start a GitHub with the folder's state, which sends unsent events, stop it and return it."""

    async def run() -> GitHub:
        github = GitHub(context(folder))
        for listener in listeners:
            github.subscribe(listener)
        await github.start()
        await github.stop()
        return github

    return asyncio.run(run())


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A clone of acme/app that pushes without HTTP, as before a kill of the process."""
    github = started(tmp_path)
    github._repositories.create("acme", "app")
    github._ctx.store.close()
    return Clone(tmp_path / "clone", str(tmp_path / "github" / f"{REPOSITORY}.git"))


def test_an_archive_is_the_tree_byte_for_byte(clone: Clone, tmp_path: Path) -> None:
    """With modes and links, without a top-level folder; .gitattributes have no effect."""
    attributes = "hidden export-ignore\nstamp export-subst\ncrlf text eol=crlf\n"
    (clone.folder / "folder").mkdir()
    files = {".gitattributes": attributes, "hidden": "1", "stamp": "$Format:%H$", "folder/ü": "1", "crlf": "a\nb\n"}
    (clone.folder / "link").symlink_to("folder/ü")
    (clone.folder / "run").write_text("#!/bin/sh\n")
    (clone.folder / "run").chmod(0o755)
    sha = clone.commit("one", **files)
    clone.push()
    github = started(tmp_path)
    with zipfile.ZipFile(io.BytesIO(github.archive(REPOSITORY, sha))) as archive:
        found = {one.filename: one for one in archive.infolist() if not one.is_dir()}
        assert set(found) == {*files, "link", "run"}
        assert {name: archive.read(name).decode() for name in files} == files
        modes = {name: one.external_attr >> 16 for name, one in found.items()}
    assert stat.S_ISLNK(modes["link"])
    assert modes["run"] & 0o111 == 0o111
    assert modes["hidden"] & 0o111 == 0
    with pytest.raises(GitHubError, match="no commit main in acme/app"):
        github.archive(REPOSITORY, "main")
    with pytest.raises(GitHubError, match="repository acme/none"):
        github.archive("acme/none", sha)


def test_a_commit_is_found_by_branch_tag_ref_and_sha(clone: Clone, tmp_path: Path) -> None:
    """Invalid names, and git's revision syntax, are not found."""
    sha = clone.commit("one\n\nmore", a="1")
    clone.git("tag", "--annotate", "--message=v1", "v1")
    clone.push("main", "v1", "main:refs/heads/team/x")
    github = started(tmp_path)
    for ref in ("main", "team/x", "v1", "refs/tags/v1", "refs/heads/main", "HEAD", sha):
        found = github.commit(REPOSITORY, ref)
        assert found is not None, ref
        assert (found.sha, found.message, found.author_name) == (sha, "one\n\nmore", "Ann")
        assert found.author_date.endswith("Z")
    for ref in ("none", "main~0", "main^{tree}", "-h", "--all", "", "@", ":a", "main:a", "a b", sha[:10], "1" * 40):
        assert github.commit(REPOSITORY, ref) is None, ref
    assert github.commit("acme/none", "main") is None
    assert github.commit("ACME/App", "main") is not None
    assert github.clone_url(REPOSITORY) == "http://127.0.0.1:1/acme/app.git"


def test_a_listener_is_told_each_push_once_over_restarts(clone: Clone, tmp_path: Path) -> None:
    """The next process sends events that the last one did not; files are those that differ."""
    told: list[Event] = []
    one = clone.commit("one", a="1", b="1")
    clone.push()
    started(tmp_path, told.append)
    started(tmp_path, told.append)
    two = clone.commit("two", a="2", c="1")
    clone.push("main", "main:refs/heads/new")
    started(tmp_path, told.append)
    clone.push(":new")
    started(tmp_path, told.append)
    assert [(event.ref, event.before, event.after, event.files) for event in told] == [
        ("refs/heads/main", "0" * 40, one, ("a", "b")),
        ("refs/heads/main", one, two, ("a", "c")),
        ("refs/heads/new", "0" * 40, two, ()),
        ("refs/heads/new", two, "0" * 40, ()),
    ]
    assert told[0].payload["head_commit"]["id"] == one


def test_a_listener_that_fails_keeps_nobody_else_from_being_told(clone: Clone, tmp_path: Path) -> None:
    """Its exception is logged."""
    told: list[str] = []

    def fail(_event: Event) -> None:
        raise RuntimeError

    clone.commit("one")
    clone.push()
    started(tmp_path, fail, lambda event: told.append(event.ref))
    assert told == ["refs/heads/main"]


def test_what_a_listener_writes_lasts_only_if_the_event_counts_as_told(clone: Clone, tmp_path: Path) -> None:
    """A process that ends while sending writes nothing, and all events are sent again."""
    clone.commit("one")
    clone.push("main", "main:other")
    written = Store(tmp_path / "store")

    class Killed(BaseException):
        pass

    def half(github: GitHub) -> Callable[[Event], None]:
        def tell(event: Event) -> None:
            github._ctx.store.put("started", event.ref, {})
            if event.ref == "refs/heads/other":
                raise Killed

        return tell

    github = GitHub(context(tmp_path))
    github.subscribe(half(github))
    with pytest.raises(Killed):
        asyncio.run(github.start())
    assert written.all("started") == {}
    told: list[str] = []
    started(tmp_path, lambda event: told.append(event.ref))
    assert told == ["refs/heads/main", "refs/heads/other"]


def test_a_status_can_be_set_from_another_thread(clone: Clone, tmp_path: Path) -> None:
    """Builds set it from their threads; invalid statuses are refused."""
    sha = clone.commit("one")
    clone.push()
    fields: dict[str, Any] = {"context": "ci", "description": "", "target_url": ""}

    async def run() -> list[dict[str, Any]]:
        github = GitHub(context(tmp_path))
        await github.start()
        await asyncio.gather(
            *(
                asyncio.to_thread(github.set_status, REPOSITORY, sha, state="success", **fields | {"context": str(n)})
                for n in range(20)
            )
        )
        with pytest.raises(GitHubError, match="state has to be one of"):
            github.set_status(REPOSITORY, sha, state="ok", **fields)
        with pytest.raises(GitHubError, match="No commit found"):
            github.set_status(REPOSITORY, "1" * 40, state="success", **fields)
        await github.stop()
        return github._statuses.table.values()

    found = asyncio.run(run())
    assert {one["context"] for one in found} == {str(n) for n in range(20)}
    assert len({one["id"] for one in found}) == 20


def test_without_git_the_start_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is one line with the remedy."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"git is not installed, .*: install git .* then: .* up$"):
        asyncio.run(GitHub(context(tmp_path)).start())


def test_a_reset_leaves_nothing(clone: Clone, tmp_path: Path) -> None:
    """Folders and documents are removed; a restart sends no events."""
    clone.commit("one")
    clone.push()
    github = started(tmp_path)
    asyncio.run(github.reset())
    assert github.commit(REPOSITORY, "main") is None
    assert os.listdir(tmp_path / "github") == [".empty.git"]  # noqa: PTH208 - nothing but names is wanted
    kinds = github._ctx.store._db.execute("SELECT DISTINCT kind FROM documents").fetchall()
    assert kinds == []


@pytest.mark.parametrize("ref", ["main", "a/b", "refs/heads/ü", "feature/#1", "v1.0", "a-b_c", "x@y"])
def test_names_that_git_takes_are_taken(ref: str) -> None:
    """By the rules of git check-ref-format."""
    assert names.is_ref(ref)


@pytest.mark.parametrize(
    "ref",
    ["", "@", "-x", "/x", "x/", "x.", ".x", "a/.b", "a..b", "a~1", "a^", "a:b", "a?", "a*", "a[b", "a\\b", "a b", "a\n",
     "a@{1}", "a//b", "x.lock", "x.lock/y", "a\0b", "x" * 251],
)  # fmt: skip
def test_names_that_git_refuses_are_refused(ref: str) -> None:
    """They would be revisions, options or invalid file names."""
    assert not names.is_ref(ref)
