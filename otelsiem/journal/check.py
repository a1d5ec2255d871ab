"""Is this journal sound? Everything that its rules say is compared with what the file holds; nothing is changed.

Guarantees: total on a damaged file; what one transaction sees, so a gateway may work on it meanwhile; a finding
comes with the deed that mends it, so `repair` does what `check` said.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

import msgspec

from otelsiem.journal.findings import ANEW, Diagnosis
from otelsiem.journal.inventory import Inventory, Reader, whole
from otelsiem.journal.schema import LATER, TABLES, entry_table
from otelsiem.journal.shelf import LineRow
from otelsiem.journal.state import State, unpacked_ranges

MOST_LINES = 20  # of SQLite's own complaints


def check(db: sqlite3.Connection, *, full: bool = False, log: str = "") -> Diagnosis:
    """Examine the journal of a connection; `log` says what is wrong with its write-ahead log."""
    found = Diagnosis()
    if log:
        cost = "the newest records and fates, as soon as a gateway opens it"
        found.find("the log (-wal)", log, cost, "takes over what follows the damage", deep=True)
    db.text_factory = _text
    db.execute("BEGIN")
    try:
        _structure(db, found, full=full)
        if _tables(db, found):
            _books(db, found)
    except sqlite3.DatabaseError as error:
        found.find("the file", f"cannot be read further ({error})", "what stands there", ANEW, deep=True)
    finally:
        with contextlib.suppress(sqlite3.Error):
            db.execute("ROLLBACK")
    return found


def _structure(db: sqlite3.Connection, found: Diagnosis, *, full: bool) -> None:
    pragma = "integrity_check" if full else "quick_check"
    try:
        lines = [str(row[0]) for row in db.execute(f"PRAGMA {pragma}({MOST_LINES})")]
    except sqlite3.DatabaseError as error:
        lines = [str(error)]
    for line in lines:
        if line != "ok":
            found.find("the file", " ".join(line.split()), "what stands there", ANEW, deep=True)


def _tables(db: sqlite3.Connection, found: Diagnosis) -> bool:
    there = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
    with contextlib.closing(sqlite3.connect(":memory:")) as pattern:
        pattern.executescript(TABLES)
        wanted = [str(row[0]) for row in pattern.execute("SELECT name FROM sqlite_master")]
    missing = [name for name in wanted if name not in there and name not in LATER]
    if not missing:
        tables = [entry_table(id_) for (id_,) in db.execute("SELECT id FROM pipeline")]
        missing = [name for name in tables if name not in there]
    for name in missing:
        found.find("the file", f"the table {name} is missing", "its rows", ANEW, deep=True)
    return not missing


def _books(db: sqlite3.Connection, found: Diagnosis) -> None:
    desks: dict[int, list[Reader]] = {}
    for pipeline, desk in _desks(db, found):
        desks.setdefault(pipeline, []).append(desk)
    known = set()
    for row in db.execute("SELECT * FROM pipeline ORDER BY id").fetchall():
        id_, *numbers = [whole(found, "a pipeline", value) for value in (row[0], *row[2:])]
        line = LineRow(id_, str(row[1]), *numbers)
        known.add(line.id)
        found.pipelines += 1
        Inventory(db, found, line, desks.get(line.id, [])).look()
    for pipeline in desks.keys() - known:
        names = ", ".join(desk.name for desk in desks[pipeline])
        found.find(f"exporter {names}", "its pipeline is missing", "its place", ANEW, deep=True)
    _strays(db, found)


def _desks(db: sqlite3.Connection, found: Diagnosis) -> Iterator[tuple[int, Reader]]:
    sql = "SELECT id, pipeline, name, ranges, start, low, delivered, dead, filtered, purged, due FROM exporter"
    for id_, pipeline, name, packed, *numbers in db.execute(sql + " ORDER BY id").fetchall():
        where = f"exporter {name}"
        found.exporters += 1
        start, low, *counters = [whole(found, where, number) for number in numbers]
        try:
            ranges = unpacked_ranges(packed)
        except (msgspec.DecodeError, TypeError) as error:
            ranges = ((-1, -1),)  # no place: the balance takes it away, and says so
            found.find(where, f"its settled ranges cannot be read ({error})", "nothing", "delivers those again")
        yield whole(found, where, pipeline), Reader(id_, str(name), State(start, low, ranges, *counters))


def _strays(db: sqlite3.Connection, found: Diagnosis) -> None:
    """Rows of an exporter that is not there."""
    repair = "moves its bytes to a side file"
    sql = "SELECT exporter, position FROM due WHERE exporter NOT IN (SELECT id FROM exporter)"
    for exporter, position in db.execute(sql):
        found.bad_due.append((exporter, position, "its exporter is not there"))
        found.find(f"due record {position}", f"its exporter (number {exporter}) is not there", "one record", repair)
    sql = (
        "SELECT number, owner, position FROM dead"
        " WHERE owner NOT IN (SELECT id FROM exporter) AND -owner NOT IN (SELECT id FROM pipeline)"
    )
    for number, owner, position in db.execute(sql):
        found.bad_dead.append((number, "its exporter is not there"))
        found.find(f"dead letter {position}", f"its exporter (number {owner}) is not there", "one dead letter", repair)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
