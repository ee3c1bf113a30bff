"""Webhooks of repositories: their configuration and routes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from localcloud.github import names
from localcloud.github.event_names import EVENTS
from localcloud.github.history import iso
from localcloud.github.rest import Call, Reply, Route, invalid

if TYPE_CHECKING:
    from localcloud.github.deliveries import Deliveries
    from localcloud.github.hook_table import HookTable
    from localcloud.github.repositories import Repositories
    from localcloud.github.views import Views

Doc = dict[str, Any]
MASK = "********"
MOST = 20
"""GitHub's limit of hooks for one event in one repository."""
AT = "/repos/{owner}/{repo}/hooks"


class Hooks:
    """The webhooks of all repositories, with their routes."""

    def __init__(self, table: HookTable, deliveries: Deliveries, repositories: Repositories, views: Views) -> None:
        """Use the table of webhooks; `deliveries` sends their pings."""
        self._table, self._deliveries = table, deliveries
        self._repositories, self._views = repositories, views

    def routes(self) -> list[Route]:
        """Return the routes of webhooks."""
        return [
            Route("GET", AT, self.show_all),
            Route("POST", AT, self.create),
            Route("GET", f"{AT}/{{id}}", lambda call: self.view(call.repository, self._table.named(call))),
            Route("PATCH", f"{AT}/{{id}}", self.update),
            Route("DELETE", f"{AT}/{{id}}", self.delete),
            Route("GET", f"{AT}/{{id}}/config", lambda call: masked(self._table.named(call)["config"])),
            Route("PATCH", f"{AT}/{{id}}/config", self.update_config),
            Route("POST", f"{AT}/{{id}}/pings", self.ping),
        ]

    def show_all(self, call: Call) -> list[Doc]:
        """List a repository's hooks."""
        return [self.view(call.repository, hook) for hook in self._table.of(call.repository)]

    def create(self, call: Call) -> Reply:
        """Create a hook and ping it."""
        if call.body.get("name", "web") != "web":
            raise invalid("Hook", "name", "name has to be web")
        if "config" not in call.body:
            raise invalid("Hook", "config", "config is missing", "missing_field")
        now = iso(time.time())
        hook: Doc = {
            "id": self._repositories.next_id(), "repository": names.key_of(call.repository["full_name"]),
            "active": flag(call.body, default=True), "events": events(call.body.get("events", ["push"])),
            "config": config(call.body["config"]), "created_at": now, "updated_at": now,
            "last_response": {"code": None, "status": "unused", "message": None},
        }  # fmt: skip
        self._refuse_too_many(call.repository, hook)
        self._table.put(str(hook["id"]), hook)
        self.ping(call, hook)
        return Reply(201, self.view(call.repository, hook))

    def update(self, call: Call) -> Doc:
        """Change a hook; a given config replaces the old one, including its secret."""
        hook = self._table.named(call)
        new = dict(hook)
        if "config" in call.body:
            new["config"] = config(call.body["config"])
        wanted = call.body.get("events", hook["events"])
        added, removed = call.body.get("add_events", []), call.body.get("remove_events", [])
        if not (isinstance(wanted, list) and isinstance(added, list) and isinstance(removed, list)):
            raise invalid("Hook", "events", "events have to be a list")
        new["events"] = events([name for name in [*wanted, *added] if name not in removed])
        new["active"] = flag(call.body, default=hook["active"])
        self._refuse_too_many(call.repository, new)
        return self._changed(call, hook, new)

    def update_config(self, call: Call) -> Doc:
        """Change the given members of a hook's config."""
        hook = self._table.named(call)
        self._changed(call, hook, hook | {"config": config(hook["config"] | call.body)})
        return masked(hook["config"])

    def _changed(self, call: Call, hook: Doc, new: Doc) -> Doc:
        hook.update(new | {"updated_at": iso(time.time())})
        self._table.save(str(hook["id"]))
        return self.view(call.repository, hook)

    def _refuse_too_many(self, repository: Doc, hook: Doc) -> None:
        """Refuse duplicate hooks and too many hooks for one event, as GitHub does.

        Raises:
            GitHubError: an identical hook exists, or an event already has twenty hooks.
        """
        others = [one for one in self._table.of(repository) if one["id"] != hook["id"]]
        for one in others:
            same = ("url", "content_type", "insecure_ssl")
            if all(one["config"][key] == hook["config"][key] for key in same) and one["events"] == hook["events"]:
                raise invalid("Hook", "config", "Hook already exists on this repository")
        for event in hook["events"]:
            if sum(event in one["events"] for one in others) >= MOST:
                raise invalid("Hook", "events", f'The "{event}" event cannot have more than {MOST} hooks')

    def delete(self, call: Call) -> Reply:
        """Delete a hook with its deliveries."""
        self.remove(self._table.named(call))
        return Reply(204)

    def remove(self, hook: Doc) -> None:
        """Delete a hook with its deliveries."""
        self._table.delete(str(hook["id"]))
        self._deliveries.forget(hook["id"])

    def ping(self, call: Call, hook: Doc | None = None) -> Reply:
        """Send a ping event to a hook, as its creation does."""
        hook = hook or self._table.named(call)
        payload = {
            "zen": "Keep it logically awesome.", "hook_id": hook["id"], "hook": self.view(call.repository, hook),
            "repository": self._views.repository(call.repository), "sender": self._views.user(call.login),
        }  # fmt: skip
        self._deliveries.send(hook, call.repository, "ping", payload)
        return Reply(204)

    def view(self, repository: Doc, hook: Doc) -> Doc:
        """Render a hook as the API returns it, with its secret masked."""
        url = f"{self._views.repository_url(repository)}/hooks/{hook['id']}"
        kept = ("id", "active", "events", "created_at", "updated_at", "last_response")
        return {
            "type": "Repository", "name": "web", **{name: hook[name] for name in kept},
            "config": masked(hook["config"]), "url": url, "test_url": f"{url}/tests", "ping_url": f"{url}/pings",
            "deliveries_url": f"{url}/deliveries",
        }  # fmt: skip


def masked(config: Doc) -> Doc:
    """Return a config with its secret masked."""
    return config | ({"secret": MASK} if "secret" in config else {})


def flag(body: Doc, *, default: bool) -> bool:
    """Return the validated value of `active`.

    Raises:
        GitHubError: it is not true or false.
    """
    value = body.get("active", default)
    if not isinstance(value, bool):
        raise invalid("Hook", "active", "active has to be true or false", "invalid")
    return value


def events(given: object) -> list[str]:
    """Return the validated events of a hook, sorted, without duplicates.

    Raises:
        GitHubError: the list is empty, or GitHub has no such event.
    """
    if not isinstance(given, list) or not given:
        raise invalid("Hook", "events", "events have to be a list of at least one event")
    unknown = [str(name)[:40] for name in given if not isinstance(name, str) or name not in EVENTS]
    if unknown:
        raise invalid("Hook", "events", f"no such event: {', '.join(unknown)}", "invalid")
    return sorted(set(given))


def is_address(url: str) -> bool:
    """Tell whether a text is a valid HTTP or HTTPS URL."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0


def config(given: object) -> Doc:
    """Return a hook's validated config with defaults.

    Raises:
        GitHubError: it is invalid.
    """
    found = dict(given) if isinstance(given, dict) else {}
    url = found.get("url")
    if not isinstance(url, str) or not is_address(url):
        raise invalid("Hook", "url", "config.url has to be an address with http or https", "invalid")
    if found.setdefault("content_type", "form") not in ("json", "form"):
        raise invalid("Hook", "content_type", "config.content_type has to be json or form", "invalid")
    if str(found.setdefault("insecure_ssl", "0")) not in ("0", "1"):
        raise invalid("Hook", "insecure_ssl", "config.insecure_ssl has to be 0 or 1", "invalid")
    result = {"url": url, "content_type": found["content_type"], "insecure_ssl": str(found["insecure_ssl"])}
    if found.get("secret"):
        if not isinstance(found["secret"], str):
            raise invalid("Hook", "secret", "config.secret has to be a string", "invalid")
        result["secret"] = found["secret"]
    return result
