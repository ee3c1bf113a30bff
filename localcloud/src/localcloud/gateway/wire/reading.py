"""Parsing of requests into plain parameters, for the json, rest-json and query protocols."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from localcloud.gateway.limits import decoded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.model import OperationModel, ServiceModel, Shape

Tree = dict[str, Any]


class UnreadableError(Exception):
    """The request does not have the form that the protocol requires."""


def read_json(body: bytes) -> Tree:
    """Return the body's JSON object; an empty body is an empty object.

    Raises:
        UnreadableError: it is not a JSON object.
    """
    try:
        parsed = decoded(body or b"{}")
    except ValueError as error:
        raise UnreadableError(f"the request body is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise UnreadableError("the request body is not a JSON object")
    return parsed


def from_json(shape: Shape | None, value: object) -> Any:
    """Convert timestamps and blobs in a JSON value to datetime and bytes, and drop nulls; keep the rest unchanged."""
    if shape is None:
        return value
    if shape.type_name == "structure" and isinstance(value, dict):
        return {
            key: from_json(shape.members.get(key), item)
            for key, item in value.items()
            if item is not None and key != "__type"
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [from_json(shape.member, item) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: from_json(shape.value, item) for key, item in value.items()}
    return scalar(shape, value)


def scalar(shape: Shape, value: object) -> Any:
    """Convert one scalar of the JSON protocols."""
    if shape.type_name == "timestamp":
        return moment(value)
    if shape.type_name == "blob" and isinstance(value, str):
        return base64.b64decode(value)
    if shape.type_name in ("float", "double") and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


def moment(value: object) -> object:
    """Convert seconds since 1970 or an ISO 8601 string to a datetime; leave anything else to the validator."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC)
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            return value
    return value


def read_query(body: str) -> tuple[str, Tree]:
    """Return the action's name and its parameters as a tree, built from `A.member.1.B=x` pairs."""
    tree: Tree = {}
    for key, value in parse_qsl(body, keep_blank_values=True):
        node = tree
        *parents, leaf = key.split(".")
        for part in parents:
            child = node.setdefault(part, {})
            if not isinstance(child, dict):
                raise UnreadableError(f"{key} is both a value and a structure")
            node = child
        node[leaf] = value
    tree.pop("Version", None)
    return str(tree.pop("Action", "")), tree


def from_query(shape: Shape, node: object) -> Any:
    """Convert a tree of strings to typed parameters by the input shape."""
    if shape.type_name == "structure" and isinstance(node, dict):
        names = {member.serialization.get("name", name): (name, member) for name, member in shape.members.items()}
        known = {names[key][0]: from_query(names[key][1], value) for key, value in node.items() if key in names}
        return known | {key: value for key, value in node.items() if key not in names}
    if shape.type_name == "list":
        return from_query_list(shape, node)
    if shape.type_name == "map" and isinstance(node, dict):
        entries = numbered(node.get("entry", node))
        return {entry["key"]: from_query(shape.value, entry["value"]) for entry in entries}
    return from_text(shape, node)


def from_query_list(shape: Shape, node: object) -> Any:
    """Convert `member.1`, `member.2` (or `1`, `2` where flattened) to a list; an empty string is an empty list."""
    if not isinstance(node, dict):
        return [] if node == "" else node
    inner = node if shape.serialization.get("flattened") else node.get(shape.member.serialization.get("name", "member"))
    return [from_query(shape.member, item) for item in numbered(inner if isinstance(inner, dict) else {})]


def numbered(node: Mapping[str, Any]) -> list[Any]:
    """Return the values of a node with the keys 1, 2, ... in order."""
    return [node[key] for key in sorted(node, key=lambda key: int(key) if key.isdecimal() else 0)]


def from_text(shape: Shape, text: object) -> Any:
    """Convert a string by its shape; leave what cannot be converted for the validator to refuse."""
    if not isinstance(text, str):
        return text
    if shape.type_name == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    if shape.type_name in ("integer", "long"):
        return int(text) if re.fullmatch(r"-?\d+", text) else text
    if shape.type_name in ("float", "double"):
        return float(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else text
    return moment(text) if shape.type_name == "timestamp" else text


def rest_operation(model: ServiceModel, method: str, path: str) -> tuple[str, dict[str, str]]:
    """Return the operation of a rest-json request and the values of its path; ("", {}) if none matches."""
    for name in model.operation_names:
        http = model.operation_model(name).http
        template = str(http.get("requestUri", "/")).split("?")[0]
        pattern = re.sub(
            r"\\\{(\w+)(\\\+)?\\\}", lambda m: f"(?P<{m[1]}>{'.+' if m[2] else '[^/]+'})", re.escape(template)
        )
        found = re.fullmatch(pattern, path)
        if found and http.get("method") == method:
            return name, {key: unquote(value) for key, value in found.groupdict().items()}
    return "", {}


def rest_parameters(
    operation: OperationModel,
    uri: Mapping[str, str],
    query: Mapping[str, list[str]],
    headers: Mapping[str, str],
    body: bytes,
) -> Tree:
    """Collect a rest-json request's parameters from path, query (all values of each name), headers and body."""
    shape = operation.input_shape
    if shape is None:
        return {}
    payload = shape.serialization.get("payload")
    tree: Tree = {payload: read_json(body)} if payload else read_json(body)
    for name, member in shape.members.items():
        place, wire = member.serialization.get("location", ""), member.serialization.get("name", name)
        if place == "querystring" and wire in query and member.type_name == "list":
            tree[name] = [from_text(member.member, text) for text in query[wire]]
        elif place == "querystring" and wire in query:
            tree[name] = from_text(member, query[wire][-1])
        elif place in ("uri", "header") and wire in (uri if place == "uri" else headers):
            tree[name] = from_text(member, (uri if place == "uri" else headers)[wire])
    parsed: Tree = from_json(shape, tree)
    return parsed
