"""Leases: arithmetic, order, what comes back."""

from __future__ import annotations

import threading

from otelsiem.journal.journal import FateKind, Lease
from otelsiem.model.destination import Limits
from otelsiem.model.outcome import Death, Later, Receipt
from otelsiem.testing.journal.words import (
    PATIENCE,
    SECOND,
    Subject,
    balanced,
    borrow,
    names,
    numbered,
    put,
    settle,
)


def check_p2_leases_are_in_order_and_never_overlap(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    for at in range(0, 100, 10):
        put(journal, numbered(10, at))
    leases = [borrow(journal, cursor, 7) for _ in range(14)]
    assert [name for lease in leases for name in names(lease)] == [str(n) for n in range(98)]
    assert [tuple(lease.spans) for lease in leases] == [((n, n + 7),) for n in range(0, 98, 7)]
    assert balanced(journal, cursor).on_loan == 98
    for lease in reversed(leases):
        settle(journal, lease)
    counts = balanced(journal, cursor)
    assert (counts.delivered, counts.pending, counts.on_loan) == (98, 2, 0)
    journal.close()


def check_a_lease_keeps_the_byte_limit(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(100, size=1000))
    lease = borrow(journal, cursor, 1000, 10_000)
    assert 5 <= lease.count <= 10
    rest = borrow(journal, cursor, 1000, 1 << 20)
    assert names(lease) + names(rest) == [str(n) for n in range(100)], "what exceeded the limit went back"
    put(journal, numbered(1, 100, size=50_000))
    assert borrow(journal, cursor, 1000, 10_000).count == 1, "a record above the limit goes alone"
    journal.close()


def check_a_lease_waits_for_company(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(1))
    found: list[Lease | None] = []
    waits = threading.Thread(target=lambda: found.append(journal.lease(cursor, Limits(3, age=60.0), 60.0)))
    waits.start()
    put(journal, numbered(2, 1))  # now it is full: no need for the rest of the minute
    waits.join(PATIENCE)
    assert found, "a full lease did not go out"
    assert found[0] is not None
    assert names(found[0]) == ["0", "1", "2"]
    journal.close()


def check_p2_released_records_are_lent_again_lowest_first(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(20))
    one, two = borrow(journal, cursor, 5), borrow(journal, cursor, 5)
    journal.settle(two, Receipt(released=[1, 3]))
    journal.settle(one, Receipt(released=range(5)))
    lease = borrow(journal, cursor, 8)
    assert names(lease) == ["0", "1", "2", "3", "4", "6", "8", "10"]
    assert tuple(lease.spans) == ((0, 5), (6, 7), (8, 9), (10, 11))
    counts = settle(journal, lease)
    assert (counts.delivered, counts.pending, counts.on_loan) == (11, 9, 0)
    journal.close()


def check_p2_each_rule_keeps_its_count(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(10))
    settle(journal, borrow(journal, cursor, 5), Receipt(filtered={0: "events", 1: "events", 3: "tenants"}))
    rest = borrow(journal, cursor)
    counts = settle(journal, rest, Receipt(filtered={0: "events"}, due={1: Later(subject.clock.now, "suspect", 1)}))
    assert (counts.filtered, counts.rules) == (4, (("events", 3), ("tenants", 1)))
    counts = settle(journal, borrow(journal, cursor), Receipt(filtered={0: "not"}))  # of the due ones
    known = (("events", 3), ("not", 1), ("tenants", 1))
    assert (counts.filtered, counts.rules) == (5, known)
    journal.close()
    if subject.durable:
        again = subject.open()
        assert again.counts(cursor).rules == known
        again.close()


def check_p2_every_record_has_one_fate(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(10))
    lease = borrow(journal, cursor)
    receipt = Receipt(
        {1: Death("refused", 4)}, {2: Later(subject.clock.now + 5 * SECOND, "suspect", 3)}, {3: "match"}, [4]
    )
    counts = settle(journal, lease, receipt)
    assert (counts.delivered, counts.dead, counts.filtered, counts.pending, counts.due) == (6, 1, 1, 2, 1)
    kinds = [journal.fate("logs", n, "a").kind for n in range(11)]
    delivered, pending = FateKind.DELIVERED, FateKind.PENDING
    assert kinds[:5] == [delivered, FateKind.DEAD, FateKind.DUE, FateKind.FILTERED, pending]
    assert kinds[5:] == [delivered] * 5 + [FateKind.UNKNOWN]
    assert [fate.kind for fate in journal.fates("logs", range(-1, 11), "a")] == [FateKind.UNKNOWN, *kinds]
    assert "match" in journal.fate("logs", 3, "a").reason
    assert journal.fate("logs", (1 << 63) - 1, "a").kind is FateKind.UNKNOWN
    assert journal.fate("logs", 1, "a").reason == "refused"
    assert (journal.fate("logs", 2, "a").attempts, journal.fate("logs", 2, "a").reason) == (3, "suspect")
    assert journal.fate("logs", 0, "nobody").kind is FateKind.UNKNOWN
    journal.close()


def check_p2_a_second_settle_counts_nothing(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(4))
    lease = borrow(journal, cursor, 3)
    before = settle(journal, lease)
    assert settle(journal, lease, Receipt(dead={0: Death("late", 1)}, released=[1])) == before
    assert names(borrow(journal, cursor)) == ["3"]
    journal.close()


def check_p2_an_index_named_twice_has_one_fate(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(4))
    later = Later(subject.clock.now, "x", 1)
    twice = Receipt({0: Death("x", 1), 1: Death("x", 1), 2: Death("x", 1)}, {1: later, 2: later}, {0: "r"}, [2])
    counts = settle(journal, borrow(journal, cursor), twice)
    assert (counts.delivered, counts.dead, counts.due, counts.filtered, counts.pending) == (1, 1, 1, 0, 2)
    journal.close()


def check_a_receipt_beyond_the_lease_is_refused(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(2))
    lease = borrow(journal, cursor)
    try:
        journal.settle(lease, Receipt(released=[2]))
    except ValueError:
        assert settle(journal, lease).delivered == 2, "the lease is still there to be settled rightly"
    else:
        raise AssertionError("a receipt named a record that was not lent")
    journal.close()


def check_p2_too_many_ranges_lend_nothing_new(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(2100))
    held: list[Lease] = []
    while (lease := journal.lease(cursor, Limits(1, age=0.0), 0.0)) is not None:
        if lease.spans[0][0] % 2:
            settle(journal, lease) if len(held) % 200 == 0 else journal.settle(lease, Receipt())
        else:
            held.append(lease)
    assert journal.flush(PATIENCE)
    assert len(held) < 1060, "nothing new is lent once too many ranges are open"
    journal.settle(held[0], Receipt(released=[0]))
    assert names(borrow(journal, cursor, 1)) == names(held[0]), "a gap still is: filling it makes ranges fewer"
    for lease in held[1:]:
        journal.settle(lease, Receipt())
    assert journal.flush(PATIENCE)
    assert borrow(journal, cursor, 1).count == 1
    balanced(journal, cursor)
    journal.close()
