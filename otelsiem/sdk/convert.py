"""OpenTelemetry SDK log records as our own: the only place that knows the SDK's classes.

Guarantees: nothing of the host is shared or changed: attributes and bodies are copied, whatever was nested in them;
a value that OTLP has no kind for becomes its text, and one that cannot even say that becomes the name of its type.
SDK 1.39 and newer; what their versions name differently is found by its shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Integral, Rational, Real
from typing import Any

from otelsiem.model.record import Batch, Group, Record, Scope, Value
from otelsiem.otlp.rules import DEEPEST, DROPPED

PLAIN = frozenset({str, int, float, bool, bytes, type(None)})  # nobody can change these later
CONTAINERS = 10_000  # in one value: some that hold each other, twice each, are thousands of millions

_LEAST, _MOST = -(1 << 63), (1 << 63) - 1  # a range would be walked through, for an int of a class of its own


def batch(readable: Iterable[Any]) -> Batch:
    """What a `BatchLogRecordProcessor` hands to its exporter."""
    return groups(
        (one.resource, one.instrumentation_scope, record(one.log_record, one.dropped_attributes)) for one in readable
    )


def groups(records: Iterable[tuple[Any, Any, Record]]) -> Batch:
    """Records with the SDK's resource and scope; neighbours of the same share them."""
    made: Batch = []
    last: tuple[Any, Any] = (None, None)
    for held, spoken, one in records:
        if not made or held is not last[0] or spoken is not last[1]:
            made.append(Group(resource(held), scope(spoken), [], getattr(held, "schema_url", "") or ""))
            last = held, spoken
        made[-1].records.append(one)
    return made


def record(log_record: Any, dropped: int = 0) -> Record:
    """One log record, still without an id."""
    severity = log_record.severity_number
    attributes = mapping(log_record.attributes or {})
    if dropped:
        attributes.setdefault(DROPPED, dropped)
    return Record(
        "",
        _count(log_record.timestamp),
        _count(log_record.observed_timestamp),
        min(_count(getattr(severity, "value", severity)), 24),
        _text(log_record.severity_text),
        _text(log_record.event_name),
        value(log_record.body),
        attributes,
        _id(log_record.trace_id, 32),
        _id(log_record.span_id, 16),
        _count(log_record.trace_flags),
    )


def _count(item: Any) -> int:
    """A time, a level, flags. What is none of its kind is as if it had not been said: others are in the same batch."""
    if type(item) is not int:
        try:
            item = int(item) if item is not None else 0
        except Exception:  # noqa: BLE001 - it is the host's object
            return 0
    return item if 0 <= item <= _MOST else 0


def _text(item: Any) -> str:
    if type(item) is str:
        return item
    return "" if item is None else str(value(item))


def _id(item: Any, digits: int) -> str:
    return f"{item:0{digits}x}" if type(item) is int and 0 < item < 1 << 4 * digits else ""


def resource(held: Any) -> dict[str, Value]:
    """The attributes of a resource."""
    return mapping(held.attributes) if held is not None else {}


def scope(held: Any) -> Scope:
    """An instrumentation scope."""
    if held is None:
        return Scope()
    return Scope(held.name or "", held.version or "", mapping(held.attributes or {}), held.schema_url or "")


def mapping(held: Mapping[Any, Any]) -> dict[str, Value]:
    """A copy with our kinds of values."""
    return {
        key if type(key) is str else _said(key): item if type(item) in PLAIN and type(item) is not int else value(item)
        for key, item in held.items()
    }


def value(item: Any, depth: int = 1, room: list[int] | None = None) -> Value:
    """A copy of one value. `room`: how many containers it may still have."""
    kind = type(item)
    if (kind in PLAIN and kind is not int) or (kind is int and _LEAST <= item <= _MOST):
        return item  # type: ignore[no-any-return]  # one of these
    try:
        match item:
            case bool() | None:
                return item
            case float():
                return float.__float__(item)  # and not what a class of its own makes of that: numpy's, an enum's
            case str():
                return str.__str__(item)
            case bytes() | bytearray() | memoryview():
                return item if type(item) is bytes else bytes(item)
            case int():
                return _whole(int.__int__(item))
            case Mapping() | list() | tuple() | set() | frozenset():
                return _within(item, depth + 1, [CONTAINERS] if room is None else room)
            case Integral():
                return _whole(int(item))
            case Real() if not isinstance(item, Rational):
                return float(item)
            case _:
                return _said(item)
    except Exception:  # noqa: BLE001 - it is the host's object: whatever it raises must not reach the host again
        return f"<{type(item).__name__}>"


def _within(item: Any, depth: int, room: list[int]) -> Value:
    """A copy of a container, of what was in it when we began: another thread may go on with it."""
    room[0] -= 1
    if depth > DEEPEST + 1 or room[0] < 0:
        return "…"
    if type(item) is list or not isinstance(item, Mapping):
        return [value(one, depth, room) for one in tuple(item)]
    pairs = item.copy() if type(item) is dict else item
    return {key if type(key) is str else _said(key): value(one, depth, room) for key, one in pairs.items()}


def _whole(item: int) -> int | str:
    return item if _LEAST <= item <= _MOST else str(item)


def _said(item: Any) -> str:
    try:
        return str.__str__(item if isinstance(item, str) else str(item))
    except Exception:  # noqa: BLE001 - as above
        return f"<{type(item).__name__}>"
