"""Lines of a batch, written by plan where a record's shape has one and the general way where it has none.

Groups that say the same (resource, scope) share a writer: a lease is often a thousand groups of one record each, and
what is made per group costs more than ten records. Guarantees: one line per record, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from otelsiem.formats.layout import Signature
from otelsiem.model.record import Batch, Group, Record

Write: TypeAlias = Callable[[Record], bytes | None]  # None: this record goes the general way after all
General: TypeAlias = Callable[[Record], Mapping[str, Any]]
Find: TypeAlias = Callable[[Signature], Write | None]  # None: there is no plan for this signature

_encode = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode


def lines(batch: Batch, make: Callable[[Group], tuple[General, Find | None]]) -> list[bytes]:
    """One line per record; `make` says how the records of a group are written."""
    made: list[bytes] = []
    writers: dict[bytes, _Writer] = {}
    for group in batch:
        if (key := _said(group)) is None:
            _Writer(*make(group)).append(made, group.records)
            continue
        if (writer := writers.get(key)) is None:
            writer = writers[key] = _Writer(*make(group))
        writer.append(made, group.records)
    return made


def _said(group: Group) -> bytes | None:
    """What a group says, types and all; None when it cannot be packed, which no journal could."""
    try:
        return _pack((group.resource, group.scope, group.schema_url))
    except (OverflowError, TypeError, ValueError):
        return None


class _Writer:
    __slots__ = ("_find", "_general", "_signature", "_write", "_writes")

    def __init__(self, general: General, find: Find | None) -> None:
        self._general, self._find = general, find
        self._writes: dict[tuple[Any, ...], Write] = {}
        self._signature: list[Any] | None = None  # neighbours are alike: comparing costs less than looking up
        self._write: Write = _never

    def append(self, made: list[bytes], records: list[Record]) -> None:
        general, find = self._general, self._find
        if find is None:
            made += [_encode(general(record)) for record in records]
            return
        signature, write, writes = self._signature, self._write, self._writes
        for record in records:
            attributes = record.attributes
            if (found := [*attributes, *map(type, attributes.values())]) != signature:
                signature = found
                if (key := tuple(found)) not in writes:
                    writes[key] = find(key) or _never
                write = writes[key]
            made.append(write(record) or _encode(general(record)))
        self._signature, self._write = signature, write


def _never(_record: Record) -> None:
    """There is no plan: the general way."""
