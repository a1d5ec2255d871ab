"""Records to Kafka messages, and messages to payloads: every record in one message or rejected, in order per key.

With `unit: batch` a message is an OTLP request of many records, as the Collector writes it; with `unit: record` it is
one event. A payload is what one exchange writes: several messages, msgpack around them, so that it is bytes as every
other payload is.

Guarantees: no message is larger than the producer takes; records of one key keep their order, in a message and among
messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, TypeAlias

import msgspec

from otelsiem.destinations._kafka_about import RECORD_ID, TRACE_PARENT, digest, stamp, topic_name, traceparent
from otelsiem.formats.named import Lines
from otelsiem.formats.template import Template
from otelsiem.model.destination import Encoded, Limits, Moment, Payload
from otelsiem.model.kafka import Message
from otelsiem.model.record import Batch, Group, Record, count, cut, records
from otelsiem.otlp.section import Encoding, Section

Unit: TypeAlias = Literal["batch", "record"]
Route: TypeAlias = tuple[str, bytes | None]  # topic, key
Headers: TypeAlias = tuple[tuple[str, bytes], ...]
Made: TypeAlias = tuple[Message, Sequence[int], int]  # with the indices of its records in the batch, and its size

ROOM = 128  # bytes that Kafka and its client add to a message, beside its headers


_TRACED, _NAMED = len(TRACE_PARENT) + 55 + 16, len(RECORD_ID) + 16  # what these headers add to a message's size

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[Message]).decode


@dataclass(frozen=True, slots=True)
class Style:
    """How messages are made of records."""

    topic: Template
    key: Template | None
    by: Literal["", "resource", "trace"]  # what else the key may be made of
    unit: Unit
    otlp: Encoding | None  # else `lines`
    lines: Lines | None
    headers: Headers
    dated: bool  # an event's own time is its message's timestamp
    most: int  # bytes of a message


def encode(batch: Batch, at: Moment, style: Style, limits: Limits) -> Encoded:
    """The batch as payloads. What one topic refuses must not hold another: several topics, several payloads."""
    rejected: dict[int, str] = {}
    made = _batches(batch, style, limits, rejected) if style.unit == "batch" else _singles(batch, at, style, rejected)
    several = style.topic.constant is None
    parts: dict[str, list[Made]] = {}
    for one in made:
        parts.setdefault(one[0].topic if several else "", []).append(one)
    payloads = [_payload(part, key) for key, members in parts.items() for part in _cut(members, limits)]
    return Encoded(tuple(payloads), rejected)


def messages(body: bytes) -> list[Message]:
    """The messages of a payload."""
    return _unpack(body)


def size(message: Message) -> int:
    """Bytes of a message as Kafka counts them, and some."""
    return len(message.value) + len(message.key or b"") + sum([*map(_header_size, message.headers)]) + ROOM


def _header_size(header: tuple[str, bytes]) -> int:
    return len(header[0]) + len(header[1]) + 16


def _singles(batch: Batch, at: Moment, style: Style, rejected: dict[int, str]) -> Iterable[Made]:
    values = _values(batch, at, style, rejected)
    fixed, always, most = style.headers, size(Message("", b"", None, style.headers)), style.most
    for index, (record, value, (topic, key)) in enumerate(
        zip(records(batch), values, _routes(batch, style), strict=True)
    ):
        if value is None:
            continue
        headers, length = fixed, always + len(value) + (len(key) if key else 0)
        if parent := traceparent(record):
            headers = (*headers, (TRACE_PARENT, parent))
            length += _TRACED
        if record.id:
            name = record.id.encode("utf-8", "replace")
            headers = (*headers, (RECORD_ID, name))
            length += _NAMED + len(name)
        if length > most:
            rejected[index] = _too_large(length, style)
        else:
            yield Message(topic, value, key, headers, stamp(record, at) if style.dated else 0), (index,), length


def _values(batch: Batch, at: Moment, style: Style, rejected: dict[int, str]) -> Sequence[bytes | None]:
    """One message's text for each record; None, and why, for what cannot be written."""
    if style.otlp is not None:
        request, sections = style.otlp.request, style.otlp.sections(batch, True)
        return [request([(section, (one,))]) for section in sections for one in section.records]
    assert style.lines is not None, "either OTLP or lines"
    try:
        return style.lines(batch, at)
    except (ValueError, TypeError, RecursionError):
        return [_value(cut(batch, n, n + 1), n, at, style.lines, rejected) for n in range(count(batch))]


def _value(one: Batch, index: int, at: Moment, lines: Lines, rejected: dict[int, str]) -> bytes | None:
    try:
        return lines(one, at)[0]
    except UnicodeError:
        rejected[index] = "cannot be encoded: it holds text that is not valid Unicode"
    except (ValueError, TypeError, RecursionError) as error:
        rejected[index] = f"cannot be encoded: {type(error).__name__}"  # the message may hold the data
    return None


def _batches(batch: Batch, style: Style, limits: Limits, rejected: dict[int, str]) -> Iterable[Made]:
    """Records of one topic and key together, as many to a message as fit."""
    assert style.otlp is not None, "only OTLP has requests of many records"
    sections = style.otlp.sections(batch, True)
    written = [*chain.from_iterable([[(section, one) for one in section.records] for section in sections])]
    routed: dict[Route, list[int]] = {}
    for index, route in enumerate(_routes(batch, style)):
        routed.setdefault(route, []).append(index)
    for (topic, key), indices in routed.items():
        fixed = size(Message(topic, b"", key, style.headers)) + style.otlp.whole
        for part in _fitting(indices, written, style, limits.records, fixed, rejected):
            value = style.otlp.request(_sectioned([written[index] for index in part]))
            message = Message(topic, value, key, style.headers)
            yield message, part, size(message)


def _fitting(  # noqa: PLR0917 - what a message may hold, in the order of the sentence
    indices: Sequence[int],
    written: Sequence[tuple[Section, bytes]],
    style: Style,
    most: int,
    fixed: int,
    rejected: dict[int, str],
) -> Iterable[list[int]]:
    assert style.otlp is not None, "only OTLP has requests of many records"
    part: list[int] = []
    length, before = fixed, None
    for index in indices:
        section, one = written[index]
        head = len(section.resource) + len(section.scope) + style.otlp.section
        more = len(one) + style.otlp.record
        if fixed + head + more > style.most:
            rejected[index] = _too_large(fixed + head + more, style)
            continue
        full = length + more + (head if section is not before else 0) > style.most or len(part) >= most
        if part and full:
            yield part
            part, length, before = [], fixed, None
        length += more + (head if section is not before else 0)
        before = section
        part.append(index)
    if part:
        yield part


def _sectioned(written: Sequence[tuple[Section, bytes]]) -> list[tuple[Section, list[bytes]]]:
    parts: list[tuple[Section, list[bytes]]] = []
    for section, one in written:
        if parts and parts[-1][0] is section:
            parts[-1][1].append(one)
        else:
            parts.append((section, [one]))
    return parts


def _routes(batch: Batch, style: Style) -> Iterable[Route]:
    for group in batch:
        topic, key = _topics(style.topic, group), _keys(style, group)
        for record in group.records:
            yield topic(record), key(record)


def _topics(template: Template, group: Group) -> Callable[[Record], str]:
    if template.constant is not None:
        constant = template.constant
        return lambda _record: constant
    filled = template.bind(group.resource, group.scope)
    return lambda record: topic_name(filled(record))


def _keys(style: Style, group: Group) -> Callable[[Record], bytes | None]:
    if style.key is not None:
        filled = style.key.bind(group.resource, group.scope)
        return lambda record: filled(record).encode("utf-8", "replace")
    if style.by == "trace":
        return lambda record: record.trace_id.encode("utf-8", "replace") or None
    if style.by == "resource":
        fixed = digest(group.resource)
        return lambda _record: fixed
    return lambda _record: None


def _too_large(length: int, style: Style) -> str:
    return f"too large: {length} bytes, producer.max_message_bytes is {style.most}"


def _cut(members: Sequence[Made], limits: Limits) -> Iterable[list[Made]]:
    part: list[Made] = []
    length = held = 0
    for one in members:
        message, indices, more = one
        more += len(message.topic) + 5 * len(indices)
        if part and (length + more > limits.bytes or held + len(indices) > limits.records):
            yield part
            part, length, held = [], 0, 0
        part.append(one)
        length += more
        held += len(indices)
    if part:
        yield part


def _payload(part: Sequence[Made], key: str) -> Payload:
    indices = sorted(chain.from_iterable([members for _, members, _ in part]))
    places = {index: place for place, index in enumerate(indices)}
    for message, members, _ in part:
        message.records = tuple([places[index] for index in members])
    body = _pack([message for message, _, _ in part])
    return Payload(body, indices, key, {}, len(body))
