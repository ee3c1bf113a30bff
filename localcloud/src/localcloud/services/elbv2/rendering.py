"""Renders HAProxy's configuration from listeners, rules and target groups: pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcloud.services.elbv2 import shares, tls
from localcloud.services.elbv2.state import short
from localcloud.settings import NAME

if TYPE_CHECKING:
    from localcloud.services.elbv2.state import State
    from localcloud.state.table import Doc

FOLDER = f"/run/{NAME}"
"""Where the container has the proxy's folder."""
ADMIN = f"{FOLDER}/admin.sock"
UNUSED = "127.0.0.1:1"
MINIMUM_SLOTS = 16
ALGORITHMS = {"round_robin": "roundrobin", "least_outstanding_requests": "leastconn"}
ERRORS = {502: "Bad Gateway", 503: "Service Temporarily Unavailable", 504: "Gateway Time-out"}
Actions = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """One server slot of a backend: its address and mode."""

    name: str
    address: str = UNUSED
    mode: str = "maint"
    """`ready`, `drain` (in-flight requests only) or `maint`."""


def configuration(state: State, balancer: Doc, servers: dict[str, list[Server]] | None = None) -> str:
    """Return a load balancer's haproxy.cfg.

    Args:
        state: all documents.
        balancer: the load balancer.
        servers: the slots by backend; if None, only the parts whose change requires a reload are rendered.
    """
    parts = [heading(balancer)]
    parts += [frontend(state, balancer, listener) for listener in state.listeners_of(balancer["LoadBalancerArn"])]
    for group in state.groups_of(balancer["LoadBalancerArn"]):
        slots = slot_count(state, group)
        rows = servers[group] if servers is not None else [Server(name=f"s{index}") for index in range(slots)]
        parts.append(backend(state.group(group), rows))
    return "\n".join(parts)


def slot_count(state: State, group: str) -> int:
    """Return how many slots a backend has: a power of two with room for the targets."""
    slots = MINIMUM_SLOTS
    highest = max((target["Slot"] for target in state.targets_of(group)), default=0)
    while slots <= highest:
        slots *= 2
    return slots


def heading(balancer: Doc) -> str:
    """Return the global and defaults sections."""
    attributes = balancer["Attributes"]
    idle = attributes["idle_timeout.timeout_seconds"]
    forwarded = {"append": "  option forwardfor\n", "remove": "  http-request del-header X-Forwarded-For\n"}
    page = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>"
    errors = "".join(
        f"  http-error status {code} content-type text/html string {quoted(page.format(f'{code} {text}'))}\n"
        for code, text in ERRORS.items()
    )
    return (
        f"global\n  stats socket {ADMIN} mode 666 level admin expose-fd listeners\n  maxconn 4096\n"
        "  hard-stop-after 120s\n"
        "defaults\n  mode http\n  option http-server-close\n  option idle-close-on-response\n  option redispatch 1\n"
        "  retries 5\n  retry-on conn-failure\n  timeout connect 1s\n"
        f"  timeout client {idle}s\n  timeout server {idle}s\n  timeout http-keep-alive {idle}s\n"
        f"{forwarded.get(attributes['routing.http.xff_header_processing.mode'], '')}{errors}"
    )


def frontend(state: State, balancer: Doc, listener: Doc) -> str:
    """Return a listener's frontend: the first matching rule sets a variable, which the actions then read."""
    lines = [
        f"frontend l_{short(listener['ListenerArn'])}",
        f"  bind *:{listener['Port']}{bind_options(balancer, listener)}",
    ]
    lines += [f"  http-request set-header X-Forwarded-Proto {listener['Protocol'].lower()}"]
    lines += [f"  http-request set-header X-Forwarded-Port {listener['Port']}"]
    if balancer["Attributes"]["routing.http.drop_invalid_header_fields.enabled"] == "true":
        lines += ['  http-request del-header "[^-A-Za-z0-9]" -m reg']
    rules = state.rules_of(listener["ListenerArn"])
    for index, rule in enumerate(rules):
        names = []
        for number, condition in enumerate(rule["Conditions"]):
            name = f"r{index}c{number}"
            lines += [f"  acl {name} {fetch}" for fetch in fetches(condition)]
            names.append(name)
        lines.append(
            f"  http-request set-var(txn.rule) str(r{index}) if !{{ var(txn.rule) -m found }} {' '.join(names)}"
        )
    outcomes = [
        (rule["Actions"], rule["RuleArn"], f" if {{ var(txn.rule) -m str r{index} }}")
        for index, rule in enumerate(rules)
    ]
    outcomes.append((listener["DefaultActions"], listener["ListenerArn"], " if !{ var(txn.rule) -m found }"))
    rendered = [line for actions, holder, when in outcomes for line in action_lines(actions, holder, listener, when)]
    ordered = sorted(rendered, key=lambda line: line.startswith("  use_backend"))  # HAProxy requires this order
    return "\n".join([*lines, *ordered]) + "\n"


def bind_options(balancer: Doc, listener: Doc) -> str:
    """Return the options by which an HTTPS listener serves TLS; none for an HTTP listener.

    HTTP/2 is spoken by HTTPS listeners alone, as on AWS (attribute `routing.http2.enabled`).
    """
    arn = tls.certificate(listener)
    if arn is None:
        return ""
    lowest, highest = tls.POLICIES[listener["SslPolicy"]]
    protocols = "h2,http/1.1" if balancer["Attributes"]["routing.http2.enabled"] == "true" else "http/1.1"
    versions = f"ssl-min-ver {lowest} ssl-max-ver {highest}"
    return f" ssl crt {FOLDER}/{certificate_file(arn)} {versions} alpn {protocols}"


def certificate_file(arn: str) -> str:
    """Return the name of the file with a certificate and its private key, in the proxy's folder."""
    return f"{short(arn)}.pem"


def fetches(condition: dict[str, Any]) -> list[str]:
    """Return the alternatives of one condition as sample fetches with patterns."""
    field = condition["Field"]
    if field == "path-pattern":
        return [f"path -m reg -- {literal(wildcard(value))}" for value in condition["Values"]]
    if field == "host-header":
        return [f"req.hdr(host),field(1,:) -m reg -i -- {literal(wildcard(value))}" for value in condition["Values"]]
    if field == "http-header":
        config = condition["HttpHeaderConfig"]
        name = config["HttpHeaderName"]
        return [f"req.hdr({name}) -m reg -i -- {literal(wildcard(value))}" for value in config["Values"]]
    if field == "http-request-method":
        return [f"method {literal(value)}" for value in condition["HttpRequestMethodConfig"]["Values"]]
    if field == "query-string":
        pairs = condition["QueryStringConfig"]["Values"]
        return [f"url_param({pair['Key']}) -m reg -i -- {literal(wildcard(pair['Value']))}" for pair in pairs]
    return [f"src {value}" for value in condition["SourceIpConfig"]["Values"]]


def wildcard(pattern: str) -> str:
    """Return ELB's wildcard pattern (`*` any characters, `?` one) as a regular expression for the whole text."""
    parts = {"*": ".*", "?": "."}
    return "^" + "".join(parts.get(char) or re.escape(char) for char in pattern) + "$"


def literal(text: str) -> str:
    """Return a single-quoted word of haproxy.cfg, with single quotes replaced by their regular expression escape."""
    return "'" + text.replace("'", "\\x27") + "'"


def quoted(text: str) -> str:
    """Return a double-quoted word of haproxy.cfg."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return '"' + escaped.replace("\r", "").replace("\n", "\\n") + '"'


def action_lines(actions: Actions, holder: str, listener: Doc, when: str) -> list[str]:
    """Return the configuration lines for the action of a rule or listener, whose ARN is `holder`."""
    groups = shares.weighted(actions)
    return shares.lines(holder, groups, when) if groups else [action(actions, listener, when)]


def action(actions: Actions, listener: Doc, when: str) -> str:
    """Return the configuration line for a rule's action; a forward action has one target group."""
    first = actions[0]
    if first["Type"] == "forward":
        return f"  use_backend g_{short(first['TargetGroupArn'])}{when}"
    if first["Type"] == "redirect":
        config = first["RedirectConfig"]
        code = config["StatusCode"].removeprefix("HTTP_")
        return f"  http-request redirect location {quoted(location(config, listener))} code {code}{when}"
    config = first["FixedResponseConfig"]
    kind, body = config.get("ContentType") or "text/plain", config.get("MessageBody")
    text = f" content-type {quoted(kind)} string {quoted(body)}" if body else ""
    return f"  http-request return status {config['StatusCode']}{text}{when}"


def location(config: dict[str, str], listener: Doc) -> str:
    """Return a redirect's target in HAProxy's log format."""
    values = {
        "protocol": str(listener["Protocol"]).lower(),
        "host": "%[req.hdr(host),field(1,:)]",
        "port": str(listener["Port"]),
        "path": "%[path,regsub(^/,)]",
        "query": "%[query]",
    }
    protocol = config["Protocol"] if config["Protocol"].startswith("#") else config["Protocol"].lower()
    template = f"{protocol}://{config['Host']}:{config['Port']}{config['Path']}"
    template += f"?{config['Query']}" if config["Query"] else ""
    return re.sub(r"#\{(\w+)\}", lambda match: values[match[1]], template.replace("%", "%%"))


def backend(group: Doc, servers: list[Server]) -> str:
    """Return a target group's backend section."""
    algorithm = ALGORITHMS[group["Attributes"]["load_balancing.algorithm.type"]]
    lines = [f"backend g_{short(group['TargetGroupArn'])}", f"  balance {algorithm}"]
    lines += [f"  server {s.name} {s.address}{'' if s.mode == 'ready' else ' disabled'}" for s in servers]
    return "\n".join(lines) + "\n"
