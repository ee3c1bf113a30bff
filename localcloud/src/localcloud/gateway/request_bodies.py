"""Bodies of AWS requests before the emulator, or a service of our own, takes them apart."""

from __future__ import annotations

import json
import zlib

import cbor2

from localcloud.gateway.limits import LimitError, too_large

INFLATED_AT_ONCE = 2**20
FIELDS_AT_MOST = 10_000
"""Fields of a form; the largest request of an AWS query API has some thousand."""


def check(body: bytes, most: int, encoding: str, kind: str) -> None:
    """Refuse a body that would become too much when it is unpacked or taken apart, or that is not what it says it is.

    The emulator would log a traceback for JSON that is none, and take CBOR that is none for an empty request.

    Args:
        body: as it came.
        most: its limit in bytes, unpacked too.
        encoding: its Content-Encoding.
        kind: its Content-Type.

    Raises:
        LimitError: it would.
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
    """Refuse a gzip body that is over the limit in bytes when it is unpacked; one that is no gzip is not judged here.

    Raises:
        LimitError: it is.
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
