"""Syslog messages with structured data: header, elements, message. What RFC 5424 and RFC 3164 have in common here.

Records of a shape that has a layout are written in one step, others the general way; both give the same bytes.
"""

from __future__ import annotations

from functools import partial

import msgspec

from otelsiem.formats import _sd_lines
from otelsiem.formats.curtail import curtailed
from otelsiem.formats.header import Header, Protocol, Start, Style, nanoseconds
from otelsiem.formats.json import Event, Shapes, document, template, timestamps
from otelsiem.formats.json_cut import json_line
from otelsiem.formats.layout import Layouts, Signature
from otelsiem.formats.planned import Ways, Write
from otelsiem.formats.sd_context import Around, around
from otelsiem.formats.sd_layout import layout
from otelsiem.formats.speaker import speaker
from otelsiem.formats.structured import Element, core, parameters, written
from otelsiem.formats.values import text
from otelsiem.formats.visible import visible
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group, Record

BOM = b"\xef\xbb\xbf"
FEW = 3  # records in a group: for fewer, finding the layout costs more than it saves

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
        known = tuple(common.known.values())
        shared = _sd_lines.Group(
            self._header, general.start, self._named, style.sd_id, known, common.constant, self._bom.decode(),
            style.max_bytes,
        )  # fmt: skip
        ways = Ways(
            lambda record: self._general(record, general, common),
            partial(_find, group=shared, said=tuple(common.known)),
        )
        made += ways.lines(group.records)

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


def _find(signature: Signature, *, group: _sd_lines.Group, said: tuple[str, ...]) -> Write | None:
    laid = _LAYOUTS.get(signature, said)
    return None if laid is None or "" in group.known else _sd_lines.Writer(signature, laid, group)


def _message(event: Event) -> str:
    return event.message if event.message is not None else text(event.body)
