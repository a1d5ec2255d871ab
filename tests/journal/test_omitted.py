"""What is kept of the records that were not delivered, as arithmetic: any numbers, any rules, any range asked for."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelsiem.journal.examine import examine
from otelsiem.journal.journal import Cursor, Fate, FateKind
from otelsiem.journal.omitted import (
    BUCKET,
    KEPT,
    PURGED,
    SINCE,
    bits,
    complete_from,
    ends,
    floor,
    known_from,
    packed_since,
    with_bits,
)
from otelsiem.journal.repair import repair
from otelsiem.journal.shelf import Mark
from otelsiem.journal.state import State
from otelsiem.journal.tables import NAME
from otelsiem.model.destination import Limits
from otelsiem.model.errors import JournalError
from otelsiem.model.outcome import Receipt
from otelsiem.testing.journal.words import borrow, numbered, put, settle
from tests.journal.wreck import open_journal

SPANS = st.lists(st.tuples(st.integers(0, 5 * BUCKET), st.integers(0, 2 * BUCKET)), max_size=5)


@given(SPANS, SPANS, st.integers(0, 8 * BUCKET), st.integers(0, 2000))
def test_p2_every_number_is_told_by_the_rule_that_took_it(
    one: list[tuple[int, int]], two: list[tuple[int, int]], start: int, count: int
) -> None:
    buckets: dict[int, bytes] = {SINCE: packed_since(0)}
    took: dict[int, str] = {}
    for rule, spans in (("match.events", one), (PURGED, two)):
        for low, size in spans:
            free = [n for n in range(low, low + size) if n not in took]  # a record leaves once
            took.update(dict.fromkeys(free, rule))
            for (bucket, of), more in bits([(rule, (n, n + 1)) for n in free], 0).items():
                buckets[bucket] = with_bits(buckets.get(bucket), of, more)
    numbers = range(start, start + count)
    expected = {
        n: Fate(FateKind.PURGED) if rule == PURGED else Fate(FateKind.FILTERED, f"left out by {rule}")
        for n, rule in took.items()
        if n in numbers
    }
    assert ends(buckets, numbers) == expected


@given(st.integers(0, 5 * BUCKET), st.integers(0, 5 * BUCKET), st.integers(0, 6 * BUCKET))
def test_a_span_is_its_numbers_from_the_bucket_of_the_least_on(start: int, size: int, least: int) -> None:
    told = bits([("rule", (start, start + size))], least)
    found = sorted(
        [bucket * BUCKET + at for (bucket, _), more in told.items() for at in range(BUCKET) if more >> at & 1]
    )
    assert found == [n for n in range(start, start + size) if n >= least // BUCKET * BUCKET]


def test_a_bucket_is_small() -> None:
    packed = None
    for n in range(0, BUCKET, 2):
        packed = with_bits(packed, "match.min_severity", 1 << n)
    assert packed is not None
    assert len(packed) < 160, "every other record of a thousand"


def test_how_far_back_it_is_remembered() -> None:
    assert floor(None, 10) == 0
    assert floor(None, KEPT + 10) == 10
    assert floor(Mark(3, 5, 0, 0, 0), KEPT + 10) == 3, "as long as the entry is kept"
    assert floor(Mark(KEPT + 5, KEPT + 9, 0, 0, 0), KEPT + 10) == 10, "and a million in any case"


def test_p2_what_is_not_known_is_not_said_to_be_delivered() -> None:
    clean = State(5, 20, delivered=15)
    assert known_from(clean, {}, 12) == 5, "nothing was ever left out: all of it was delivered"
    assert complete_from(clean) == 5
    assert known_from(clean, {SINCE: packed_since(9)}, 12) == 9, "a repair does not know how those before ended"
    mixed = State(5, 20, ((22, 24),), delivered=15, filtered=2)
    assert known_from(mixed, {}, 0) > 1 << 60, "left out before anybody took notes: a repaired journal, an old one"
    assert complete_from(mixed) == 24
    assert known_from(mixed, {SINCE: packed_since(24)}, 12) == 24
    assert known_from(mixed, {SINCE: packed_since(5)}, 12) == 12


# --- in a file ------------------------------------------------------------------------------------------------------


def kinds(directory: Path, count: int) -> list[FateKind]:
    with closing(open_journal(directory)) as journal:
        return [fate.kind for fate in journal.fates("logs", range(count), "a")]


def written(directory: Path, *statements: str) -> None:
    """A journal of four records, the second filtered, in which somebody has written."""
    with closing(open_journal(directory)) as journal:
        cursor = journal.attach("logs", "a")
        put(journal, numbered(4))
        settle(journal, borrow(journal, cursor), Receipt(filtered={1: "match.events"}))
    with closing(sqlite3.connect(directory / NAME)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


UNKNOWN, DELIVERED, FILTERED = FateKind.SETTLED, FateKind.DELIVERED, FateKind.FILTERED


def test_a_journal_of_an_older_version_knows_only_what_comes_now(tmp_path: Path) -> None:
    written(tmp_path, "DROP TABLE omitted")
    assert kinds(tmp_path, 4) == [UNKNOWN] * 4
    with closing(open_journal(tmp_path)) as journal:
        cursor = Cursor("logs", "a")
        put(journal, numbered(3, 4))
        settle(journal, borrow(journal, cursor), Receipt(filtered={1: "match.events"}))
    assert kinds(tmp_path, 7) == [UNKNOWN] * 4 + [DELIVERED, FILTERED, DELIVERED]


@pytest.mark.parametrize("bucket", [0, SINCE])
def test_a_damaged_bucket_stops_nobody_and_says_nothing_false(tmp_path: Path, bucket: int) -> None:
    written(tmp_path, f"UPDATE omitted SET packed = x'c1' WHERE bucket = {bucket}")
    with closing(open_journal(tmp_path)) as journal:
        if bucket == 0:
            with pytest.raises(JournalError, match="cannot be read"):
                journal.fates("logs", range(4), "a")
        put(journal, numbered(3, 4))
        settle(journal, borrow(journal, Cursor("logs", "a")), Receipt(filtered={1: "match.events"}))
    assert DELIVERED not in kinds(tmp_path, 7)


def test_p2_after_a_repair_nothing_is_said_of_what_was_before(tmp_path: Path) -> None:
    """Its counters had to change: who was purged by the repair itself, nobody wrote down."""
    written(tmp_path, "UPDATE exporter SET delivered = 1")
    assert not repair(tmp_path, {"logs": ["a"]}, backup=False).anew
    assert DELIVERED not in kinds(tmp_path, 4)
    with closing(open_journal(tmp_path)) as journal:
        put(journal, numbered(2, 4))
        lease = journal.lease(Cursor("logs", "a"), Limits(age=0.0), 5.0)
        assert lease is not None
        settle(journal, lease, Receipt(filtered={lease.count - 1: "match.events"}))
    assert kinds(tmp_path, 6)[4:] == [DELIVERED, FILTERED]


def test_a_journal_of_an_older_version_is_sound(tmp_path: Path) -> None:
    written(tmp_path, "DROP TABLE omitted", "DROP TABLE rule")
    assert examine(tmp_path, full=True).findings == []


def test_p2_a_repair_that_finds_no_trace_of_what_was_left_out_believes_nobody(tmp_path: Path) -> None:
    """The counter that told of it is gone, and the entries are kept by another exporter: the last goes again."""
    with closing(open_journal(tmp_path)) as journal:
        journal.attach("logs", "slow")
    written(tmp_path, "UPDATE exporter SET filtered = 0 WHERE name = 'a'")
    repair(tmp_path, {"logs": ["a", "slow"]}, backup=False)
    assert kinds(tmp_path, 4) == [UNKNOWN] * 3 + [FateKind.PENDING]
