"""Checks of AWS request bodies before ministack, or a service of our own, parses them."""

from __future__ import annotations

import json
import zlib

import cbor2

from localcloud.gateway.limits import LimitError, too_large

INFLATED_AT_ONCE = 2**20
FIELDS_AT_MOST = 10_000
"""Limit of a form's fields; the largest request of an AWS query API has a few thousand."""


def check(body: bytes, most: int, encoding: str, kind: str) -> None:
    """Refuse a body that is too large once decompressed or parsed, or that does not match its Content-Type.

    ministack would log a traceback for invalid JSON, and take invalid CBOR for an empty request.

    Args:
        body: the raw body.
        most: the limit in bytes, before and after decompression.
        encoding: the Content-Encoding.
        kind: the Content-Type.

    Raises:
        LimitError: the body is refused.
    """
    form = kind.startswith("application/x-www-form-urlencoded")
    if form and body.count(b"&") > FIELDS_AT_MOST:
        raise LimitError(400, "ValidationError", f"a form may have {FIELDS_AT_MOST} fields at most")
    if "gzip" in encoding.lower():
        check_packed(body, most)
        return
    try:
        if body and "cbor" in kind:
            cbor2.loads(body)
        elif body and "json" in kind:
            json.loads(body)
    except (ValueError, RecursionError, EOFError, cbor2.CBORDecodeError) as error:
        text = f"the body is not what its Content-Type says: {type(error).__name__}: {error}"
        raise LimitError(400, "SerializationException", text) from None


def check_packed(body: bytes, most: int) -> None:
    """Refuse a gzip body that exceeds the limit in bytes once decompressed; a body that is not gzip is not checked.

    Raises:
        LimitError: the decompressed body is too large.
    """
    unpacker, size = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16), 0
    while body and not unpacker.eof:
        try:
            size += len(unpacker.decompress(body, INFLATED_AT_ONCE))
        except zlib.error:
            return
        if size > most:
            raise too_large(most)
        body = unpacker.unconsumed_tail
