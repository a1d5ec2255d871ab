"""Normalised events of records whose shape has a plan: one text each, without building objects.

Guarantees: the line has the bytes of the general way; None for a record that must go that way.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache, partial
from typing import Any

import msgspec

from otelsiem.formats import planned
from otelsiem.formats._event.lines import Events, Said, looks
from otelsiem.formats._event.plan import Fields, Layout, decisive
from otelsiem.formats._stand_in import Plan
from otelsiem.formats.json import Event, Shapes, document, template, timestamps
from otelsiem.formats.layout import Layouts, Signature
from otelsiem.formats.planned import Find, General, Write
from otelsiem.formats.speaker import Product
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group, Record
from otelsiem.model.severity import SCALES

_NAMES = [row.name for row in SCALES]
_encode = msgspec.json.Encoder().encode


def plan(keys: Sequence[str], types: Sequence[type], given: Sequence[Any]) -> Plan | None:
    """The plan for attributes of these types, in a group that says this, in a record with these fields."""
    said, fields = given
    if decisive(keys, types) is None:
        return None
    laid = Layout(keys, types, said, (), ())
    try:
        return laid.plan(laid.document(fields))
    except UnicodeError:  # a key that is no text: what holds it cannot be sent at all
        return None


PLANS = Layouts(256, plan)  # for the process: what is made for a shape serves all batches


def lines(batch: Batch, at: Moment, product: Product) -> list[bytes]:
    """One line per record."""
    return planned.lines(batch, lambda group, said: _Group(group, at, product, said).ways())


class _Group:
    """How the records of a group are written."""

    def __init__(self, group: Group, at: Moment, product: Product, said: bytes) -> None:
        self._group, self._at, self._product, self._said = group, at, product, said
        self._shapes: Shapes = {}
        self._stamp = timestamps()

    @cached_property
    def _blank(self) -> Event:
        return template(self._group, self._at, self._product, Event)

    def ways(self) -> tuple[General, Find | None]:
        texts = _kept(self._said, self._at.host, self._product) if self._said else Said(self._blank)
        return self._line, partial(_writer, texts=texts) if texts.plain else None

    def _line(self, record: Record) -> bytes:
        return _encode(document(record, self._blank, self._shapes, self._stamp))


@lru_cache(maxsize=256)  # 30 µs; a batch comes in pieces, and its groups say what those of the last one did
def _kept(said: bytes, host: str, product: Product) -> Said:
    return Said(template(planned.sayer(said), Moment(now=0, host=host), product, Event))


def _writer(signature: Signature, texts: Said) -> Write | None:
    found = looks(signature)
    return None if found is None else _Writer(signature, found, texts)


class _Writer(Events):
    names = _NAMES

    def __init__(self, signature: Signature, found: list[tuple[int, Any]], texts: Said) -> None:
        super().__init__(signature, found, texts.row)
        self._signature, self._said = signature, texts.names

    def made(self, fields: Fields) -> Plan | None:
        return PLANS.get(self._signature, (self._said, fields))
