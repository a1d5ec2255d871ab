"""Lines of a batch, written by plan where a record's shape has one and the general way where it has none.

Groups that say the same (resource, scope) are written together: a lease is often a thousand groups of one record each,
and what is made per group costs more than ten records. Guarantees: one line per record, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec

from otelsiem.formats._columns import Together, alike, apart, put
from otelsiem.formats.layout import Signature
from otelsiem.model.record import Batch, Group, Record, Scope, count

Write: TypeAlias = Together
General: TypeAlias = Callable[[Record], bytes]
Find: TypeAlias = Callable[[Signature], Write | None]  # None: there is no plan for this signature

LONGEST_SAID = 4096  # bytes: what a resource says beyond that is not kept for the process

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[dict[str, Any], Scope, str]).decode


def lines(batch: Batch, make: Callable[[Group, bytes], tuple[General, Find | None]]) -> list[bytes]:
    """One line per record; `make` says how the records of a group are written, and is told what `said` tells."""
    if len(batch) == 1:
        return Ways(*make(batch[0], said(batch[0]))).lines(batch[0].records)
    writers: dict[object, Ways] = {}
    parts: dict[object, tuple[list[int], list[Record]]] = {}
    at = 0
    for group in batch:
        told = said(group)
        key: bytes | int = told or id(group)
        if key not in writers:
            writers[key] = Ways(*make(group, told))
        places, records = parts.setdefault(key, ([], []))
        places += range(at, at := at + len(group.records))
        records += group.records
    made = [b""] * count(batch)
    for part, (places, records) in parts.items():
        put(made, places, writers[part].lines(records))
    return made


def body(batch: Batch, make: Callable[[Group, bytes], tuple[General, Find | None]]) -> bytes:
    """The same as one text, each line ended; the shorter way, where all groups say the same and records are alike."""
    if batch and len({*(tolds := [*map(said, batch)])}) == 1 and (tolds[0] or len(batch) == 1):
        records = [record for group in batch for record in group.records]
        if (whole := Ways(*make(batch[0], tolds[0])).body(records)) is not None:
            return whole
    return b"\n".join([*lines(batch, make), b""])


def said(group: Group) -> bytes:
    """What a group says, types and all; nothing when it cannot be packed, which no journal could, or is long."""
    try:
        packed = _pack((group.resource, group.scope, group.schema_url))
    except (OverflowError, TypeError, ValueError):
        return b""
    return packed if len(packed) <= LONGEST_SAID else b""


def sayer(told: bytes) -> Group:
    """A group that says this, without records."""
    resource, scope, schema_url = _unpack(told)
    return Group(resource, scope, [], schema_url)


class Ways:
    """How records that share a resource and a scope are written."""

    __slots__ = ("_find", "_general", "_writes")

    def __init__(self, general: General, find: Find | None) -> None:
        self._general, self._find = general, find
        self._writes: dict[Signature, Write | None] = {}

    def lines(self, records: Sequence[Record]) -> list[bytes]:
        """One line per record."""
        if self._find is None or not records:
            return [*map(self._general, records)]
        if (signature := alike(records)) is not None:
            return self._alike(signature, records, self._find)
        made = [b""] * len(records)
        signatures = [(*record.attributes, *map(type, record.attributes.values())) for record in records]
        for signature, places in apart(signatures).items():
            put(made, places, self._alike(signature, [records[n] for n in places], self._find))
        return made

    def body(self, records: Sequence[Record]) -> bytes | None:
        """All in one text; None where they must be written line by line."""
        if self._find is None or not records or (signature := alike(records)) is None:
            return None
        write = self._find(signature)
        return None if write is None else write.body(records)

    def _alike(self, signature: Signature, records: Sequence[Record], find: Find) -> list[bytes]:
        if signature not in self._writes:
            self._writes[signature] = find(signature)
        write, general = self._writes[signature], self._general
        written = write(records) if write is not None else [None] * len(records)
        return [line or general(record) for line, record in zip(written, records, strict=True)]
