"""OTLP/JSON requests to records: the same groups as from protobuf, read by rules of its own.

OTLP/JSON is not plain proto3 JSON (specification.md, "JSON Protobuf Encoding"): names in lowerCamelCase only, unknown
ones ignored, ids as hex, enums as integers. Guarantees: a number never passes through a float unless the field is a
double, null reads as the default, and what cannot be read raises MalformedError that names its place and nothing of
the payload: `resourceLogs[0].scopeLogs[0].logRecords[2].timeUnixNano: …`. An object that says a name twice is refused:
two readers of it would see two different events.

The parser is the standard library's: it alone shows duplicate names and the text of a number (msgspec's structs let the
last name win). 21 to 26 us of CPU per record of ten attributes: who sends much sends protobuf.
"""

from __future__ import annotations

from collections.abc import Iterator
from json import JSONDecodeError, JSONDecoder
from typing import Any, NoReturn

from otelsiem.model.errors import MalformedError
from otelsiem.model.record import Batch, Group, Record, Scope, Value
from otelsiem.otlp.fields import (
    INT32,
    UINT32,
    UINT64,
    Number,
    Twice,
    Wrong,
    at,
    child_of,
    id_of,
    integer_of,
    list_of,
    object_of,
    pairs_of,
    text_of,
    value_of,
)
from otelsiem.otlp.rules import DROPPED, Spread, clamped


def decode_json(data: bytes) -> Batch:
    """All the records of a request; `{}` is an empty batch."""
    return [group for piece in decode_json_pieces(data, len(data) + 1) for group in piece]


def decode_json_pieces(data: bytes, size: int) -> Iterator[Batch]:
    """The records of a request in batches of at most `size`; when a later piece raises, nothing may be taken.

    Groups of one resource share its dict, and pieces of one scope share the scope: replace them, never change them.
    """
    try:
        piece: Batch = []
        room = size
        for group, items, where in _groups(_parse(data), size):
            start = 0
            while start < len(items):
                stop = min(start + room, len(items))
                records = [at(f"{where}[{n}]", _record, items[n]) for n in range(start, stop)]
                piece.append(Group(group.resource, group.scope, records, group.schema_url))
                room -= stop - start
                start = stop
                if not room:
                    yield piece
                    piece, room = [], size
        if piece:
            yield piece
    except Wrong as wrong:
        raise MalformedError(f"{wrong.path or 'the request'}: {wrong.what}") from None


def _parse(data: bytes) -> Any:
    try:
        return _decoder.decode(data.decode())
    except UnicodeDecodeError as error:
        raise MalformedError(f"the request is not UTF-8 at byte {error.start}") from None
    except JSONDecodeError as error:
        raise MalformedError(f"the request is not JSON: {error.msg} at line {error.lineno}:{error.colno}") from None
    except RecursionError:
        raise MalformedError("the request nests JSON too deep to be read") from None


def _made(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Twice:
    made = dict(pairs)
    return made if len(made) == len(pairs) else Twice()


def _constant(name: str) -> NoReturn:
    raise MalformedError(f'the request is not JSON: {name} must be written in quotes, "{name}"')


_decoder = JSONDecoder(
    object_pairs_hook=_made, parse_float=Number, parse_int=Number, parse_constant=_constant
)  # fmt: skip


def _groups(request: Any, size: int) -> Iterator[tuple[Group, list[Any], str]]:
    """Each scope that has records, as a group still without them, beside its records and the path to them."""
    spread = Spread()
    for i, resource_logs in enumerate(list_of(object_of(request), "resourceLogs")):
        outer = f"resourceLogs[{i}]"
        resource: dict[str, Value] | None = None
        for j, scope_logs in enumerate(at(outer, _scopes, resource_logs)):
            where = f"{outer}.scopeLogs[{j}]"
            items = at(where, _log_records, scope_logs)
            if not items:
                continue
            cuts = len(items) // size
            first = resource is None
            if resource is None:
                resource = at(outer, _resource, resource_logs)
            scope = at(where, _scope, scope_logs)
            spread.again(resource, cuts if first else cuts + 1)
            spread.again(scope, cuts)
            schema_url = at(outer, text_of, resource_logs, "schemaUrl")
            yield Group(resource, scope, [], schema_url), items, f"{where}.logRecords"


def _scopes(resource_logs: Any) -> list[Any]:
    return list_of(object_of(resource_logs), "scopeLogs")


def _log_records(scope_logs: Any) -> list[Any]:
    return list_of(object_of(scope_logs), "logRecords")


def _resource(resource_logs: dict[str, Any]) -> dict[str, Value]:
    return at("resource", _attributes, child_of(resource_logs, "resource"))


def _scope(scope_logs: dict[str, Any]) -> Scope:
    scope = child_of(scope_logs, "scope")
    return Scope(
        at("scope", text_of, scope, "name"),
        at("scope", text_of, scope, "version"),
        at("scope", _attributes, scope),
        text_of(scope_logs, "schemaUrl"),
    )


def _record(item: Any) -> Record:
    holder = object_of(item)
    return Record(
        "",
        integer_of(holder, "timeUnixNano", UINT64),
        integer_of(holder, "observedTimeUnixNano", UINT64),
        _severity(holder),
        text_of(holder, "severityText"),
        text_of(holder, "eventName"),
        at("body", value_of, holder.get("body"), 1),
        _attributes(holder),
        id_of(holder, "traceId", 32),
        id_of(holder, "spanId", 16),
        integer_of(holder, "flags", UINT32),
    )


def _severity(holder: dict[str, Any]) -> int:
    if type(holder.get("severityNumber")) is str:
        raise Wrong("expected a number, 0 to 24: OTLP/JSON writes enums as integers").under("severityNumber")
    return clamped(integer_of(holder, "severityNumber", INT32))


def _attributes(holder: dict[str, Any]) -> dict[str, Value]:
    """The attributes of a record, resource or scope, and how many its sender dropped."""
    attributes = pairs_of(holder, "attributes", 1)
    if dropped := integer_of(holder, "droppedAttributesCount", UINT32):
        attributes.setdefault(DROPPED, dropped)
    return attributes
