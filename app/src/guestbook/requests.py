"""What comes in: bodies and query parameters, bounded and checked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from starlette.requests import Request

BODY_BYTES = 16 * 1024
LARGEST_ID = 2**63 - 1


class BadRequestError(Exception):
    """The request cannot be taken; `status` is the HTTP status, `faults` says what is wrong by field."""

    def __init__(self, message: str, *, status: int = 400, faults: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.faults = faults or {}


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES:
            raise BadRequestError(f"the body is larger than {BODY_BYTES} bytes; send less", status=413)
    return bytes(body)


async def json_object(request: Request) -> dict[str, object]:
    """The body as a JSON object.

    Raises:
        BadRequestError: 415 for another media type, 413 for a body too large, 400 for anything but an object.
    """
    if _media_type(request) != "application/json":
        raise BadRequestError("the content type must be application/json", status=415)
    try:
        document = json.loads(await _body(request))
    except (ValueError, RecursionError):
        raise BadRequestError("the body is not JSON") from None
    if not isinstance(document, dict):
        raise BadRequestError("the body must be a JSON object")
    return document


async def form(request: Request) -> dict[str, str]:
    """The fields of a posted HTML form; of a field sent twice, the last.

    Raises:
        BadRequestError: 415 for another media type, 413 for a body too large, 400 for one that is not UTF-8.
    """
    if _media_type(request) != "application/x-www-form-urlencoded":
        raise BadRequestError("the content type must be application/x-www-form-urlencoded", status=415)
    try:
        fields = parse_qs((await _body(request)).decode(), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError:
        raise BadRequestError("the body is not a form in UTF-8 with at most 20 fields") from None
    return {name: values[-1] for name, values in fields.items()}


def whole(request: Request, name: str, *, default: int | None, lowest: int, highest: int = LARGEST_ID) -> int | None:
    """A whole number from the query.

    Raises:
        BadRequestError: it is no number, or not from `lowest` to `highest`.
    """
    text = request.query_params.get(name)
    if text is None:
        return default
    # 19 digits hold every bigint; a longer text is not worth converting.
    value = int(text) if text.isascii() and text.isdigit() and len(text) <= 19 else -1  # noqa: PLR2004
    if not lowest <= value <= highest:
        raise BadRequestError(f"{name} must be a whole number from {lowest} to {highest}")
    return value
