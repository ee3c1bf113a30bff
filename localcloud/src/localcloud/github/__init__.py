"""A local GitHub: repositories over git's HTTP protocol, the part of the REST API in use, webhooks, commit statuses.

Any local user may push; the first push creates the repository. The API's root is /api/v3, as on GitHub Enterprise
Server, so that any client can take the gateway's URL as its base URL.
"""

from localcloud.github.events import Commit, Event
from localcloud.github.service import GitHub

__all__ = ["Commit", "Event", "GitHub"]
