"""Waiting and closing."""

from __future__ import annotations

import threading
from collections.abc import Callable

from otelsiem.journal.journal import Append, Lease, Pending
from otelsiem.model.errors import JournalError
from otelsiem.testing.journal.words import NOW, PATIENCE, Subject, balanced, batch, numbered, send


def check_wake_and_close_end_every_wait(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    found: list[Lease | None] = []
    ends: list[Callable[[], None]] = [lambda: journal.wake(cursor), journal.close]
    for end in ends:
        started = threading.Barrier(4)

        def wait(started: threading.Barrier = started) -> None:
            started.wait(PATIENCE)
            found.append(journal.lease(cursor, NOW, 600.0))

        threads = [threading.Thread(target=wait) for _ in range(3)]
        for thread in threads:
            thread.start()
        started.wait(PATIENCE)
        while any(thread.is_alive() for thread in threads):  # one may not have begun to wait yet
            end()
            for thread in threads:
                thread.join(0.02)
    assert found == [None] * 6
    assert journal.lease(cursor, NOW, 0.0) is None
    assert isinstance(send(journal, Append("logs", batch("x"))).error, JournalError)
    assert not journal.flush(0.1)
    journal.close()


def check_close_commits_what_is_queued(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    answers: list[Pending] = []
    for n in range(200):
        journal.append([Append("logs", numbered(1, n))], answers.extend)
    journal.close()
    assert len(answers) == 200
    assert all(one.error is None for one in answers)
    if subject.durable:
        again = subject.open()
        assert balanced(again, cursor).accepted == 200
        again.close()
