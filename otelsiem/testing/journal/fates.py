"""Fates: what is said of a record is what became of it, and what is not known is said to be not known."""

from __future__ import annotations

import random

from otelsiem.journal.journal import FateKind, Journal
from otelsiem.journal.omitted import BUCKET
from otelsiem.model.outcome import Death, Later, Receipt
from otelsiem.testing.journal.words import Subject, borrow, numbered, put, settle

FILTERED, PURGED, DELIVERED = FateKind.FILTERED, FateKind.PURGED, FateKind.DELIVERED


def kinds(journal: Journal, numbers: range, exporter: str = "a") -> list[FateKind]:
    return [fate.kind for fate in journal.fates("logs", numbers, exporter)]


def check_p2_fates_survive_a_restart(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(2 * BUCKET))
    for first in range(0, 1200, 300):
        lease = borrow(journal, cursor, 300, 4 << 20)
        odd = dict.fromkeys(range(1, lease.count, 2), "match.events")
        later = Later(subject.clock.now + (1 << 60), "later", 1)
        settle(journal, lease, Receipt({0: Death("bad", 2)}, {} if first else {2: later}, odd))
    assert kinds(journal, range(1, 5)) == [FILTERED, FateKind.DUE, FILTERED, DELIVERED]
    assert journal.purge_pending(cursor) == 2 * BUCKET - 1200 + 1, "the due one too"
    assert journal.purge("a", [0]) == 1
    expected = [DELIVERED, FILTERED] * 600 + [PURGED] * (2 * BUCKET - 1200)
    expected[:1200:300] = [PURGED, FateKind.DEAD, FateKind.DEAD, FateKind.DEAD]
    expected[2] = PURGED
    assert kinds(journal, range(2 * BUCKET)) == expected
    assert journal.fate("logs", 1, "a").reason == "left out by match.events"
    journal.close()
    if subject.durable:
        again = subject.open()
        assert kinds(again, range(2 * BUCKET)) == expected
        assert kinds(again, range(BUCKET - 5, BUCKET + 5)) == expected[BUCKET - 5 : BUCKET + 5]
        again.close()


def check_p2_random_settles_are_told_as_they_were(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    dice, expected = random.Random(11), list[FateKind]()  # noqa: S311 - a test's dice
    ways = [DELIVERED, FILTERED, FateKind.DEAD, FateKind.DUE]
    for _ in range(30):
        put(journal, numbered(dice.randrange(1, 200), len(expected)))
        lease = borrow(journal, cursor, 500)
        drawn = dice.choices(ways, [5, 3, 1, 1], k=lease.count)
        never = subject.clock.now + (1 << 60)
        receipt = Receipt(
            {n: Death("bad", 1) for n, way in enumerate(drawn) if way is FateKind.DEAD},
            {n: Later(never, "later", 1) for n, way in enumerate(drawn) if way is FateKind.DUE},
            {n: dice.choice(["match.events", "match.any"]) for n, way in enumerate(drawn) if way is FILTERED},
        )
        settle(journal, lease, receipt)
        expected += drawn
    assert kinds(journal, range(len(expected))) == expected
    counts = journal.counts(cursor)
    assert expected.count(FILTERED) == counts.filtered
    assert expected.count(FateKind.DEAD) == counts.dead
    journal.close()


def check_p2_a_due_record_that_a_rule_leaves_out_is_filtered(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(3))
    now = subject.clock.now
    settle(journal, borrow(journal, cursor), Receipt(due={0: Later(now, "x", 1), 1: Later(now, "x", 1)}))
    settle(journal, borrow(journal, cursor), Receipt(filtered={1: "match.any"}))
    assert kinds(journal, range(3)) == [DELIVERED, FILTERED, DELIVERED]
    journal.close()


def check_p2_an_exporter_that_comes_back_is_not_told_of_what_it_never_had(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(4))
    settle(journal, borrow(journal, cursor), Receipt({0: Death("bad", 1)}, filtered={1: "match.events"}))
    journal.attach("logs", "b")
    assert sorted(journal.exporters("logs")) == ["a", "b"]
    journal.detach(cursor)
    assert (list(journal.exporters("logs")), list(journal.exporters("none"))) == (["b"], [])
    put(journal, numbered(4, 4))
    cursor = journal.attach("logs", "a")
    put(journal, numbered(2, 8))
    settle(journal, borrow(journal, cursor), Receipt(filtered={0: "match.events"}))
    assert kinds(journal, range(8, 10)) == [FILTERED, DELIVERED]
    assert DELIVERED not in kinds(journal, range(8)), "nothing of it is known"
    journal.close()
