"""Elastic Common Schema: one nested document per record, every known thing in its field, the rest under `labels`.

Guarantees: field types are those that Elastic publishes, so that no document is refused for one value: an address that
is no IP literal never stands in a field of type ip, a number never where text is. `labels` is flat and holds texts.
Nothing is dropped: what does not fit its field is a label. The four keys of responders are `organization.id`,
`labels.agent_id`, `labels.correlation_id` and `labels.constitutional_hash`.

`@timestamp` has all nine digits, but Elasticsearch's `date` keeps three: `labels.time_unix_nano` is exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from otelsiem.formats._ecs_document import Document, make_document
from otelsiem.formats._ecs_group import common
from otelsiem.formats._ecs_layout import plan
from otelsiem.formats._ecs_lines import Texts, Write, planned
from otelsiem.formats.json import Event, Shapes, document, template, timestamps
from otelsiem.formats.layout import Layouts, Signature
from otelsiem.formats.speaker import NOBODY, Product
from otelsiem.formats.vocabulary import FROM_RESOURCE
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group, Record

FEW = 3  # records in a group: for fewer, finding the plan costs more than it saves

_PLANS = Layouts(256, plan)  # for the process: what is made for a shape serves all batches
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Style:
    """How ECS documents are written."""

    product: Product = NOBODY
    dataset: str = ""  # `event.dataset`; in a data stream the same as `data_stream.dataset`


def documents(batch: Batch, at: Moment, style: Style) -> list[msgspec.Struct]:
    """One document per record, in order. They share values with the records and are only good to be encoded."""
    made: list[msgspec.Struct] = []
    for group in batch:
        writer = _Writer(group, at, style)
        made += map(writer.document, group.records)
    return made


def lines(batch: Batch, at: Moment, style: Style) -> list[bytes]:
    """One line per record."""
    made: list[bytes] = []
    for group in batch:
        _Writer(group, at, style).append(made)
    return made


class _Writer:
    """Writes the records of a group: those of a shape that has a plan as one text, others the general way."""

    def __init__(self, group: Group, at: Moment, style: Style) -> None:
        self._group, self._common = group, common(group, at, style.product, style.dataset)
        self._blank = template(group, at, style.product, Event)
        self._shapes: Shapes = {}
        self._stamp = timestamps()

    def document(self, record: Record) -> Document:
        return make_document(document(record, self._blank, self._shapes, self._stamp), record, self._common)

    def append(self, made: list[bytes]) -> None:
        records = self._group.records
        said = {name: value for name in FROM_RESOURCE if (value := getattr(self._blank, name)) is not None}
        if len(records) < FEW or any(type(value) is not str for value in said.values()):
            made += [_encoder.encode(self.document(record)) for record in records]
            return
        writes: dict[tuple[Any, ...], Write] = {}
        signature: list[Any] | None = None  # neighbours are alike: comparing costs less than looking up
        write: Write = _never
        common = Texts(self._common)
        for record in records:
            attributes = record.attributes
            if (found := [*attributes, *map(type, attributes.values())]) != signature:
                signature = found
                if (key := tuple(found)) not in writes:
                    writes[key] = self._write(key, said, common)
                write = writes[key]
            made.append(write(record) or _encoder.encode(self.document(record)))

    def _write(self, signature: Signature, said: Mapping[str, Any], common: Texts) -> Write:
        found = _PLANS.get(signature, tuple(said))
        if found is None or found.sets & self._common.sets.keys():
            return _never
        return planned(found, (None, *said.values()), common)


def _never(_record: Record) -> None:
    """There is no plan: the general way."""
