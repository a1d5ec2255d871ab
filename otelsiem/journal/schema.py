"""The tables of the SQLite journal, and how a file is recognised as ours, as foreign, as torn or as too new."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from otelsiem.journal.cause import code
from otelsiem.model.errors import JournalError

APPLICATION = 0x4F53_494D  # "OSIM", at byte 68 of the file
VERSION = 1
BELIEVED = 1_000  # versions; a header that says more may be torn
PAGE = 16 << 10
WAL_KEPT = 16 << 20

# Which rules left records out. It came later: a journal without it is as good, and a version without it overlooks it.
# Packed, so that a torn file's pages of it are not taken for those of another table (salvage.py tells them by form).
RULES = "CREATE TABLE IF NOT EXISTS rule(exporter INTEGER PRIMARY KEY, counts BLOB NOT NULL);"
# Which records those were (`omitted.py`). It came later too; where it is lost, by a repair, they are not known.
OMITTED = """
CREATE TABLE IF NOT EXISTS omitted(exporter INTEGER NOT NULL, bucket INTEGER NOT NULL, packed BLOB NOT NULL,
  PRIMARY KEY(exporter, bucket)) WITHOUT ROWID;
"""
LATER = frozenset({"rule", "omitted"})  # what a journal of an older version has not
TABLES = f"""
CREATE TABLE pipeline(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, next INTEGER NOT NULL,
  received INTEGER NOT NULL, filtered INTEGER NOT NULL, refused INTEGER NOT NULL,
  letters INTEGER NOT NULL, written INTEGER NOT NULL);
CREATE TABLE exporter(id INTEGER PRIMARY KEY AUTOINCREMENT, pipeline INTEGER NOT NULL, name TEXT NOT NULL,
  start INTEGER NOT NULL, low INTEGER NOT NULL, ranges BLOB NOT NULL, delivered INTEGER NOT NULL, dead INTEGER NOT NULL,
  filtered INTEGER NOT NULL, purged INTEGER NOT NULL, due INTEGER NOT NULL, memory BLOB, UNIQUE(pipeline, name));
CREATE TABLE due(exporter INTEGER NOT NULL, position INTEGER NOT NULL, at INTEGER NOT NULL, attempts INTEGER NOT NULL,
  reason TEXT NOT NULL, first INTEGER NOT NULL, taken INTEGER NOT NULL, record BLOB NOT NULL,
  PRIMARY KEY(exporter, position)) WITHOUT ROWID;
CREATE INDEX due_at ON due(exporter, at, position);
CREATE TABLE dead(number INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER NOT NULL, position INTEGER NOT NULL,
  reason TEXT NOT NULL, attempts INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  taken INTEGER NOT NULL, record BLOB NOT NULL, UNIQUE(owner, position));
CREATE INDEX dead_owner ON dead(owner);
{RULES}
{OMITTED}
"""
_CREATE = f"BEGIN IMMEDIATE; {TABLES} PRAGMA application_id={APPLICATION}; PRAGMA user_version={VERSION}; COMMIT;"


class NewerError(JournalError):
    """The file is of a version of otelsiem that comes after this one."""


@dataclass(frozen=True, slots=True)
class EntrySql:
    """A pipeline's entries are a table of their own: every insert is an append, every read one seek."""

    create: str
    insert: str
    holding: str
    mark: str
    oldest: str
    drop: str


def entry_table(pipeline: int) -> str:
    """Its name: the id is our own integer."""
    return f"entry_{pipeline:d}"


@cache
def entry_sql(pipeline: int) -> EntrySql:
    """The statements for one pipeline's table."""
    table = entry_table(pipeline)
    columns = "first, records, size, taken, before, blob"
    start = f"coalesce((SELECT max(first) FROM {table} WHERE first <= ?), 0)"  # noqa: S608 - see above
    return EntrySql(
        f"CREATE TABLE {table}(first INTEGER PRIMARY KEY, records INTEGER NOT NULL, size INTEGER NOT NULL,"
        " taken INTEGER NOT NULL, before INTEGER NOT NULL, blob BLOB NOT NULL)",
        f"INSERT INTO {table} VALUES(?,?,?,?,?,?)",
        f"SELECT {columns} FROM {table} WHERE first >= {start} ORDER BY first LIMIT ?",  # noqa: S608 - see above
        f"SELECT first, records, taken, before, length(blob) FROM {table} WHERE first <= ? ORDER BY first DESC LIMIT 1",  # noqa: S608 - see above
        f"SELECT first, records, taken, before, length(blob) FROM {table} WHERE first < ? ORDER BY first LIMIT ?",  # noqa: S608 - see above
        f"DELETE FROM {table} WHERE first < ?",  # noqa: S608 - see above
    )


def beheaded(path: Path) -> bool:
    """Whether the file is empty and its log is not. SQLite would delete the log, even for a reader."""
    log = path.with_name(path.name + "-wal")
    return path.stat().st_size == 0 and log.exists() and log.stat().st_size > 0


def open_writer(path: Path) -> sqlite3.Connection:
    """The one connection that writes, on a file that is ours. JournalError says what else it is."""
    if path.exists() and beheaded(path):
        raise JournalError(f"{path} is empty, but its log is not: run `otelsiem journal repair`")
    # SQLite gives the -wal and -shm files the mode of this one.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0, cached_statements=256)
    try:
        _prepare(db, path)
    except sqlite3.DatabaseError as error:
        db.close()
        raise JournalError(f"{path} cannot be opened as a journal: {error}; {_advice(error)}") from error
    except BaseException:
        db.close()
        raise
    return db


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that can neither write nor checkpoint."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False, timeout=1
    )


def open_fresh(path: Path) -> sqlite3.Connection:
    """A new file that is written once, without a log, before it takes the name of a journal."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    db = sqlite3.connect(path, isolation_level=None)
    for pragma in (f"page_size={PAGE}", "auto_vacuum=INCREMENTAL", "journal_mode=OFF", "synchronous=OFF"):
        db.execute(f"PRAGMA {pragma}")
    db.executescript(_CREATE)
    return db


def recognised(db: sqlite3.Connection, path: Path) -> bool:
    """Whether there are tables in it yet. JournalError when they are not ours, or not of our time."""
    application, version, tables = (
        db.execute(sql).fetchone()[0]
        for sql in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
    )
    if tables and application != APPLICATION:
        raise JournalError(f"{path} is a SQLite database, but not a journal of otelsiem; use another directory")
    if version > VERSION:
        said = f"{path} has schema {version}, this otelsiem knows {VERSION}: start the newer version that wrote it"
        raise NewerError(said) if version <= BELIEVED else JournalError(said)
    return bool(tables)


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    db.execute("PRAGMA busy_timeout=0")  # a checkpoint never waits for a reader (2 s would be a commit of 2 s)
    tables = recognised(db, path)
    if not tables:
        db.execute(f"PRAGMA page_size={PAGE}")
        db.execute("PRAGMA auto_vacuum=INCREMENTAL")  # only before the first table
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("PRAGMA wal_autocheckpoint=0")
    db.execute(f"PRAGMA journal_size_limit={WAL_KEPT}")  # what a long reader let the log grow to is given back
    db.execute("PRAGMA secure_delete=OFF")
    db.executescript(RULES + OMITTED if tables else _CREATE)


def _advice(error: sqlite3.DatabaseError) -> str:
    if code(error) in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
        return "the file is torn or foreign: `otelsiem journal repair` brings back what can be read of a torn one"
    return "check the disk and the permissions"
