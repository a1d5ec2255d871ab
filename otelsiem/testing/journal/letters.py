"""Dead letters: kept with their history, replayed, purged."""

from __future__ import annotations

from otelsiem.journal.journal import Append, FateKind
from otelsiem.model.outcome import Death, Later, Receipt
from otelsiem.testing.journal.words import (
    PATIENCE,
    SECOND,
    Subject,
    balanced,
    batch,
    borrow,
    names,
    nothing,
    numbered,
    put,
    refusal,
    send,
    settle,
)


def check_p2_dead_letters_can_be_replayed_and_purged(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(6))
    dead = {n: Death(f"reason {n}", n) for n in range(4)}
    assert settle(journal, borrow(journal, cursor), Receipt(dead=dead)).dead == 4
    assert [letter.position for letter in journal.dead_letters("a")] == [0, 1, 2, 3]
    assert [letter.position for letter in journal.dead_letters(limit=2, offset=1)] == [1, 2]
    assert journal.replay("a", [1, 2, 77]) == 2
    counts = balanced(journal, cursor)
    assert (counts.dead, counts.due, counts.pending, counts.delivered) == (2, 2, 2, 2)
    lease = borrow(journal, cursor)
    assert (names(lease), list(lease.attempts)) == (["1", "2"], [0, 0])
    counts = settle(journal, lease, Receipt(dead={1: Death("again", 1)}))
    assert (counts.dead, counts.delivered, counts.pending) == (3, 3, 0)
    assert journal.purge("a", [0]) == 1
    assert balanced(journal, cursor).purged == 1
    assert journal.purge("a") == 2
    counts = balanced(journal, cursor)
    assert (counts.dead, counts.purged, counts.delivered) == (0, 3, 3)
    assert journal.dead_letters() == []
    assert journal.replay("a") == journal.purge("a") == journal.replay("nobody") == 0
    journal.close()


def check_replay_goes_through_many_letters(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(2300))
    for _ in range(3):
        lease = borrow(journal, cursor)
        settle(journal, lease, Receipt(dead=dict.fromkeys(range(lease.count), Death("no", 1))))
    assert journal.replay("a") == 2300
    assert balanced(journal, cursor).due == 2300
    assert names(borrow(journal, cursor, 5)) == ["0", "1", "2", "3", "4"]
    journal.close()


def check_letters_of_a_door_are_appended_again(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs/x", "a")
    send(journal, Append("logs/x", batch("fine"), {}, [refusal("one"), refusal("two"), refusal("three")]))
    letters = journal.dead_letters("door/logs/x")
    assert [(d.pipeline, d.position, d.reason, d.attempts) for d in letters] == [
        ("logs/x", n, "no actor", 0) for n in range(3)
    ]
    assert journal.fate("logs/x", 1, "door/logs/x").kind is FateKind.DEAD
    assert journal.purge("door/logs/x", [1]) == 1
    assert journal.replay("door/logs/x") == 2
    assert names(borrow(journal, cursor)) == ["fine", "one", "three"]
    (line,) = journal.stats().pipelines
    assert (line.next, line.refused, line.received) == (3, 3, 6)
    assert journal.dead_letters() == []
    assert balanced(journal, cursor).accepted == 3
    journal.close()


def check_p2_pending_records_can_be_given_up(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(20))
    one, two = borrow(journal, cursor, 4), borrow(journal, cursor, 4)
    journal.settle(two, Receipt(released=[1, 2], due={0: Later(subject.clock.now + SECOND, "x", 1)}))
    assert journal.flush(PATIENCE)
    assert journal.purge_pending(cursor) == 2 + 1 + 12
    counts = balanced(journal, cursor)
    assert (counts.purged, counts.delivered, counts.pending, counts.due) == (15, 1, 4, 0), "what is on loan stays"
    counts = settle(journal, one)
    assert (counts.delivered, counts.pending) == (5, 0)
    subject.clock.now += 2 * SECOND
    nothing(journal, cursor)
    put(journal, batch("new"))
    assert names(borrow(journal, cursor)) == ["new"]
    journal.close()
