"""OTLP's messages to records and values, one after the other: whatever they hold.

A slice makes one list in C instead of an iterator step per message, and `string_value or int_value` asks
`WhichOneof` only for what is neither a text nor a whole number, or is empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from otelsiem.model.errors import MalformedError
from otelsiem.model.record import Record, Value
from otelsiem.otlp.rules import DEEPEST, DROPPED, NO_SPAN, NO_TRACE, clamped

MOST = 10_000  # attributes that are there at once: 10 million of them were 6 GiB


def records(messages: Sequence[Any]) -> list[Record]:
    """A record for each LogRecord, still without an id."""
    outermost = value  # a local name costs less
    known = dict[str, str]().setdefault  # one text for each key: later look-ups find it by identity
    no_trace, no_span = NO_TRACE, NO_SPAN
    made: list[Record] = []
    keep = made.append
    for message in messages:
        body = message.body
        trace_id = message.trace_id
        span_id = message.span_id
        severity = message.severity_number
        pairs = message.attributes
        attributes: dict[str, Value] = {
            known(key := kv.key, key): (said := kv.value).string_value or said.int_value or outermost(said)
            for kv in (pairs[:] if len(pairs) < MOST else pairs)
        }  # fmt: skip
        if message.dropped_attributes_count:
            attributes.setdefault(DROPPED, message.dropped_attributes_count)
        keep(
            Record(
                "",
                message.time_unix_nano,
                message.observed_time_unix_nano,
                severity if 0 <= severity <= 24 else clamped(severity),
                message.severity_text,
                message.event_name,
                body.string_value or outermost(body),
                attributes,
                # another length and all zero are "absent" (logs.proto, LogRecord.trace_id)
                trace_id.hex() if len(trace_id) == 16 and trace_id != no_trace else "",
                span_id.hex() if len(span_id) == 8 and span_id != no_span else "",
                message.flags,
            )
        )
    return made


def attributes(holder: Any) -> dict[str, Value]:
    """The attributes of a resource or scope, and how many its sender dropped."""
    found = {kv.key: held(kv.value) for kv in holder.attributes}
    if holder.dropped_attributes_count:
        found.setdefault(DROPPED, holder.dropped_attributes_count)
    return found


def held(message: Any) -> Value:
    """What an AnyValue holds that no other holds; `records` has it written out."""
    return message.string_value or message.int_value or value(message)


def value(message: Any, depth: int = 1) -> Value:
    """Any AnyValue; `depth` counts the values around it and itself."""
    if depth > DEEPEST:
        raise MalformedError(f"an attribute or body nests more than {DEEPEST} values inside one another")
    match message.WhichOneof("value"):
        case "array_value":
            return [value(item, depth + 1) for item in message.array_value.values]
        case "kvlist_value":
            return {kv.key: value(kv.value, depth + 1) for kv in message.kvlist_value.values}
        case None | "string_value_strindex":  # the latter belongs to profiles: there is no table to look it up in
            return None
        case kind:
            found: Value = getattr(message, kind)
            return found
