"""Journals to be damaged: built once per process, as files in memory, with what is known of each page."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from otelsiem.journal import cells
from otelsiem.journal.journal import Append, Cursor
from otelsiem.journal.pages import Pages
from otelsiem.journal.sqlite import SqliteJournal
from otelsiem.journal.tables import NAME
from otelsiem.journal.trees import Trees
from otelsiem.model.destination import Limits
from otelsiem.model.outcome import Death, Later, Receipt
from otelsiem.model.record import Group, Record, Scope, records
from otelsiem.testing.journal.words import Tick, borrow, put, refusal, send, settle

WAL = NAME + "-wal"
FAR = 1 << 62
KNOWN = {"logs": ["done", "slow", "partial"], "logs/eu": ["slow"]}


@dataclass
class Wreck:
    """Files of a journal whose process was killed, and where each record of it is."""

    files: Mapping[str, bytes]
    homes: Mapping[tuple[str, str], frozenset[int]] = field(default_factory=dict)  # pipeline, record -> its pages

    def write(self, directory: Path) -> Path:
        directory.mkdir(parents=True)
        for name, content in self.files.items():
            (directory / name).write_bytes(content)
        return directory


def open_journal(directory: Path) -> SqliteJournal:
    return SqliteJournal(directory, min_free_mib=0, reserve_mib=1, clock=Tick())


@functools.cache
def wreck(*, settled: bool) -> Wreck:
    """`settled`: everything is in the file itself; otherwise most of it is in the log."""
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made) / "journal"
        with contextlib.closing(open_journal(directory)) as journal:
            _work(journal)
            if not settled:
                files = {name: (directory / name).read_bytes() for name in (NAME, WAL)}
        if settled:
            files = {NAME: (directory / NAME).read_bytes()}
        return Wreck(files, _homes(Wreck(files).write(Path(made) / "copy")))


def _work(journal: SqliteJournal) -> None:
    done, slow, partial = (journal.attach("logs", name) for name in KNOWN["logs"])
    journal.attach("logs/eu", "slow")
    number = 0
    for size in (1, 40, 3, 200, 1, 1, 500, 7, 900, 2, 30, 30, 1, 1200, 5, 60):
        put(journal, _batch(number, size))
        put(journal, _batch(number, 1 + size // 10), "logs/eu")
        number += size
    send(journal, Append("logs", [], {"rule": 3}, [refusal("no-1"), refusal("no-2")]))
    while (lease := journal.lease(done, Limits(age=0.0), 0.0)) is not None:
        settle(journal, lease)
    skipped = borrow(journal, partial, 100)
    lease = borrow(journal, partial, 600)
    later = {n: Later(FAR, "suspect", 2) for n in range(5)}
    settle(journal, lease, Receipt({n: Death("refused", 3) for n in range(10, 30)}, later, {40: "match"}))
    settle(journal, skipped, Receipt(released=range(0, 100, 2)))
    del slow


def _batch(start: int, count: int) -> list[Group]:
    """Records of different sizes; some entries fit a page, some need a dozen."""
    made = [
        Record(id=str(n), time=1, event="login", body=f"{n * 2654435761 % 2**32:x}" * (n % 90))
        for n in range(start, start + count)
    ]
    return [Group({"service.name": "wreck"}, Scope("scope"), made)]


def _homes(directory: Path) -> dict[tuple[str, str], frozenset[int]]:
    from otelsiem.journal.codec import unpack

    homes: dict[tuple[str, str], frozenset[int]] = {}
    names = {1: "logs", 2: "logs/eu"}
    with Pages(directory / NAME) as pages:
        trees = Trees(pages)
        for number in trees.used():
            root, page = trees.root(number), pages.get(number)
            if root not in trees.entries or page is None or cells.kind(page, number) != cells.TABLE:
                continue
            for at in range(len(list(cells.rows(page, number, pages.get)))):
                read: list[int] = [number]

                def fetch(other: int, read: list[int] = read) -> bytes | None:
                    read.append(other)
                    return pages.get(other)

                rows = cells.rows(page, number, fetch)
                for _ in range(at + 1):
                    read[1:] = []
                    row = next(rows)
                blob = row.values[-1]
                assert isinstance(blob, bytes)
                for record in records(unpack(blob)):
                    homes[names[trees.entries[root]], record.id] = frozenset(read)
    return homes


def drained(journal: SqliteJournal, cursor: Cursor) -> list[str]:
    """Deliver everything that is pending and not far in the future; the ids."""
    found: list[str] = []
    while (lease := journal.lease(cursor, Limits(age=0.0), 0.0)) is not None:
        found += [record.id for record in records(lease.batch)]
        journal.settle(lease, Receipt())
    assert journal.flush(10)
    return found


def rows(directory: Path, sql: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(directory / NAME)) as db:
        return db.execute(sql).fetchall()
