"""Malicious requests to the git server and GitHub's REST API: paths, refs, packs, objects and bodies."""

from __future__ import annotations

import concurrent.futures
import gzip
import json
from typing import TYPE_CHECKING

import pytest

from support.attacker import Attacker
from support.github_client import Clone, Site, git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.cloud import Cloud

TOKEN = {"authorization": "token hunter2hunter2"}


@pytest.fixture(scope="module")
def attacker(cloud: Cloud) -> Attacker:
    """A client that sends raw requests."""
    return Attacker(cloud)


@pytest.fixture(autouse=True)
def _quiet(attacker: Attacker) -> Iterator[None]:
    """No attack causes a traceback, logs its token, or leaves an incomplete repository."""
    before = attacker.inside().count("Traceback")
    yield
    assert attacker.inside().count("Traceback") == before
    assert "hunter2" not in attacker.written()
    assert list((attacker.state / "github").glob(".new-*")) == []


@pytest.fixture(scope="module")
def clone(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone of a repository with one commit."""
    site = Site(f"http://127.0.0.1:{cloud.environment['LOCALCLOUD_PORT']}", "hostile/git")
    made = Clone(tmp_path_factory.mktemp("hostile") / "clone", site.url)
    made.commit("one", file="x")
    made.push()
    return made


@pytest.fixture(scope="module")
def site(cloud: Cloud, clone: Clone) -> Site:
    """The repository's REST API."""
    del clone
    return Site(f"http://127.0.0.1:{cloud.environment['LOCALCLOUD_PORT']}", "hostile/git")


PATHS = (
    "/../../etc/passwd.git", "/hostile/../../../etc.git", "/hostile/..%2f..%2fgit.git", "/..%2f..%2fhostile/git.git",
    "/hostile/%2fetc%2fpasswd.git", "/hostile/git.git/../../store.sqlite3", "/hostile/git.git/objects/info/packs",
    "/hostile/git.git/config", "/hostile/git.git/HEAD", "/hostile/git%00.git", "/hostile/git%0a.git",
    "/-hostile/git.git", "/hostile/" + "x" * 101 + ".git", "/" + "x" * 40 + "/git.git", "/hostile/..git.git.git",
    "/hostile/%ff.git", "/api/git.git", "/v2/git.git", "/hostile/git.git.git", "/.empty/x.git",
    "/hostile/%252e%252e.git",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:40])
def test_no_path_leads_out_of_the_repositories(attacker: Attacker, clone: Clone, path: str) -> None:
    """Neither for reading nor for writing: the status is a 4xx, and nothing is created."""
    del clone
    before = sorted(str(each) for each in (attacker.state / "github").glob("*/*"))
    for service in ("git-upload-pack", "git-receive-pack"):
        got = attacker.send("GET", f"{path}/info/refs?service={service}")
        assert 400 <= got.status < 500, got
        assert 400 <= attacker.send("POST", f"{path}/{service}", b"0000", **TOKEN).status < 500
    assert 400 <= attacker.send("GET", path).status < 500
    assert sorted(str(each) for each in (attacker.state / "github").glob("*/*")) == before


def packet(text: str) -> bytes:
    """Return a line in git's pkt-line format."""
    return f"{len(text.encode()) + 4:04x}{text}".encode()


ZERO, ONE = "0" * 40, "1" * 40
PACKS: dict[str, tuple[str, bytes]] = {
    "no packets": ("git-receive-pack", b"garbage"),
    "a packet that is longer than it says": ("git-receive-pack", b"ffff" + b"x" * 100),
    "no pack": ("git-receive-pack", packet(f"{ZERO} {ONE} refs/heads/x\0 report-status") + b"0000"),
    "a pack of garbage": (
        "git-receive-pack", packet(f"{ZERO} {ONE} refs/heads/x\0 report-status") + b"0000PACK" + b"\xff" * 1000,
    ),
    "a pack of four thousand million objects": (
        "git-receive-pack",
        packet(f"{ZERO} {ONE} refs/heads/x\0 report-status") + b"0000PACK\0\0\0\2\xff\xff\xff\xff" + b"x" * 64,
    ),
    "a ref that climbs": (
        "git-receive-pack", packet(f"{ZERO} {ONE} refs/heads/../../../x\0 report-status") + b"0000PACK\0\0\0\2\0\0\0\0",
    ),
    "a fetch of what is not there": ("git-upload-pack", packet(f"want {ONE}\n") + b"0000" + packet("done\n")),
    "a fetch of garbage": ("git-upload-pack", b"\xff" * 1000),
}  # fmt: skip


@pytest.mark.parametrize("case", PACKS)
def test_git_refuses(attacker: Attacker, clone: Clone, case: str) -> None:
    """There is always a response, and no ref has changed."""
    service, body = PACKS[case]
    before = clone.git("ls-remote", "origin")
    got = attacker.send("POST", f"/hostile/git.git/{service}", body, content_type=f"application/x-{service}-request")
    assert got.status in (200, 400, 403), got
    assert "ok refs/" not in got.text
    assert clone.git("ls-remote", "origin") == before


def test_a_packed_request_that_explodes_is_refused(attacker: Attacker, clone: Clone) -> None:
    """65 MB of "want" lines are compressed to 64 KB; git itself would decompress all."""
    del clone
    for body, status in ((gzip.compress(b"0" * 65 * 2**20), 413), (b"no gzip", 400)):
        got = attacker.send("POST", "/hostile/git.git/git-upload-pack", body, content_encoding="gzip")
        assert (got.status, "limit" in got.text or "not valid gzip" in got.text) == (status, True), got
    assert attacker.send("POST", "/hostile/git.git/git-upload-pack", b"x", content_encoding="br").status == 415


def tree(clone: Clone, *rows: tuple[str, str, str]) -> str:
    """Write a tree object without validation; returns a commit of it."""
    data = b"".join(f"{mode} {name}".encode() + b"\0" + bytes.fromhex(sha) for mode, name, sha in rows)
    (clone.folder / "tree").write_bytes(data)
    made = clone.git("hash-object", "-t", "tree", "-w", "--literally", "tree")
    return clone.git("commit-tree", made, "-m", "hostile")


TREES = {
    "a file above": [("100644", "..")],
    "a file with a path that climbs": [("100644", "../x")],
    "a file with an absolute path": [("100644", "/etc/x")],
    "a file below git's folder": [("100644", ".git")],
    "a file below git's folder in capitals": [("100644", ".GIT")],
    "a file below git's folder on a Mac": [("100644", ".g\u200cit")],
    "a file below git's folder on Windows": [("100644", "git~1")],
    "two files of one name": [("100644", "a"), ("100644", "a")],
    "submodules by a link": [("120000", ".gitmodules")],
}


@pytest.mark.parametrize("case", TREES)
def test_a_tree_is_refused_that_has(clone: Clone, case: str) -> None:
    """Git checks every received object (receive.fsckObjects) before it updates a ref."""
    blob = clone.git("rev-parse", "HEAD:file")
    commit = tree(clone, *[(mode, name, blob) for mode, name in TREES[case]])
    assert "fsck error" in clone.git("push", "origin", f"{commit}:refs/heads/bad", check=False)
    assert "refs/heads/bad" not in clone.git("ls-remote", "origin")


def test_a_submodule_that_is_an_option_is_refused(clone: Clone) -> None:
    """Its URL would be taken for a program's option."""
    (clone.folder / "modules").write_text('[submodule "x"]\n\tpath = x\n\turl = --upload-pack=touch\n')
    blob = clone.git("hash-object", "-w", "modules")
    commit = tree(clone, ("100644", ".gitmodules", blob))
    assert "rejected" in clone.git("push", "origin", f"{commit}:refs/heads/bad", check=False)


@pytest.mark.parametrize(
    ("refs", "words"),
    [
        (":main", "deletion of the current branch prohibited"),
        ("HEAD:refs/pull/1/head", "hidden ref"),
        ("HEAD:refs/../x", "invalid refspec"),
        ("HEAD:refs/heads/a..b", "invalid refspec"),
    ],
)
def test_a_push_is_refused_of(clone: Clone, refs: str, words: str) -> None:
    """Deletion of the default branch, refs that only GitHub sets, and invalid names."""
    assert words in clone.git("push", "origin", refs, check=False)
    assert "refs/heads/main" in clone.git("ls-remote", "origin")


def test_odd_commits_and_branches_do_not_end_what_is_told(clone: Clone, site: Site) -> None:
    """A commit of the year 318857, a branch with a line separator: the next push still has its event."""
    late = {"GIT_AUTHOR_DATE": "@9999999999999 +0000", "GIT_COMMITTER_DATE": "@9999999999999 +0000"}
    clone.git("checkout", "--quiet", "-b", "odd")
    clone.git("commit", "--quiet", "--allow-empty", "-m", "late", **late)
    clone.push("HEAD:refs/heads/late", "HEAD:refs/heads/line\u2028end")
    sha = clone.commit("next", file="next")
    clone.push("HEAD:refs/heads/next")
    names = [row["name"] for row in site.call("GET", "{}/branches", 200)]
    assert {"late", "line\u2028end", "next"} <= set(names)
    assert site.call("GET", "{}/commits?sha=late", 200)[0]["commit"]["author"]["date"] == "9999-12-31T23:59:59Z"
    assert site.call("GET", "{}/branches/next", 200)["commit"]["sha"] == sha
    clone.git("checkout", "--quiet", "main")


def test_of_pushes_at_the_same_time_one_wins(clone: Clone, tmp_path: Path) -> None:
    """The others get an error that the branch has changed; the branch has the winner's commit."""
    clones = []
    for number in range(4):
        folder = tmp_path / str(number)
        git(tmp_path, "clone", "--quiet", "--branch", "main", clone.url, str(folder))
        git(folder, "commit", "--quiet", "--allow-empty", "-m", str(number))
        clones.append(folder)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        said = list(pool.map(lambda folder: git(folder, "push", "origin", "main", check=False), clones))
    assert sum("rejected" in text for text in said) == 3, said
    won = next(folder for folder, text in zip(clones, said, strict=True) if "rejected" not in text)
    assert clone.git("ls-remote", "origin", "refs/heads/main").split()[0] == git(won, "rev-parse", "HEAD")


ANY: list[object] = [
    None,
    1,
    2**70,
    1.5,
    True,
    "",
    "\x00",
    "\n",
    "../..",
    "--x",
    "x" * 70_000,
    [],
    [[]],
    {},
    {"url": 1},
]
WRITES = {
    "hooks": ("POST", "{}/hooks", ("name", "config", "events", "active")),
    "a ref": ("POST", "{}/git/refs", ("ref", "sha")),
    "a ref moved": ("PATCH", "{}/git/refs/heads/main", ("sha", "force")),
    "a pull request": ("POST", "{}/pulls", ("title", "head", "base", "body", "draft")),
    "a status": ("POST", "{}/statuses/" + ZERO, ("state", "context", "description", "target_url")),
    "a repository": ("POST", "/orgs/hostile/repos", ("name", "description", "private")),
}


@pytest.mark.parametrize("case", WRITES)
def test_the_api_refuses_members_of_another_type(attacker: Attacker, clone: Clone, case: str) -> None:
    """With GitHub's 4xx, for any value."""
    sha = clone.git("rev-parse", "main")
    good = {
        "name": "web", "config": {"url": "x"}, "ref": "main", "sha": sha, "title": "t", "head": "none", "base": "main",
        "state": "x",
    }  # fmt: skip
    method, path, fields = WRITES[case]
    for field in fields:
        for value in ANY:
            body = json.dumps(good | {field: value}).encode()
            got = attacker.send(method, "/api/v3" + path.replace("{}", "/repos/hostile/git"), body, **TOKEN)
            assert 400 <= got.status < 500 or field in ("force", "description", "private"), (value, got)
            assert "the local GitHub failed" not in got.text
    assert clone.git("ls-remote", "origin", "refs/heads/main").split()[0] is not None


READS = ("branches/{}", "git/ref/{}", "git/matching-refs/{}", "commits/{}", "commits/{}/status", "statuses/{}",
         "pulls/{}", "pulls/{}/files", "issues/{}/comments", "issues/comments/{}", "hooks/{}", "hooks/1/deliveries/{}",
         "commits?sha={}", "commits?per_page={}&page={}", "pulls?state={}")  # fmt: skip
ODD = ("..", "%2e%2e", "a%00b", "a%0ab", "%ff", "--all", "HEAD~1", "HEAD%5E%7Btree%7D", "@%7B-1%7D", "main:file",
       "x" * 5000, ZERO, "%e2%80%a8", "999999999999999", "0", "-1", "%c2%b2", "1e9")  # fmt: skip


@pytest.mark.parametrize("path", READS)
def test_the_api_answers_odd_names(attacker: Attacker, clone: Clone, path: str) -> None:
    """A name is never a revision expression or an option, and ids are plain numbers."""
    del clone
    for word in ODD:
        got = attacker.send("GET", f"/api/v3/repos/hostile/git/{path.replace('{}', word)}")
        assert got.status < 500, (word, got)
        assert "the local GitHub failed" not in got.text


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"[" * 100_000, b'{"a": NaN}', b"\xff", b'{"a": "\\ud800"}'],
                         ids=lambda body: repr(body[:12]))  # fmt: skip
def test_the_api_refuses_what_is_no_json_object(attacker: Attacker, clone: Clone, body: bytes) -> None:
    """With status 400; without a token 401, before it is parsed."""
    del clone
    path = "/api/v3/repos/hostile/git/hooks"
    assert attacker.send("POST", path, body, **TOKEN).status == 400
    assert attacker.send("POST", path, body).status == 401
    assert attacker.send("DELETE", "/api/v3/repos/hostile/git").status == 401
