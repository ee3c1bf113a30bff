"""Names of owners, repositories and refs: what is let through to git and to the file system, and nothing else is."""

from __future__ import annotations

import re

OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}")
NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,38}")
SHA = re.compile(r"[0-9a-f]{40}")
RESERVED = {"api", "v2"}
"""Owners whose addresses mean something else here."""
NOT_IN_REFS = re.compile(r"[\x00-\x20\ud800-\udfff\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|$)")
REF_LENGTH = 250


def problem(owner: str, name: str) -> str | None:
    """Return in one line why this is no name of a repository, or None where it is one."""
    if not OWNER.fullmatch(owner) or owner.lower() in RESERVED:
        return f"{owner[:60]!r} is no owner's name: letters, digits and hyphens, at most 39; api and v2 are taken"
    if not NAME.fullmatch(name) or name in (".", "..") or name.endswith(".git"):
        rule = "letters, digits, '.', '-' and '_', at most 100, no .git at the end"
        return f"{name[:120]!r} is no repository's name: {rule}"
    return None


def is_ref(text: str) -> bool:
    """Say whether git takes this as a ref's name (git check-ref-format), so that it is no expression like "main~3"."""
    if not text or len(text) > REF_LENGTH or text == "@" or NOT_IN_REFS.search(text):
        return False
    return not text.startswith(("-", "/", ".")) and not text.endswith(("/", "."))


def key_of(full_name: str) -> str:
    """Return what a repository is kept under: GitHub's names do not tell upper case from lower."""
    return full_name.lower()
