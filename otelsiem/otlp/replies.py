"""What an OTLP receiver answered: partial success, status and delay, from protobuf and from OTLP/JSON.

Guarantees: total over any bytes: what cannot be read is None. Unknown fields are skipped; a snake_case name is one.
Needs no generated classes, so a library that sends OTLP/HTTP installs without them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

_LARGEST = 4 << 20  # bytes: what the specification lets a receiver answer
_DURATION = re.compile(r"(\d{1,12})(?:\.(\d{1,9}))?s", re.ASCII)  # google.protobuf.Duration in JSON
_RETRY_INFO = "google.rpc.RetryInfo"

_decoder = msgspec.json.Decoder()


class Taken(NamedTuple):
    """ExportLogsServiceResponse: nothing rejected and no message is full success."""

    rejected: int = 0
    message: str = ""


class Told(NamedTuple):
    """google.rpc.Status. `delay` is the RetryInfo's, in seconds; None without one."""

    code: int = 0
    message: str = ""
    delay: float | None = None


def response(body: bytes) -> Taken | None:
    """An answer of success in protobuf; no bytes are full success."""
    try:
        partial = _last(body, 1, b"")
        return Taken(_signed(_last(partial, 1, 0)), _text(_last(partial, 2, b"")))
    except (ValueError, TypeError):
        return None


def response_json(body: bytes) -> Taken | None:
    """The same in OTLP/JSON."""
    found = _object(body) if body.strip() else {}
    if found is None:
        return None
    partial = found.get("partialSuccess")
    if not isinstance(partial, dict):
        return Taken()
    message = partial.get("errorMessage")
    return Taken(_integer(partial.get("rejectedLogRecords")), message if isinstance(message, str) else "")


def status(body: bytes) -> Told | None:
    """An error in protobuf; also what the trailer `grpc-status-details-bin` holds."""
    try:
        delay: float | None = None
        for number, detail in _fields(body):
            if number == 3 and isinstance(detail, bytes) and _text(_last(detail, 1, b"")).endswith(_RETRY_INFO):
                wait = _last(_last(detail, 2, b""), 1, b"")
                delay = max(_signed(_last(wait, 1, 0)) + _signed(_last(wait, 2, 0)) / 1e9, 0.0)
        return Told(_signed(_last(body, 1, 0)), _text(_last(body, 2, b"")), delay)
    except (ValueError, TypeError):
        return None


def status_json(body: bytes) -> Told | None:
    """The same in JSON."""
    found = _object(body)
    if found is None:
        return None
    delay: float | None = None
    details = found.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and str(detail.get("@type")).endswith(_RETRY_INFO):
            delay = _seconds(detail.get("retryDelay"))
    message = found.get("message")
    return Told(_integer(found.get("code")), message if isinstance(message, str) else "", delay)


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message. Raises ValueError for what is none."""
    at, size = 0, len(data)
    while at < size:
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if not number:
            raise ValueError
        if kind == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == 2:
            length, at = _varint(data, at)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError  # groups: nobody has written them for twenty years
        if at + length > size:
            raise ValueError
        yield number, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    for n in range(at, min(at + 10, len(data))):
        value |= (data[n] & 0x7F) << shift
        if data[n] < 128:
            return value & 0xFFFF_FFFF_FFFF_FFFF, n + 1
        shift += 7
    raise ValueError


def _last(message: Any, number: int, default: Any) -> Any:
    """The last value of a field, as proto3 has it. Raises for a value of another kind."""
    found = default
    for each, value in _fields(message):
        if each == number:
            if type(value) is not type(default):
                raise ValueError
            found = value
    return found


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _object(body: bytes) -> dict[str, Any] | None:
    if len(body) > _LARGEST:
        return None
    try:
        found = _decoder.decode(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _integer(value: object) -> int:
    """A whole number, as such or as text."""
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,19}", value, re.ASCII):
        return int(value)
    return value if type(value) is int else 0


def _seconds(value: object) -> float:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    return int(match[1]) + int((match[2] or "0").ljust(9, "0")) / 1e9 if match else 0.0
