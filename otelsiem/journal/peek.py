"""A journal looked at by somebody who does not own it: read-only, beside a gateway or after it.

Guarantees: nothing is changed and no lock is kept. A log without its index (`-shm`), as a copy brings it, makes SQLite
write that index; a gateway that starts later uses it.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from pathlib import Path

from otelsiem.journal import lock
from otelsiem.journal.dead import REMOVED
from otelsiem.journal.journal import ExporterCounts, JournalStats, PipelineCounts
from otelsiem.journal.reserve import Reserve
from otelsiem.journal.room import free_room, shortage
from otelsiem.journal.schema import PAGE, beheaded, recognised
from otelsiem.journal.shelf import DeskRow, LineRow
from otelsiem.journal.stock import mark_of, stock
from otelsiem.journal.tables import NAME
from otelsiem.model.errors import JournalError


def peek(directory: Path) -> sqlite3.Connection:
    """A read-only connection. JournalError when there is no journal of ours, or it cannot be opened."""
    path = directory / NAME
    if not path.is_file():
        raise JournalError(f"there is no journal in {directory}; which --config does the gateway use?")
    if beheaded(path):
        empty = sqlite3.DatabaseError("it is empty, but its log is not")
        raise JournalError(f"{path} cannot be read: {empty}; run `otelsiem journal repair`") from empty
    error: sqlite3.DatabaseError | None = None
    for how in _ways(path):
        db = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, isolation_level=None, timeout=5)
        try:
            recognised(db, path)
        except sqlite3.DatabaseError as why:
            db.close()
            error = why
        except BaseException:
            db.close()
            raise
        else:
            return db
    raise JournalError(f"{path} cannot be read: {error}; if it is torn, run `otelsiem journal repair`") from error


def _ways(path: Path) -> list[str]:
    log, index = (path.with_name(NAME + suffix) for suffix in ("-wal", "-shm"))
    if not (log.exists() and log.stat().st_size):
        return ["mode=ro&immutable=1"]  # otherwise SQLite makes both files, and leaves them
    # Nobody at work: the log is indexed in memory. A gateway at work may need marks that only a writer of the index
    # can make.
    return ["mode=ro&readonly_shm=1", "mode=ro"] if index.exists() else ["mode=ro"]


def owned(directory: Path) -> bool:
    """Whether a process has the journal open."""
    try:
        fd = os.open(directory / lock.NAME, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)  # lets go at once
    return False


def stats(db: sqlite3.Connection, directory: Path, most: int, floor: int) -> JournalStats:
    """What `Journal.stats` says of it, from the last commit; nothing is on loan. JournalError when it is damaged."""
    try:
        db.execute("BEGIN")
        held = stock(db)
        lines = {line.id: line for line in held.lines}
        exporters = [
            _counts(db, desk, lines[desk.pipeline]) for desk in held.desks if not desk.name.startswith(REMOVED)
        ]
        pages, free = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count"))
        db.execute("ROLLBACK")
    except (sqlite3.DatabaseError, ValueError, KeyError, TypeError) as error:
        raise JournalError(f"the journal in {directory} is damaged ({error}): run `otelsiem journal check`") from error
    log = directory / (NAME + "-wal")
    written = log.stat().st_size if log.exists() else 0
    used = (pages - free) * PAGE + written
    full = bool(shortage(used, most, free_room(directory), floor, reserve=Reserve(directory).there()))
    counts = [PipelineCounts(row.name, row.next, row.received, row.filtered, row.refused) for row in held.lines]
    return JournalStats(counts, exporters, pages * PAGE + written, full, ready=True)


def _counts(db: sqlite3.Connection, desk: DeskRow, line: LineRow) -> ExporterCounts:
    place = desk.place
    times = [taken for taken in (_taken(db, line, place.low), _due_since(db, desk.id)) if taken]
    return ExporterCounts(
        line.name,
        desk.name,
        line.next - place.start,
        place.delivered,
        place.dead,
        place.filtered,
        place.purged,
        place.pending(line.next),
        place.due,
        0,
        min(times, default=0),
        place.rules,
    )


def _taken(db: sqlite3.Connection, line: LineRow, low: int) -> int:
    mark = mark_of(db, line.id, low) if low < line.next else None
    return mark.taken if mark is not None else 0


def _due_since(db: sqlite3.Connection, desk: int) -> int:
    row = db.execute("SELECT taken FROM due WHERE exporter=? ORDER BY position LIMIT 1", (desk,)).fetchone()
    return int(row[0]) if row else 0
