"""The shelf in SQLite: statements, checkpoints, vacuum and the room on the disk.

One connection writes and checkpoints (two can corrupt a WAL before SQLite 3.51.3); another, read-only, is used by
everybody else, one statement at a time under the turn.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from otelsiem.journal.cause import code
from otelsiem.journal.gate import GATE
from otelsiem.journal.omitted import SINCE
from otelsiem.journal.reserve import Reserve
from otelsiem.journal.room import free_room, shortage
from otelsiem.journal.schema import PAGE, entry_sql, open_reader, open_writer
from otelsiem.journal.shelf import DeadRow, DueRow, EntryRow, Grave, LineRow, Mark, Stock, Trace
from otelsiem.journal.state import MOST_RANGES, Rules, State
from otelsiem.journal.stock import mark, mark_of, oldest_of, stock
from otelsiem.journal.turn import TURN
from otelsiem.model.errors import JournalError

NAME = "journal.sqlite"
WAL_MOST = 4 << 20  # checkpoint here: in the writer, small and often, is the calmest (measured p99)
WAL_STEP = 1 << 20
FREE_MOST = 64 << 20  # of free pages; above, they go back to the file system

PATIENCE = 5.0  # seconds for a stranger's lock

_DUE = "position, at, attempts, reason, first, taken, record"
_DEAD = "position, reason, attempts, first, last, taken, record"
_TRACES = """
SELECT 'due', position, reason, attempts, x'' FROM due WHERE position>=? AND position<? AND exporter=?
UNION ALL SELECT 'dead', position, reason, attempts, x'' FROM dead WHERE position>=? AND position<? AND owner=?
UNION ALL SELECT 'omitted', bucket, '', 0, packed FROM omitted WHERE exporter=? AND (bucket=? OR bucket>=? AND bucket<?)
"""  # one statement: what moves from one table to the other is in one of them


class Tables:
    """Rows in SQLite. `at` is called at named points, for tests that kill the process there."""

    most_ranges = MOST_RANGES
    errors: tuple[type[Exception], ...] = (sqlite3.Error, OSError)

    def __init__(
        self, directory: Path, *, most: int, floor: int, reserve: int, at: Callable[[str], None] | None = None
    ) -> None:
        self._path = directory / NAME
        self.most, self._floor, self._at = most, floor, at
        self._reserve = Reserve(directory, reserve)
        self._inside = False  # the gate, for a transaction
        self._db = open_writer(self._path)
        self._truncate = False
        self._rules: dict[int, Rules] = {}  # by exporter id: what the table holds
        self._wal = WAL_MOST  # bytes, estimated; unknown at the start, so the first commit checkpoints
        self._used = self._free = 0
        self._size = 0
        try:
            self._reserve.make()
            self._measure()
            self._reader = open_reader(self._path)
        except BaseException:
            self._db.close()
            raise

    def no_room(self, error: Exception) -> bool:
        return code(error) == sqlite3.SQLITE_FULL

    # --- the writer's thread: what is there ----------------------------------------------------------------------

    def load(self) -> Stock:
        return stock(self._db)

    def oldest(self, pipeline: int, below: int, most: int) -> Sequence[Mark]:
        return oldest_of(self._db, pipeline, below, most)

    def holding(self, pipeline: int, position: int) -> Mark | None:
        return mark_of(self._db, pipeline, position)

    def due_positions(self, desk: int) -> Sequence[int]:
        return [row[0] for row in self._db.execute("SELECT position FROM due WHERE exporter=?", (desk,))]

    def graves(self, owner: int, after: int, most: int, positions: Sequence[int] | None) -> Sequence[Grave]:
        sql = f"SELECT number, owner, {_DEAD} FROM dead WHERE owner=? AND "  # noqa: S608 - our own names
        if positions is None:
            rows = self._db.execute(sql + "number > ? ORDER BY number LIMIT ?", (owner, after, most)).fetchall()
        else:
            wanted = json.dumps(sorted(set(positions)))
            sql += "position IN (SELECT value FROM json_each(?)) AND number > ? ORDER BY number LIMIT ?"
            rows = self._db.execute(sql, (owner, wanted, after, most)).fetchall()
        return [_grave(row) for row in rows]

    def last_grave(self) -> int:
        number: int = self._db.execute("SELECT coalesce(max(number), 0) FROM dead").fetchone()[0]
        return number

    # --- the writer's thread: changes ----------------------------------------------------------------------------

    def begin(self) -> None:
        GATE.__enter__()  # until the commit, or roll_back
        self._inside = True
        until = time.monotonic() + PATIENCE
        while True:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                # Nobody else should write this file; a person with the sqlite3 shell might.
                if code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
            time.sleep(0.005)

    def commit(self) -> None:
        self._db.execute("COMMIT")
        self._wal += 4 * PAGE  # roots, pipeline, free list, pointer map
        self._leave()

    def roll_back(self) -> None:
        self._rules.clear()
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        finally:
            self._leave()

    def _leave(self) -> None:
        if self._inside:
            self._inside = False
            GATE.__exit__()

    def add_line(self, name: str) -> int:
        id_ = self._db.execute("INSERT INTO pipeline VALUES(NULL,?,0,0,0,0,0,0)", (name,)).lastrowid
        assert id_ is not None
        self._db.execute(entry_sql(id_).create)
        return id_

    def save_line(self, row: LineRow) -> None:
        self._db.execute(
            "UPDATE pipeline SET next=?, received=?, filtered=?, refused=?, letters=?, written=? WHERE id=?",
            (row.next, row.received, row.filtered, row.refused, row.letters, row.written, row.id),
        )

    def add_desk(self, pipeline: int, name: str, place: State) -> int:
        id_ = self._db.execute(
            "INSERT INTO exporter VALUES(NULL,?,?,?,?,?,?,?,?,?,?,NULL)", (pipeline, name, place.start, *_place(place))
        ).lastrowid
        assert id_ is not None
        return id_

    def save_desk(self, desk: int, place: State) -> None:
        self._db.execute(
            "UPDATE exporter SET start=?, low=?, ranges=?, delivered=?, dead=?, filtered=?, purged=?, due=? WHERE id=?",
            (place.start, *_place(place), desk),
        )
        if place.rules != self._rules.get(desk, ()):
            self._db.execute("INSERT OR REPLACE INTO rule VALUES(?,?)", (desk, place.packed_rules()))
            self._rules[desk] = place.rules

    def save_memory(self, desk: int, memory: bytes) -> None:
        self._db.execute("UPDATE exporter SET memory=? WHERE id=?", (memory, desk))
        self._wal += len(memory)

    def rename_desk(self, desk: int, name: str) -> None:
        self._db.execute("UPDATE exporter SET name=? WHERE id=?", (name, desk))

    def drop_desk(self, desk: int) -> None:
        self._db.execute("DELETE FROM due WHERE exporter=?", (desk,))
        self._db.execute("DELETE FROM dead WHERE owner=?", (desk,))
        self._db.execute("DELETE FROM rule WHERE exporter=?", (desk,))
        self._db.execute("DELETE FROM omitted WHERE exporter=?", (desk,))
        self._db.execute("DELETE FROM exporter WHERE id=?", (desk,))

    def omitted(self, desk: int, bucket: int) -> bytes | None:
        row = self._db.execute("SELECT packed FROM omitted WHERE exporter=? AND bucket=?", (desk, bucket)).fetchone()
        return row[0] if row else None

    def save_omitted(self, desk: int, bucket: int, packed: bytes) -> None:
        self._db.execute("INSERT OR REPLACE INTO omitted VALUES(?,?,?)", (desk, bucket, packed))
        self._wal += len(packed)

    def drop_omitted(self, desk: int, below: int) -> None:
        self._db.execute("DELETE FROM omitted WHERE exporter=? AND bucket>? AND bucket<?", (desk, SINCE, below))

    def add_entries(self, pipeline: int, rows: Sequence[EntryRow]) -> None:
        self._db.executemany(
            entry_sql(pipeline).insert,
            [(row.first, row.records, row.size, row.taken, row.before, row.blob) for row in rows],
        )
        self._wal += sum([len(row.blob) + PAGE for row in rows])

    def drop_entries(self, pipeline: int, end: int) -> None:
        dropped = self._db.execute(entry_sql(pipeline).drop, (end,)).rowcount
        self._wal += (
            3 * PAGE * dropped
        )  # a trunk page of the free list and pointer maps; the data itself is not written
        if self._at is not None:
            self._at("delete.after")

    def add_due(self, desk: int, rows: Iterable[DueRow]) -> None:
        sql = f"INSERT OR REPLACE INTO due(exporter, {_DUE}) VALUES(?,?,?,?,?,?,?,?)"
        for row in rows:
            self._db.execute(
                sql, (desk, row.position, row.at, row.attempts, row.reason, row.first, row.taken, row.record)
            )
            self._wal += 2 * len(row.record) + 200

    def drop_due(self, desk: int, positions: Iterable[int]) -> list[int]:
        sql = "DELETE FROM due WHERE exporter=? AND position=?"
        return [position for position in positions if self._db.execute(sql, (desk, position)).rowcount]

    def add_dead(self, owner: int, rows: Iterable[DeadRow]) -> None:
        sql = f"INSERT OR REPLACE INTO dead(owner, {_DEAD}) VALUES(?,?,?,?,?,?,?,?)"
        for row in rows:
            self._db.execute(
                sql, (owner, row.position, row.reason, row.attempts, row.first, row.last, row.taken, row.record)
            )
            self._wal += 2 * len(row.record) + 200

    def drop_dead(self, numbers: Sequence[int], *, shred: bool) -> None:
        if shred:  # somebody wants these gone: overwrite them, and soon their copies in the log
            self._db.execute("PRAGMA secure_delete=ON")
            self._truncate, self._wal = True, WAL_MOST
        try:
            self._db.executemany("DELETE FROM dead WHERE number=?", [(number,) for number in numbers])
        finally:
            if shred:
                self._db.execute("PRAGMA secure_delete=OFF")

    # --- any thread ----------------------------------------------------------------------------------------------

    def entries(self, pipeline: int, position: int, most: int) -> Sequence[EntryRow]:
        return [EntryRow(*row) for row in self._read(entry_sql(pipeline).holding, (position, most))]

    def entry_mark(self, pipeline: int, position: int) -> Mark | None:
        rows = self._read(entry_sql(pipeline).mark, (position,))
        return mark(rows[0]) if rows else None

    def due_rows(self, desk: int, most: int) -> Sequence[DueRow]:
        sql = f"SELECT {_DUE} FROM due WHERE exporter=? ORDER BY at, position LIMIT ?"  # noqa: S608 - our own names
        return [DueRow(*row) for row in self._read(sql, (desk, most))]

    def first_due(self, desk: int) -> DueRow | None:
        rows = self._read(f"SELECT {_DUE} FROM due WHERE exporter=? ORDER BY position LIMIT 1", (desk,))  # noqa: S608 - same
        return DueRow(*rows[0]) if rows else None

    def traces(self, owner: int, numbers: range, buckets: range) -> Sequence[Trace]:
        asked = (numbers.start, numbers.stop, owner)
        return [Trace(*row) for row in self._read(_TRACES, (*asked, *asked, owner, SINCE, buckets.start, buckets.stop))]

    def dead_rows(self, owners: Sequence[int] | None, most: int, skip: int) -> Sequence[Grave]:
        sql = f"SELECT number, owner, {_DEAD} FROM dead "  # noqa: S608 - our own names
        if owners is None:
            return [_grave(row) for row in self._read(sql + "ORDER BY number LIMIT ? OFFSET ?", (most, skip))]
        sql += "WHERE owner IN (SELECT value FROM json_each(?)) ORDER BY number LIMIT ? OFFSET ?"
        return [_grave(row) for row in self._read(sql, (json.dumps(list(owners)), most, skip))]

    def _read(self, sql: str, values: tuple[int | str, ...]) -> list[tuple[Any, ...]]:
        with TURN, GATE:
            return self._reader.execute(sql, values).fetchall()

    # --- room ----------------------------------------------------------------------------------------------------

    @property
    def bytes(self) -> int:
        return self._size

    def full(self) -> bool:
        free = free_room(self._path.parent)
        return bool(shortage(self._used, self.most, free, self._floor, reserve=self._reserve.whole))

    def tidy(self) -> bool:
        with GATE:
            return self._tidied()

    def _tidied(self) -> bool:
        self._measure()
        crowded = self._used - self._log < self.most <= self._used  # full by the length of the log alone
        if crowded or self._wal >= WAL_MOST:
            self._truncate = self._truncate or crowded
            self._checkpoint()
            self._measure()
        if not self._reserve.whole and free_room(self._path.parent) >= self._floor + 2 * WAL_MOST:
            self._reserve.make()
        if self._free <= FREE_MOST:
            return False
        # `execute` would step the statement once and free a single page.
        self._db.executescript("PRAGMA incremental_vacuum(256)")
        self._wal += 256 * PAGE
        return True

    def rescue(self) -> bool:
        unlinked = self._reserve.unlink()
        if unlinked and self._at is not None:
            self._at("reserve.unlinked")
        with GATE:
            self._checkpoint()
        return unlinked

    def _checkpoint(self) -> None:
        """RESTART: the log is used again from its beginning. With a reader in the way: after a later commit."""
        if self._at is not None:
            self._at("checkpoint.before")
        kind = "TRUNCATE" if self._truncate else "RESTART"
        busy = self._db.execute(f"PRAGMA wal_checkpoint({kind})").fetchone()[0]
        # Each attempt costs about a millisecond: with a reader in the way the next one comes 1 MiB later.
        self._wal = WAL_MOST - WAL_STEP if busy else 0
        self._truncate = self._truncate and bool(busy)
        if self._at is not None:
            self._at("checkpoint.after")

    def _measure(self) -> None:
        pages = self._db.execute("PRAGMA page_count").fetchone()[0]
        free = self._db.execute("PRAGMA freelist_count").fetchone()[0]
        self._log = _length(self._path.with_name(NAME + "-wal"))
        self._free = free * PAGE
        self._used = (pages - free) * PAGE + self._log
        self._size = pages * PAGE + self._log

    def reopen(self) -> None:
        with TURN, GATE:
            self._reader.close()
            self._db.close()
            self._db = open_writer(self._path)
            # Only a complete checkpoint proves that the disk takes and keeps what it is given.
            if self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                raise JournalError("somebody else reads the journal, so its log cannot be settled")
            self._reader = open_reader(self._path)
            self._wal = 0
            self._measure()

    def close(self) -> None:
        with TURN, GATE:
            self._reader.close()
        with GATE:
            self._db.close()  # the last connection: checkpoints and removes the log


def _place(place: State) -> tuple[int | bytes, ...]:
    return (
        place.low,
        place.packed_ranges(),
        place.delivered,
        place.dead,
        place.filtered,
        place.purged,
        place.due,
    )


def _grave(row: Sequence[Any]) -> Grave:
    number, owner, *rest = row
    return Grave(number, owner, DeadRow(*rest))


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
