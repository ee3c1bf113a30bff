"""The rendering of ELB's patterns and templates in HAProxy's configuration."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from localcloud.services.elbv2.health import matches
from localcloud.services.elbv2.proxies import changes
from localcloud.services.elbv2.rendering import Server, frontend, literal, location, quoted, wildcard

LISTENER = {"Protocol": "HTTP", "Port": 80}
REDIRECT = {"Protocol": "#{protocol}", "Host": "#{host}", "Port": "#{port}", "Path": "/#{path}", "Query": "#{query}"}


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [("/a/*", "/a/b/c", True), ("/a/*", "/a", False), ("/a?c", "/abc", True), ("/a.c", "/abc", False), ("*", "", True)],
)
def test_wildcards_match_whole_texts(pattern: str, text: str, found: bool) -> None:  # noqa: FBT001 - pytest gives it by name
    """A star matches any number of characters, a question mark one, a dot itself."""
    assert bool(re.search(wildcard(pattern), text)) is found


def test_words_of_the_configuration_cannot_be_left() -> None:
    """Quotes, variables and line breaks in values are escaped."""
    assert literal("it's $x") == "'it\\x27s $x'"
    assert quoted('a "b" $c\n') == '"a \\"b\\" \\$c\\n"'


def test_a_redirect_fills_in_the_request() -> None:
    """Templates become log-format expressions; a percent sign is literal."""
    made = location(REDIRECT | {"Protocol": "HTTPS", "Port": "443", "Path": "/50%/#{path}"}, LISTENER)
    assert made == "https://%[req.hdr(host),field(1,:)]:443/50%%/%[path,regsub(^/,)]?%[query]"


def test_an_https_listener_serves_tls_and_tells_its_targets_so() -> None:
    """With the certificate in the proxy's folder and the policy's versions; HTTP/2 by the balancer's attribute."""
    nothing: Any = SimpleNamespace(rules_of=lambda _: [])
    names = ("routing.http2.enabled", "routing.http.drop_invalid_header_fields.enabled")
    fixed = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]
    listener: dict[str, Any] = {"ListenerArn": "l", "Port": 443, "Protocol": "HTTPS", "DefaultActions": fixed}
    listener |= {"Certificates": [{"CertificateArn": "c"}], "SslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06"}
    for enabled, protocols in (("true", "h2,http/1.1"), ("false", "http/1.1")):
        text = frontend(nothing, {"Attributes": dict.fromkeys(names, enabled)}, listener)
        options = r"ssl crt /run/[\w-]+/\w+\.pem ssl-min-ver TLSv1\.2 ssl-max-ver TLSv1\.3"
        assert re.search(rf"bind \*:443 {options} alpn {protocols}\n", text)
        assert "set-header X-Forwarded-Proto https\n" in text
    plain = frontend(
        nothing,
        {"Attributes": dict.fromkeys(names, "false")},
        LISTENER | {"ListenerArn": "l"} | {"DefaultActions": fixed},
    )
    assert "bind *:80\n" in plain
    assert "X-Forwarded-Proto http\n" in plain


@pytest.mark.parametrize(
    ("code", "matcher", "found"), [(204, "200-299", True), (302, "200,301-302", True), (404, "200", False)]
)
def test_matchers_are_lists_of_codes_and_ranges(code: int, matcher: str, found: bool) -> None:  # noqa: FBT001 - pytest gives it by name
    """In the syntax of the health check's Matcher."""
    assert matches(code, matcher) is found


def test_only_slots_that_differ_are_touched() -> None:
    """A slot whose address changes is disabled meanwhile."""
    before = [Server(name="s0", address="10.0.0.1:80", mode="ready"), Server(name="s1")]
    after = [
        Server(name="s0", address="10.0.0.1:80", mode="drain"),
        Server(name="s1", address="10.0.0.2:80", mode="ready"),
    ]
    commands = [re.sub(r"g_\w+/", "", line) for line in changes("group", before, after)]
    assert commands == [
        "set server s0 state drain",
        "set server s1 state maint",
        "set server s1 addr 10.0.0.2 port 80",
        "set server s1 state ready",
    ]
