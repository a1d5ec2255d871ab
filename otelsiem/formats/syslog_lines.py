"""Syslog messages with structured data: header, elements, message. What RFC 5424 and RFC 3164 have in common here.

Records of a shape that has a layout are written in one step, others the general way; both give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import astuple

from otelsiem.formats.curtail import curtailed
from otelsiem.formats.header import Header, Protocol, Start, Style, nanoseconds
from otelsiem.formats.json import Event, Shapes, document, template, timestamps
from otelsiem.formats.json_cut import json_line
from otelsiem.formats.layout import Layouts, Signature
from otelsiem.formats.sd_context import Around, around
from otelsiem.formats.sd_layout import Layout, layout
from otelsiem.formats.speaker import speaker
from otelsiem.formats.structured import FIRST_UNREAD, Element, core, parameters, written
from otelsiem.formats.values import text
from otelsiem.formats.visible import visible
from otelsiem.formats.vocabulary import OUTCOMES
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group, Record

Write: TypeAlias = Callable[[Record], "bytes | None"]  # None: this record goes the general way after all

BOM = b"\xef\xbb\xbf"
FEW = 3  # records in a group: for fewer, finding the layout costs more than it saves

_CONTROLS = bytes([*range(32), 127])  # looked for in bytes: to ask a text costs three times that
_LATE = FIRST_UNREAD * 1_000_000_000
_LAYOUTS = Layouts(256, layout)  # for the process
_encoder = msgspec.json.Encoder()


def syslog_lines(batch: Batch, at: Moment, style: Style, protocol: Protocol) -> list[bytes]:
    """One message per record, in order."""
    writer = _Writer(at, style, protocol)
    made: list[bytes] = []
    for group in batch:
        writer.append(made, group)
    return made


class _General:
    """What the general way needs to know of a group, made when the first record goes it."""

    def __init__(self, group: Group, start: Start, at: Moment, style: Style) -> None:
        self.start = start
        self._group, self._at, self._style = group, at, style
        self._blank: Event | None = None

    @property
    def blank(self) -> Event:
        if self._blank is None:
            self._blank = template(self._group, self._at, self._style.product, Event)
        return self._blank


class _Writer:
    """Writes the messages of a batch."""

    def __init__(self, at: Moment, style: Style, protocol: Protocol) -> None:
        self._at, self._style = at, style
        self._header = Header(protocol, style)
        self._named = protocol != "rfc5424"  # there is no MSGID
        self._bom = BOM if style.bom and protocol == "rfc5424" else b""
        self._shapes: Shapes = {}
        self._stamp = timestamps()

    def append(self, made: list[bytes], group: Group) -> None:
        style = self._style
        said = speaker(group.resource, style.product, self._at.host)
        general = _General(group, self._header.group(group, said), self._at, style)
        if style.message == "json":
            made += [self._in_json(record, general) for record in group.records]
            return
        common = around(group, said, style)
        if len(group.records) < FEW:
            made += [self._general(record, general, common) for record in group.records]
            return
        writes: dict[tuple[Any, ...], Write] = {}
        signature: list[Any] | None = None  # neighbours are alike: comparing costs less than looking up
        write: Write = _never
        for record in group.records:
            attributes = record.attributes
            if (found := [*attributes, *map(type, attributes.values())]) != signature:
                signature = found
                if (key := tuple(found)) not in writes:
                    writes[key] = self._write(key, common, general.start)
                write = writes[key]
            made.append(write(record) or self._general(record, general, common))

    def _write(self, signature: Signature, common: Around, start: Start) -> Write:
        laid = _LAYOUTS.get(signature, tuple(common.known))
        return _never if laid is None else self._laid(laid, tuple(common.known.values()), start, common.constant)

    def _laid(self, laid: Layout, known: tuple[str, ...], start: Start, constant: str) -> Write:
        """A writer for records of one layout in one group; what is the same for all of them waits in the closure."""
        places, pick, odd, outcome_at, count = laid
        sd_id, limit, bom, named = self._style.sd_id, self._style.max_bytes, self._bom, self._named
        message_id = self._header.message_id
        quotes = 2 * (count + 2)  # with the id and the severity number

        def write(record: Record) -> bytes | None:
            id_, time, observed, number, word, event, body, attributes, trace, span, flags = astuple(record)
            row = [*attributes.values(), *known]
            if (
                not id_
                or "" in row
                or not 0 < (time or observed) < _LATE
                or (type(body) is not str and body is not None)
                or (outcome_at is not None and row[outcome_at] not in OUTCOMES)
                or (not named and event and message_id(event) != event)
            ):
                return None
            for n in odd:
                row[n] = text(row[n])
            first, more = f' severityNumber="{number}"', quotes
            if named and event:
                first, more = f' eventType="{event}"{first}', more + 2
            if word:
                first, more = f'{first} severityText="{word}"', more + 2
            if time and observed:
                first, more = f'{first} observedTimeUnixNano="{observed}"', more + 2
            second = ""
            if trace:
                second, more = f' traceId="{trace}"', more + 2
            if span:
                second, more = f'{second} spanId="{span}"', more + 2
            if flags:
                second, more = f'{second} traceFlags="{flags}"', more + 2
            row += (first, second)
            data = f'id="{id_}"{places % pick(row)}'
            # A sign that must be escaped is in a value, so these cannot all be as they are where there is none.
            if data.count('"') != more or "\\" in data or "]" in data:
                return None
            before = f"{start(record, str(time or observed))}[{sd_id} {data}]{constant}"
            try:
                line = (before if not body else f"{before} {body}").encode()
            except UnicodeEncodeError:  # a lone surrogate
                return None
            if len(line) > limit:
                return None
            if bom or len(line.translate(None, _CONTROLS)) != len(line) or not line.isascii():
                if not data.isprintable():
                    return None
                line = before.encode() if not body else b"%b %b%b" % (before.encode(), bom, visible(body).encode())
            return line if len(line) <= limit else None

        return write

    def _general(self, record: Record, general: _General, common: Around) -> bytes:
        event = document(record, general.blank, self._shapes, self._stamp)
        head, message = self._head(record, general.start, event), _message(event)
        first = Element(self._style.sd_id, parameters(event, named=self._named or self._unlike(event)))
        return self._fitted(head, [first, *common.elements], message)

    def _in_json(self, record: Record, general: _General) -> bytes:
        """The message is the normalised event; what is needed to find it stands in the structured data too."""
        event = document(record, general.blank, self._shapes, self._stamp)
        head = self._head(record, general.start, event)
        first, limit = Element(self._style.sd_id, core(event)), self._style.max_bytes
        data = (f"{head}{said} " if (said := written(first) or self._nothing) else head).encode() + self._bom
        message = json_line(_encoder.encode(event), limit - len(data))
        if message is None:
            return curtailed(head, [first], _message(event), limit, self._bom)
        return data + message

    def _fitted(self, head: str, elements: list[Element], message: str) -> bytes:
        limit = self._style.max_bytes
        if any(len(value) > limit for element in elements for _, value in element.params):
            return curtailed(head, elements, message, limit, self._bom)  # a megabyte need not be escaped to be cut
        line = (head + "".join(map(written, elements))).encode()
        if message:
            line += b" " + self._bom + visible(message[:limit]).encode()
        return line if len(line) <= limit else curtailed(head, elements, message, limit, self._bom)

    def _head(self, record: Record, start: Start, event: Event) -> str:
        """The event type may have come from an attribute."""
        if event.event_type and not record.event:
            record = msgspec.structs.replace(record, event=event.event_type)
        return start(record, nanoseconds(record, self._at))

    def _unlike(self, event: Event) -> bool:
        """Whether MSGID cannot hold the event type."""
        return event.event_type is not None and self._header.message_id(event.event_type) != event.event_type

    @property
    def _nothing(self) -> str:
        return "-" if self._header.protocol == "rfc5424" else ""


def _never(_record: Record) -> bytes | None:
    """There is no layout: the general way."""


def _message(event: Event) -> str:
    return event.message if event.message is not None else text(event.body)
