"""kill -9 at named points and at random moments: after every restart the books balance, at the end nothing is missing.

How many kills: `--kills N` or OTELSIEM_KILLS, at least 20.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, cycle, islice
from pathlib import Path

import pytest

from otelsiem.journal.sqlite import SqliteJournal
from otelsiem.journal.state import Span, State, joined, unpacked_ranges
from otelsiem.journal.tables import NAME
from otelsiem.model.destination import Limits
from otelsiem.model.outcome import Receipt
from otelsiem.model.record import records
from otelsiem.testing.journal.words import told_alike

CHILD = Path(__file__).with_name("journal_child.py")
POINTS = (
    "commit.before",
    "commit.after",
    "settle.queued",
    "settle.committed",
    "delete.after",
    "checkpoint.before",
    "checkpoint.after",
    "reserve.unlinked",
)
RANDOM = ""


@dataclass
class Told:
    """What the children said over all rounds."""

    acknowledged: list[Span] = field(default_factory=list)
    lent: dict[str, list[Span]] = field(default_factory=dict)

    def hear(self, line: str) -> None:
        match line.split():
            case ["A", first, count]:
                self.acknowledged.append((int(first), int(first) + int(count)))
            case ["L", exporter, start, stop]:
                self.lent.setdefault(exporter, []).append((int(start), int(stop)))
            case ["R"]:
                pass
            case _:
                raise AssertionError(f"the child said {line!r}")


def rounds(count: int) -> Iterator[str]:
    """Every named point at least once, and as many random moments."""
    return islice(chain.from_iterable((point, RANDOM) for point in cycle(POINTS)), count)


def run(directory: Path, seed: int, point: str, told: Told) -> None:
    """One child from its start to its violent end."""
    draw = random.Random(seed)
    # A checkpoint or a full disk comes once in a while, the other points many times a second.
    passes = draw.randrange(2 if point.startswith(("checkpoint", "reserve")) else 60)
    argv = [sys.executable, str(CHILD), str(directory), str(seed), point, str(passes if point[:7] != "reserve" else 0)]
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    line = child.stdout.readline()
    assert line in {"R\n", ""}, line  # a point that is passed while opening may come first
    killer = threading.Timer(10.0 if point else draw.random() * 0.6, child.kill)
    killer.start()
    for line in child.stdout:
        told.hear(line.removesuffix("\n"))
    child.stdout.close()
    late = not killer.is_alive() and bool(point)
    killer.cancel()
    killer.join()
    assert child.wait() == -signal.SIGKILL
    assert not late, f"{point} was not reached"


def check(directory: Path, told: Told, *, every_record: bool) -> None:
    """What the file says, to itself and against what was promised; of every single record where there is time."""
    journal = SqliteJournal(directory, min_free_mib=0, reserve_mib=1)  # recovery happens here
    db = sqlite3.connect(directory / NAME)
    try:
        _check_pipelines(db, told)
        _check_exporters(db)
        for counts in journal.stats().exporters:
            fates = counts.delivered + counts.dead + counts.filtered + counts.purged
            assert counts.accepted == fates + counts.pending, counts
            if every_record:
                assert told_alike(journal, counts) == 0, "a record of which nobody can say what became of it"
    finally:
        db.close()
        journal.close()


def _check_pipelines(db: sqlite3.Connection, told: Told) -> None:
    for id_, name, following, received, filtered, refused in db.execute(
        "SELECT id, name, next, received, filtered, refused FROM pipeline"
    ).fetchall():
        assert received == following + filtered + refused
        entries = db.execute(f"SELECT first, records FROM entry_{id_} ORDER BY first").fetchall()
        at = entries[0][0] if entries else following
        for first, count in entries:
            assert first == at, f"a hole in {name} at {at}"
            at = first + count
        assert at == following
        low = db.execute("SELECT min(low) FROM exporter WHERE pipeline=?", (id_,)).fetchone()[0]
        assert low is None or not entries or entries[0][0] <= low, "an entry went before everyone had it"
        assert low is None or entries or low == following
        if name == "logs":
            assert max([stop for _, stop in told.acknowledged], default=0) <= following, "acknowledged and gone"


def _check_exporters(db: sqlite3.Connection) -> None:
    sql = "SELECT id, start, low, ranges, delivered, dead, filtered, purged, due FROM exporter"
    for id_, start, low, ranges, *counters in db.execute(sql).fetchall():
        place = State(start, low, unpacked_ranges(ranges), *counters)
        assert place.sound, place
        count = "SELECT count(*) FROM {} WHERE {}=?"
        assert db.execute(count.format("due", "exporter"), (id_,)).fetchone()[0] == place.due
        assert db.execute(count.format("dead", "owner"), (id_,)).fetchone()[0] == place.dead
        for (position,) in db.execute(
            "SELECT position FROM due WHERE exporter=? UNION ALL SELECT position FROM dead WHERE owner=?", (id_, id_)
        ):
            assert place.has(position), "a due record or dead letter whose number is not settled"


@pytest.mark.timeout(600)
def test_p2_nothing_is_lost_by_kill_9(tmp_path: Path, kills: int) -> None:
    directory = tmp_path / "journal"
    count = max(int(os.environ.get("OTELSIEM_KILLS", "20")), kills)
    told = Told()
    for number, point in enumerate(rounds(count)):
        run(directory, 1000 + number, point, told)
        check(directory, told, every_record=number % 7 == 6 or number == count - 1)
    assert len(told.acknowledged) > count, "the children did no work"
    _check_the_end(directory, told)


def _check_the_end(directory: Path, told: Told) -> None:
    """Deliver what is left: then everything was handed over to everyone, and the copy for `idle` is complete."""
    with sqlite3.connect(directory / NAME) as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    db.close()
    journal = SqliteJournal(directory, min_free_mib=0, reserve_mib=1, clock=lambda: 1 << 62)  # all due ones are ready
    try:
        for counts in journal.stats().exporters:
            cursor = journal.attach(counts.pipeline, counts.exporter)
            spans = told.lent.setdefault(counts.exporter, [])
            seen: list[str] = []
            while (lease := journal.lease(cursor, Limits(age=0.0), 0.0)) is not None:
                spans.extend(lease.spans)
                seen += [record.id for record in records(lease.batch)]
                journal.settle(lease, Receipt())
                if lease.keys:
                    assert journal.flush(10.0)
            assert journal.flush(10.0)
            after = journal.counts(cursor)
            assert after.pending == 0
            assert after.accepted == after.delivered + after.dead + after.filtered + after.purged
            assert joined(spans) == [(0, after.accepted)], f"{counts.exporter} was never given some of its records"
            if counts.exporter == "idle":
                assert len(seen) == after.accepted
                assert len(set(seen)) == len(seen), "an append stands in the journal twice"
                _check_contents(seen, told)
    finally:
        journal.close()


def _check_contents(seen: list[str], told: Told) -> None:
    """Each acknowledged append stands where its receipt says: one sender's records, numbered without a gap."""
    for start, stop in told.acknowledged:
        sender, number = seen[start].split("-")
        assert seen[start:stop] == [f"{sender}-{n}" for n in range(int(number), int(number) + stop - start)]
