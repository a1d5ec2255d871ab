"""Records to OTLP protobuf: a batch becomes the bytes of one ExportLogsServiceRequest.

Guarantees: `decode(encode(batch)) == batch` for what a decoder made, ids apart (they are ours, not OTLP's). Total for
everything else: an integer that OTLP has no room for goes as text, half a surrogate pair as `?`, a time before 1970 or
an id that is not hex as absent.
"""

from __future__ import annotations

from typing import Any

from otelsiem.model.record import Batch, Record, Scope, Value
from otelsiem.otlp.messages import ExportLogsServiceRequest

_BEYOND = 1 << 64


def encode(batch: Batch) -> bytes:
    """The request for these records; groups without records are left out, as OTLP asks of senders."""
    request = ExportLogsServiceRequest()
    for group in batch:
        if not group.records:
            continue
        resource_logs = request.resource_logs.add(schema_url=_text(group.schema_url))
        resource_logs.resource.SetInParent()
        _attributes(resource_logs.resource.attributes, group.resource)
        scope_logs = resource_logs.scope_logs.add(schema_url=_text(group.scope.schema_url))
        _scope(scope_logs.scope, group.scope)
        for record in group.records:
            _record(scope_logs.log_records.add(), record)
    data: bytes = request.SerializeToString()
    return data


def _scope(message: Any, scope: Scope) -> None:
    message.name = _text(scope.name)
    message.version = _text(scope.version)
    _attributes(message.attributes, scope.attributes)


def _record(message: Any, record: Record) -> None:
    message.time_unix_nano = _time(record.time)
    message.observed_time_unix_nano = _time(record.observed)
    message.severity_number = min(max(record.severity, 0), 24)
    message.severity_text = _text(record.severity_text)
    message.event_name = _text(record.event)
    message.trace_id = _id(record.trace_id)
    message.span_id = _id(record.span_id)
    message.flags = record.flags & 0xFFFFFFFF
    if record.body is not None:
        _value(message.body, record.body)
    _attributes(message.attributes, record.attributes)


def _attributes(messages: Any, attributes: dict[str, Value]) -> None:
    for key, value in attributes.items():
        message = messages.add(key=_text(key))
        message.value.SetInParent()  # an empty value is a value: the key arrives with it
        _value(message.value, value)


def _value(message: Any, value: Value) -> None:
    match value:
        case str():
            message.string_value = _text(value)
        case bool():
            message.bool_value = value
        case int() if -(1 << 63) <= value < 1 << 63:
            message.int_value = value
        case int():
            message.string_value = hex(value) if value.bit_length() > 4096 else str(value)  # str() refuses 4,301 digits
        case float():
            message.double_value = value
        case bytes():
            message.bytes_value = value
        case dict():
            message.kvlist_value.SetInParent()
            _attributes(message.kvlist_value.values, value)
        case list():
            message.array_value.SetInParent()
            for item in value:
                _value(message.array_value.values.add(), item)
        case None:
            pass


def _time(time: int) -> int:
    return time if 0 <= time < _BEYOND else 0


def _id(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _text(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
