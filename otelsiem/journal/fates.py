"""What became of records, by their numbers: read from an exporter's place and from what it leaves behind.

Guarantees: no record is said to be delivered that was not; what is not known is said to be not known. An answer is one
of the moment, or of one shortly before: a record that moves meanwhile is told as it was or as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from otelsiem.journal.desk import Desk
from otelsiem.journal.journal import Fate, FateKind
from otelsiem.journal.line import Line
from otelsiem.journal.omitted import BUCKET, ends, floor, known_from
from otelsiem.journal.shelf import Shelf, Trace
from otelsiem.journal.state import State

_UNKNOWN, _PENDING = Fate(FateKind.UNKNOWN), Fate(FateKind.PENDING)
_SETTLED, _DELIVERED = Fate(FateKind.SETTLED), Fate(FateKind.DELIVERED)


def of(shelf: Shelf, desk: Desk, numbers: range) -> Sequence[Fate]:
    """Those of an exporter's records."""
    place, line = desk.state, desk.line  # the place first: what it calls settled stands in the rows that are read next
    following, remembered = line.next, floor(line.oldest, line.next)
    traces = _traces(shelf, desk.id, numbers, following)
    buckets = {trace.number: trace.packed for trace in traces if trace.kind == "omitted"}
    told = {**ends(buckets, numbers), **_letters(traces)}
    known = known_from(place, buckets, remembered)
    return [told.get(n) or _settled(n, place, following, known) for n in numbers]


def of_door(shelf: Shelf, line: Line, numbers: range) -> Sequence[Fate]:
    """Those of a door's dead letters."""
    told = _letters(_traces(shelf, -line.id, numbers, line.row.letters))
    return [told.get(number, _UNKNOWN) for number in numbers]


def _settled(number: int, place: State, following: int, known: int) -> Fate:
    if not place.start <= number < following:
        return _UNKNOWN
    if not place.has(number):
        return _PENDING
    return _DELIVERED if number >= known else _SETTLED


def _traces(shelf: Shelf, owner: int, numbers: range, following: int) -> Sequence[Trace]:
    there = range(max(numbers.start, 0), min(numbers.stop, following))
    if not there:
        return ()
    return shelf.traces(owner, there, range(there.start // BUCKET, (there.stop - 1) // BUCKET + 1))


def _letters(traces: Sequence[Trace]) -> Mapping[int, Fate]:
    kinds = {"due": FateKind.DUE, "dead": FateKind.DEAD}
    return {t.number: Fate(kinds[t.kind], t.reason, t.attempts) for t in traces if t.kind in kinds}
