"""Who may see the page and use its forms: this machine's user in a browser, and no other web page in that browser."""

from __future__ import annotations

import ipaddress
import re
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Scope

HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with no-referrer, browsers would send "Origin: null" with the page's own forms
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""The headers of every response of the page."""
NOT_ASKED = re.compile(rb"(?i)(^|&)(Action|X-Amz-[A-Za-z-]+|AWSAccessKeyId)=")
PORT = re.compile(r":[0-9]{1,5}$")


def is_for_page(service: str, scope: Scope, headers: Mapping[str, str]) -> bool:
    """Tell whether a request asks for the page rather than for an AWS API: those of browsers, which ask for HTML.

    Args:
        service: the service that the request is signed for, "" if it is unsigned.
        scope: the request.
        headers: the request's headers, by lower-case name.
    """
    asks = scope["method"] in ("GET", "HEAD") and "text/html" in headers.get("accept", "").lower()
    signed = service or "authorization" in headers or "x-amz-target" in headers
    return bool(scope["path"] == "/" and asks and not signed and not NOT_ASKED.search(scope["query_string"]))


def outside(scope: Scope, headers: Mapping[str, str]) -> str | None:
    """Return one line saying that a request does not come from this machine to this machine, or None."""
    ends = [str((scope.get(end) or ("",))[0]) for end in ("client", "server")]
    if not all(map(is_loopback, ends)):
        return "the page is served on 127.0.0.1 only, to this machine: open http://127.0.0.1 with the same port"
    host = PORT.sub("", headers.get("host", ""))
    if host.lower() != "localhost" and not is_loopback(host.strip("[]")):
        return f"the page is served to the host 127.0.0.1 or localhost, not {host[:80]!r}"
    return None


def is_loopback(address: str) -> bool:
    """Tell whether an address is this machine's own."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def foreign(headers: Mapping[str, str]) -> str | None:
    """Return one line saying that a form was sent by another web page, or None.

    Another port of this machine is another origin too: what is deployed here may serve anything.
    """
    site, origin = headers.get("sec-fetch-site", "same-origin"), headers.get("origin")
    if site != "same-origin" or (origin is not None and origin.lower() != f"http://{headers.get('host', '').lower()}"):
        return "this form was sent by another web page: nothing was changed"
    if not headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return "a form of this page is application/x-www-form-urlencoded: nothing was changed"
    return None


class FormToken:
    """A secret of this process that every form of the page carries; nobody who cannot read the page knows it."""

    def __init__(self) -> None:
        """Draw the secret."""
        self.value = secrets.token_urlsafe(32)

    def is_in(self, fields: Mapping[str, str]) -> bool:
        """Tell whether a form's fields have it."""
        return secrets.compare_digest(fields.get("form_token", "").encode(), self.value.encode())
