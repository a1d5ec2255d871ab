"""What only the SQLite journal has to prove: its file, its owner, its disk."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from otelsiem.journal.journal import Append, Pending
from otelsiem.journal.sqlite import SqliteJournal
from otelsiem.journal.tables import NAME, Tables
from otelsiem.model.destination import Limits
from otelsiem.model.errors import JournalError, JournalFullError, JournalLockedError
from otelsiem.model.outcome import Death, Later, Receipt
from otelsiem.model.record import Group, Record, Scope
from otelsiem.testing.journal.words import balanced, batch, borrow, names, numbered, put, send, settle


def open_journal(directory: Path, **options: Any) -> SqliteJournal:
    return SqliteJournal(directory, **{"min_free_mib": 0, "reserve_mib": 1, **options})


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    with contextlib.closing(open_journal(tmp_path / "journal")) as opened:
        yield opened


def tables(journal: SqliteJournal) -> Tables:
    return cast("Tables", journal._shelf)


def noise(size: int) -> list[Group]:
    """One record that zstd cannot shrink."""
    return [Group({}, Scope(), [Record(id="noise", body=os.urandom(size // 2).hex())])]


# --- the file and its owner --------------------------------------------------------------------------------------


def test_files_are_their_owners_alone(journal: SqliteJournal) -> None:
    put(journal, numbered(3))
    assert stat.S_IMODE(journal.directory.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in journal.directory.iterdir()}
    assert set(modes) >= {NAME, NAME + "-wal", NAME + "-shm", "journal.lock", "journal.reserve"}
    assert set(modes.values()) == {0o600}, modes


def test_settings_of_the_file(journal: SqliteJournal) -> None:
    db = tables(journal)._db
    wanted = {"page_size": 16384, "journal_mode": "wal", "synchronous": 2, "auto_vacuum": 2, "busy_timeout": 0}
    wanted |= {"secure_delete": 0, "wal_autocheckpoint": 0}
    assert {key: db.execute(f"PRAGMA {key}").fetchone()[0] for key in wanted} == wanted


def test_a_second_owner_is_refused(journal: SqliteJournal) -> None:
    with pytest.raises(JournalLockedError, match=f"{journal.directory}.*pid {os.getpid()}"):
        open_journal(journal.directory)
    put(journal, numbered(1))
    journal.close()
    open_journal(journal.directory).close()


def test_a_child_that_outlives_its_parent_does_not_keep_the_lock(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from otelsiem.journal.sqlite import SqliteJournal\n"
        "SqliteJournal(sys.argv[1], min_free_mib=0, reserve_mib=0)\n"
        "if os.fork(): os._exit(0)\n"
        "sys.stdout.write('child\\n'); sys.stdout.flush(); sys.stdin.readline(); os._exit(0)\n"
    )
    argv = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "child\n"
        assert process.wait(10) == 0, "the parent has ended, the child reads on"
        open_journal(tmp_path).close()
        process.stdin.write("\n")


def filled(directory: Path) -> Path:
    with contextlib.closing(open_journal(directory)) as journal:
        journal.attach("logs", "a")
        for _ in range(5):
            put(journal, noise(100_000))
    return directory / NAME


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("not a database at all, whatever its name says" * 100)
    with pytest.raises(JournalError, match="torn or foreign"):
        open_journal(tmp_path)


def test_a_torn_file_is_refused(tmp_path: Path) -> None:
    path = filled(tmp_path)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(JournalError, match="torn or foreign"):
        open_journal(tmp_path)


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / NAME)) as db:
        db.execute("CREATE TABLE users(name)")
        db.commit()
    before = (tmp_path / NAME).read_bytes()
    with pytest.raises(JournalError, match="not a journal of otelsiem"):
        open_journal(tmp_path)
    assert (tmp_path / NAME).read_bytes() == before


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(filled(tmp_path))) as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(JournalError, match="has schema 99"):
        open_journal(tmp_path)


def test_a_directory_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="cannot be used"):
        open_journal(tmp_path / "file" / "journal")


# --- the disk ------------------------------------------------------------------------------------------------------


def fill(journal: SqliteJournal) -> int:
    """Append until it is refused; how many were taken."""
    for taken in range(2000):
        pending = send(journal, Append("logs", noise(60_000)))
        if pending.error is not None:
            assert isinstance(pending.error, JournalFullError), pending.error
            assert journal.flush(10)
            return taken
    raise AssertionError("it never filled up")


def still_works_when_full(journal: SqliteJournal, taken: int) -> None:
    """Settles, dead letters and due records go on; with room again, so does intake."""
    cursor = journal.attach("logs", "a")
    assert journal.stats().ready
    lease = borrow(journal, cursor, 3)
    late = Later(1 << 62, "suspect", 1)
    counts = settle(journal, lease, Receipt({0: Death("refused", 1)}, {1: late}))
    assert (counts.delivered, counts.dead, counts.due) == (1, 1, 1)
    while (found := journal.lease(cursor, Limits(age=0.0), 0.0)) is not None:
        settle(journal, found)
    assert balanced(journal, cursor).delivered == taken - 2


def most_pages(journal: SqliteJournal, most: int) -> int:
    """Set how many there may be, 0 to leave it; how many there are. While the writer rests: it is its connection."""
    assert journal.flush(10)
    db = tables(journal)._db
    if most:
        assert db.execute(f"PRAGMA max_page_count={most}").fetchall() == [(most,)]
    return int(db.execute("PRAGMA page_count").fetchall()[0][0])


def test_p3_a_full_database_still_settles(tmp_path: Path) -> None:
    seen: list[str] = []
    with contextlib.closing(open_journal(tmp_path, at=seen.append)) as journal:
        journal.attach("logs", "a")
        pages = most_pages(journal, 0) + 60
        most_pages(journal, pages)
        taken = fill(journal)
        assert "reserve.unlinked" in seen
        most_pages(journal, pages + 140)  # what unlinking the reserve would have given
        still_works_when_full(journal, taken)
        assert journal.flush(10)
        assert not journal.stats().full, "there is room, and the reserve was made again"
        put(journal, numbered(1))
    with contextlib.closing(open_journal(tmp_path)) as journal:
        assert balanced(journal, journal.attach("logs", "a")).accepted == taken + 1
        assert tables(journal)._db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB."""
    mount, place = shutil.which("mount"), tmp_path / "disk"
    place.mkdir()
    if mount is None or subprocess.run([mount, "-t", "tmpfs", "-o", "size=24m", "none", place], check=False).returncode:
        pytest.skip("cannot mount a tmpfs here: the full disk is only tested with max_page_count")
    yield place
    subprocess.run(["umount", place], check=True)


def test_p3_a_full_disk_still_settles(small_disk: Path) -> None:
    seen: list[str] = []
    with contextlib.closing(open_journal(small_disk / "journal", reserve_mib=8, at=seen.append)) as journal:
        journal.attach("logs", "a")
        taken = fill(journal)
        assert "reserve.unlinked" in seen
        assert journal.stats().full
        still_works_when_full(journal, taken)
        assert tables(journal)._db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_the_size_limit_refuses_and_recovers(tmp_path: Path) -> None:
    with contextlib.closing(open_journal(tmp_path, max_size_mib=8)) as journal:
        journal.attach("logs", "a")
        taken = fill(journal)
        assert journal.stats().full
        still_works_when_full(journal, taken)
        assert journal.flush(10)
        put(journal, numbered(1))


def test_the_free_disk_floor_refuses(tmp_path: Path) -> None:
    with contextlib.closing(open_journal(tmp_path, min_free_mib=1 << 30)) as journal:
        journal.attach("logs", "a")
        assert isinstance(send(journal, Append("logs", batch("x"))).error, JournalFullError)


def test_a_reader_does_not_stop_intake_and_the_log_is_used_again(journal: SqliteJournal) -> None:
    cursor = journal.attach("logs", "a")
    put(journal, numbered(1))
    wal = journal.directory / (NAME + "-wal")
    with contextlib.closing(sqlite3.connect(journal.directory / NAME)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM pipeline").fetchone()
        for _ in range(120):
            put(journal, noise(100_000))
        grown = wal.stat().st_size
        assert grown > 8 << 20, "the log cannot be used again while somebody reads its beginning"
    for _ in range(200):
        put(journal, noise(100_000))
    assert wal.stat().st_size <= grown + (2 << 20), "with the reader gone it is"
    assert balanced(journal, cursor).accepted == 321


def test_p1_after_an_io_error_nothing_is_acknowledged_until_the_disk_proves_itself(journal: SqliteJournal) -> None:
    cursor = journal.attach("logs", "a")
    put(journal, numbered(10))
    lease = borrow(journal, cursor, 4)
    shelf = tables(journal)
    commit, reopen, broken = shelf.commit, shelf.reopen, threading.Event()
    go = threading.Event()

    def fails() -> None:
        broken.set()
        raise sqlite3.OperationalError("disk I/O error")

    def late() -> None:
        assert go.wait(10)
        reopen()

    shelf.commit, shelf.reopen = fails, late  # type: ignore[method-assign]  # a disk that fails cannot be had here
    journal.settle(lease, Receipt(dead={0: Death("no", 1)}))
    refused = send(journal, Append("logs", batch("lost")))
    assert isinstance(refused.error, JournalError)
    assert refused.positions is None
    assert broken.wait(10)
    assert not journal.stats().ready
    assert "disk I/O error" in journal.stats().problem
    assert isinstance(send(journal, Append("logs", batch("x"))).error, JournalError), "not ready means not ready"
    shelf.commit = commit  # type: ignore[method-assign]  # it is back
    go.set()
    while not journal.stats().ready:
        threading.Event().wait(0.01)
    put(journal, batch("new"))
    counts = balanced(journal, cursor)
    assert (counts.accepted, counts.delivered, counts.dead) == (11, 3, 1), "the settle was queued again"
    assert names(borrow(journal, cursor)) == ["4", "5", "6", "7", "8", "9", "new"]


def test_p2_a_commit_that_failed_after_it_was_durable_counts_once(journal: SqliteJournal) -> None:
    cursor = journal.attach("logs", "a")
    out = journal.attach("logs/out", "b")
    put(journal, numbered(10))
    lease = borrow(journal, cursor, 5)
    shelf = tables(journal)
    commit = shelf.commit

    def fails_late() -> None:
        shelf.commit = commit  # type: ignore[method-assign]  # only once
        commit()
        raise sqlite3.OperationalError("disk I/O error")

    shelf.commit = fails_late  # type: ignore[method-assign]  # fsync may fail when the bytes are there already
    due, dead = {1: Later(0, "x", 1), 2: Later(1 << 62, "x", 1)}, {3: Death("x", 1)}
    journal.settle(lease, Receipt(dead, due, {4: "r"}), [Append("logs/out", batch("alert"))])
    while not journal.flush(5):
        pass
    counts = balanced(journal, cursor)
    assert (counts.delivered, counts.dead, counts.due, counts.filtered, counts.pending) == (1, 1, 2, 1, 7)
    assert names(borrow(journal, out)) == ["alert"], "emitted once"
    assert journal.lease(out, Limits(age=0.0), 0.0) is None
    lease = borrow(journal, cursor)
    assert names(lease) == ["1"]
    assert settle(journal, lease).delivered == 2


def test_p2_due_records_read_before_a_settle_are_not_lent_after_it(journal: SqliteJournal) -> None:
    cursor = journal.attach("logs", "a")
    put(journal, numbered(2))
    later = Later(0, "x", 1)
    settle(journal, borrow(journal, cursor), Receipt(due={0: later, 1: later}))
    mine = borrow(journal, cursor, 1)
    shelf = tables(journal)
    read = shelf.due_rows

    def slowly(desk: int, most: int) -> Any:
        rows = read(desk, most)
        shelf.due_rows = read  # type: ignore[method-assign]  # only once
        settle(journal, mine)  # meanwhile another courier is done with one of them
        return rows

    shelf.due_rows = slowly  # type: ignore[method-assign]  # a courier that is held up while it reads
    assert names(borrow(journal, cursor)) == ["1"]


def test_a_failing_wake_does_not_stop_the_writer(journal: SqliteJournal, caplog: pytest.LogCaptureFixture) -> None:
    def wake(_: list[Pending]) -> None:
        raise RuntimeError("the caller's loop is closed")

    journal.append([Append("logs", batch("x"))], wake)
    put(journal, batch("y"))
    assert "wake-up failed" in caplog.text


# --- reading back --------------------------------------------------------------------------------------------------


def test_a_lagging_exporter_reads_back_everything(journal: SqliteJournal) -> None:
    fast, slow = journal.attach("logs", "fast"), journal.attach("logs", "slow")
    for at in range(0, 30_000, 500):
        put(journal, numbered(500, at, size=800))
        settle(journal, borrow(journal, fast))
    assert journal._cache.size <= 16 << 20
    found: list[str] = []
    while (lease := journal.lease(slow, Limits(age=0.0), 0.0)) is not None:
        found += names(lease)
        journal.settle(lease, Receipt())
    assert found == [str(n) for n in range(30_000)]
    assert journal.flush(10)
    assert journal._cache.size == 0, "everyone has passed"


def test_a_torn_entry_is_an_alarm_not_a_crash(journal: SqliteJournal, caplog: pytest.LogCaptureFixture) -> None:
    cursor = journal.attach("logs", "a")
    put(journal, numbered(3))
    tables(journal)._db.execute("UPDATE entry_1 SET blob = x'01FF00'")
    journal._cache.forget()
    assert journal.lease(cursor, Limits(age=0.0), 0.0) is None
    assert "cannot read what is pending" in caplog.text
    counts = balanced(journal, cursor)
    assert (counts.pending, counts.on_loan) == (3, 0), "nothing is given up"


def test_room_goes_back_to_the_disk(tmp_path: Path) -> None:
    with contextlib.closing(open_journal(tmp_path)) as journal:
        cursor = journal.attach("logs", "a")
        for _ in range(180):
            put(journal, noise(1_000_000))
        full = journal.stats().bytes
        while (lease := journal.lease(cursor, Limits(age=0.0, bytes=16 << 20), 0.0)) is not None:
            journal.settle(lease, Receipt())
        assert journal.flush(10)
        for _ in range(40):
            put(journal, numbered(1))
        assert journal.stats().bytes < full * 0.85


def test_what_is_purged_is_overwritten(journal: SqliteJournal) -> None:
    cursor = journal.attach("logs", "a")
    journal.attach("logs", "b")
    secret = "planted-" + os.urandom(8).hex()
    send(journal, Append("logs", [], {}, [refused(secret)]))
    journal.flush(10)
    assert journal.purge("door/logs") == 1
    put(journal, numbered(1))
    assert journal.flush(10)
    everything = b"".join(path.read_bytes() for path in journal.directory.glob(NAME + "*"))
    assert secret.encode() not in everything
    assert balanced(journal, cursor).accepted == 1


def refused(secret: str) -> Any:
    from otelsiem.model.processor import Refused

    return Refused(batch(secret)[0], "odd")
