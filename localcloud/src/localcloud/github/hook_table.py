"""The table of webhooks and its look-ups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.github import names
from localcloud.github.rest import Call, GitHubError
from localcloud.state.table import Table

if TYPE_CHECKING:
    from localcloud.context import Context

Doc = dict[str, Any]


class HookTable(Table):
    """The documents of all webhooks, by id."""

    def __init__(self, ctx: Context) -> None:
        """Load the webhooks from the store."""
        super().__init__(ctx.store, "github-hooks")

    def of(self, repository: Doc) -> list[Doc]:
        """Return a repository's hooks, oldest first."""
        key = names.key_of(repository["full_name"])
        return [hook for hook in self.values() if hook["repository"] == key]

    def named(self, call: Call) -> Doc:
        """Return the hook that a path names.

        Raises:
            GitHubError: it does not exist.
        """
        found = self.get(call.parts["id"])
        if found is None or found["repository"] != names.key_of(call.repository["full_name"]):
            raise GitHubError(404, f"Not Found: hook {call.parts['id']}")
        return found
