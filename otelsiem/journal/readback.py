"""Spans of numbers → their records: from the cache, else from the shelf under the turn, a few entries ahead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from otelsiem.journal.cache import Cache, Entry
from otelsiem.journal.codec import unpack
from otelsiem.journal.line import Line
from otelsiem.journal.shelf import Shelf
from otelsiem.journal.state import Span
from otelsiem.journal.turn import TURN
from otelsiem.model.errors import JournalError
from otelsiem.model.record import Batch, cut

AHEAD = 4


@dataclass(slots=True)
class Reading:
    """Records of as many of the spans as the byte limit allows, one at least."""

    batch: Batch = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    count: int = 0
    taken: int = 0  # ns: of the oldest entry
    size: int = 0  # packed, by the mean of each entry


class Readback:
    """Reads for all couriers of a journal."""

    def __init__(self, shelf: Shelf, cache: Cache) -> None:
        self._shelf, self.cache = shelf, cache

    def read(self, line: Line, spans: Sequence[Span], most: int) -> Reading:
        reading = Reading()
        for start, stop in spans:
            at = start
            while at < stop:
                entry = self.cache.get(line.id, at) or self._fetch(line, at)
                end = self._add(reading, entry, at, min(stop, entry.end), most)
                if end == at:
                    break
                at = end
            if at > start:
                reading.spans.append((start, at))
            if at < stop:
                break
        return reading

    def passed(self, line: Line) -> None:
        """A lease has been read: let go of what everyone inside has passed."""
        self.cache.passed(line.id, [desk.mark for desk in line.desks])

    def _add(self, reading: Reading, entry: Entry, start: int, stop: int, most: int) -> int:
        each = max(entry.size // (entry.end - entry.first), 1)
        stop = min(stop, start + max((most - reading.size) // each, 0 if reading.count else 1))
        if stop <= start:
            return start
        reading.batch += cut(entry.batch, start - entry.first, stop - entry.first)
        reading.size += each * (stop - start)
        reading.count += stop - start
        reading.taken = min(reading.taken or entry.taken, entry.taken)
        return stop

    def _fetch(self, line: Line, position: int) -> Entry:
        with TURN:
            known = self.cache.get(line.id, position)  # another exporter may have read it meanwhile
            if known is not None:
                return known
            rows = self._shelf.entries(line.id, position, 1 + AHEAD)
            if not rows or not rows[0].first <= position < rows[0].end:
                raise JournalError(f"record {position} of pipeline {line.name} is missing from the journal")
            found: list[Entry] = []
            for row in rows:
                if found and self.cache.get(line.id, row.first) is not None:
                    break
                found.append(Entry(row.first, row.end, row.size, row.taken, unpack(row.blob)))
            self.cache.put(line.id, found)
            return found[0]
