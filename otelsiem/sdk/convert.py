"""OpenTelemetry SDK log records as our own: the only place that knows the SDK's classes.

Guarantees: nothing of the host is shared or changed: attributes and bodies are copied, whatever was nested in them;
a value that OTLP has no kind for becomes its text, and one that cannot even say that becomes the name of its type.
SDK 1.39 and newer; what their versions name differently is found by its shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from otelsiem.model.record import Batch, Group, Record, Scope, Value
from otelsiem.otlp.rules import DEEPEST, DROPPED

_PLAIN = frozenset({str, int, float, bool, bytes, type(None)})
_INT64 = range(-(1 << 63), 1 << 63)


def batch(readable: Iterable[Any]) -> Batch:
    """What a `BatchLogRecordProcessor` hands to its exporter; neighbours of one resource and scope share them."""
    groups: Batch = []
    last: tuple[Any, Any] = (None, None)
    for one in readable:
        key = one.resource, one.instrumentation_scope
        if not groups or key[0] is not last[0] or key[1] is not last[1]:
            groups.append(Group(resource(key[0]), scope(key[1]), [], getattr(key[0], "schema_url", "") or ""))
            last = key
        groups[-1].records.append(record(one.log_record, one.dropped_attributes))
    return groups


def record(log_record: Any, dropped: int = 0) -> Record:
    """One log record, still without an id."""
    severity = log_record.severity_number
    attributes = mapping(log_record.attributes or {})
    if dropped:
        attributes.setdefault(DROPPED, dropped)
    trace_id, span_id = log_record.trace_id or 0, log_record.span_id or 0
    return Record(
        "",
        log_record.timestamp or 0,
        log_record.observed_timestamp or 0,
        getattr(severity, "value", severity) or 0,
        log_record.severity_text or "",
        log_record.event_name or "",
        value(log_record.body),
        attributes,
        f"{trace_id:032x}" if trace_id else "",
        f"{span_id:016x}" if span_id else "",
        int(log_record.trace_flags or 0),
    )


def resource(held: Any) -> dict[str, Value]:
    """The attributes of a resource."""
    return mapping(held.attributes) if held is not None else {}


def scope(held: Any) -> Scope:
    """An instrumentation scope."""
    if held is None:
        return Scope()
    return Scope(held.name or "", held.version or "", mapping(held.attributes or {}), held.schema_url or "")


def mapping(held: Mapping[Any, Any], depth: int = 1) -> dict[str, Value]:
    """A copy with our kinds of values."""
    return {
        key if type(key) is str else str(key): item
        if type(item) in _PLAIN and type(item) is not int
        else value(item, depth)
        for key, item in held.items()
    }


def value(item: Any, depth: int = 1) -> Value:
    """A copy of one value."""
    match item:
        case bool() | float() | bytes() | None:
            return item
        case str():
            return str(item)  # an enum of texts is one
        case int():
            return int(item) if item in _INT64 else str(item)
        case _ if depth > DEEPEST:
            return _said(item)
        case Mapping():
            return mapping(item, depth + 1)
        case list() | tuple() | set() | frozenset():
            return [value(one, depth + 1) for one in item]
        case bytearray() | memoryview():
            return bytes(item)
        case _:
            return _said(item)


def _said(item: Any) -> str:
    try:
        return str(item)
    except Exception:  # noqa: BLE001 - it is the host's object: whatever it raises must not reach the host again
        return f"<{type(item).__name__}>"
