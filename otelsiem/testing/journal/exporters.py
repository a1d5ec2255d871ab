"""Exporters: where they start, what they leave behind."""

from __future__ import annotations

from otelsiem.journal.journal import Append, FateKind
from otelsiem.model.errors import JournalError
from otelsiem.model.outcome import Death, Receipt
from otelsiem.testing.journal.words import NOW, PATIENCE, Subject, balanced, batch, borrow, names, numbered, put, settle


def check_exporters_are_strangers_to_each_other(subject: Subject) -> None:
    journal = subject.open()
    cursors = [journal.attach("logs", f"e{n}") for n in range(3)]
    for at in range(0, 1500, 100):
        put(journal, numbered(100, at))
    for steps, cursor in enumerate(cursors):
        for _ in range(steps):
            settle(journal, borrow(journal, cursor, 400))
    assert [balanced(journal, cursor).delivered for cursor in cursors] == [0, 400, 800]
    assert names(borrow(journal, cursors[0], 2)) == ["0", "1"], "the slow one still finds its records"
    assert names(borrow(journal, cursors[2], 2)) == ["800", "801"]
    journal.close()


def check_start_at(subject: Subject) -> None:
    journal = subject.open()
    first = journal.attach("logs", "first")
    put(journal, numbered(5))
    assert journal.attach("logs", "first", "beginning") == first
    late, early = journal.attach("logs", "late"), journal.attach("logs", "early", "beginning")
    put(journal, batch("x"))
    assert names(borrow(journal, late)) == ["x"]
    assert names(borrow(journal, early)) == ["0", "1", "2", "3", "4", "x"]
    assert [balanced(journal, c).accepted for c in (first, late, early)] == [6, 1, 6]
    assert journal.fate("logs", 2, "late").kind is FateKind.UNKNOWN
    journal.close()


def check_detach(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(3))
    lease = borrow(journal, cursor)
    said = ""
    try:
        journal.detach(cursor)
    except JournalError as error:
        said = str(error)
    assert "3 records pending" in said, "an exporter with records pending was removed, or nobody was told why not"
    assert settle(journal, lease).delivered == 3
    journal.detach(cursor)
    assert journal.lease(cursor, NOW, 0.0) is None
    assert journal.stats().exporters == []
    cursor = journal.attach("logs", "a")
    put(journal, numbered(3))
    lease = borrow(journal, cursor, 1)
    journal.detach(cursor, forget=True)
    journal.settle(lease, Receipt(dead={0: Death("too late", 1)}))
    assert journal.flush(PATIENCE)
    assert journal.dead_letters() == []
    assert balanced(journal, journal.attach("logs", "a")).accepted == 0
    journal.close()


def check_the_names_of_doors_are_taken(subject: Subject) -> None:
    journal = subject.open()
    try:
        journal.attach("logs", "door/logs")
    except JournalError:
        journal.close()
    else:
        raise AssertionError("an exporter was given the name of a door")


def check_p2_a_connector_settles_in_one_transaction(subject: Subject) -> None:
    journal = subject.open()
    cursor, alerts = journal.attach("logs", "alerts"), journal.attach("logs/alerts", "slack")
    assert journal.state(cursor) is None
    put(journal, numbered(3))
    lease = borrow(journal, cursor)
    seen = journal.counts(alerts).accepted
    journal.settle(lease, Receipt(), [Append("logs/alerts", batch("alert"))], b"state")
    journal.settle(lease, Receipt(), [Append("logs/alerts", batch("twice"))], b"other")
    assert journal.flush(PATIENCE)
    assert journal.state(cursor) == b"state"
    assert balanced(journal, cursor).delivered == 3
    assert names(borrow(journal, alerts)) == ["alert"]
    assert seen == 0
    journal.close()
