"""A batch cut into OTLP requests, in either encoding: every record is written once and is in one request or rejected.

A request never exceeds the limits unless it holds a single record. Groups stay groups: what is cut in two carries its
resource and scope in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from otelsiem.model.destination import Encoded, Limits, Payload
from otelsiem.model.record import Batch, count, cut, pick
from otelsiem.otlp.section import Encoding, Part, Section

Made: TypeAlias = Callable[[bytes, Sequence[int]], Payload]


def requests(batch: Batch, encoding: Encoding, limits: Limits, made: Made) -> Encoded:
    """The batch as requests; `made` makes a payload of a body and the records in it."""
    size = count(batch)
    if not size:
        return Encoded(())
    try:
        sections, places, rejected = encoding.sections(batch, True), range(size), {}
    except (ValueError, TypeError, RecursionError):
        rejected = _unwritable(batch, encoding)
        kept = [index for index in range(size) if index not in rejected]
        sections = encoding.sections(pick(batch, kept), True)
        return Encoded(tuple(_payloads(sections, kept, encoding, limits, made)), rejected)
    return Encoded(tuple(_payloads(sections, places, encoding, limits, made)), rejected)


def _unwritable(batch: Batch, encoding: Encoding) -> dict[int, str]:
    """Records that no encoder takes, found by writing each alone."""
    rejected: dict[int, str] = {}
    for index in range(count(batch)):
        try:
            encoding.sections(cut(batch, index, index + 1), True)
        except (ValueError, TypeError, RecursionError) as error:
            rejected[index] = f"cannot be encoded: {type(error).__name__}"  # the message may hold the data
    return rejected


def _payloads(
    sections: list[Section], places: Sequence[int], encoding: Encoding, limits: Limits, made: Made
) -> Iterator[Payload]:
    first = 0
    for parts in _requests(sections, encoding, limits):
        held = sum([len(records) for _, records in parts])
        yield made(encoding.request(parts), places[first : first + held])
        first += held


def _requests(sections: list[Section], encoding: Encoding, limits: Limits) -> Iterator[list[Part]]:
    parts: list[Part] = []
    size, held = encoding.whole, 0
    for section in sections:
        head = len(section.resource) + len(section.scope) + encoding.section
        start, total = 0, len(section.records)
        while start < total:
            stop, used = _fitting(section.records, start, limits.bytes - size - head, limits.records - held, encoding)
            if stop == start and not parts:
                stop, used = start + 1, len(section.records[start]) + encoding.record  # over the limit: it goes alone
            if stop > start:
                parts.append((section, section.records[start:stop]))
                size, held, start = size + head + used, held + stop - start, stop
            if start < total:
                yield parts
                parts, size, held = [], encoding.whole, 0
    if parts:
        yield parts


def _fitting(records: list[bytes], start: int, room: int, most: int, encoding: Encoding) -> tuple[int, int]:
    """Where the records end that fit, and their bytes."""
    stop, used = min(start + most, len(records)), 0
    whole = sum(map(len, records[start:stop])) + encoding.record * (stop - start)
    if whole <= room:
        return stop, whole
    for at in range(start, stop):
        cost = len(records[at]) + encoding.record
        if used + cost > room:
            return at, used
        used += cost
    return stop, used
