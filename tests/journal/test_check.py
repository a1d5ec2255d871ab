"""Each thing that can be wrong with a journal is found, in one line that says what, where, what it costs."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from otelsiem.journal.examine import examine
from otelsiem.journal.repair import repair
from otelsiem.journal.schema import PAGE
from otelsiem.journal.tables import NAME
from tests.journal.wreck import KNOWN, rows, wreck

PARTIAL = "(SELECT id FROM exporter WHERE name = 'partial')"

# what somebody or something wrote, and the line about it
WRONG = {
    "UPDATE entry_1 SET blob = x'0101FF' WHERE first = 0": "entry 0 of logs: an entry of the journal cannot be read",
    "UPDATE entry_1 SET blob = x'0900' WHERE first = 0": "entry 0 of logs: an entry has format 9, this",
    "UPDATE entry_1 SET blob = x'010090' WHERE first = 0": "entry 0 of logs: it holds no records; costs 1 records",
    "UPDATE entry_1 SET records = 39 WHERE first = 1": "entry 1 of logs: holds 40 records, its row says 39;",
    "UPDATE entry_1 SET taken = 'late' WHERE first = 1": "entry 1 of logs: str stands where a number must be",
    "DELETE FROM entry_1 WHERE first = 1": "exporter slow of logs: records 1-40 are pending, and no entry holds them;",
    "DELETE FROM entry_1 WHERE first >= 2921": "exporter slow of logs: records 2921-2980 are pending, and no entry",
    "DROP TABLE entry_2": "the file: the table entry_2 is missing",
    "DROP INDEX due_at": "the file: the table due_at is missing",
    "UPDATE pipeline SET next = 2 WHERE id = 1": "pipeline logs: its counts (next 2, received",
    "UPDATE pipeline SET received = received + 1": "pipeline logs: its counts (next 2981, received 2987",
    "UPDATE pipeline SET letters = 0": "pipeline logs: its counts",
    "UPDATE exporter SET pipeline = 9 WHERE name = 'done'": "exporter done: its pipeline is missing",
    "UPDATE exporter SET low = 9999 WHERE name = 'done'": "exporter done of logs: its place (start 0, low 9999",
    "UPDATE exporter SET start = 7 WHERE name = 'slow'": "exporter slow of logs: its place (start 7, low 0",
    f"UPDATE exporter SET ranges = x'91920501' WHERE id = {PARTIAL}": "exporter partial of logs: its place",
    f"UPDATE exporter SET ranges = x'C1' WHERE id = {PARTIAL}": "exporter partial: its settled ranges cannot be read",
    "UPDATE exporter SET delivered = delivered - 5 WHERE name = 'done'": "exporter done of logs: it calls 2981 records",
    "UPDATE exporter SET delivered = delivered + 5 WHERE name = 'done'": "exporter done of logs: its counters (deliver",
    "UPDATE exporter SET due = 4 WHERE name = 'partial'": "exporter partial of logs: its counters",
    f"DELETE FROM due WHERE exporter = {PARTIAL}": "5 due records; repair counts",
    f"DELETE FROM dead WHERE owner = {PARTIAL}": "20 dead letters; repair counts",
    "UPDATE due SET record = x'01'": "of partial: an entry of the journal cannot be read: it is empty; costs",
    "UPDATE due SET position = 2900 WHERE position = (SELECT min(position) FROM due)": "1 of its due records and dead",
    "UPDATE due SET position = 9000 WHERE position = (SELECT min(position) FROM due)": "its number 9000 is not one of",
    "UPDATE due SET exporter = 55": "its exporter (number 55) is not there; costs one record; repair moves",
    "UPDATE dead SET owner = 55": "its exporter (number 55) is not there; costs one dead letter",
    "UPDATE dead SET record = x'0101'": "dead letters of door/logs: an entry of the journal cannot be read",
    "UPDATE due SET position = (SELECT position FROM dead WHERE owner = exporter LIMIT 1)"
    " WHERE position = (SELECT min(position) FROM due)": "it is a dead letter as well",
    "UPDATE dead SET record = (SELECT blob FROM entry_1 WHERE first = 1)": "it holds 40 records instead of one",
}


@pytest.mark.parametrize("statement", WRONG)
def test_each_damage_has_its_line_and_its_cure(tmp_path: Path, statement: str) -> None:
    directory = wreck(settled=True).write(tmp_path / "j")
    with contextlib.closing(sqlite3.connect(directory / NAME)) as db:
        assert db.execute(statement).rowcount
        db.commit()
    found = [str(finding) for finding in examine(directory).findings]
    assert any(WRONG[statement] in line for line in found), found
    assert all("\n" not in line for line in found)
    repair(directory, KNOWN)
    assert examine(directory, full=True).findings == []


def test_a_sound_one_is_counted(tmp_path: Path) -> None:
    found = examine(wreck(settled=True).write(tmp_path / "j"), full=True)
    assert (found.sound, found.pipelines, found.exporters) == (True, 2, 4)
    assert (found.entries, found.records) == (32, len(wreck(settled=True).homes))
    assert (found.due, found.letters) == (5, 22)


def test_only_the_full_check_compares_indices(tmp_path: Path) -> None:
    directory = wreck(settled=True).write(tmp_path / "j")
    [(root,)] = rows(directory, "SELECT rootpage FROM sqlite_master WHERE name = 'due_at'")
    content = bytearray((directory / NAME).read_bytes())
    page = (int(str(root)) - 1) * PAGE
    last = page + 8 + 2 * (int.from_bytes(content[page + 3 : page + 5], "big") - 1)
    cell = page + int.from_bytes(content[last : last + 2], "big")
    content[cell + content[cell]] ^= 1  # the position that the last cell of the index names
    (directory / NAME).write_bytes(content)
    assert examine(directory).sound
    assert "due_at" in str(examine(directory, full=True).findings[0])
    assert repair(directory, KNOWN).anew
    assert examine(directory, full=True).sound


def test_text_that_is_no_text_is_damage_not_a_crash(tmp_path: Path) -> None:
    """msgspec lets Python's own error through."""
    directory = wreck(settled=True).write(tmp_path / "j")
    with contextlib.closing(sqlite3.connect(directory / NAME)) as db:
        blob = db.execute("SELECT blob FROM entry_1 WHERE first = 0").fetchone()[0]
        assert b"login" in blob
        db.execute("UPDATE entry_1 SET blob = ? WHERE first = 0", (blob.replace(b"login", b"log\xffn"),))
        db.commit()
    [entry, *_] = examine(directory).findings
    assert entry.where == "entry 0 of logs"
    assert "can't decode byte 0xff" in entry.what
    repair(directory, KNOWN)
    assert examine(directory, full=True).findings == []
