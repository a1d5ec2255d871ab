"""Lines of a batch cut into payloads: exact in bytes and count, every record in one payload or rejected.

A batch is encoded in one go. Only when that fails, because a record holds what no encoder takes, each record is
encoded by itself: the bad one is rejected, its neighbours are not harmed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain, repeat
from typing import TypeAlias

from otelsiem.formats.gzip import WORTHWHILE, compress
from otelsiem.model.destination import Encoded, Limits, Payload
from otelsiem.model.record import Batch, count, cut

PIECE = 64  # records: what is built is still near the processor when it becomes bytes (measured: 14 % less)
LARGE_PIECE = 256  # for formats that write by columns: what each piece costs is shared by more (measured: 13 % less)

Lines: TypeAlias = tuple[bytes, Sequence[str]]  # one line per record, each ends with \n; the payload keys or nothing
Write: TypeAlias = Callable[[Batch], Lines]
Entries: TypeAlias = tuple[Sequence[bytes], Sequence[str]]  # entries or their parts; the payload keys or nothing


def payloads(batch: Batch, write: Write, limits: Limits, *, piece: int = PIECE, gzip: bool = False) -> Encoded:
    """The batch as payloads. A record over the byte limit goes alone, one over `limits.record_bytes` is rejected."""
    size = count(batch)
    if not size:
        return Encoded(())
    try:
        whole, keys = _written(batch, size, write, piece)
    except (ValueError, TypeError, RecursionError):
        return _cut(*_one_by_one(batch, partial(_line, write), size), limits, gzip=gzip)
    if not keys and size <= limits.records and (parts := _parts(whole, size, limits)):
        return Encoded(tuple([_payload(whole[part], indices, "", gzip=gzip) for part, indices in parts]))
    lines = whole.split(b"\n")[:-1]
    return _cut([*zip(range(size), lines, keys or repeat("", size), strict=True)], {}, limits, gzip=gzip)


def entries(
    batch: Batch,
    write: Callable[[Batch], Entries],
    limits: Limits,
    *,
    parts: int = 1,
    piece: int = PIECE,
    gzip: bool = False,
) -> Encoded:
    """The same where a record becomes more than one line (an action and a document): each entry ends as it must.

    `write` may leave entries in `parts` of so many each: to join those of a whole payload costs 0.6 us a record less.
    """
    size = count(batch)
    try:
        made = [write(cut(batch, start, start + piece)) for start in range(0, size, piece)]
    except (ValueError, TypeError, RecursionError):
        return _cut(*_one_by_one(batch, partial(_entry, write), size), limits, gzip=gzip, end=b"")
    pieces = [*chain.from_iterable([pieces for pieces, _ in made])]
    keys = [key for _, keys in made for key in keys]
    if not keys and 0 < size <= limits.records and _fits(sum(map(len, pieces)), limits):
        return Encoded((_payload(b"".join(pieces), range(size), "", gzip=gzip),))
    lines = [b"".join(pieces[n : n + parts]) for n in range(0, size * parts, parts)] if parts > 1 else pieces
    return _cut([*zip(range(size), lines, keys or repeat("", size), strict=True)], {}, limits, gzip=gzip, end=b"")


def _fits(length: int, limits: Limits) -> bool:
    """Whether all of it is one payload, and no part of it can be over the limit for one record."""
    return length <= limits.bytes and (limits.record_bytes is None or length <= limits.record_bytes)


def _written(batch: Batch, size: int, write: Write, piece: int) -> Lines:
    """The lines of the whole batch, made a piece at a time."""
    if size <= piece:
        return write(batch)
    made = [write(cut(batch, start, start + piece)) for start in range(0, size, piece)]
    return b"".join([lines for lines, _ in made]), [key for _, keys in made for key in keys]


def _parts(whole: bytes, size: int, limits: Limits) -> list[tuple[slice, range]]:
    """Where to cut lines without keys, found from the limits back; nothing when a line is over its own limit.

    Splitting 1,000 lines and joining them costs 0.7 us each, this 0.1.
    """
    parts: list[tuple[slice, range]] = []
    start = first = 0
    while start < len(whole):
        stop = whole.rfind(b"\n", start, start + limits.bytes) + 1 or whole.find(b"\n", start) + 1
        if limits.record_bytes is not None and not _within(whole, start, stop, limits.record_bytes):
            return []
        count = _lines(whole, start, stop, size - first)
        parts.append((slice(start, stop), range(first, first + count)))
        start, first = stop, first + count
    return parts


def _within(whole: bytes, start: int, stop: int, most: int) -> bool:
    """Whether each line is of so many bytes at most: as many as there is room for are passed with one look."""
    while start < stop:
        if not (start := whole.rfind(b"\n", start, start + most) + 1):
            return False
    return True


def _lines(whole: bytes, start: int, stop: int, left: int) -> int:
    """How many of the `left` lines end by `stop`, counted on the shorter side (0.2 us per kilobyte)."""
    if len(whole) - stop < stop - start:
        return left - whole.count(b"\n", stop)
    return whole.count(b"\n", start, stop)


_Line: TypeAlias = tuple[int, bytes, str]


def _line(write: Write, one: Batch) -> tuple[bytes, str]:
    line, keys = write(one)
    return line[:-1], keys[0] if keys else ""


def _entry(write: Callable[[Batch], Entries], one: Batch) -> tuple[bytes, str]:
    pieces, keys = write(one)
    return b"".join(pieces), keys[0] if keys else ""


def _one_by_one(
    batch: Batch, write: Callable[[Batch], tuple[bytes, str]], size: int
) -> tuple[list[_Line], dict[int, str]]:
    lines: list[_Line] = []
    rejected: dict[int, str] = {}
    for index in range(size):
        try:
            line, key = write(cut(batch, index, index + 1))
        except UnicodeError:
            rejected[index] = "cannot be encoded: it holds text that is not valid Unicode"
        except (ValueError, TypeError, RecursionError) as error:
            rejected[index] = f"cannot be encoded: {type(error).__name__}"  # the message may hold the data
        else:
            lines.append((index, line, key))
    return lines, rejected


def _cut(lines: list[_Line], rejected: dict[int, str], limits: Limits, *, gzip: bool, end: bytes = b"\n") -> Encoded:
    made: list[Payload] = []
    for key, members in _by_key(lines).items():
        part: list[bytes] = []
        indices: list[int] = []
        size = 0
        for index, line in members:
            length = len(line) + len(end)
            if limits.record_bytes is not None and length > limits.record_bytes:
                rejected[index] = f"too large: {length} bytes, the limit for one event is {limits.record_bytes}"
                continue
            if part and (size + length > limits.bytes or len(part) >= limits.records):
                made.append(_payload(end.join([*part, b""]), indices, key, gzip=gzip))
                part, indices, size = [], [], 0
            part.append(line)
            indices.append(index)
            size += length
        if part:
            made.append(_payload(end.join([*part, b""]), indices, key, gzip=gzip))
    return Encoded(tuple(made), rejected)


def _by_key(lines: list[_Line]) -> dict[str, list[tuple[int, bytes]]]:
    grouped: dict[str, list[tuple[int, bytes]]] = {}
    for index, line, key in lines:
        grouped.setdefault(key, []).append((index, line))
    return grouped


def _payload(body: bytes, indices: Sequence[int], key: str, *, gzip: bool) -> Payload:
    if gzip and len(body) > WORTHWHILE:
        return Payload(compress(body), indices, key, {"Content-Encoding": "gzip"}, len(body))
    return Payload(body, indices, key, {}, len(body))
