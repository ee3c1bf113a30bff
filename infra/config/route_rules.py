"""Rules for the path patterns of services, each by itself: what ELBv2 accepts, and what can be requested below one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from infra.config.errors import Location, Problem, display_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.config.environment import Environment, Service

# Application Load Balancers guide, "Condition types for listener rules", path conditions.
MAX_PATTERN = 128
SPECIAL = "_-.$/~\"'@:+&"
REDIRECT_PRIORITY = 49_443
"""Of the rule that redirects requests by HTTP to HTTPS. It is of no service, with or without a certificate, since the
rules of the services come to the HTTP listener while it stands there."""
NOT_IN_A_PATTERN = re.compile(rf"[^A-Za-z0-9*?{re.escape(SPECIAL)}]")


def problems(environment: Environment) -> Iterator[Problem]:
    """Yield the problems of path patterns that ELBv2 refuses or that match no path, and of a priority that is taken."""
    for name, service in environment.services.items():
        if service.route.priority == REDIRECT_PRIORITY:
            priority: Location = ("environment", "services", name, "route", "priority")
            taken = "the redirect from HTTP to HTTPS has this priority; set another"
            yield Problem.invalid(priority, service.route.priority, taken)
        for index, pattern in enumerate(service.route.paths):
            if rule := _pattern_rule(pattern):
                location: Location = ("environment", "services", name, "route", "paths", index)
                yield Problem.invalid(location, pattern, rule)


def _pattern_rule(pattern: str) -> str | None:
    """Return the rule that a path pattern breaks, with the remedy; None if it breaks none."""
    if not pattern.startswith(("/", "*", "?")):
        return "the path of a request begins with a slash; begin the pattern with one"
    if len(pattern) > MAX_PATTERN:
        return f"it has {len(pattern)} characters and a path pattern at most {MAX_PATTERN}; shorten it"
    if wrong := NOT_IN_A_PATTERN.search(pattern):
        rule = f"the load balancer refuses {display_value((), wrong[0])} in it and accepts letters, digits, {SPECIAL}"
        return f"{rule} and the wildcards * and ?; put a wildcard in its place"
    return None


def wildcard_problem(name: str, service: Service) -> Problem | None:
    """Return the problem of a first path pattern with a `?` in the part that the pipeline makes its requests of."""
    location: Location = ("environment", "services", name)
    first: Location = (*location, "route", "paths", 0)
    if "?" not in service.route_prefix or service.version_path not in (None, "none"):
        return None
    if service.version_path is None:
        path, pattern = service.effective_version_path, service.route.paths[0]
        rule = f"is missing; {path} of the first path pattern {pattern} is no path, since ? is a wildcard; set it"
        return Problem((*location, "version_path"), rule, (first,))
    rule = "the pipeline requests what is before the first *, which is no path with a ?; put a pattern without ? first"
    return Problem.invalid(first, service.route.paths[0], rule, ((*location, "version_path"),))
