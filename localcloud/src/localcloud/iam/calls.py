"""What a signed request asks for: service, operation, parameters, read as the service behind will read it. Pure.

A request that could be read in two ways is refused: what decides and what acts must see the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from botocore.exceptions import UnknownServiceError

from localcloud.gateway.protocol import service_model
from localcloud.gateway.wire.reading import UnreadableError, read_json, rest_operation

if TYPE_CHECKING:
    from collections.abc import Mapping

Params = dict[str, Any]
APIS = {
    "elasticloadbalancing": "elbv2",
    "events": "events",
    "monitoring": "cloudwatch",
    "tagging": "resourcegroupstaggingapi",
}
"""botocore's names of services whose name in signatures is another."""
PREFIXES = {"monitoring": "cloudwatch", "tagging": "tag"}
"""IAM's prefixes of services whose name in signatures is another."""
FORM = "application/x-www-form-urlencoded"


class CallError(Exception):
    """A request cannot be read, or not in one way only; the message is one line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One API call."""

    service: str
    """As signatures name it."""
    operation: str
    region: str
    params: Params = field(default_factory=dict)
    """By the API's names; those of the query protocol with dots, as on the wire."""

    @property
    def action(self) -> str:
        """Return IAM's name of the action, where it is the operation's."""
        return f"{PREFIXES.get(self.service, self.service)}:{self.operation}"


def read(  # noqa: PLR0913 - the parts of a request
    service: str, region: str, method: str, path: str, query: bytes, headers: Mapping[str, str], body: bytes
) -> Call:
    """Read a request of any service but S3.

    Raises:
        CallError: it is not of the one form that its service takes.
    """
    if headers.get("content-encoding"):
        raise CallError(f"the local cloud does not decide on packed requests to {service}: turn compression off")
    try:
        if headers.get("smithy-protocol") == "rpc-v2-cbor":
            operation = path.rpartition("/")[2]
            if path != f"/service/{target_of(service)}/operation/{operation}" or "x-amz-target" in headers:
                raise CallError(f"{path} is no operation of {service}")
            params = unpacked(body)
        elif "x-amz-target" in headers:
            operation, params = by_target(service, path, headers["x-amz-target"], body)
        elif headers.get("content-type", "").startswith(FORM):
            operation, params = by_form(path, body)
        elif service_model(api_of(service)).metadata["protocol"] != "rest-json":
            raise CallError(f"the request has no form that {service} takes")
        else:
            operation, _ = rest_operation(service_model(api_of(service)), method, path)
            return Call(service=service, operation=known(service, operation), region=region, params=read_json(body))
    except (UnreadableError, UnknownServiceError, UnicodeDecodeError, ValueError) as error:
        raise CallError(f"{service}: {error}") from error
    if method != "POST" or query:
        raise CallError(f"{service} {operation} is a POST without a query")
    if not isinstance(params, dict):
        raise CallError(f"{service} {operation}: the parameters are no structure")
    return Call(service=service, operation=known(service, operation), region=region, params=params)


def api_of(service: str) -> str:
    """Return botocore's name of a service."""
    return APIS.get(service, service)


def target_of(service: str) -> str:
    """Return how the service's X-Amz-Target begins, "" where it takes none."""
    return str(service_model(api_of(service)).metadata.get("targetPrefix", ""))


def known(service: str, operation: str) -> str:
    """Refuse what is no operation of the service."""
    if operation not in service_model(api_of(service)).operation_names:
        raise CallError(f"{service} has no operation {operation!r}")
    return operation


def unpacked(body: bytes) -> Params:
    """Read a call of the CBOR protocol."""
    import cbor2  # noqa: PLC0415 - the local cloud's own, which the pure parts do without

    try:
        return cbor2.loads(body) if body else {}
    except (cbor2.CBORDecodeError, ValueError, EOFError) as error:
        raise CallError(f"the body is no CBOR: {error}") from error


def by_target(service: str, path: str, target: str, body: bytes) -> tuple[str, Params]:
    """Read a call of the JSON protocol."""
    prefix, _, operation = target.rpartition(".")
    whole = target_of(service)
    # Go's SDK leaves out what botocore's model has before the last dot (codestar-connections).
    if not prefix or prefix not in (whole, whole.rpartition(".")[2]) or path != "/":
        raise CallError(f"X-Amz-Target {target!r} is not of {service}, which the request is signed for")
    return operation, read_json(body)


def by_form(path: str, body: bytes) -> tuple[str, Params]:
    """Read a call of the query protocol."""
    pairs = parse_qsl(body.decode(), keep_blank_values=True)
    params = dict(pairs)
    if len(params) != len(pairs) or path != "/":
        raise CallError("a parameter is given twice, or the path is not /")
    return params.pop("Action", ""), params
