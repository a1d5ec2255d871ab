"""Elastic Common Schema: one nested document per record, every known thing in its field, the rest under `labels`.

Guarantees: field types are those that Elastic publishes, so that no document is refused for one value: an address that
is no IP literal never stands in a field of type ip, a number never where text is. `labels` is flat and holds texts.
Nothing is dropped: what does not fit its field is a label. The four keys of responders are `organization.id`,
`labels.agent_id`, `labels.correlation_id` and `labels.constitutional_hash`.

`@timestamp` has all nine digits, but Elasticsearch's `date` keeps three: `labels.time_unix_nano` is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

import msgspec

from otelsiem.formats import planned
from otelsiem.formats._ecs.document import document_of, tree_of
from otelsiem.formats._ecs.group import Common, common
from otelsiem.formats._ecs.lines import Texts, writer
from otelsiem.formats._ecs.tree import Tree
from otelsiem.formats.json import Event, Shapes, document, template, timestamps
from otelsiem.formats.planned import Find, General
from otelsiem.formats.speaker import NOBODY, Product
from otelsiem.formats.vocabulary import FROM_RESOURCE
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group, Record

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Style:
    """How ECS documents are written."""

    product: Product = NOBODY
    dataset: str = ""  # `event.dataset`; in a data stream the same as `data_stream.dataset`


def documents(batch: Batch, at: Moment, style: Style) -> list[msgspec.Struct]:
    """One document per record, in order. They share values with the records and are only good to be encoded."""
    made: list[msgspec.Struct] = []
    for group in batch:
        tree = _Group(group, at, style).tree
        made += [document_of(tree(record)) for record in group.records]
    return made


def lines(batch: Batch, at: Moment, style: Style) -> list[bytes]:
    """One line per record."""
    return planned.lines(batch, lambda group, said: _Group(group, at, style, said).ways())


class _Group:
    """How the records of a group are written."""

    def __init__(self, group: Group, at: Moment, style: Style, said: bytes = b"") -> None:
        self._group, self._at, self._style, self._said = group, at, style, said
        self._shapes: Shapes = {}
        self._stamp = timestamps()

    @cached_property
    def _general(self) -> tuple[Common, Event]:
        """What only the general way needs."""
        group, at, style = self._group, self._at, self._style
        return common(group, at, style.product, style.dataset), template(group, at, style.product, Event)

    def tree(self, record: Record) -> Tree:
        shared, blank = self._general
        return tree_of(document(record, blank, self._shapes, self._stamp), record, shared)

    def ways(self) -> tuple[General, Find | None]:
        host, style = self._at.host, self._style
        texts = _kept(self._said, host, style) if self._said else _texts(self._group, host, style)
        return self._line, None if texts is None else partial(writer, texts=texts)

    def _line(self, record: Record) -> bytes:
        return _encode(self.tree(record))


def _texts(group: Group, host: str, style: Style) -> Texts | None:
    """What the lines of a group have in common; None when there are none."""
    at = Moment(now=0, host=host)
    blank = template(group, at, style.product, Event)
    said = {name: value for name in FROM_RESOURCE if (value := getattr(blank, name)) is not None}
    if any(type(value) is not str for value in said.values()):
        return None
    return Texts(common(group, at, style.product, style.dataset), said)


@lru_cache(maxsize=256)  # 50 µs; a batch comes in pieces, and its groups say what those of the last one did
def _kept(said: bytes, host: str, style: Style) -> Texts | None:
    return _texts(planned.sayer(said), host, style)
