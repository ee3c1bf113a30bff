"""The repositories: their folders and documents, and a lock for changes to each."""

from __future__ import annotations

import asyncio
import shutil
import time
import uuid
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from localcloud.github import git, history, names
from localcloud.state.table import Table

if TYPE_CHECKING:
    from pathlib import Path

    from localcloud.context import Context

Doc = dict[str, Any]
BRANCH = "main"
PUSH_BYTES = 2 * 2**30
"""Limit of one push, as on GitHub."""
CONFIG = f"""[core]
	repositoryformatversion = 0
	filemode = true
	bare = true
	hooksPath = /dev/null
[http]
	receivepack = true
	getanyfile = false
[receive]
	maxInputSize = {PUSH_BYTES}
	fsckObjects = true
	autogc = false
	hideRefs = refs/pull
[receive "fsck"]
	zeroPaddedFilemode = ignore
	badTimezone = ignore
	missingSpaceBeforeDate = ignore
[uploadpack]
	allowAnySHA1InWant = true
	allowFilter = true
[gc]
	auto = 0
"""
"""Git's configuration: only GitHub sets a pull request's ref, and any commit can be fetched by sha, as on GitHub."""
ATTRIBUTES = "* !export-ignore !export-subst -text -eol -ident -filter -working-tree-encoding\n"


class Repositories:
    """All repositories; the folder is authoritative, its document holds what git does not store."""

    def __init__(self, ctx: Context) -> None:
        """Load the repositories' documents from the store."""
        self.root: Path = ctx.state_dir / "github"
        self.empty = self.root / ".empty.git"
        """An empty repository, served until a first push has created the actual one."""
        self.table = Table(ctx.store, "github-repositories")
        self.refs = Table(ctx.store, "github-refs")
        """Each repository's branches and tags whose events were sent."""
        self._counters = Table(ctx.store, "github-counters")
        self._store = ctx.store
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def open(self) -> None:
        """Reconcile documents with folders, after a kill too."""
        self.root.mkdir(parents=True, exist_ok=True)
        for stale in self.root.glob(".new-*"):
            shutil.rmtree(stale)
        shutil.rmtree(self.empty, ignore_errors=True)
        git.run(self.empty, "init", "--bare", "--quiet", "--template=")
        git.run(self.empty, "symbolic-ref", "HEAD", f"refs/heads/{BRANCH}")
        (self.empty / "config").write_text(CONFIG)
        (self.empty / "info").mkdir(exist_ok=True)
        (self.empty / "info" / "attributes").write_text(ATTRIBUTES)
        for doc in self.table.values():
            if not self.folder(doc).is_dir():
                self._forget(doc)
        for folder in sorted(self.root.glob("[!.]*/*.git")):
            owner, name = folder.parent.name, folder.name.removesuffix(".git")
            if names.problem(owner, name) is None and self.find(f"{owner}/{name}") is None:
                self._add(owner, name)

    def find(self, full_name: str) -> Doc | None:
        """Return a repository's document by "owner/name" (case-insensitive), or None."""
        return self.table.get(names.key_of(full_name))

    def folder(self, doc: Doc) -> Path:
        """Return a repository's folder."""
        return self.root / f"{doc['full_name']}.git"

    def lock(self, full_name: str) -> asyncio.Lock:
        """Return the lock for changes to refs, pull requests or the document."""
        return self._locks[names.key_of(full_name)]

    def create(self, owner: str, name: str, **fields: object) -> Doc:
        """Create a repository, or return an existing one unchanged.

        Args:
            owner: the owner, validated by names.problem.
            name: the name, likewise.
            fields: further fields of the document.
        """
        found = self.find(f"{owner}/{name}")
        if found:
            return found
        new = self.root / f".new-{uuid.uuid4().hex}"
        shutil.copytree(self.empty, new)
        target = self.root / owner / f"{name}.git"
        target.parent.mkdir(exist_ok=True)
        new.rename(target)
        return self._add(owner, name, **fields)

    def _add(self, owner: str, name: str, **fields: object) -> Doc:
        now = history.iso(time.time())
        doc: Doc = {
            "id": self.next_id(), "owner": owner, "name": name, "full_name": f"{owner}/{name}", "created_at": now,
            "pushed_at": now, "updated_at": now, "default_branch": BRANCH, "private": False, "description": None,
            "last_number": 0, **fields,
        }  # fmt: skip
        return self.table.put(names.key_of(doc["full_name"]), doc)

    def save(self, doc: Doc) -> None:
        """Save a document that was changed in place."""
        self.table.save(names.key_of(doc["full_name"]))

    def known_refs(self, doc: Doc) -> dict[str, str]:
        """Return the refs whose events were sent."""
        return dict((self.refs.get(names.key_of(doc["full_name"])) or {}).get("refs", {}))

    def remember_refs(self, doc: Doc, found: dict[str, str]) -> None:
        """Record the refs whose events were sent."""
        self.refs.put(names.key_of(doc["full_name"]), {"refs": found})

    def delete(self, doc: Doc) -> None:
        """Delete a repository with its folder."""
        self._forget(doc)
        folder = self.folder(doc)
        gone = self.root / f".new-{uuid.uuid4().hex}"
        if folder.is_dir():
            folder.rename(gone)
            shutil.rmtree(gone)

    def _forget(self, doc: Doc) -> None:
        key = names.key_of(doc["full_name"])
        self.table.delete(key)
        self.refs.delete(key)

    def next_id(self) -> int:
        """Return a new unique id."""
        with self._store.transaction():  # serializes threads
            last = int((self._counters.get("id") or {}).get("last", 0)) + 1
            self._counters.put("id", {"last": last})
        return last

    def next_number(self, doc: Doc) -> int:
        """Return the next pull request number of a repository."""
        doc["last_number"] += 1
        self.save(doc)
        return int(doc["last_number"])

    def clear(self) -> None:
        """Delete all repositories with their folders."""
        for table in (self.table, self.refs, self._counters):
            table.clear()
        shutil.rmtree(self.root, ignore_errors=True)
