"""The JSON objects of API responses and webhook payloads, with the members that clients read."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from localcloud.github.events import Commit
    from localcloud.github.history import Change

Doc = dict[str, Any]
ABILITIES = ("admin", "maintain", "push", "triage", "pull")


def account_id(login: str) -> int:
    """Return an account's id, derived from its login."""
    return int(hashlib.sha256(login.lower().encode()).hexdigest()[:7], 16) + 1


class Views:
    """Renders the objects, with URLs that are valid on the host."""

    def __init__(self, endpoint: str) -> None:
        """Take the gateway's URL."""
        self.site, self.api = endpoint, f"{endpoint}/api/v3"

    def user(self, login: str, kind: str = "User") -> Doc:
        """Render an account, of kind "User" or "Organization"."""
        number = account_id(login)
        return {
            "login": login, "id": number, "node_id": f"{kind[0]}_{number}", "avatar_url": "", "type": kind,
            "url": f"{self.api}/users/{login}", "html_url": f"{self.site}/{login}", "site_admin": False,
        }  # fmt: skip

    def organization(self, login: str) -> Doc:
        """Render an organization: every owner of repositories is one here."""
        return self.user(login, "Organization") | {
            "url": f"{self.api}/orgs/{login}", "hooks_url": f"{self.api}/orgs/{login}/hooks", "name": login,
            "repos_url": f"{self.api}/orgs/{login}/repos", "plan": {"name": "local"},
        }  # fmt: skip

    def repository_url(self, doc: Doc) -> str:
        """Return a repository's API URL."""
        return f"{self.api}/repos/{doc['full_name']}"

    def repository(self, doc: Doc) -> Doc:
        """Render a repository."""
        url = self.repository_url(doc)
        return {
            "id": doc["id"], "node_id": f"R_{doc['id']}", "name": doc["name"], "full_name": doc["full_name"],
            "private": doc["private"], "visibility": "private" if doc["private"] else "public",
            "owner": self.user(doc["owner"], "Organization"), "html_url": f"{self.site}/{doc['full_name']}",
            "description": doc["description"], "fork": False, "url": url, "archived": False, "disabled": False,
            "clone_url": f"{self.site}/{doc['full_name']}.git", "git_url": f"{self.site}/{doc['full_name']}.git",
            "hooks_url": f"{url}/hooks", "statuses_url": f"{url}/statuses/{{sha}}",
            "commits_url": f"{url}/commits{{/sha}}", "branches_url": f"{url}/branches{{/branch}}",
            "pulls_url": f"{url}/pulls{{/number}}", "issues_url": f"{url}/issues{{/number}}",
            "issue_comment_url": f"{url}/issues/comments{{/number}}", "git_refs_url": f"{url}/git/refs{{/sha}}",
            "contents_url": f"{url}/contents/{{+path}}", "created_at": doc["created_at"],
            "updated_at": doc["updated_at"], "pushed_at": doc["pushed_at"], "default_branch": doc["default_branch"],
            "permissions": dict.fromkeys(ABILITIES, True), "has_issues": True, "topics": [],
        }  # fmt: skip

    def pushed_repository(self, doc: Doc) -> Doc:
        """Render a repository for a push event, with Unix times."""
        times = {name: int(datetime.fromisoformat(doc[name]).timestamp()) for name in ("created_at", "pushed_at")}
        owner = self.user(doc["owner"], "Organization") | {"name": doc["owner"], "email": None}
        shown = self.repository(doc)
        return shown | times | {"owner": owner, "master_branch": doc["default_branch"], "url": shown["html_url"]}

    def commit_in_push(self, doc: Doc, change: Change, *, distinct: bool) -> Doc:
        """Render a commit for a push event."""
        found = change.commit
        return {
            "id": found.sha, "tree_id": found.tree, "distinct": distinct, "message": found.message,
            "timestamp": found.committer_date, "url": f"{self.site}/{doc['full_name']}/commit/{found.sha}",
            "author": {"name": found.author_name, "email": found.author_email, "username": found.author_name},
            "committer": {
                "name": found.committer_name, "email": found.committer_email, "username": found.committer_name,
            },
            "added": list(change.added), "removed": list(change.removed), "modified": list(change.modified),
        }  # fmt: skip

    def commit(self, doc: Doc, found: Commit) -> Doc:
        """Render a commit for the API."""
        url = self.repository_url(doc)
        return {
            "sha": found.sha, "node_id": f"C_{found.sha}", "url": f"{url}/commits/{found.sha}",
            "html_url": f"{self.site}/{doc['full_name']}/commit/{found.sha}", "author": None, "committer": None,
            "commit": {
                "message": found.message, "tree": {"sha": found.tree, "url": f"{url}/git/trees/{found.tree}"},
                "author": {"name": found.author_name, "email": found.author_email, "date": found.author_date},
                "committer": {
                    "name": found.committer_name, "email": found.committer_email, "date": found.committer_date,
                },
                "url": f"{url}/git/commits/{found.sha}", "comment_count": 0,
            },
            "parents": [{"sha": sha, "url": f"{url}/commits/{sha}"} for sha in found.parents],
        }  # fmt: skip

    def ref(self, doc: Doc, name: str, sha: str, kind: str) -> Doc:
        """Render a ref; `kind` is its object's type: "commit" or "tag"."""
        url = f"{self.repository_url(doc)}/git"
        return {
            "ref": name, "node_id": f"REF_{name}", "url": f"{url}/{quote(name)}",
            "object": {"sha": sha, "type": kind, "url": f"{url}/{kind}s/{sha}"},
        }  # fmt: skip
