"""Accepted records: on loan until they are confirmed, as positions only, and lent again when they are not."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Mapping, Sequence

from otelsiem.journal.journal import FateKind, Journal, Lease
from otelsiem.model.destination import Limits
from otelsiem.model.outcome import Death, Later, Receipt
from otelsiem.model.record import Group, Record, Scope
from otelsiem.testing.journal.play import Play
from otelsiem.testing.journal.words import (
    NOW,
    PATIENCE,
    SECOND,
    Subject,
    balanced,
    borrow,
    names,
    nothing,
    numbered,
    put,
    settle,
)


def accept(journal: Journal, lease: Lease, accepted: Mapping[str, Sequence[int]]) -> Mapping[str, Lease]:
    """The leases without records that are left of it."""
    stubs = journal.settle(lease, Receipt(accepted=accepted))
    assert all(stub.batch == [] and stub.cursor == lease.cursor for stub in stubs.values()), "positions only"
    return stubs


def whole(journal: Journal, lease: Lease, ticket: str = "t") -> Lease:
    """All of it in one payload."""
    stub = accept(journal, lease, {ticket: range(lease.count)})[ticket]
    assert (stub.count, stub.spans, stub.keys) == (lease.count, lease.spans, lease.keys)
    return stub


def check_p2_accepted_records_stay_on_loan_until_they_are_confirmed(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(10))
    receipt = Receipt(
        {8: Death("refused", 1)}, {7: Later(subject.clock.now + SECOND, "x", 1)}, {}, [9],
        {"one": [2, 0, 1], "two": (4, 6)},
    )  # fmt: skip
    stubs = journal.settle(borrow(journal, cursor), receipt)
    assert list(stubs) == ["one", "two"], "in the order of the receipt"
    one, two = stubs["one"], stubs["two"]
    assert (one.batch, one.count, list(one.spans), list(one.keys)) == ([], 3, [(0, 3)], [])
    assert (two.batch, two.count, list(two.spans), two.position(1)) == ([], 2, [(4, 5), (6, 7)], 6)
    assert journal.flush(PATIENCE)
    counts = balanced(journal, cursor)
    assert (counts.delivered, counts.dead, counts.due, counts.pending, counts.on_loan) == (2, 1, 1, 7, 5)
    assert [journal.fate("logs", n, "a").kind for n in (0, 3, 4)] == [
        FateKind.PENDING, FateKind.DELIVERED, FateKind.PENDING,
    ]  # fmt: skip
    assert names(borrow(journal, cursor)) == ["9"], "what was released; what was accepted is not lent"
    nothing(journal, cursor)
    counts = settle(journal, one)
    assert (counts.delivered, counts.pending, counts.on_loan) == (5, 4, 3)
    assert journal.fate("logs", 2, "a").kind is FateKind.DELIVERED
    journal.settle(two, Receipt(released=range(2)))
    again = borrow(journal, cursor)
    assert names(again) == ["4", "6"], "read from the journal again"
    counts = settle(journal, again)
    assert (counts.delivered, counts.pending, counts.due) == (7, 2, 1)
    journal.close()


def check_p2_accepted_due_records_stay_on_loan_too(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(5))
    at = subject.clock.now
    settle(journal, borrow(journal, cursor), Receipt(due={n: Later(at + n, "late", 2) for n in range(5)}))
    subject.clock.now = at + 4
    stubs = accept(journal, borrow(journal, cursor), {"one": [0, 3], "two": [1, 4]})
    one, two = stubs["one"], stubs["two"]
    assert (one.count, list(one.keys), list(two.keys)) == (2, [(at, 0), (at + 3, 3)], [(at + 1, 1), (at + 4, 4)])
    assert journal.flush(PATIENCE)
    counts = balanced(journal, cursor)
    assert (counts.delivered, counts.due, counts.on_loan) == (1, 4, 4)
    nothing(journal, cursor)
    journal.settle(two, Receipt(released=[0, 1]))
    lease = borrow(journal, cursor)
    assert (names(lease), list(lease.keys), list(lease.attempts)) == (["1", "4"], [(at + 1, 1), (at + 4, 4)], [2, 2])
    counts = settle(journal, whole(journal, lease))
    assert (counts.delivered, counts.due) == (3, 2)
    counts = settle(journal, one)
    assert (counts.delivered, counts.due, counts.pending, counts.on_loan) == (5, 0, 0, 0)
    journal.close()


def check_p2_a_stub_can_be_settled_in_parts_and_only_once(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(9))
    stub = whole(journal, borrow(journal, cursor))
    parts = journal.settle(stub, Receipt(filtered={8: "late"}, released=[0, 4], accepted={"half": [5, 6]}))
    assert journal.settle(stub, Receipt(released=range(9))) == {}, "a second settle is nothing"
    assert journal.flush(PATIENCE)
    counts = balanced(journal, cursor)
    assert (counts.delivered, counts.filtered, counts.pending, counts.on_loan) == (4, 1, 4, 2)
    assert names(borrow(journal, cursor)) == ["0", "4"]
    counts = settle(journal, parts["half"])
    assert settle(journal, parts["half"]) == counts
    assert (counts.delivered, counts.pending) == (6, 2)
    journal.close()


def check_a_stub_has_no_record_to_keep(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(3))
    lease = borrow(journal, cursor)
    for wrong in ({"t": [3]}, {"t": [-1]}):
        _refused(journal, lease, Receipt(accepted=wrong))
    stub = whole(journal, lease)
    _refused(journal, stub, Receipt(dead={0: Death("no", 1)}))
    _refused(journal, stub, Receipt(due={0: Later(subject.clock.now, "x", 1)}))
    _refused(journal, stub, Receipt(released=[3]))
    assert settle(journal, stub).delivered == 3, "it is still there to be settled rightly"
    journal.close()


def _refused(journal: Journal, lease: Lease, receipt: Receipt) -> None:
    try:
        journal.settle(lease, receipt)
    except ValueError:
        return
    raise AssertionError(f"taken: {receipt} for a lease of {lease.count} records")


def check_p2_an_accepted_index_named_twice_has_one_fate(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(6))
    later, death = Later(subject.clock.now, "x", 1), Death("x", 1)
    receipt = Receipt(
        {0: death}, {1: later}, {2: "rule"}, [3, 4], {"first": [5, 0, 1, 2, 3, 5], "second": [5, 4], "third": []}
    )
    stubs = journal.settle(borrow(journal, cursor), receipt)
    assert {ticket: list(stub.spans) for ticket, stub in stubs.items()} == {"first": [(0, 3), (5, 6)]}
    assert journal.flush(PATIENCE)
    counts = balanced(journal, cursor)
    assert (counts.delivered, counts.dead, counts.due, counts.filtered, counts.on_loan) == (0, 0, 0, 0, 4)
    assert names(borrow(journal, cursor)) == ["3", "4"]
    counts = settle(journal, stubs["first"])
    assert (counts.delivered, counts.pending) == (4, 2)
    journal.close()


def check_p2_a_restart_lends_what_was_not_confirmed_again(subject: Subject) -> None:
    if not subject.durable:
        return
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(8))
    at = subject.clock.now
    settle(journal, borrow(journal, cursor, 2), Receipt(due={0: Later(at, "x", 1), 1: Later(at, "x", 1)}))
    due = accept(journal, borrow(journal, cursor), {"d": [0], "e": [1]})
    stubs = accept(journal, borrow(journal, cursor), {"t": [0, 1, 2], "u": [4, 5]})
    settle(journal, due["e"])
    counts = settle(journal, stubs["u"])
    assert (counts.delivered, counts.on_loan) == (4, 4)
    journal.close()
    again = subject.open()
    counts = balanced(again, cursor)
    assert (counts.delivered, counts.due, counts.pending, counts.on_loan) == (4, 1, 4, 0)
    assert again.settle(stubs["t"], Receipt()) == {}, "a loan of another life"
    assert names(borrow(again, cursor)) == ["0"]
    lease = borrow(again, cursor)
    assert names(lease) == ["2", "3", "4"]
    assert settle(again, lease).delivered == 7
    again.close()


def check_p2_accepted_records_survive_a_purge_of_what_is_pending(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(10))
    stub = whole(journal, borrow(journal, cursor, 4))
    assert journal.purge_pending(cursor) == 6
    assert balanced(journal, cursor).pending == 4
    journal.settle(stub, Receipt(released=[1]))
    lease = borrow(journal, cursor)
    assert names(lease) == ["1"]
    counts = settle(journal, lease)
    assert (counts.delivered, counts.purged, counts.pending) == (4, 6, 0)
    journal.close()


def check_p2_any_order_of_confirmations_gives_one_fate_each(subject: Subject) -> None:
    journal = subject.open()
    for seed in range(12):
        Play(journal, subject, seed).run()
    journal.close()


def check_thousands_of_accepted_leases_cost_no_records(subject: Subject) -> None:
    """Each kind of lease would hold 6 MB or more of records that no compression makes small."""
    journal = subject.open()
    numbers, side = journal.attach("logs", "numbers"), journal.attach("side", "due")
    dice = random.Random(7)  # noqa: S311 - a test's dice
    for at in range(0, 1500, 50):
        put(
            journal,
            [Group({}, Scope(), [Record(id=str(n), body=dice.randbytes(4000).hex()) for n in range(at, at + 50)])],
        )
    for n in range(300):
        put(journal, [Group({}, Scope(), [Record(id=str(n), body=dice.randbytes(20_000).hex())])], "side")
    at_once = Later(subject.clock.now, "x", 1)
    while (lease := journal.lease(side, NOW, 0.0)) is not None and lease.spans:
        settle(journal, lease, Receipt(due=dict.fromkeys(range(lease.count), at_once)))
        subject.clock.now -= 1  # not ready before all are set aside
    subject.clock.now += 300
    del lease
    tracemalloc.start()
    try:
        stubs: list[Lease] = []
        for cursor in (numbers, side):
            while (one := journal.lease(cursor, Limits(1, age=0.0), 0.0)) is not None:
                stubs.append(whole(journal, one))
        del one
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [bool(stub.keys) for stub in stubs] == [False] * 1500 + [True] * 300
    assert held < 4_000_000, f"{held} bytes are held for 1,800 positions"
    for stub in stubs:
        journal.settle(stub, Receipt())
    assert journal.flush(PATIENCE)
    assert (balanced(journal, numbers).delivered, balanced(journal, side).delivered) == (1500, 300)
    journal.close()
