"""The log read without SQLite: the same pages as SQLite sees, and more once it is damaged."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from otelsiem.journal import wal
from otelsiem.journal.schema import PAGE
from otelsiem.journal.tables import NAME
from tests.journal.wreck import WAL, wreck

FRAME = 24 + PAGE


def read(directory: Path, content: bytes) -> wal.Log:
    path = directory / "some-wal"
    path.write_bytes(content)
    return wal.read(path, PAGE)


def frames() -> int:
    return (len(wreck(settled=False).files[WAL]) - 32) // FRAME


def test_its_pages_are_those_that_sqlite_sees(tmp_path: Path) -> None:
    directory = wreck(settled=False).write(tmp_path / "j")
    raw = (directory / WAL).read_bytes()
    log = wal.read(directory / WAL, PAGE)
    assert (log.problem, log.broken) == ("", {})
    with contextlib.closing(sqlite3.connect(directory / NAME)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert db.execute("PRAGMA page_count").fetchone()[0] == log.size
    content = (directory / NAME).read_bytes()
    for page, offset in log.pages.items():
        assert content[(page - 1) * PAGE : page * PAGE] == raw[offset : offset + PAGE], page


def test_no_log_is_no_problem(tmp_path: Path) -> None:
    assert wal.read(tmp_path / "none", PAGE) == wal.Log()
    assert read(tmp_path, b"") == wal.Log()
    assert read(tmp_path, b"\x37\x7f") == wal.Log()


def test_p1_a_damaged_page_hides_only_itself(tmp_path: Path) -> None:
    raw = bytearray(wreck(settled=False).files[WAL])
    whole = read(tmp_path, bytes(raw))
    at = 32 + 3 * FRAME
    page = int.from_bytes(raw[at : at + 4], "big")
    raw[at + 24 + 9000] ^= 4
    log = read(tmp_path, bytes(raw))
    assert log.problem.startswith(f"page 4 of {frames()} in it is damaged, so SQLite would ignore it")
    assert "power" not in log.problem, "there are later commits: this was on the disk and acknowledged"
    assert log.pages.keys() | {page} == whole.pages.keys()
    assert log.size == whole.size


def test_a_damaged_checksum_does_not_hide_the_page(tmp_path: Path) -> None:
    raw = bytearray(wreck(settled=False).files[WAL])
    whole = read(tmp_path, bytes(raw))
    late = 32 + (frames() - 2) * FRAME  # whose page no later one replaces
    raw[late + 17] ^= 1
    log = read(tmp_path, bytes(raw))
    assert log.pages == whole.pages
    assert log.broken == {}


@pytest.mark.parametrize("at", [0, 5, 16, 24])
def test_p1_a_damaged_header_hides_nothing(tmp_path: Path, at: int) -> None:
    raw = bytearray(wreck(settled=False).files[WAL])
    whole = read(tmp_path, bytes(raw))
    raw[at] ^= 1
    log = read(tmp_path, bytes(raw))
    assert "its header is damaged" in log.problem
    assert len(log.pages.keys() | log.broken.keys()) == len(whole.pages)
    assert len(log.broken) <= 1, "the first page hangs on the header"


def test_a_last_commit_that_was_torn_may_be_a_power_cut(tmp_path: Path) -> None:
    raw = bytearray(wreck(settled=False).files[WAL])
    last = frames() - 1
    assert int.from_bytes(raw[32 + last * FRAME + 4 : 32 + last * FRAME + 8], "big"), "a commit"
    raw[32 + last * FRAME + 5000] ^= 1
    assert "when the power failed while it was written" in read(tmp_path, bytes(raw)).problem


def test_pages_of_an_earlier_generation_are_not_taken(tmp_path: Path) -> None:
    """The log is written again from its beginning; what stands behind has other salts."""
    raw = bytearray(wreck(settled=False).files[WAL])
    whole = read(tmp_path, bytes(raw))
    old = bytes(raw[32 : 32 + FRAME])
    assert read(tmp_path, bytes(raw) + old[:8] + b"oldsalts" + old[16:]).pages == whole.pages
