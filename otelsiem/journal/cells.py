"""The rows in one page of a SQLite file, read without SQLite (file format, chapters 1.6, 1.7 and 2).

Guarantees: total, whatever the bytes are: a row that cannot be read is left out, a blob whose end is missing comes as
far as it goes. What a row means is for others to judge.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from otelsiem.journal.schema import PAGE

TABLE, INDEX, TABLE_INNER, INDEX_INNER = 13, 10, 5, 2
_HEAD = 100  # bytes of the file's header, before what else stands in page 1
_LEAST = (PAGE - 12) * 32 // 255 - 23
_MOST_TABLE = PAGE - 35
_MOST_INDEX = (PAGE - 12) * 64 // 255 - 23

Fetch: TypeAlias = Callable[[int], bytes | None]
Value: TypeAlias = "int | float | str | bytes | None"


@dataclass(frozen=True, slots=True)
class Row:
    """`key` is the rowid; of a row in an index 0."""

    key: int
    values: tuple[Value, ...]


def kind(page: bytes, number: int) -> int:
    """What a page would be, if it is part of a tree."""
    return page[_base(number)]


def children(page: bytes, number: int) -> list[int]:
    """The pages below an inner page."""
    base = _base(number)
    if page[base] not in {TABLE_INNER, INDEX_INNER}:
        return []
    found = [_four(page, at) for at in _offsets(page, base)]
    return [*found, _four(page, base + 8)]


def rows(page: bytes, number: int, fetch: Fetch) -> Iterator[Row]:
    """The rows of a leaf, and those that stand in the inner page of an index."""
    base = _base(number)
    what = page[base]
    if what not in {TABLE, INDEX, INDEX_INNER}:
        return
    for at in _offsets(page, base):
        try:
            row = _row(page, at, what, fetch)
        except (IndexError, ValueError, struct.error):
            continue
        yield row


def _base(number: int) -> int:
    return _HEAD if number == 1 else 0


def _offsets(page: bytes, base: int) -> list[int]:
    count = int.from_bytes(page[base + 3 : base + 5], "big")
    start = base + (12 if page[base] in {TABLE_INNER, INDEX_INNER} else 8)
    found = [int.from_bytes(page[at : at + 2], "big") for at in range(start, min(start + 2 * count, PAGE - 1), 2)]
    return [at for at in found if start <= at < PAGE - 3]


def _row(page: bytes, at: int, what: int, fetch: Fetch) -> Row:
    if what == INDEX_INNER:
        at += 4
    size, at = _varint(page, at)
    key = 0
    if what == TABLE:
        key, at = _varint(page, at)
    return Row(key, _values(_payload(page, at, size, _MOST_TABLE if what == TABLE else _MOST_INDEX, fetch)))


def _payload(page: bytes, at: int, size: int, most: int, fetch: Fetch) -> bytes:
    """What stands in the page, and what follows in others: as far as they can be had."""
    if size <= most:
        return page[at : at + size]
    local = _LEAST + (size - _LEAST) % (PAGE - 4)
    local = local if local <= most else _LEAST
    parts = [page[at : at + local]]
    left, following = size - local, _four(page, at + local)
    seen: set[int] = set()
    while left > 0 and following not in seen and (more := fetch(following)) is not None:
        seen.add(following)
        parts.append(more[4 : 4 + left])
        left -= PAGE - 4
        following = _four(more, 0)
    return b"".join(parts)


def _values(payload: bytes) -> tuple[Value, ...]:
    size, at = _varint(payload, 0)
    kinds = []
    while at < size:
        one, at = _varint(payload, at)
        kinds.append(one)
    values: list[Value] = []
    for one in kinds:
        value, at = _value(payload, at, one)
        values.append(value)
    return tuple(values)


def _value(payload: bytes, at: int, what: int) -> tuple[Value, int]:
    if what in {0, 8, 9}:
        return (None, 0, 1)[max(what - 7, 0)], at
    if what in {10, 11}:
        raise ValueError("reserved")
    if what >= 12:
        length = (what - 12) // 2
        raw = payload[at : at + length]
        return (raw.decode("utf-8", "replace") if what % 2 else raw), at + length
    length = (1, 2, 3, 4, 6, 8, 8)[what - 1]
    raw = payload[at : at + length]
    if len(raw) < length:
        raise IndexError(at)
    if what == 7:
        return float(struct.unpack(">d", raw)[0]), at + length
    return int.from_bytes(raw, "big", signed=True), at + length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for n in range(9):
        byte = data[at + n]
        if n == 8:
            value = value << 8 | byte
            return value - (1 << 64) if value >> 63 else value, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + n + 1
    raise AssertionError("a loop of nine ends")


def _four(data: bytes, at: int) -> int:
    if at + 4 > len(data):
        raise IndexError(at)
    return int.from_bytes(data[at : at + 4], "big")
