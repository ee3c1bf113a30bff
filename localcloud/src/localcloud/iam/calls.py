"""Parses a signed request into service, operation and parameters, exactly as the service behind will. Pure.

An ambiguous request is refused: authorization and the service must see the same call.
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
"""botocore's service names where they differ from the signing name."""
PREFIXES = {"monitoring": "cloudwatch", "tagging": "tag"}
"""IAM's service prefixes where they differ from the signing name."""
FORM = "application/x-www-form-urlencoded"


class CallError(Exception):
    """A request cannot be parsed, or is ambiguous; the message is one line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One API call."""

    service: str
    """The signing name."""
    operation: str
    region: str
    params: Params = field(default_factory=dict)
    """Parameters by the API's names; in the query protocol dotted, as on the wire."""

    @property
    def action(self) -> str:
        """Return the IAM action named after the operation."""
        return f"{PREFIXES.get(self.service, self.service)}:{self.operation}"


def read(  # noqa: PLR0913 - the parts of a request
    service: str, region: str, method: str, path: str, query: bytes, headers: Mapping[str, str], body: bytes
) -> Call:
    """Parse a request of any service but S3.

    Raises:
        CallError: it is not in the one form that its service accepts.
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
            operation, within = rest_operation(service_model(api_of(service)), method, path)
            params = read_json(body) | within
            return Call(service=service, operation=known(service, operation), region=region, params=params)
    except (UnreadableError, UnknownServiceError, UnicodeDecodeError, ValueError) as error:
        raise CallError(f"{service}: {error}") from error
    if method != "POST" or query:
        raise CallError(f"{service} {operation} is a POST without a query")
    if not isinstance(params, dict):
        raise CallError(f"{service} {operation}: the parameters are no structure")
    return Call(service=service, operation=known(service, operation), region=region, params=params)


def api_of(service: str) -> str:
    """Return botocore's name of a service, by signing name."""
    return APIS.get(service, service)


def target_of(service: str) -> str:
    """Return the prefix of the service's X-Amz-Target, "" if it uses none."""
    return str(service_model(api_of(service)).metadata.get("targetPrefix", ""))


def known(service: str, operation: str) -> str:
    """Return the operation, or raise CallError if the service has none of that name."""
    if operation not in service_model(api_of(service)).operation_names:
        raise CallError(f"{service} has no operation {operation!r}")
    return operation


def unpacked(body: bytes) -> Params:
    """Parse the parameters of a CBOR protocol call."""
    import cbor2  # noqa: PLC0415 - the local cloud's own, which the pure parts do without

    try:
        return cbor2.loads(body) if body else {}
    except (cbor2.CBORDecodeError, ValueError, EOFError) as error:
        raise CallError(f"the body is no CBOR: {error}") from error


def by_target(service: str, path: str, target: str, body: bytes) -> tuple[str, Params]:
    """Parse a JSON protocol call."""
    prefix, _, operation = target.rpartition(".")
    whole = target_of(service)
    # Go's SDK omits what precedes the last dot in botocore's model (codestar-connections).
    if not prefix or prefix not in (whole, whole.rpartition(".")[2]) or path != "/":
        raise CallError(f"X-Amz-Target {target!r} is not of {service}, which the request is signed for")
    return operation, read_json(body)


def by_form(path: str, body: bytes) -> tuple[str, Params]:
    """Parse a query protocol call."""
    pairs = parse_qsl(body.decode(), keep_blank_values=True)
    params = dict(pairs)
    if len(params) != len(pairs) or path != "/":
        raise CallError("a parameter is given twice, or the path is not /")
    return params.pop("Action", ""), params
