"""Where a readable entry goes whose numbers another one has, or whose numbers cannot be believed.

Guarantees: it never shares a number; when it cannot be told which records are missing it comes as new records at the
end, delivered again at worst.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from otelsiem.journal.schema import entry_sql, entry_table
from otelsiem.journal.shelf import EntryRow
from otelsiem.journal.state import Span, without


class Fits:
    """Knows the holes of each pipeline, while they are filled."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._holes: dict[int, list[Span]] = {}

    def put(self, pipeline: int | None, row: EntryRow, records: int) -> bool:
        """Write it; False when its pipeline is not known and no hole tells which it was."""
        found = self._home(pipeline, row.first, records)
        if found is None:
            return False
        id_, first = found
        values = replace(row, first=first, records=records)
        self._db.execute(entry_sql(id_).insert, (first, records, values.size, values.taken, values.before, values.blob))
        self._holes[id_] = without(self._holes[id_], [(first, first + records)])
        return True

    def _home(self, pipeline: int | None, first: int, records: int) -> tuple[int, int] | None:
        ids = [pipeline] if pipeline is not None else [row[0] for row in self._db.execute("SELECT id FROM pipeline")]
        inside = [id_ for id_ in ids if _inside(self._of(id_), first, records)]
        if len(inside) == 1:
            return inside[0], first
        if pipeline is None:
            return None
        same = [start for start, stop in self._of(pipeline) if stop - start == records]
        return pipeline, same[0] if len(same) == 1 else self._end(pipeline, records)

    def _end(self, pipeline: int, records: int) -> int:
        table = entry_table(pipeline)
        sql = f"SELECT max(next, coalesce((SELECT max(first + records) FROM {table}), 0)) FROM pipeline WHERE id=?"  # noqa: S608 - our own integer
        end: int = self._db.execute(sql, (pipeline,)).fetchone()[0]
        sql = "UPDATE pipeline SET next=?, received=? + filtered + refused WHERE id=?"
        self._db.execute(sql, (end + records, end + records, pipeline))
        return end

    def _of(self, pipeline: int) -> Sequence[Span]:
        if pipeline not in self._holes:
            table = entry_table(pipeline)
            sql = f"SELECT first, first + records FROM {table} ORDER BY first"  # noqa: S608 - our own integer
            kept = self._db.execute(sql).fetchall()
            low, end = self._db.execute(
                "SELECT (SELECT min(low) FROM exporter WHERE pipeline=p.id), next FROM pipeline p WHERE id=?",
                (pipeline,),
            ).fetchone()
            begin = min([row[0] for row in kept[:1]] + ([low] if low is not None else []), default=0)
            self._holes[pipeline] = without([(begin, end)], kept) if begin < end else []
        return self._holes[pipeline]


def _inside(holes: Sequence[Span], first: int, records: int) -> bool:
    return any(start <= first and first + records <= stop for start, stop in holes)
