"""Exporters: where they start, what they leave behind."""

from __future__ import annotations

from collections.abc import Callable

from otelsiem.journal.journal import Append, Cursor, FateKind
from otelsiem.journal.trim import History
from otelsiem.model.errors import JournalError
from otelsiem.model.outcome import Death, Later, Receipt
from otelsiem.testing.journal.words import (
    NOW,
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
    assert "3 records pending" in refused(lambda: journal.detach(cursor)), "or nobody was told why not"
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


def refused(run: Callable[[], object]) -> str:
    """What a journal says when it refuses."""
    try:
        run()
    except JournalError as error:
        return str(error)
    raise AssertionError("it was not refused")


def check_several_exporters_go_together_or_not_at_all(subject: Subject) -> None:
    journal = subject.open()
    idle, busy = journal.attach("logs/idle", "a"), journal.attach("logs", "b")
    put(journal, numbered(2))
    assert "2 records pending" in refused(lambda: journal.detach(idle, busy))
    assert {counts.exporter for counts in journal.stats().exporters} == {"a", "b"}
    settle(journal, borrow(journal, busy))
    journal.detach(idle, busy)
    assert journal.stats().exporters == []
    journal.close()


def check_an_exporter_that_is_gone_pins_nothing(subject: Subject) -> None:
    journal = subject.open()
    stays, goes = journal.attach("logs", "stays"), journal.attach("logs", "goes")
    put(journal, numbered(5))
    settle(journal, borrow(journal, stays))
    journal.detach(goes, forget=True)
    last = journal.attach("logs/alone", "last")
    put(journal, numbered(5), "logs/alone")
    journal.detach(last, forget=True)
    early = [journal.attach(pipeline, "early", "beginning") for pipeline in ("logs", "logs/alone")]
    assert [balanced(journal, cursor).accepted for cursor in early] == [0, 0], "entries that nobody needs were kept"
    put(journal, batch("x"), "logs/alone")
    assert names(borrow(journal, early[1])) == ["x"]
    journal.close()


def check_p2_dead_letters_outlive_their_exporter(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(4))
    settle(journal, borrow(journal, cursor), Receipt(dead={1: Death("HTTP 400", 1), 3: Death("HTTP 400", 1)}))
    journal.detach(cursor)
    put(journal, numbered(3, 4))
    assert journal.stats().exporters == []
    if subject.durable:
        journal.close()
        journal = subject.open()
    assert [letter.position for letter in journal.dead_letters("a")] == [1, 3]
    assert "put it back" in refused(lambda: journal.replay("a"))
    assert journal.purge("a", [3]) == 1
    assert "removed/" in refused(lambda: journal.attach("logs", "removed/a"))
    assert journal.attach("logs", "a") == cursor
    counts = balanced(journal, cursor)
    assert (counts.accepted, counts.delivered, counts.dead, counts.purged, counts.pending) == (4, 2, 1, 1, 0)
    assert journal.replay("a") == 1
    put(journal, batch("new"))
    if subject.durable:
        journal.close()
        journal = subject.open()
    assert names(borrow(journal, cursor)) == ["1"]
    assert names(borrow(journal, cursor)) == ["new"], "what came while it was away is not its own"
    assert balanced(journal, cursor).accepted == 5
    journal.close()


def check_letters_of_a_door_wait_for_an_exporter(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    assert send(journal, Append("logs", [], refused=[refusal("odd")])).error is None
    journal.detach(cursor)
    assert "logs has no exporter" in refused(lambda: journal.replay("door/logs"))
    assert [letter.exporter for letter in journal.dead_letters()] == ["door/logs"]
    journal.attach("logs", "a")
    assert journal.replay("door/logs") == 1
    assert names(borrow(journal, cursor)) == ["odd"]
    journal.close()


def check_the_last_purge_ends_an_exporter_that_is_gone(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(2))
    settle(journal, borrow(journal, cursor), Receipt(dead={0: Death("no", 1), 1: Death("no", 1)}))
    journal.detach(cursor)
    assert journal.purge("a") == 2
    assert balanced(journal, journal.attach("logs", "a")).accepted == 0
    journal.close()


def check_p2_a_new_name_takes_over_everything(subject: Subject) -> None:
    journal = subject.open()
    old = journal.attach("logs", "old")
    put(journal, numbered(6))
    lease = borrow(journal, old, 3)
    later = Later(subject.clock.now + SECOND, "suspect", 2)
    before = settle(journal, lease, Receipt(dead={0: Death("HTTP 400", 1)}, due={1: later}))
    straggler = borrow(journal, old, 1)
    new = journal.rename(old, "new")
    assert new == Cursor("logs", "new")
    assert journal.lease(old, NOW, 0.0) is None
    journal.settle(straggler, Receipt())
    assert journal.flush(PATIENCE)
    assert [counts.exporter for counts in journal.stats().exporters] == ["new"]
    if subject.durable:
        journal.close()
        journal = subject.open()
    after = balanced(journal, new)
    assert (after.accepted, after.delivered, after.dead, after.pending, after.due) == (6, 1, 1, 4, 1)
    assert after.delivered == before.delivered
    assert names(borrow(journal, new)) == ["3", "4", "5"], "what was on loan is lent again"
    nothing(journal, new)
    subject.clock.now += SECOND
    due = borrow(journal, new)
    assert (names(due), list(due.attempts)) == (["1"], [2])
    assert [letter.exporter for letter in journal.dead_letters("new")] == ["new"]
    assert journal.replay("new") == 1
    journal.close()


def check_a_name_that_has_a_place_takes_over_nothing(subject: Subject) -> None:
    journal = subject.open()
    old, there, left = (journal.attach("logs", name) for name in ("old", "there", "left"))
    put(journal, numbered(1))
    settle(journal, borrow(journal, left), Receipt(dead={0: Death("no", 1)}))
    journal.detach(left)
    for name in ("there", "left"):
        assert f"{name} cannot take over from old" in refused(lambda name=name: journal.rename(old, name))  # type: ignore[misc]
    assert balanced(journal, old).pending == balanced(journal, there).pending == 1
    journal.close()


def check_its_own_name_ends_the_loans(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(4))
    lease = borrow(journal, cursor, 2)
    waits = journal.settle(borrow(journal, cursor, 1), Receipt(accepted={"ticket": [0]}))
    assert journal.rename(cursor, "a") == cursor
    assert names(borrow(journal, cursor)) == ["0", "1", "2", "3"]
    for late in (lease, *waits.values()):
        journal.settle(late, Receipt())
    assert journal.flush(PATIENCE)
    assert balanced(journal, cursor).delivered == 0, "whoever lost a loan settles nothing any more"
    journal.close()


def check_new_limits_work_at_once(subject: Subject) -> None:
    journal = subject.open(history=(0.0, 1 << 30))
    cursor = journal.attach("logs", "a")
    put(journal, numbered(50, size=1000))
    settle(journal, borrow(journal, cursor))
    journal.resize(1, History(size=1 << 30))
    assert journal.flush(PATIENCE)
    assert journal.stats().full
    journal.resize(1 << 30, History())
    assert journal.flush(PATIENCE)
    assert not journal.stats().full
    put(journal, batch("x"))
    early = journal.attach("logs", "early", "beginning")
    assert names(borrow(journal, early)) == ["x"], "the history that nobody wants any more is gone"
    journal.close()


def check_the_names_of_doors_are_taken(subject: Subject) -> None:
    journal = subject.open()
    assert "door/logs" in refused(lambda: journal.attach("logs", "door/logs"))
    journal.close()


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
