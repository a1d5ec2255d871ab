"""The shelf in memory: the same rules without a disk. Everything is gone with the process."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from heapq import nsmallest
from typing import Any

from otelsiem.journal.omitted import SINCE
from otelsiem.journal.shelf import DeadRow, DeskRow, DueRow, EntryRow, Grave, LineRow, Mark, Stock, Trace
from otelsiem.journal.state import MOST_RANGES, State


class Heap:
    """Tables as dictionaries. A transaction holds the lock, so nobody sees half of one."""

    most_ranges = MOST_RANGES
    errors: tuple[type[Exception], ...] = ()

    def __init__(self, most: int) -> None:
        self.most = most
        self._lock = threading.RLock()
        self._undo: list[tuple[dict[Any, Any], Any, Any]] = []
        self._number = 0
        self._size = 0
        self._lines: dict[int, LineRow] = {}
        self._desks: dict[int, DeskRow] = {}
        self._entries: dict[tuple[int, int], EntryRow] = {}
        self._firsts: dict[int, list[int]] = {}
        self._due: dict[int, dict[int, DueRow]] = {}
        self._dead: dict[int, Grave] = {}
        self._buried: dict[tuple[int, int], int] = {}
        self._omitted: dict[tuple[int, int], bytes] = {}

    def no_room(self, error: Exception) -> bool:
        raise error  # a heap has no errors of its own

    # --- the writer's thread -------------------------------------------------------------------------------------

    def load(self) -> Stock:
        oldest = {id_: marks[0] for id_ in self._lines if (marks := self.oldest(id_, 1 << 62, 1))}
        earliest = {id_: min(row.at for row in rows.values()) for id_, rows in self._due.items() if rows}
        return Stock(list(self._lines.values()), list(self._desks.values()), oldest, earliest)

    def begin(self) -> None:
        self._lock.acquire()
        self._undo.clear()

    def commit(self) -> None:
        self._lock.release()

    def roll_back(self) -> None:
        for table, key, old in reversed(self._undo):
            if old is None:
                table.pop(key, None)
            else:
                table[key] = old
        self._firsts = {id_: sorted(first for line, first in self._entries if line == id_) for id_ in self._lines}
        self._size = sum(len(row.blob) for row in self._entries.values())
        self._lock.release()

    def _put(self, table: dict[Any, Any], key: object, value: object) -> None:
        self._undo.append((table, key, table.get(key)))
        table[key] = value

    def _pop(self, table: dict[Any, Any], key: object) -> bool:
        old = table.pop(key, None)
        self._undo.append((table, key, old))
        return old is not None

    def add_line(self, name: str) -> int:
        id_ = len(self._lines) + 1
        self._put(self._lines, id_, LineRow(id_, name))
        self._firsts[id_] = []
        return id_

    def save_line(self, row: LineRow) -> None:
        self._put(self._lines, row.id, row)

    def add_desk(self, pipeline: int, name: str, place: State) -> int:
        self._number += 1
        self._put(self._desks, self._number, DeskRow(self._number, pipeline, name, place))
        self._due[self._number] = {}
        return self._number

    def save_desk(self, desk: int, place: State) -> None:
        self._put(self._desks, desk, replace(self._desks[desk], place=place))

    def save_memory(self, desk: int, memory: bytes) -> None:
        self._put(self._desks, desk, replace(self._desks[desk], memory=memory))

    def rename_desk(self, desk: int, name: str) -> None:
        self._put(self._desks, desk, replace(self._desks[desk], name=name))

    def drop_desk(self, desk: int) -> None:
        self.drop_due(desk, list(self._due[desk]))
        self.drop_dead([g.number for g in self._dead.values() if g.owner == desk], shred=False)
        for owner, bucket in [key for key in self._omitted if key[0] == desk]:
            self._pop(self._omitted, (owner, bucket))
        self._pop(self._desks, desk)

    def omitted(self, desk: int, bucket: int) -> bytes | None:
        return self._omitted.get((desk, bucket))

    def save_omitted(self, desk: int, bucket: int, packed: bytes) -> None:
        self._put(self._omitted, (desk, bucket), packed)

    def drop_omitted(self, desk: int, below: int) -> None:
        for key in [key for key in self._omitted if key[0] == desk and SINCE < key[1] < below]:
            self._pop(self._omitted, key)

    def add_entries(self, pipeline: int, rows: Sequence[EntryRow]) -> None:
        for row in rows:
            self._put(self._entries, (pipeline, row.first), row)
            self._firsts[pipeline].append(row.first)
            self._size += len(row.blob)

    def oldest(self, pipeline: int, below: int, most: int) -> Sequence[Mark]:
        firsts = self._firsts[pipeline]
        return [self._mark(pipeline, first) for first in firsts[: min(most, bisect_left(firsts, below))]]

    def holding(self, pipeline: int, position: int) -> Mark | None:
        firsts = self._firsts.get(pipeline, [])
        at = bisect_right(firsts, position) - 1
        return self._mark(pipeline, firsts[at]) if at >= 0 else None

    def _mark(self, pipeline: int, first: int) -> Mark:
        row = self._entries[pipeline, first]
        return Mark(row.first, row.end, row.taken, row.before, len(row.blob))

    def drop_entries(self, pipeline: int, end: int) -> None:
        firsts = self._firsts[pipeline]
        gone = bisect_left(firsts, end)
        for first in firsts[:gone]:
            self._size -= len(self._entries[pipeline, first].blob)
            self._pop(self._entries, (pipeline, first))
        del firsts[:gone]

    def add_due(self, desk: int, rows: Iterable[DueRow]) -> None:
        for row in rows:
            self._put(self._due[desk], row.position, row)

    def drop_due(self, desk: int, positions: Iterable[int]) -> list[int]:
        return [position for position in positions if self._pop(self._due[desk], position)]

    def due_positions(self, desk: int) -> Sequence[int]:
        return list(self._due[desk])

    def add_dead(self, owner: int, rows: Iterable[DeadRow]) -> None:
        for row in rows:
            self._number += 1
            self._put(self._dead, self._number, Grave(self._number, owner, row))
            self._put(self._buried, (owner, row.position), self._number)

    def graves(self, owner: int, after: int, most: int, positions: Sequence[int] | None) -> Sequence[Grave]:
        wanted = None if positions is None else frozenset(positions)
        found = (
            grave
            for grave in self._dead.values()
            if grave.owner == owner and grave.number > after and (wanted is None or grave.row.position in wanted)
        )
        return nsmallest(most, found, key=lambda grave: grave.number)

    def drop_dead(self, numbers: Sequence[int], *, shred: bool) -> None:  # noqa: ARG002 - memory is not shredded
        for number in numbers:
            grave = self._dead[number]
            self._pop(self._buried, (grave.owner, grave.row.position))
            self._pop(self._dead, number)

    def last_grave(self) -> int:
        return max(self._dead, default=0)

    def tidy(self) -> bool:
        return False

    # --- any thread ----------------------------------------------------------------------------------------------

    def entries(self, pipeline: int, position: int, most: int) -> Sequence[EntryRow]:
        with self._lock:
            firsts = self._firsts[pipeline]
            at = max(bisect_right(firsts, position) - 1, 0)
            return [self._entries[pipeline, first] for first in firsts[at : at + most]]

    def entry_mark(self, pipeline: int, position: int) -> Mark | None:
        with self._lock:
            return self.holding(pipeline, position)

    def due_rows(self, desk: int, most: int) -> Sequence[DueRow]:
        with self._lock:
            return nsmallest(most, self._due[desk].values(), key=lambda row: (row.at, row.position))

    def first_due(self, desk: int) -> DueRow | None:
        with self._lock:
            return min(self._due[desk].values(), key=lambda row: row.position, default=None)

    def traces(self, owner: int, numbers: range, buckets: range) -> Sequence[Trace]:
        with self._lock:
            due, dead = self._due.get(owner, {}), [self._buried.get((owner, number)) for number in numbers]
            graves = [self._dead[number].row for number in dead if number is not None]
            found = [Trace("due", n, due[n].reason, due[n].attempts) for n in numbers if n in due]
            found += [Trace("dead", row.position, row.reason, row.attempts) for row in graves]
            kept = [(n, self._omitted.get((owner, n))) for n in (SINCE, *buckets)]
        return [*found, *[Trace("omitted", n, packed=packed) for n, packed in kept if packed is not None]]

    def dead_rows(self, owners: Sequence[int] | None, most: int, skip: int) -> Sequence[Grave]:
        with self._lock:
            found = [g for g in self._dead.values() if owners is None or g.owner in owners]
        return sorted(found, key=lambda grave: grave.number)[skip : skip + most]

    # --- room ----------------------------------------------------------------------------------------------------

    @property
    def bytes(self) -> int:
        return self._size

    def full(self) -> bool:
        return self._size >= self.most

    def rescue(self) -> bool:
        return False

    def reopen(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """Nothing to let go of."""
