"""The log of a SQLite file as it lies on the disk: which pages it holds, and where it is broken.

SQLite believes a log up to its first broken page and forgets the rest without a word, although each commit behind it
was acknowledged. Every page has its own place in the chain of checksums, so those that follow can be believed again:
`pages` holds the last good image of each, up to the last commit.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeAlias

HEADER = struct.Struct(">8I")  # magic, version, page size, checkpoint, salt × 2, checksum × 2 (SQLite file format 4.1)
FRAME = struct.Struct(">6I")  # page, pages after the commit or 0, salt × 2, checksum × 2
BIG_ENDIAN = 0x377F0683  # of the words that are summed; the one before it is little-endian

Sum: TypeAlias = tuple[int, int]


@dataclass(slots=True)
class Log:
    """`pages` maps page numbers to offsets in the file."""

    pages: dict[int, int] = field(default_factory=dict)
    broken: dict[int, int] = field(default_factory=dict)  # damaged images that are newer than those
    size: int = 0  # pages of the database after the last commit; 0 = nothing was committed here
    problem: str = ""  # what SQLite would lose of it


@dataclass(frozen=True, slots=True)
class _Frame:
    page: int
    commit: int
    offset: int  # of the page
    good: bool


def read(path: Path, page: int) -> Log:
    """The log beside a database; an absent or empty one holds nothing."""
    try:
        with path.open("rb") as file:
            return _judged(list(_frames(file, page)), _header_is_good(file, page))
    except FileNotFoundError:
        return Log()


def _judged(frames: list[_Frame], header: bool) -> Log:
    log = Log()
    commits = [n for n, frame in enumerate(frames) if frame.commit]
    if not commits:
        return log
    believed = frames[: commits[-1] + 1]
    for frame in believed:
        if frame.good:
            log.pages[frame.page] = frame.offset
            log.broken.pop(frame.page, None)
            log.size = frame.commit or log.size
        elif frame.page:
            log.broken[frame.page] = frame.offset
    bad = [n for n, frame in enumerate(believed) if not frame.good]
    if not header:
        log.problem = f"its header is damaged, so SQLite would ignore all {len(believed)} pages in it"
    elif bad:
        log.problem = (
            f"page {bad[0] + 1} of {len(believed)} in it is damaged, so SQLite would ignore it and all that follow"
        )
        if len(commits) < 2 or bad[0] > commits[-2]:
            log.problem += "; when the power failed while it was written, nobody was told that these are safe"
    return log


def _frames(file: BinaryIO, page: int) -> Iterator[_Frame]:
    """All frames of the present generation; those of earlier ones, behind them, have other salts."""
    file.seek(0)
    raw = file.read(HEADER.size)
    if len(raw) < HEADER.size:
        return
    magic, _, _, _, *rest = HEADER.unpack(raw)
    salts, stored = tuple(rest[:2]), (rest[2], rest[3])
    heads: list[tuple[int, ...]] = []
    while len(head := file.read(FRAME.size)) == FRAME.size and file.seek(page, 1) <= _length(file):
        heads.append(FRAME.unpack(head))
    if heads and not _header_is_good(file, page):  # what follows its first pages may be older
        salts = Counter([head[2:4] for head in heads[:3]]).most_common(1)[0][0]
    last = max([n for n, head in enumerate(heads) if head[2:4] == salts], default=-1)
    order = ">" if magic == BIG_ENDIAN else "<"
    seeds = [stored]
    held: _Frame | None = None
    for n, (number, commit, *salt, one, two) in enumerate(heads[: last + 1]):
        offset = HEADER.size + n * (FRAME.size + page) + FRAME.size
        file.seek(offset - FRAME.size)
        raw = file.read(FRAME.size + page)
        body = raw[:8] + raw[FRAME.size :]
        mine = tuple(salt) == salts
        sums = [checksum(body, order, seed) for seed in seeds]
        good = mine and (one, two) in sums
        if held is not None:  # only its stored checksum was damaged when this one continues what it should have been
            yield _Frame(held.page, held.commit, held.offset, good and sums.index((one, two)) == 1)
        held = None
        seeds = [(one, two), *([] if good else sums[:1])]
        frame = _Frame(number if mine else 0, commit if mine else 0, offset, good)
        if good:
            yield frame
        else:
            held = frame
    if held is not None:
        yield held


def _header_is_good(file: BinaryIO, page: int) -> bool:
    file.seek(0)
    raw = file.read(HEADER.size)
    if len(raw) < HEADER.size:
        return False
    magic, version, size, *_, one, two = HEADER.unpack(raw)
    order = ">" if magic == BIG_ENDIAN else "<"
    known = magic in {BIG_ENDIAN, BIG_ENDIAN - 1} and version == 3007000 and size == page
    return known and checksum(raw[:24], order, (0, 0)) == (one, two)


def checksum(data: bytes, order: str, seed: Sum) -> Sum:
    """SQLite file format 4.2."""
    one, two = seed
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + two) & 0xFFFFFFFF
        two = (two + second + one) & 0xFFFFFFFF
    return one, two


def _length(file: BinaryIO) -> int:
    at = file.tell()
    length = file.seek(0, 2)
    file.seek(at)
    return length
