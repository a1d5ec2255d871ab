"""Looking at a journal without owning it: the same figures as its owner has, and not a byte changed."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from otelsiem.journal import peek
from otelsiem.journal.examine import examine
from otelsiem.journal.journal import Cursor, JournalStats
from otelsiem.journal.room import FLOOR
from otelsiem.journal.tables import NAME
from otelsiem.model.destination import Limits
from otelsiem.model.errors import JournalError
from otelsiem.testing.journal.words import numbered, put
from tests.journal.wreck import WAL, open_journal, wreck

MOST = 1 << 30


def looked(directory: Path) -> JournalStats:
    with contextlib.closing(peek.peek(directory)) as db:
        return peek.stats(db, directory, MOST, 0)


def state(directory: Path) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in directory.iterdir()}


@pytest.mark.parametrize("settled", [True, False])
def test_it_says_what_the_owner_says_and_changes_nothing(tmp_path: Path, settled: bool) -> None:
    directory = wreck(settled=settled).write(tmp_path / "j")
    if not settled:  # as a killed process leaves it; a copy without it has its index made
        peek.peek(directory).close()
        assert (directory / (NAME + "-shm")).exists()
    before = state(directory)
    stats = looked(directory)
    assert examine(directory, full=True).sound
    assert state(directory) == before
    with contextlib.closing(open_journal(directory)) as journal:
        owners = journal.stats()
    assert stats.exporters == owners.exporters
    assert stats.pipelines == owners.pipelines
    assert stats.ready


def test_beside_a_journal_at_work_it_sees_what_is_committed(tmp_path: Path) -> None:
    with contextlib.closing(open_journal(tmp_path)) as journal:
        cursor = journal.attach("logs", "a")
        assert peek.owned(tmp_path)
        put(journal, numbered(7))
        lease = journal.lease(cursor, Limits(age=0.0), 0.0)
        assert lease is not None
        assert looked(tmp_path).exporters == [replace(journal.counts(cursor), on_loan=0)]
        assert examine(tmp_path, full=True).records == 7
        put(journal, numbered(5))
        assert looked(tmp_path).exporters[0].pending == 12
    assert not peek.owned(tmp_path)


def test_whether_it_is_owned_leaves_no_lock(tmp_path: Path) -> None:
    assert not peek.owned(tmp_path)
    open_journal(tmp_path).close()
    assert not peek.owned(tmp_path)
    open_journal(tmp_path).close()


def test_a_file_that_lost_its_head_keeps_its_log(tmp_path: Path) -> None:
    """SQLite deletes the log of an empty file, even for a reader: all that was acknowledged stands in it."""
    directory = wreck(settled=False).write(tmp_path / "j")
    os.truncate(directory / NAME, 0)
    with pytest.raises(JournalError, match="it is empty, but its log is not"):
        peek.peek(directory)
    with pytest.raises(JournalError, match="otelsiem journal repair"):
        open_journal(directory)
    assert (directory / WAL).stat().st_size > 0
    assert not examine(directory).sound


def test_what_is_missing_when_it_is_full(tmp_path: Path) -> None:
    directory = wreck(settled=True).write(tmp_path / "j")
    (directory / "journal.reserve").write_bytes(b"")
    os.truncate(directory / "journal.reserve", 16 << 20)
    with contextlib.closing(peek.peek(directory)) as db:
        assert not peek.stats(db, directory, MOST, 0).full
        assert peek.stats(db, directory, 1 << 10, 0).full
        assert peek.stats(db, directory, MOST, 1 << 60).full
        (directory / "journal.reserve").unlink()
        assert peek.stats(db, directory, MOST, 0).full


def test_a_damaged_one_is_a_sentence(tmp_path: Path) -> None:
    directory = wreck(settled=True).write(tmp_path / "j")
    with contextlib.closing(sqlite3.connect(directory / NAME)) as db:
        db.execute("UPDATE exporter SET ranges = 'x'")
        db.commit()
    with (
        contextlib.closing(peek.peek(directory)) as db,
        pytest.raises(JournalError, match="run `otelsiem journal check`"),
    ):
        peek.stats(db, directory, MOST, FLOOR)


def test_what_is_not_there_or_not_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal in"):
        peek.peek(tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / NAME)) as db:
        db.execute("CREATE TABLE users(name)")
    with pytest.raises(JournalError, match="not a journal of otelsiem"):
        peek.peek(tmp_path)


def test_an_exporter_that_was_removed_is_not_counted(tmp_path: Path) -> None:
    with contextlib.closing(open_journal(tmp_path)) as journal:
        journal.attach("logs", "a")
        journal.attach("logs", "b")
        journal.detach(Cursor("logs", "b"), forget=True)
    assert [counts.exporter for counts in looked(tmp_path).exporters] == ["a"]
