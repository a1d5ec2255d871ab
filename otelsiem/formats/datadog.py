"""Datadog logs: one flat document per record, under the names that Datadog reads and that it leaves alone.

Guarantees: the reserved names (`status`, `service`, `hostname`, `ddsource`, `ddtags`, `timestamp`, `message`) hold what
Datadog means by them, and nothing of a record reaches another name that its remappers take for one (contract 8): what
the normalised event calls `severity` and `source` is `audit.severity` and `audit.source`, unknown attributes stay
inside `metadata`, and a message that is a JSON object is not left to be parsed into attributes. Time is milliseconds,
exact in `otel.timestamp`; a record outside the window that Datadog keeps carries the time of now, the tag `late:true`
and its own time in `audit.time`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import astuple

from otelsiem.formats._datadog import layout as _datadog_layout
from otelsiem.formats._datadog.layout import ATTRIBUTES, DOCUMENT, STANDARD, Schema
from otelsiem.formats._datadog.tags import LATE, Place, Places
from otelsiem.formats._datadog.window import window
from otelsiem.formats.json import Event, Shapes, Target, document, template, timestamps
from otelsiem.formats.layout import Layout, Layouts, Row, Signature, unharmed
from otelsiem.formats.speaker import NOBODY, Product
from otelsiem.formats.template import Template
from otelsiem.formats.vocabulary import FROM_RESOURCE, OUTCOMES
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group, Record
from otelsiem.model.severity import SCALES, scale

Write: TypeAlias = Callable[[Record, Place], "msgspec.Struct | None"]  # None: it goes the general way after all

SOURCE = "otelsiem"  # ddsource: no integration pipeline of that name exists to change what is sent
FEW = 3  # records in a group: for fewer, finding the layout costs more than it saves

_SOURCE = Template(SOURCE)
_NAMES, _STATUS = [row.name for row in SCALES], [row.datadog for row in SCALES]
_OBJECT = re.compile(r"[\s\x00-\x1f\ufeff]*\{")
_LAYOUTS = {  # for the process
    "standard": Layouts(256, _datadog_layout.standard),
    "event": Layouts(256, _datadog_layout.event),
}
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Style:
    """How Datadog's documents are written; None and "" leave it to the resource."""

    product: Product = NOBODY
    service: Template | None = None  # None: the resource's `service.name`
    source: Template = _SOURCE
    hostname: Template | None = None  # where the resource has no `host.name`; None: this machine
    tags: tuple[Template, ...] = ()  # `key:value`
    env: str = ""  # "": the resource's `deployment.environment.name`
    version: str = ""  # "": the resource's `service.version`
    schema: Schema = "standard"  # standard: with Datadog's standard attributes beside the classic names


STYLE = Style()


def documents(batch: Batch, at: Moment, style: Style = STYLE) -> list[msgspec.Struct]:
    """One document per record, in order. They share values with the records and are only good to be encoded."""
    writer = _Writer(at, style)
    made: list[msgspec.Struct] = []
    for group in batch:
        writer.append(made, group)
    return made


def lines(batch: Batch, at: Moment, style: Style = STYLE) -> list[bytes]:
    """One line per record."""
    return [_encoder.encode(one) for one in documents(batch, at, style)]


def message(text: str | None, event: str | None) -> str:
    """What a person reads. Datadog parses one that is an object, and its keys would become status, service, date."""
    if not text:
        return event or "audit event"
    if not text[0].isalpha() and _OBJECT.match(text):
        return f"{event or 'audit event'}: {text}"
    return text


class _Writer:
    """Writes the documents of a batch: records of a shape that has a layout in one step, others the general way."""

    def __init__(self, at: Moment, style: Style) -> None:
        self._at, self._style = at, style
        self._layouts = _LAYOUTS[style.schema]
        self._shapes: Shapes = {}
        self._stamp = timestamps()
        self._low, self._high = window(at.now)
        self._now_ms = max(at.now, 0) // 1_000_000

    def append(self, made: list[msgspec.Struct], group: Group) -> None:
        blank = template(group, self._at, self._style.product, Event)
        style = self._style
        places = Places(
            group, self._at, style.source, style.service, style.hostname, style.tags, style.env, style.version
        )
        if len(group.records) < FEW:
            made += [self._general(record, blank, places(record)) for record in group.records]
            return
        said = {name: value for name in FROM_RESOURCE if (value := getattr(blank, name)) is not None}
        writes: dict[tuple[Any, ...], Write] = {}
        signature: list[Any] | None = None  # neighbours are alike: comparing costs less than looking up
        write: Write = _never
        fixed = places.fixed
        for record in group.records:
            attributes = record.attributes
            if (found := [*attributes, *map(type, attributes.values())]) != signature:
                signature = found
                if (key := tuple(found)) not in writes:
                    writes[key] = self._write(key, said, blank)
                write = writes[key]
            place = fixed or places(record)
            made.append(write(record, place) or self._general(record, blank, place))

    def _write(self, signature: Signature, said: Mapping[str, Any], blank: Event) -> Write:
        layout = self._layouts.get(signature, tuple(said))
        return _never if layout is None else self._laid(layout, (None, *said.values()), blank)

    def _laid(self, layout: Layout, more: Row, blank: Event) -> Write:
        """A writer for records of one layout in one group; what is the same for all of them waits in the closure."""
        make, pick, metadata, pick_pivots, pick_target, pick_careful = layout
        resource, schema_url, scope, siem = blank.resource, blank.resource_schema_url, blank.scope, blank.siem
        low, high, now_ms, stamp = self._low, self._high, self._now_ms, self._stamp
        standard = self._style.schema == "standard"

        def write(record: Record, place: Place) -> msgspec.Struct | None:
            id_, time, observed, number, word, event, body, attributes, trace, span, flags = astuple(record)
            values = attributes.values()
            row = [*values, *more]
            outcome, hash_, correlation, source = pick_pivots(row)
            moment = time or observed
            if (
                not (all(values) or "" not in values)
                or moment < 1_000_000_000
                or not id_
                or (type(body) is not str and body is not None)
                or not 0 <= number <= 24
                or (outcome is not None and outcome not in OUTCOMES)
                or (pick_careful is not None and not all(map(unharmed, pick_careful(row))))
            ):
                return None
            ddsource, service, hostname, tags, late_tags = place
            if low <= moment <= high:
                milliseconds, own_time = moment // 1_000_000, None
            else:
                milliseconds, own_time, tags = now_ms, stamp(str(moment)), late_tags
            event = event or None
            return make(
                message(body, event), _STATUS[number] if number or outcome != "failure" else "warn",
                ddsource, service, hostname, tags, milliseconds, own_time,
                trace or None, span or None, id_, event,
                *pick(row),
                event if standard else None,
                Target(*pick_target(row)) if pick_target is not None else None,
                metadata(attributes, row), hash_, correlation, source,
                _NAMES[number], number, word or None, str(moment), str(observed) if time and observed else None,
                flags or None, resource, schema_url, scope, siem,
            )  # fmt: skip

        return write

    def _general(self, record: Record, blank: Event, place: Place) -> msgspec.Struct:
        made = document(record, blank, self._shapes, self._stamp)
        number = made.severity_number
        ddsource, service, hostname, tags, late_tags = place
        moment = int(made.time_unix_nano)
        late = not self._low <= moment <= self._high
        standard = self._style.schema == "standard"
        status = "warn" if not number and made.outcome == "failure" else scale(number).datadog
        return DOCUMENT(
            message(made.message, made.event_type), status, ddsource, service, hostname,
            late_tags if late else tags, self._now_ms if late else moment // 1_000_000,
            made.timestamp if late else None, made.trace_id, made.span_id, made.event_id, made.event_type,
            *[getattr(made, name) for name in ATTRIBUTES],
            *[getattr(made, name) if standard else None for name in STANDARD.values()],
            made.event_type if standard else None,
            made.target, made.metadata, made.constitutional_hash, made.correlation_id, made.mitre_attack, made.body,
            made.source, made.severity, number, made.severity_text, made.time_unix_nano,
            made.observed_time_unix_nano, made.trace_flags, made.resource, made.resource_schema_url, made.scope,
            made.siem,
        )  # fmt: skip


def _never(_record: Record, _place: Place) -> None:
    """There is no layout: the general way."""


__all__ = ["LATE", "SOURCE", "Style", "documents", "lines", "message"]
