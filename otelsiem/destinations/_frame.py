"""Payloads of lines made into the body that a service wants: an array, an array in an object, one document.

Guarantees: the body is within the limits that the lines were cut for, and `size` says what it has; what is compressed
is worth it.
"""

from __future__ import annotations

from dataclasses import replace

from otelsiem.formats.gzip import WORTHWHILE, compress
from otelsiem.model.destination import Encoded, Limits, Payload


def room(limits: Limits, before: bytes = b"[", after: bytes = b"]") -> Limits:
    """What is left for the lines inside a frame."""
    used = len(before) + len(after)
    most = limits.record_bytes
    return replace(limits, bytes=limits.bytes - used, record_bytes=None if most is None else most - used)


def array(encoded: Encoded, before: bytes = b"[", after: bytes = b"]", *, gzip: bool) -> Encoded:
    """Lines of JSON, each ended by a newline, as the elements of an array."""
    made = [
        _with(payload, before + payload.body[:-1].replace(b"\n", b",") + after, gzip=gzip)
        for payload in encoded.payloads
    ]
    return Encoded(tuple(made), encoded.rejected)


def framed(encoded: Encoded, before: bytes, after: bytes, *, strip: int, gzip: bool) -> Encoded:
    """Entries joined by a separator of so many bytes, of which the last one goes, between two other parts."""
    made = [
        _with(payload, before + payload.body[: len(payload.body) - strip] + after, gzip=gzip)
        for payload in encoded.payloads
    ]
    return Encoded(tuple(made), encoded.rejected)


def _with(payload: Payload, body: bytes, *, gzip: bool) -> Payload:
    headers = {**payload.headers}
    small = compress(body) if gzip and len(body) > WORTHWHILE else None
    if small is not None:
        headers["Content-Encoding"] = "gzip"
    return replace(payload, body=body if small is None else small, headers=headers, size=len(body))
