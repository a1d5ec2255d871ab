"""A damaged journal is mended: whatever bytes are hit, nothing that can be read is lost, and the books balance."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from otelsiem.journal.examine import examine
from otelsiem.journal.journal import Cursor, FateKind
from otelsiem.journal.repair import NEW, Repaired, repair
from otelsiem.journal.schema import PAGE
from otelsiem.journal.tables import NAME
from otelsiem.model.errors import JournalError, JournalLockedError
from otelsiem.testing.journal.words import balanced
from tests.examples import some
from tests.journal.wreck import KNOWN, WAL, drained, open_journal, rows, wreck

FRAME = 24 + PAGE
Hit: TypeAlias = tuple[str, str, float, int]  # file, how, where (0-1), which bit

HITS = st.tuples(
    st.sampled_from([NAME, WAL]),
    st.sampled_from(["flip", "flip", "flip", "zero", "cut"]),
    st.floats(0, 1, exclude_max=True),
    st.integers(0, 7),
)


@dataclass
class Harm:
    """What was done to the files, and which pages that can have touched."""

    files: dict[str, bytearray]
    pages: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        log = self.files.get(WAL, b"")
        self.logged = [_four(log, at) for at in range(32, len(log), FRAME)]

    def hit(self, name: str, how: str, where: float, bit: int) -> None:
        content = self.files.get(name)
        if not content:
            return
        at = int(where * len(content))
        match how:
            case "flip":
                content[at] ^= 1 << bit
                self._touched(name, at, at + 1)
            case "zero":
                end = min(at + PAGE, len(content))
                content[at:end] = bytes(end - at)
                self._touched(name, at, end)
            case _:
                self._touched(name, at, len(content))
                del content[at:]
                if name == WAL:  # the rest of a commit whose end is gone does not count
                    commits = [n for n in range(len(content) // FRAME) if _four(content, 32 + n * FRAME + 4)]
                    self.pages |= set(self.logged[max(commits, default=-1) + 1 :])

    def _touched(self, name: str, start: int, end: int) -> None:
        if name == NAME:  # a page that the log has as well is read from there
            self.pages |= set(range(start // PAGE + 1, (end - 1) // PAGE + 2)) - set(self.logged)
        else:
            first = max((start - 32) // FRAME, 0)
            self.pages |= set(self.logged[first : (end - 33) // FRAME + 1])

    def write(self, directory: Path) -> Path:
        directory.mkdir()
        for name, content in self.files.items():
            (directory / name).write_bytes(content)
        return directory


def _four(data: bytes | bytearray, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")


def harmed(hits: Sequence[Hit], *, settled: bool) -> Harm:
    harm = Harm({name: bytearray(content) for name, content in wreck(settled=settled).files.items()})
    for one in hits:
        harm.hit(*one)
    return harm


@settings(max_examples=some(50), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(HITS, min_size=1, max_size=6), st.booleans())
@example([(NAME, "zero", 0.0335, 0)], True)  # half of the list of tables, and all of the pointer map
@example([(NAME, "zero", 0.125, 0)], True)  # the pipelines, and the index with their names
@example([(NAME, "zero", 0.0, 0), (NAME, "zero", 0.125, 0)], True)
@example([(NAME, "cut", 0.0, 0)], False)  # nothing but the log
@example([(WAL, "zero", 0.0, 0)], False)  # the log without its beginning
def test_p2_nothing_that_can_be_read_is_lost(hits: list[Hit], settled: bool) -> None:
    harm = harmed(hits, settled=settled)
    with tempfile.TemporaryDirectory() as made:
        directory = harm.write(Path(made) / "j")
        names = {key for key, homes in wreck(settled=settled).homes.items() if not homes & harm.pages}
        try:
            repair(directory, KNOWN)
        except JournalError as error:
            assert "nothing of a journal can be read" in str(error)  # noqa: PT017 - it need not be raised
            assert names == set()
            return
        assert examine(directory, full=True).findings == []
        again = repair(directory, KNOWN)
        assert (again.findings, again.backup, again.put_aside) == ((), None, 0)
        everything_is_there(directory, names)


def everything_is_there(directory: Path, names: set[tuple[str, str]]) -> None:
    with contextlib.closing(open_journal(directory)) as journal:
        there = [Cursor(counts.pipeline, counts.exporter) for counts in journal.stats().exporters]
        for cursor in there:
            balanced(journal, cursor)
        for pipeline in KNOWN:
            wanted = {record for name, record in names if name == pipeline}
            slow = Cursor(pipeline, "slow")
            assert slow in there or not wanted
            if slow in there:
                assert wanted <= set(drained(journal, slow))
                assert balanced(journal, slow).pending == 0


# --- one damage after the other ------------------------------------------------------------------------------------


def sick(tmp_path: Path, *statements: str) -> Path:
    """A journal in which somebody has written."""
    directory = wreck(settled=True).write(tmp_path / "j")
    with contextlib.closing(sqlite3.connect(directory / NAME)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()
    return directory


def aside(done: Repaired) -> list[dict[str, object]]:
    assert done.aside is not None
    assert stat.S_IMODE(done.aside.stat().st_mode) == 0o600
    return [json.loads(line) for line in done.aside.read_text().splitlines()]


def test_p2_an_entry_that_cannot_be_read_goes_to_the_side_file_and_its_records_are_purged(tmp_path: Path) -> None:
    directory = sick(tmp_path, "UPDATE entry_1 SET blob = x'01FF00' WHERE first = 1")
    [found, *_] = examine(directory).findings
    assert str(found) == (
        "entry 1 of logs: an entry has codec 255, which this otelsiem does not know; costs 40 records, pending for"
        " slow, partial; repair moves its bytes to a side file and counts its records as purged"
    )
    done = repair(directory, KNOWN)
    [put] = aside(done)
    assert (put["table"], put["first"], put["records"]) == ("entry_1", 1, 40)
    assert base64.b64decode(str(put["blob"])) == b"\x01\xff\x00"
    with contextlib.closing(open_journal(directory)) as journal:
        slow = Cursor("logs", "slow")
        assert balanced(journal, slow).purged == 40
        ids = drained(journal, slow)
        assert ids[:2] == ["0", "41"]
        assert journal.counts(Cursor("logs", "done")).purged == 0, "it had them all"
        fresh = journal.attach("logs", "fresh", "beginning")
        assert balanced(journal, fresh).purged == 40, "a hole stops nobody who begins before it"
        assert drained(journal, fresh) == ids


def test_what_was_there_before_is_in_the_backup(tmp_path: Path) -> None:
    directory = sick(tmp_path, "UPDATE entry_1 SET blob = x'01FF00' WHERE first = 1")
    before = (directory / NAME).read_bytes()
    done = repair(directory, KNOWN)
    assert done.backup is not None
    assert (done.backup / NAME).read_bytes() == before
    assert stat.S_IMODE(done.backup.stat().st_mode) == 0o700
    shutil.rmtree(done.backup)
    sick_again = sqlite3.connect(directory / NAME)
    sick_again.execute("UPDATE pipeline SET received = 7")
    sick_again.commit()
    sick_again.close()
    assert repair(directory, KNOWN, backup=False).backup is None
    assert not list(directory.glob("backup-*"))


def test_without_room_for_the_copy_nothing_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = sick(tmp_path, "UPDATE pipeline SET received = 7")
    before = (directory / NAME).read_bytes()
    room = os.statvfs(directory)
    tight = os.statvfs_result((*room[:3], 300, 300, *room[5:]))  # 1.2 MiB
    monkeypatch.setattr(os, "statvfs", lambda _: tight)  # a disk that is full cannot be had everywhere
    with pytest.raises(JournalError, match="--no-backup"):
        repair(directory, KNOWN)
    assert (directory / NAME).read_bytes() == before
    assert repair(directory, KNOWN, backup=False).after.sound


def test_a_sound_journal_is_left_alone_but_has_its_reserve_again(tmp_path: Path) -> None:
    directory = wreck(settled=True).write(tmp_path / "j")
    done = repair(directory, KNOWN)
    assert (done.findings, done.anew, done.backup, done.aside, done.reserve) == ((), False, None, None, True)
    assert (directory / NAME).read_bytes() == wreck(settled=True).files[NAME]
    assert (directory / "journal.reserve").stat().st_size == 16 << 20


def test_only_the_owner_repairs(tmp_path: Path) -> None:
    directory = sick(tmp_path, "UPDATE pipeline SET received = 7")
    with contextlib.closing(open_journal(directory)), pytest.raises(JournalLockedError):
        repair(directory, KNOWN)


def test_p2_a_log_that_is_damaged_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    """SQLite would drop every commit behind it without a word."""
    harm = harmed([(WAL, "flip", 0.2, 3)], settled=False)
    directory = harm.write(tmp_path / "j")
    shutil.copytree(directory, tmp_path / "sqlite")
    [found] = examine(directory).findings
    assert found.where == "the log (-wal)"
    assert repair(directory, KNOWN).anew
    ids = {record for name, record in wreck(settled=False).homes if name == "logs"}
    with contextlib.closing(open_journal(directory)) as journal:
        assert set(drained(journal, Cursor("logs", "slow"))) == ids
    assert rows(tmp_path / "sqlite", "SELECT next FROM pipeline")[0] < (len(ids),), "what SQLite makes of it"


def test_the_other_rows_of_a_damaged_page_in_the_log_are_kept(tmp_path: Path) -> None:
    raw = bytearray(wreck(settled=False).files[WAL])
    homes = wreck(settled=False).homes
    [leaf] = {min(pages) for (name, record), pages in homes.items() if (name, record) == ("logs", "2980")}
    [last] = [n for n in range(len(raw) // FRAME) if _four(raw, 32 + n * FRAME) == leaf][-1:]
    page = 56 + last * FRAME
    cell = page + int.from_bytes(raw[page + 8 : page + 10], "big")  # of the oldest entry on it
    raw[cell : cell + 2] = b"\xff\xff"
    directory = tmp_path / "j"
    directory.mkdir()
    (directory / NAME).write_bytes(wreck(settled=False).files[NAME])
    (directory / WAL).write_bytes(raw)
    repair(directory, KNOWN)
    with contextlib.closing(open_journal(directory)) as journal:
        assert "2980" in drained(journal, Cursor("logs", "slow"))


def test_a_file_without_its_first_page_is_read_from_the_others(tmp_path: Path) -> None:
    directory = harmed([(NAME, "zero", 0.0, 0)], settled=True).write(tmp_path / "j")
    with pytest.raises(JournalError, match="otelsiem journal repair"):
        open_journal(directory)
    assert repair(directory, KNOWN).anew
    everything_is_there(directory, set(wreck(settled=True).homes))


@pytest.mark.parametrize("table", ["pipeline", "exporter"])
def test_names_that_are_lost_come_back_from_the_index(tmp_path: Path, table: str) -> None:
    root = rows(wreck(settled=True).write(tmp_path / "x"), f"SELECT rootpage FROM sqlite_master WHERE name='{table}'")
    content = bytearray(wreck(settled=True).files[NAME])
    at = (int(str(root[0][0])) - 1) * PAGE
    content[at : at + PAGE] = bytes(PAGE)
    directory = tmp_path / "j"
    directory.mkdir()
    (directory / NAME).write_bytes(content)
    repair(directory, {})
    everything_is_there(directory, set(wreck(settled=True).homes))
    with contextlib.closing(open_journal(directory)) as journal:
        there = {(counts.pipeline, counts.exporter) for counts in journal.stats().exporters}
    assert there == {(pipeline, name) for pipeline, names in KNOWN.items() for name in names}


def test_exporters_that_the_file_has_lost_altogether_begin_with_the_oldest_entry(tmp_path: Path) -> None:
    sql = "SELECT rootpage FROM sqlite_master WHERE tbl_name='exporter'"
    content = bytearray(wreck(settled=True).files[NAME])
    for (root,) in rows(wreck(settled=True).write(tmp_path / "x"), sql):
        at = (int(str(root)) - 1) * PAGE
        content[at : at + PAGE] = bytes(PAGE)
    directory = tmp_path / "j"
    directory.mkdir()
    (directory / NAME).write_bytes(content)
    done = repair(directory, KNOWN)
    everything_is_there(directory, set(wreck(settled=True).homes))
    assert {put["table"] for put in aside(done)} == {"due", "dead"}, "nobody knows whose they were"


def test_an_entry_on_numbers_of_another_goes_where_its_records_are_missing(tmp_path: Path) -> None:
    statements = ("UPDATE entry_1 SET first = 2 WHERE first = 41", "UPDATE entry_1 SET first = 300 WHERE first = 746")
    directory = sick(tmp_path, *statements)
    assert {f.where for f in examine(directory).findings} >= {"entry 2 of logs", "entry 300 of logs"}
    repair(directory, KNOWN)
    everything_is_there(directory, set(wreck(settled=True).homes))


def test_columns_that_lie_are_written_again(tmp_path: Path) -> None:
    directory = sick(
        tmp_path,
        "UPDATE entry_1 SET records = 99 WHERE first = 1",
        "UPDATE pipeline SET next = 1 << 50 WHERE id = 1",
        "UPDATE exporter SET low = 500, ranges = x'C1' WHERE name = 'slow' AND pipeline = 1",
        "UPDATE exporter SET delivered = 'many' WHERE name = 'done'",
        "UPDATE due SET at = 'soon'",
    )
    repair(directory, KNOWN)
    assert rows(directory, "SELECT next FROM pipeline WHERE id = 1") == [(2981,)]
    everything_is_there(directory, set(wreck(settled=True).homes))


def test_p2_dead_letters_and_due_records_that_cannot_be_read_are_purged(tmp_path: Path) -> None:
    directory = sick(
        tmp_path,
        "UPDATE dead SET record = x'0100' WHERE number = (SELECT min(number) FROM dead WHERE owner = 3)",
        "UPDATE dead SET record = x'0100' WHERE number = (SELECT min(number) FROM dead WHERE owner = -1)",
        "UPDATE due SET record = x'' WHERE position = (SELECT min(position) FROM due)",
        "INSERT INTO due SELECT 77, position, at, attempts, reason, first, taken, record FROM due LIMIT 1",
    )
    with contextlib.closing(open_journal(wreck(settled=True).write(tmp_path / "was"))) as journal:
        was = journal.counts(Cursor("logs", "partial"))
    done = repair(directory, KNOWN)
    assert sorted(str(put["table"]) for put in aside(done)) == ["dead", "dead", "due", "due"]
    with contextlib.closing(open_journal(directory)) as journal:
        now = balanced(journal, Cursor("logs", "partial"))
        assert (now.dead, now.due, now.purged) == (was.dead - 1, was.due - 1, was.purged + 2)
        assert (now.delivered, now.filtered) == (was.delivered, was.filtered)
        letter = journal.dead_letters("partial")[0]
        assert journal.fate("logs", letter.position, "partial").kind is FateKind.DEAD


def test_a_header_that_says_another_program_or_a_newer_one_is_damage_only_when_the_tables_are_ours(
    tmp_path: Path,
) -> None:
    directory = sick(tmp_path, "PRAGMA application_id = 7", "PRAGMA user_version = 99")
    assert repair(directory, KNOWN).anew
    everything_is_there(directory, set(wreck(settled=True).homes))
    newer = tmp_path / "newer"
    newer.mkdir()
    shutil.copy(directory / NAME, newer / NAME)
    for statement, why in (
        ("PRAGMA user_version = 99", "start the newer version"),
        ("PRAGMA application_id = 7", "not a journal of otelsiem"),
    ):
        with contextlib.closing(sqlite3.connect(newer / NAME)) as db:
            db.execute("CREATE TABLE IF NOT EXISTS what_is_new(value)")
            db.execute("DROP TABLE IF EXISTS due")
            db.execute(statement)
        before = (newer / NAME).read_bytes()
        for attempt in (lambda: repair(newer, KNOWN), lambda: examine(newer)):
            with pytest.raises(JournalError, match=why):
                attempt()
        assert (newer / NAME).read_bytes() == before


@pytest.mark.parametrize("new", ["", "CREATE TABLE what_is_new(value)"])
def test_p2_a_journal_of_a_newer_version_is_never_written_anew(tmp_path: Path, new: str) -> None:
    """Its tables may be ours, and more: an older program that knows nothing of the rest must not call it damage."""
    directory = sick(tmp_path, "PRAGMA user_version = 2", *filter(None, [new]))
    before = (directory / NAME).read_bytes()
    for attempt in (lambda: repair(directory, KNOWN), lambda: examine(directory)):
        with pytest.raises(JournalError, match="start the newer version"):
            attempt()
    assert (directory / NAME).read_bytes() == before


def test_what_is_no_journal_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"not a database at all " * 4000)
    with pytest.raises(JournalError, match="nothing of a journal can be read"):
        repair(tmp_path, KNOWN)
    assert (tmp_path / NAME).read_bytes() == b"not a database at all " * 4000
    assert not (tmp_path / NEW).exists()
    with pytest.raises(JournalError, match="there is no journal in"):
        repair(tmp_path / "nowhere", KNOWN)


def stops(at: str) -> Callable[..., object]:
    def stop(*_: object, **__: object) -> object:
        raise KeyboardInterrupt(at)

    return stop


@pytest.mark.parametrize("point", ["fold", "unlink", "replace"])
def test_p2_a_repair_that_is_interrupted_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    directory = harmed([(NAME, "zero", 0.0, 0)], settled=False).write(tmp_path / "j")
    (directory / NAME).write_bytes(wreck(settled=False).files[NAME])
    content = bytearray((directory / WAL).read_bytes())
    content[16] ^= 1  # SQLite would ignore all of it
    (directory / WAL).write_bytes(content)
    with monkeypatch.context() as patch:
        if point == "fold":
            patch.setattr("otelsiem.journal.pages.Pages.fold", stops(point))
        else:
            patch.setattr(Path, point, _only(directory, getattr(Path, point)))
        with pytest.raises(KeyboardInterrupt):
            repair(directory, KNOWN, backup=False)
    repair(directory, KNOWN, backup=False)
    assert not (directory / NEW).exists()
    everything_is_there(directory, set(wreck(settled=False).homes))


def _only(directory: Path, real: Callable[..., object]) -> Callable[..., object]:
    """Fails when the repair lets go of the old files, not before."""

    def stop(path: Path, *rest: object, **named: object) -> object:
        late = (path == directory / NEW and rest) or path.name == WAL
        return stops("late")() if late else real(path, *rest, **named)

    return stop
