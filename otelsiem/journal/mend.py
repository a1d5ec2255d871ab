"""What `check` found, mended: the deeds of a diagnosis in one transaction each, until nothing is found any more.

Guarantees: nothing leaves the journal that can be read; what cannot be is in the side file, on the disk, before it
leaves; the counters say what became of it.
"""

from __future__ import annotations

import sqlite3

from otelsiem.journal.aside import Aside
from otelsiem.journal.check import check
from otelsiem.journal.findings import Diagnosis
from otelsiem.journal.fit import Fits
from otelsiem.journal.inventory import holds
from otelsiem.journal.omitted import SINCE, above, packed_since
from otelsiem.journal.schema import entry_table
from otelsiem.journal.shelf import EntryRow
from otelsiem.model.errors import JournalError

ROUNDS = 5  # rows, then what follows from them; the others are for what nobody thought of


def mend(db: sqlite3.Connection, aside: Aside, found: Diagnosis) -> Diagnosis:
    """Mend what was found; the last diagnosis, which finds nothing. JournalError when that cannot be reached."""
    for _ in range(ROUNDS):
        if found.sound:
            return found
        db.execute("BEGIN IMMEDIATE")
        try:
            _rows(db, aside, found)
            if not found.misplaced:  # the numbers follow from where those go
                _numbers(db, found)
            aside.keep()
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        found = check(db, full=True)
    if found.sound:
        return found
    raise JournalError(f"the journal could not be mended: {found.findings[0]}")


def _rows(db: sqlite3.Connection, aside: Aside, found: Diagnosis) -> None:
    for pipeline, first, why in found.unreadable:
        table = entry_table(pipeline)
        _move(db, aside, (table, "first=?", (first,)), why)
    fits = Fits(db)
    for pipeline, first, records in found.resized:
        db.execute(f"UPDATE {entry_table(pipeline)} SET records=? WHERE first=?", (records, first))  # noqa: S608 - our own integer
    for pipeline, first in found.misplaced:
        table = entry_table(pipeline)
        row = EntryRow(*db.execute(f"SELECT * FROM {table} WHERE first=?", (first,)).fetchone())  # noqa: S608 - same
        db.execute(f"DELETE FROM {table} WHERE first=?", (first,))  # noqa: S608 - same
        fits.put(pipeline, row, holds(row.blob))
    for exporter, position, why in found.bad_due:
        _move(db, aside, ("due", "exporter=? AND position=?", (exporter, position)), why)
    for number, why in found.bad_dead:
        _move(db, aside, ("dead", "number=?", (number,)), why)


def _numbers(db: sqlite3.Connection, found: Diagnosis) -> None:
    for line in found.lines:
        sql = "UPDATE pipeline SET next=?, received=?, filtered=?, refused=?, letters=?, written=? WHERE id=?"
        db.execute(sql, (line.next, line.received, line.filtered, line.refused, line.letters, line.written, line.id))
    for id_, place in found.places:
        counters = (place.delivered, place.dead, place.filtered, place.purged, place.due)
        sql = "UPDATE exporter SET start=?, low=?, ranges=?, delivered=?, dead=?, filtered=?, purged=?, due=?"
        db.execute(sql + " WHERE id=?", (place.start, place.low, place.packed_ranges(), *counters, id_))
        # How each of them ended is known no more: what the exporter remembers of it was about another place.
        db.execute("DELETE FROM omitted WHERE exporter=?", (id_,))
        db.execute("INSERT INTO omitted VALUES(?,?,?)", (id_, SINCE, packed_since(above(place))))


def _move(db: sqlite3.Connection, aside: Aside, place: tuple[str, str, tuple[int, ...]], why: str) -> None:
    table, where, key = place
    cursor = db.execute(f"SELECT * FROM {table} WHERE {where}", key)  # noqa: S608 - our own names
    row = cursor.fetchone()
    if row is not None:
        aside.put(table, why, {column[0]: value for column, value in zip(cursor.description, row, strict=True)})
        db.execute(f"DELETE FROM {table} WHERE {where}", key)  # noqa: S608 - same
