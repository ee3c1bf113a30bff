"""GitHub on this machine: repositories by git over HTTP, the part of the REST API in use, webhooks, statuses.

Whoever is on this machine may push; a repository is made by its first push. The API is rooted at /api/v3, as on GitHub
Enterprise Server, so that any client takes the gateway's address as its base URL.
"""

from localcloud.github.events import Commit, Event
from localcloud.github.service import GitHub

__all__ = ["Commit", "Event", "GitHub"]
