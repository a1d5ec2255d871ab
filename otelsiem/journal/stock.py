"""What a SQLite journal holds when it is opened, read from its tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from otelsiem.journal.schema import entry_sql
from otelsiem.journal.shelf import DeskRow, LineRow, Mark, Stock
from otelsiem.journal.state import Rules, State, unpacked_ranges, unpacked_rules


def stock(db: sqlite3.Connection) -> Stock:
    """Small, whatever is pending."""
    lines = [LineRow(*row) for row in db.execute("SELECT * FROM pipeline ORDER BY id")]
    sql = "SELECT id, pipeline, name, memory, start, low, ranges, delivered, dead, filtered, purged, due FROM exporter"
    rules = _rules(db)
    desks = [
        DeskRow(id_, pipeline, name, _place(start, low, ranges, counters, rules.get(id_, ())), memory)
        for id_, pipeline, name, memory, start, low, ranges, *counters in db.execute(sql + " ORDER BY id")
    ]
    oldest = {line.id: marks[0] for line in lines if (marks := oldest_of(db, line.id, line.next, 1))}
    times = {
        desk.id: db.execute("SELECT at FROM due WHERE exporter=? ORDER BY at LIMIT 1", (desk.id,)).fetchone()
        for desk in desks
    }
    return Stock(lines, desks, oldest, {id_: row[0] for id_, row in times.items() if row})


def _place(start: int, low: int, ranges: bytes, counters: Sequence[int], rules: Rules) -> State:
    return State(start, low, unpacked_ranges(ranges), *counters, rules=rules)


def _rules(db: sqlite3.Connection) -> dict[int, Rules]:
    """By exporter id. A journal that only an older version has opened has no such table."""
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name='rule'").fetchone():
        return {}
    return {desk: unpacked_rules(counts) for desk, counts in db.execute("SELECT exporter, counts FROM rule")}


def oldest_of(db: sqlite3.Connection, pipeline: int, below: int, most: int) -> Sequence[Mark]:
    """The oldest entries of a pipeline, ascending: those that start below this number."""
    return [mark(row) for row in db.execute(entry_sql(pipeline).oldest, (below, most))]


def mark_of(db: sqlite3.Connection, pipeline: int, position: int) -> Mark | None:
    """The last entry that starts at or below this number."""
    row = db.execute(entry_sql(pipeline).mark, (position,)).fetchone()
    return mark(row) if row else None


def mark(row: Sequence[int]) -> Mark:
    """A row of `EntrySql.mark` or `.oldest`."""
    first, records, taken, before, size = row
    return Mark(first, first + records, taken, before, size)
