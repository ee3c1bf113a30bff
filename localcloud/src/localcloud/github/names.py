"""Validation of the names of owners, repositories and refs before they reach git and the file system."""

from __future__ import annotations

import re

OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}")
NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,38}")
SHA = re.compile(r"[0-9a-f]{40}")
RESERVED = {"api", "v2"}
"""Names that cannot be owners: their URL paths belong to the API and the registry."""
NOT_IN_REFS = re.compile(r"[\x00-\x20\ud800-\udfff\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|$)")
REF_LENGTH = 250


def problem(owner: str, name: str) -> str | None:
    """Return a one-line message if this is not a valid name of a repository, or None."""
    if not OWNER.fullmatch(owner) or owner.lower() in RESERVED:
        return f"{owner[:60]!r} is not a valid owner: letters, digits and hyphens, at most 39; api and v2 are taken"
    if not NAME.fullmatch(name) or name in (".", "..") or name.endswith(".git"):
        rule = "letters, digits, '.', '-' and '_', at most 100, no .git at the end"
        return f"{name[:120]!r} is not a valid repository name: {rule}"
    return None


def is_ref(text: str) -> bool:
    """Tell whether this is a valid ref name (git check-ref-format), which a revision such as "main~3" is not."""
    if not text or len(text) > REF_LENGTH or text == "@" or NOT_IN_REFS.search(text):
        return False
    return not text.startswith(("-", "/", ".")) and not text.endswith(("/", "."))


def key_of(full_name: str) -> str:
    """Return a repository's key: names on GitHub are case-insensitive."""
    return full_name.lower()
