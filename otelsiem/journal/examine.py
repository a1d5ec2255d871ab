"""The check of a journal in a directory, by somebody who does not own it: whatever state its files are in.

Guarantees: nothing is changed, no lock is kept; a file that SQLite cannot open is a finding, a file that is not ours
is refused.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from otelsiem.journal import wal
from otelsiem.journal.cause import code
from otelsiem.journal.check import check
from otelsiem.journal.findings import ANEW, Diagnosis
from otelsiem.journal.pages import Pages
from otelsiem.journal.peek import owned, peek
from otelsiem.journal.schema import LATER, PAGE, TABLES, NewerError
from otelsiem.journal.tables import NAME
from otelsiem.journal.trees import Trees
from otelsiem.model.errors import JournalError

# What says nothing of the file's content.
_OUTSIDE = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
    }
)


def examine(directory: Path, *, full: bool = False, live: bool | None = None) -> Diagnosis:
    """What is wrong with the journal in a directory. JournalError when there is none, or it is not ours.

    `live`: somebody is writing it, so its log cannot be judged from outside (None: find out).
    """
    path = directory / NAME
    try:
        db = peek(directory)
    except JournalError as error:
        if not path.is_file() or not _torn(path, error):
            raise
        found = Diagnosis()
        why = f"SQLite cannot read it ({error.__cause__ or error})"
        found.find("the file", why, "what stands there", ANEW, deep=True)
        return found
    log = "" if (owned(directory) if live is None else live) else wal.read(path.with_name(NAME + "-wal"), PAGE).problem
    with contextlib.closing(db):
        return check(db, full=full, log=log)


def _torn(path: Path, error: JournalError) -> bool:
    """Whether it is the file that is damaged: not the way to it, nor somebody else's file."""
    if isinstance(error, NewerError):
        return False  # however much of it looks like ours: what is new in it would be thrown away
    if isinstance(error.__cause__, sqlite3.DatabaseError):
        return code(error.__cause__) not in _OUTSIDE
    with contextlib.closing(sqlite3.connect(":memory:")) as pattern:
        pattern.executescript(TABLES)
        ours = pattern.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    with Pages(path) as pages:
        there = Trees(pages).schema
    # All of ours are there: the header alone says that it is another's, or newer.
    return all(there.get(name, sql if name in LATER else "") == sql for name, sql in ours)
