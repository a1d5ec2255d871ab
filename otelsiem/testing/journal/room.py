"""Room: history, the size limit, full and no longer full."""

from __future__ import annotations

import threading
import time

from otelsiem.journal.journal import Append, Cursor, Pending
from otelsiem.model.errors import JournalFullError
from otelsiem.model.outcome import Later, Receipt
from otelsiem.model.record import Group, Record, Scope
from otelsiem.testing.journal.words import (
    PATIENCE,
    SECOND,
    Subject,
    balanced,
    batch,
    borrow,
    names,
    numbered,
    put,
    send,
    settle,
)


def check_a_full_journal_refuses_and_recovers(subject: Subject) -> None:
    journal = subject.open(max_size_mib=1)
    cursor = journal.attach("logs", "a")
    noise = [chr(0x4E00 + (n * 7919) % 20000) for n in range(300_000)]  # what zstd cannot shrink away
    taken = 0
    error: Exception | None = None
    while error is None:
        text = "".join(noise[taken * 997 : taken * 997 + 40_000])
        assert taken < 100, "it never filled up"
        error = send(journal, Append("logs", [Group({}, Scope(), [Record(id=str(taken), body=text)])])).error
        taken += error is None
    assert isinstance(error, JournalFullError)
    assert journal.stats().full
    found: list[str] = []
    while len(found) < taken:
        lease = borrow(journal, cursor)
        found += names(lease)
        settle(journal, lease)
    assert found == [str(n) for n in range(taken)], "what is in it is delivered all the same"
    until = time.monotonic() + PATIENCE
    while (refused := send(journal, Append("logs", batch("again"))).error) and time.monotonic() < until:
        time.sleep(0.05)  # room is looked for at least once a second
    assert refused is None, "with room again it takes records again"
    journal.close()


def check_a_journal_in_which_nothing_waits_takes_records(subject: Subject) -> None:
    """What was delivered leaves room at once: neither free pages nor the length of a log make a journal full."""
    journal = subject.open(max_size_mib=1)
    cursor = journal.attach("logs", "a")
    noise = "".join(chr(0x4E00 + (n * 7919) % 20000) for n in range(60_000))
    for n in range(40):  # 5 MiB in all, a tenth of one at a time
        text = noise[n * 997 : n * 997 + 20_000]
        sent = send(journal, Append("logs", [Group({}, Scope(), [Record(id=str(n), body=text)])]))
        assert sent.error is None, n
        settle(journal, borrow(journal, cursor))
    journal.close()


def check_too_much_in_flight_is_refused_at_once(subject: Subject) -> None:
    entered, go = threading.Event(), threading.Event()

    def at(point: str) -> None:
        if point == "commit.before" and entered.is_set():
            assert go.wait(PATIENCE)

    journal = subject.open(at=at)
    cursor = journal.attach("logs", "a")
    entered.set()
    answers: list[Pending] = []
    sent: list[Pending] = []
    for n in range(40):
        sent.append(journal.append([Append("logs", numbered(1, n, size=1 << 20))], answers.extend))
        if sent[-1].error is not None:
            break
    assert isinstance(sent[-1].error, JournalFullError)
    assert 12 <= len(sent) <= 20, "16 MiB may be in flight"
    go.set()
    assert journal.flush(PATIENCE)
    assert len(answers) == len(sent) - 1, "a refusal at once is not answered again"
    assert balanced(journal, cursor).accepted == len(sent) - 1
    assert send(journal, Append("logs", batch("again"))).error is None
    journal.close()


def check_history_is_kept(subject: Subject) -> None:
    journal = subject.open(history=(60.0, 0))
    cursor = journal.attach("logs", "a")
    put(journal, numbered(5))
    settle(journal, borrow(journal, cursor))
    early = journal.attach("logs", "early", "beginning")
    assert names(borrow(journal, early)) == ["0", "1", "2", "3", "4"], "delivered records stay as long as history says"
    journal.detach(early, forget=True)
    subject.clock.now += 61 * SECOND
    put(journal, batch("x"))
    settle(journal, borrow(journal, cursor))
    late = journal.attach("logs", "late", "beginning")
    assert names(borrow(journal, late)) == ["x"], "and no longer"
    journal.close()


def check_without_history_nothing_delivered_stays(subject: Subject) -> None:
    journal = subject.open()
    cursor, slow = journal.attach("logs", "a"), journal.attach("logs", "slow")
    for at in range(0, 300, 3):
        put(journal, numbered(3, at))
    settle(journal, borrow(journal, cursor))
    assert names(borrow(journal, journal.attach("logs", "other", "beginning"), 1)) == ["0"], "the slowest decides"
    journal.detach(Cursor("logs", "other"), forget=True)
    settle(journal, borrow(journal, slow))
    assert journal.flush(PATIENCE)
    put(journal, batch("x"))
    assert names(borrow(journal, journal.attach("logs", "new", "beginning"))) == ["x"]
    journal.detach(Cursor("logs", "new"), forget=True)
    put(journal, batch("y", "z"))
    for one in (cursor, slow):
        settle(journal, borrow(journal, one, 2))
    assert names(borrow(journal, journal.attach("logs", "last", "beginning"))) == ["y", "z"], "half of it is needed"
    journal.close()


def check_oldest(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    assert journal.counts(cursor).oldest == 0
    began = subject.clock.now
    put(journal, numbered(2))
    subject.clock.now += SECOND
    put(journal, numbered(2, 2))
    assert journal.counts(cursor).oldest == began
    later = Later(subject.clock.now + 5, "x", 1)
    assert settle(journal, borrow(journal, cursor, 2), Receipt(due={1: later})).oldest == began, "it is still pending"
    subject.clock.now += 5
    settle(journal, borrow(journal, cursor))
    assert balanced(journal, cursor).oldest == began + SECOND
    settle(journal, borrow(journal, cursor))
    assert balanced(journal, cursor).oldest == 0
    journal.close()
