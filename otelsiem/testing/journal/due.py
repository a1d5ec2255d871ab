"""The side queue: times, attempts, never mixed with numbers."""

from __future__ import annotations

from otelsiem.model.outcome import Death, Later, Receipt
from otelsiem.testing.journal.words import (
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


def check_p2_due_records_come_back_at_their_time(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(6))
    at = subject.clock.now
    due = {0: Later(at + 30, "late", 1), 1: Later(at + 10, "soon", 2), 2: Later(at + 20, "then", 3)}
    assert settle(journal, borrow(journal, cursor, 4), Receipt(due=due)).due == 3
    assert names(borrow(journal, cursor, 1)) == ["4"], "not before their time"
    subject.clock.now = at + 20
    lease = borrow(journal, cursor)
    assert names(lease) == ["1", "2"], "ready ones first, by time, and never mixed with numbers"
    assert (list(lease.keys), list(lease.attempts)) == ([(at + 10, 1), (at + 20, 2)], [2, 3])
    assert names(borrow(journal, cursor)) == ["5"], "what is on loan is not lent twice"
    again = Receipt({1: Death("gave up", 9)}, {0: Later(at + 40, "again", 5)})
    counts = settle(journal, lease, again)
    assert (counts.delivered, counts.dead, counts.due, counts.pending) == (1, 1, 2, 4)
    subject.clock.now = at + 50
    lease = borrow(journal, cursor)
    assert (names(lease), list(lease.attempts)) == (["0", "1"], [1, 5])
    journal.settle(lease, Receipt(released=[0]))
    assert names(borrow(journal, cursor)) == ["0"], "released due records are ready at once"
    assert journal.flush(PATIENCE)
    assert balanced(journal, cursor).due == 1
    letter = journal.dead_letters("a")[0]
    assert (letter.attempts, letter.first, letter.last) == (9, at, at + 20), "its history goes with it"
    journal.close()


def check_p2_too_much_due_holds_the_exporter(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    for _ in range(10):
        put(journal, numbered(1001))
    later = Later(subject.clock.now + SECOND, "suspect", 1)
    for _ in range(10):
        settle(journal, borrow(journal, cursor), Receipt(due=dict.fromkeys(range(1000), later)))
    nothing(journal, cursor)
    subject.clock.now += SECOND
    lease = borrow(journal, cursor)
    assert len(lease.keys) == 1000, "due ones that are ready still go"
    settle(journal, lease)
    while lease.keys:
        lease = borrow(journal, cursor)
        journal.settle(lease, Receipt())
    assert journal.flush(PATIENCE)
    assert balanced(journal, cursor).delivered >= 10_000
    journal.close()
