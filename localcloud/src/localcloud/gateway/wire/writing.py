"""Serialization of results by the output shape; members that the shape does not have are left out."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.model import OperationModel, Shape


def to_json(shape: Shape, value: object) -> Any:
    """Return the JSON value for a shape; timestamps are fractional seconds since 1970."""
    if shape.type_name == "structure" and isinstance(value, dict):
        return {
            member.serialization.get("name", name): to_json(member, value[name])
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [to_json(shape.member, item) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: to_json(shape.value, item) for key, item in value.items()}
    if shape.type_name == "timestamp":
        return iso(value) if shape.serialization.get("timestampFormat") == "iso8601" else seconds(value)
    if shape.type_name == "blob" and isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value


def seconds(value: object) -> float:
    """Return a datetime, a number or an ISO 8601 string as seconds since 1970."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value.timestamp() if isinstance(value, datetime) else float(value)  # type: ignore[arg-type]  # numbers and numeric strings


def iso(value: object) -> str:
    """Return a time as ISO 8601 in UTC with milliseconds."""
    moment = datetime.fromtimestamp(seconds(value), UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def query_response(operation: OperationModel, result: Mapping[str, Any], namespace: str, request_id: str) -> bytes:
    """Return the XML of a query-protocol response."""
    root = ET.Element(f"{operation.name}Response", {"xmlns": namespace})
    shape = operation.output_shape
    if shape is not None:
        wrapper = shape.serialization.get("resultWrapper", f"{operation.name}Result")
        append(ET.SubElement(root, wrapper), shape, result)
    metadata = ET.SubElement(root, "ResponseMetadata")
    ET.SubElement(metadata, "RequestId").text = request_id
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def append(node: ET.Element, shape: Shape, value: Any) -> None:
    """Serialize a value into an XML element."""
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            if value.get(name) is not None:
                append_member(node, name, member, value[name])
    elif shape.type_name == "list":
        for item in value:
            append(ET.SubElement(node, shape.member.serialization.get("name", "member")), shape.member, item)
    elif shape.type_name == "map":
        for key, item in value.items():
            entry = ET.SubElement(node, "entry")
            ET.SubElement(entry, "key").text = key
            append(ET.SubElement(entry, "value"), shape.value, item)
    else:
        node.text = text_of(shape, value)


def text_of(shape: Shape, value: Any) -> str:
    """Return a scalar as the text of an XML element."""
    if shape.type_name == "boolean":
        return "true" if value else "false"
    if shape.type_name == "timestamp":
        return iso(value)
    return base64.b64encode(value).decode() if shape.type_name == "blob" else str(value)


def append_member(node: ET.Element, name: str, member: Shape, value: Any) -> None:
    """Append a structure's member; a flattened list repeats the member's own element."""
    tag = member.serialization.get("name", name)
    if member.type_name == "list" and member.serialization.get("flattened"):
        for item in value:
            append(ET.SubElement(node, tag), member.member, item)
    else:
        append(ET.SubElement(node, tag), member, value)


def query_error(code: str, message: str, namespace: str, request_id: str) -> bytes:
    """Return the XML of a query-protocol error."""
    root = ET.Element("ErrorResponse", {"xmlns": namespace})
    error = ET.SubElement(root, "Error")
    for tag, text in (("Type", "Sender"), ("Code", code), ("Message", message)):
        ET.SubElement(error, tag).text = text
    ET.SubElement(root, "RequestId").text = request_id
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def json_error(code: str, message: str, fields: Mapping[str, Any]) -> bytes:
    """Return the body of a JSON-protocol error."""
    return json.dumps({"__type": code, "message": message, **fields}).encode()
