"""Splunk HEC envelopes: where and when an event belongs, the event itself, and the fields to index beside it.

Only the envelope keys that Splunk knows are ever written (contract 3: one it does not know loses events silently),
`fields` is flat, and `event` is never blank. `time` is exact to the nanosecond: it is built from the whole number,
because a double has steps of 240 ns today. The indexed fields carry OTel's attribute names, so that they do not
double the classic names that Splunk extracts from `event`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Literal, TypeAlias

import msgspec

from otelsiem.formats import planned
from otelsiem.formats._hec.document import CimEvent, Envelope, Wanted, envelope, first
from otelsiem.formats._hec.group import Common, Templates
from otelsiem.formats._hec.lines import Texts, writer
from otelsiem.formats.json import Event, Shapes, document, template, timestamps
from otelsiem.formats.planned import Find, General
from otelsiem.formats.speaker import Product
from otelsiem.formats.template import Template
from otelsiem.formats.vocabulary import spellings
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group, Record

Schema: TypeAlias = Literal["cim", "event"]

_SOURCE, _SOURCETYPE, _PRODUCT = Template("otelsiem:{event}"), Template("_json"), Product()
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Style:
    """How envelopes are written; None leaves the key to Splunk's own default."""

    host: Template | None = None  # None: the resource's `host.name`, else this machine
    source: Template | None = _SOURCE
    sourcetype: Template | None = _SOURCETYPE
    index: Template | None = None
    fields: tuple[str, ...] = ()  # attributes to index, beside those that always are
    schema: Schema = "cim"
    product: Product = _PRODUCT

    @property
    def templates(self) -> Templates:
        return self.host, self.source, self.sourcetype, self.index

    @property
    def wanted(self) -> Sequence[Wanted]:
        return [(name, spellings(name)) for name in self.fields]

    @property
    def kind(self) -> type[Event]:
        return CimEvent if self.schema == "cim" else Event


def envelopes(batch: Batch, at: Moment, style: Style) -> list[Envelope]:
    """One envelope per record, in order. They share values with the records and are only good to be encoded."""
    made: list[Envelope] = []
    for group in batch:
        made += map(_Group(group, at, style).envelope, group.records)
    return made


def lines(batch: Batch, at: Moment, style: Style) -> list[bytes]:
    """One line per record."""
    return planned.lines(batch, lambda group, said: _Group(group, at, style, said).ways())


def body(batch: Batch, at: Moment, style: Style) -> bytes:
    """The same as one text, each line ended."""
    return planned.body(batch, lambda group, said: _Group(group, at, style, said).ways())


def indexes(batch: Batch, style: Style) -> list[str]:
    """The index of each record, in order; "" leaves it to Splunk."""
    if (index := style.index) is None:
        return [""] * sum([len(group.records) for group in batch])
    return [name for group in batch for name in map(index.bind(group.resource, group.scope), group.records)]


class _Group:
    """How the records of a group are written."""

    def __init__(self, group: Group, at: Moment, style: Style, said: bytes = b"") -> None:
        self._group, self._at, self._style, self._said = group, at, style, said
        self._shapes: Shapes = {}
        self._stamp = timestamps()

    @cached_property
    def _general(self) -> tuple[Event, Common, Sequence[Wanted]]:
        """What only the general way needs."""
        group, at, style = self._group, self._at, self._style
        blank = template(group, at, style.product, style.kind)
        return blank, self._common, style.wanted

    @cached_property
    def _common(self) -> Common:
        return Common(self._group, self._at.host, self._style.templates, self._style.product)

    def envelope(self, record: Record) -> Envelope:
        blank, common, wanted = self._general
        event = document(record, blank, self._shapes, self._stamp)
        return envelope(event, record, common, wanted, self._group.resource)

    def ways(self) -> tuple[General, Find | None]:
        host, style = self._at.host, self._style
        texts = _kept(self._said, host, style) if self._said else _texts(self._group, host, style)
        return self._line, partial(writer, texts=texts, common=self._common, cim=style.schema == "cim")

    def _line(self, record: Record) -> bytes:
        return _encode(self.envelope(record))


def _texts(group: Group, host: str, style: Style) -> Texts:
    """What the lines of a group have in common."""
    blank = template(group, Moment(now=0, host=host), style.product, style.kind)
    found = {name: value for name, keys in style.wanted if (value := first(keys, group.resource)) is not None}
    return Texts(blank, Common(group, host, style.templates, style.product), style.wanted, found)


@lru_cache(maxsize=256)  # 50 µs; a batch comes in pieces, and its groups say what those of the last one did
def _kept(said: bytes, host: str, style: Style) -> Texts:
    return _texts(planned.sayer(said), host, style)
