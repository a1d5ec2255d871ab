"""Records to OTLP/JSON: a batch becomes the bytes of ExportLogsServiceRequests in JSON.

OTLP/JSON is not plain proto3 JSON (contract 2): names in lowerCamelCase only, ids as hex, enums as integers, 64-bit
integers as texts. Guarantees: `decode_json(encode_json(batch)) == batch` for what a decoder made, and what
`outgoing.py` says for everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import msgspec

from otelsiem.formats.values import number
from otelsiem.model.record import Batch, Group, Record, Value
from otelsiem.otlp.outgoing import beyond, clamped_time, fits, flattened, id_bytes, parted, replaced, uid
from otelsiem.otlp.rules import DEEPEST, DROPPED, clamped
from otelsiem.otlp.section import Encoding, Part, Section

Json: TypeAlias = dict[str, Any]
Text: TypeAlias = Callable[[str], str]

_encode = msgspec.json.Encoder().encode


class _String(msgspec.Struct, gc=False, rename="camel"):
    """AnyValue of the kind that most are; a struct costs half of a dict."""

    string_value: str


class _Pair(msgspec.Struct, gc=False):
    """KeyValue."""

    key: str
    value: _String | Json


class _Log(msgspec.Struct, gc=False, omit_defaults=True, rename="camel"):
    """LogRecord."""

    time_unix_nano: str | None = None
    observed_time_unix_nano: str | None = None
    severity_number: int = 0
    severity_text: str = ""
    event_name: str = ""
    body: _String | Json | None = None
    attributes: list[_Pair] = []
    dropped_attributes_count: int = 0
    flags: int = 0
    trace_id: str = ""
    span_id: str = ""


def encode_json(batch: Batch, *, ids: bool = False) -> bytes:
    """The request for these records; groups without records are left out."""
    return request([(section, section.records) for section in sections(batch, ids)])


def sections(batch: Batch, ids: bool) -> list[Section]:
    """The groups that have records."""
    made: list[Section] = []
    for group in batch:
        if not group.records:
            continue
        records = [_record(record, ids) for record in group.records]
        resource, scope = _resource(group), _scope(group)
        if made and made[-1].resource == resource and made[-1].scope == scope:
            made[-1].records.extend(records)
        else:
            made.append(Section(resource, scope, records))
    return made


def request(parts: Iterable[Part]) -> bytes:
    """ExportLogsServiceRequest of these records."""
    made = [
        b'{%b"scopeLogs":[{%b"logRecords":[%b]}]}' % (section.resource, section.scope, b",".join(records))
        for section, records in parts
    ]
    return b'{"resourceLogs":[%b]}' % b",".join(made) if made else b"{}"


def _resource(group: Group) -> bytes:
    return _open({"resource": _holder(group.resource), "schemaUrl": _plain(group.schema_url)})


def _scope(group: Group) -> bytes:
    scope = group.scope
    said = {"name": _plain(scope.name), "version": _plain(scope.version)}
    holder = {key: text for key, text in said.items() if text} | _holder(scope.attributes)
    return _open({"scope": holder, "schemaUrl": _plain(scope.schema_url)})


def _open(parts: Json) -> bytes:
    """The members of an object that goes on."""
    return b"".join([b"%b:%b," % (_encode(key), _encode(part)) for key, part in parts.items() if part])


def _holder(attributes: dict[str, Value]) -> Json:
    attributes, dropped = parted(attributes)
    found: Json = {"attributes": _pairs(attributes, 1, _plain)} if attributes else {}
    return found | {"droppedAttributesCount": dropped} if dropped else found


def _record(record: Record, ids: bool) -> bytes:
    try:
        return _encode(_log(record, ids, _same))
    except UnicodeEncodeError:
        return _encode(_log(record, ids, _plain))


def _log(record: Record, ids: bool, text: Text) -> _Log:
    attributes, dropped = record.attributes, 0
    if DROPPED in attributes:
        attributes, dropped = parted(attributes)
    pairs = _pairs(attributes, 1, text)
    if ids and (name := uid(record)):
        pairs.append(_Pair(name, _String(text(record.id))))
    body, trace_id, span_id = record.body, record.trace_id, record.span_id
    return _Log(
        str(time) if (time := clamped_time(record.time)) else None,
        str(observed) if (observed := clamped_time(record.observed)) else None,
        clamped(record.severity),
        text(record.severity_text),
        text(record.event),
        None if body is None else _value(body, 1, text),
        pairs,
        dropped,
        record.flags & 0xFFFFFFFF,
        id_bytes(trace_id, 16).hex() if trace_id else "",
        id_bytes(span_id, 8).hex() if span_id else "",
    )


def _same(text: str) -> str:
    return text


def _plain(text: str) -> str:
    return text if text.isascii() else replaced(text).decode()


def _pairs(attributes: dict[str, Value], depth: int, text: Text) -> list[_Pair]:
    if text is _same:  # the many, without a call for each text
        return [
            _Pair(key, _String(held) if type(held) is str else _value(held, depth, text))
            for key, held in attributes.items()
        ]
    return [_Pair(text(key), _value(held, depth, text)) for key, held in attributes.items()]


def _value(value: Any, depth: int, text: Text) -> _String | Json:
    """Any AnyValue; `depth` counts the values around it and itself."""
    match value:
        case str():
            return _String(text(str(value)))
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(int(value))} if fits(value) else {"stringValue": beyond(value)}
        case float():
            return {"doubleValue": number(value)}
        case bytes():
            return {"bytesValue": value}
        case dict() | list() | tuple() if depth >= DEEPEST and value:
            return {"stringValue": flattened(value)}
        case dict():
            return {"kvlistValue": {"values": _pairs(value, depth + 1, text)}}
        case list() | tuple():
            return {"arrayValue": {"values": [_value(held, depth + 1, text) for held in value]}}
        case _:
            return {"stringValue": text(str(value))}


JSON = Encoding(sections, request, record=1, section=48, whole=24)  # a comma; the signs and names around
