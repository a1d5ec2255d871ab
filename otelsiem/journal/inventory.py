"""One pipeline of a journal looked through: its entries, then its numbers, then who reads it.

Guarantees: memory stays small, however much is kept; every row that cannot be read is named.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from otelsiem.journal.balance import Kept, balanced
from otelsiem.journal.codec import unpack
from otelsiem.journal.dead import DOOR, REMOVED
from otelsiem.journal.findings import ANEW, Diagnosis
from otelsiem.journal.schema import entry_table
from otelsiem.journal.shelf import LineRow
from otelsiem.journal.state import Span, State
from otelsiem.model.errors import MissingExtraError, OtelsiemError
from otelsiem.model.record import count


@dataclass(slots=True)
class Reader:
    """An exporter's row, and what is found of its due records and dead letters."""

    id: int
    name: str
    place: State
    due: list[int] = field(default_factory=list)
    dead: list[int] = field(default_factory=list)

    @property
    def removed(self) -> bool:
        return self.name.startswith(REMOVED)


class Inventory:
    """Looks through one pipeline."""

    def __init__(self, db: sqlite3.Connection, found: Diagnosis, line: LineRow, desks: Sequence[Reader]) -> None:
        self.db, self.found, self.line, self.desks = db, found, line, desks
        self.spans: list[Span] = []
        self.end = 0

    def look(self) -> None:
        """Say what is wrong with it."""
        self._entries()
        letters = list(self._dead(-self.line.id, f"dead letters of {DOOR}{self.line.name}", None))
        self.found.letters += len(letters)
        following = self._numbers(max(letters, default=-1))
        for desk in self.desks:
            where = f"exporter {desk.name} of {self.line.name}"
            desk.dead = list(self._dead(desk.id, f"dead letters of {desk.name}", following))
            desk.due = list(self._due(desk, following))
            self.found.letters += len(desk.dead)
            self.found.due += len(desk.due)
            kept = Kept(following, self.spans, desk.due, desk.dead, desk.removed)
            right = balanced(desk.place, kept)
            if right.place != desk.place:
                self.found.places.append((desk.id, right.place))
                for what, cost, repair in right.told:
                    self.found.find(where, what, cost, repair)

    # --- entries -------------------------------------------------------------------------------------------------

    def _entries(self) -> None:
        sql = f"SELECT first, records, size, taken, before, blob FROM {entry_table(self.line.id)} ORDER BY first"  # noqa: S608 - our own integer
        held: tuple[int, int, bytes] | None = None
        for first, records, *others, blob in self.db.execute(sql):
            where = f"entry {first} of {self.line.name}"
            for other in others:
                whole(self.found, where, other)
            if held is not None:
                self._entry(*held, first)
            held = first, records if isinstance(records, int) else -1, blob
        if held is not None:
            self._entry(*held, None)

    def _entry(self, first: int, records: int, blob: bytes, limit: int | None) -> None:
        self.found.entries += 1
        where = f"entry {first} of {self.line.name}"
        holds, why = _holds(blob)
        if why:
            self.found.unreadable.append((self.line.id, first, why))
            repair = "moves its bytes to a side file and counts its records as purged"
            self.found.find(where, why, self._cost(first, records), repair)
            return
        self.found.records += holds
        stands = holds == records and (first == self.end or not self.spans)  # rather than the next one
        if first < max(self.end, 0) or (limit is not None and holds > limit - first and not stands):
            self.found.misplaced.append((self.line.id, first))
            what = f"holds {holds} records on numbers that another entry has"
            self.found.find(where, what, "nothing", "puts it where its records are missing, or at the end")
            return
        if holds != records:
            self.found.resized.append((self.line.id, first, holds))
            self.found.find(where, f"holds {holds} records, its row says {records}", "nothing", f"writes {holds}")
        self.end = first + holds
        if self.spans and self.spans[-1][1] == first:
            first = self.spans.pop()[0]
        self.spans.append((first, self.end))

    def _cost(self, first: int, records: int) -> str:
        """Who still needs it."""
        stop = first + max(records, 1)
        needing = [
            d.name for d in self.desks if not d.removed and d.place.low < stop and d.place.fresh([(first, stop)])
        ]
        return f"{records} records, " + (f"pending for {', '.join(needing)}" if needing else "which everybody has had")

    # --- numbers -------------------------------------------------------------------------------------------------

    def _numbers(self, letter: int) -> int:
        """The pipeline's counts; its next number."""
        line = self.line
        numbers = (line.next, line.filtered, line.refused, line.received)
        adds_up = min(numbers) >= 0 and line.received == line.next + line.filtered + line.refused
        highs = [max([d.place.low, *[stop for _, stop in d.place.ranges]]) for d in self.desks if _formed(d.place)]
        proven = max([0, self.end, *highs])
        following = max(line.next, proven) if adds_up or not proven else proven
        filtered, refused = max(line.filtered, 0), max(line.refused, 0)
        right = LineRow(
            line.id,
            line.name,
            following,
            following + filtered + refused,
            filtered,
            refused,
            max(line.letters, letter + 1),
            max(line.written, 0),
        )
        if right != line:
            self.found.lines.append(right)
            what = (
                f"its counts (next {line.next}, received {line.received}, filtered {line.filtered}, refused"
                f" {line.refused}) do not fit each other or its entries"
            )
            repair = f"writes next {right.next}, received {right.received}, letters {right.letters}"
            self.found.find(f"pipeline {line.name}", what, "nothing", repair)
        return following

    # --- due records and dead letters ----------------------------------------------------------------------------

    def _due(self, desk: Reader, following: int) -> Iterator[int]:
        sql = "SELECT position, at, attempts, first, taken, record FROM due WHERE exporter=? ORDER BY position"
        dead = frozenset(desk.dead)
        for position, *others, record in self.db.execute(sql, (desk.id,)):
            where = f"due record {position} of {desk.name}"
            for other in others:
                whole(self.found, where, other)
            why = _single(record) or _range(position, following)
            if not why and position in dead:
                why = "it is a dead letter as well"
            if not why:
                yield position
                continue
            self.found.bad_due.append((desk.id, position, why))
            self.found.find(where, why, "one record", "moves its bytes to a side file and counts it as purged")

    def _dead(self, owner: int, whose: str, following: int | None) -> Iterator[int]:
        sql = "SELECT number, position, attempts, first, last, taken, record FROM dead WHERE owner=? ORDER BY number"
        for number, position, *others, record in self.db.execute(sql, (owner,)):
            where = f"{position} of the {whose}"
            for other in others:
                whole(self.found, where, other)
            why = _single(record) or _range(position, following)
            if not why:
                yield position
                continue
            self.found.bad_dead.append((number, why))
            counted = " and counts it as purged" if owner > 0 else ""
            self.found.find(where, why, "one dead letter", f"moves its bytes to a side file{counted}")


def holds(blob: object) -> int:
    """How many records can be read of an entry; 0 = it cannot be."""
    return _holds(blob)[0]


def _holds(blob: object) -> tuple[int, str]:
    if not isinstance(blob, bytes):
        return 0, "it is not bytes"
    try:
        records = count(unpack(blob))
    except MissingExtraError:
        raise
    except OtelsiemError as error:
        return 0, str(error)
    return (records, "") if records else (0, "it holds no records")


def _single(blob: object) -> str:
    records, why = _holds(blob)
    return why or ("" if records == 1 else f"it holds {records} records instead of one")


def _range(position: object, following: int | None) -> str:
    if isinstance(position, int) and position >= 0 and (following is None or position < following):
        return ""
    return f"its number {position} is not one of the pipeline's"


def _formed(place: State) -> bool:
    at = place.low
    for start, stop in place.ranges:
        if not at < start < stop:
            return False
        at = stop
    return place.low >= place.start and place.sound and min(place.delivered, place.filtered, place.purged) >= 0


def whole(found: Diagnosis, where: str, value: object) -> int:
    """A number; anything else is a finding."""
    if isinstance(value, int):
        return value
    found.find(where, f"{type(value).__name__} stands where a number must be", "that number", ANEW, deep=True)
    return 0
