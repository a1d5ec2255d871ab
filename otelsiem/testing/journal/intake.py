"""Records in: answers, order, all or nothing."""

from __future__ import annotations

import threading

from otelsiem.journal.journal import Append, Pending
from otelsiem.model.errors import JournalError
from otelsiem.model.outcome import Death, Later, Receipt
from otelsiem.model.record import Group, Record, Scope, Value
from otelsiem.testing.journal.words import (
    NOW,
    PATIENCE,
    SECOND,
    Subject,
    balanced,
    batch,
    borrow,
    names,
    numbered,
    put,
    refusal,
    send,
    settle,
)


def check_p1_answer_comes_after_the_commit(subject: Subject) -> None:
    seen: list[str] = []
    journal = subject.open(at=seen.append)
    journal.attach("logs", "a")
    seen.clear()
    answered = threading.Event()

    def wake(_: list[Pending]) -> None:
        seen.append("answer")
        answered.set()

    assert journal.append([Append("logs", numbered(3))], wake).error is None
    assert answered.wait(PATIENCE)
    assert seen[: seen.index("answer") + 1].count("commit.after") == 1
    assert seen.index("commit.after") < seen.index("answer")
    journal.close()


def check_p1_every_append_is_answered_once(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    answered: list[Pending] = []
    done = threading.Event()

    def wake(group: list[Pending]) -> None:
        answered.extend(group)
        if len(answered) == 300:
            done.set()

    sent = [journal.append([Append("logs", batch(f"r{n}"))], wake, tag=n) for n in range(300)]
    assert done.wait(PATIENCE)
    assert sorted(id(one) for one in answered) == sorted(id(one) for one in sent)
    assert [one.tag for one in sent] == list(range(300))
    firsts = [one.positions[0].first for one in sent if one.positions]
    assert firsts == list(range(300)), "positions follow the order of the appends, without a hole"
    assert names(borrow(journal, cursor)) == [f"r{n}" for n in range(300)]
    journal.close()


def check_p1_appends_of_all_sizes_keep_their_places_in_one_commit(subject: Subject) -> None:
    entered, go, held = threading.Event(), threading.Event(), threading.Event()

    def at(point: str) -> None:
        if point == "commit.before" and entered.is_set():
            held.set()
            assert go.wait(PATIENCE)

    journal = subject.open(at=at)
    cursor = journal.attach("logs", "a")
    entered.set()
    sent = [journal.append([Append("logs", numbered(1))], lambda _: None)]
    assert held.wait(PATIENCE)
    counts = (2, 300, 3, 600, 1, 900, 900, 4, 300)  # small and large ones, all queued behind the first
    for count in counts:
        made = numbered(count, sum(counts[: len(sent) - 1]) + 1, size=100)
        sent.append(journal.append([Append("logs", made)], lambda _: None))
    go.set()
    assert journal.flush(PATIENCE)
    firsts = [pending.positions[0].first for pending in sent if pending.positions]
    assert firsts == [0, *[1 + sum(counts[:n]) for n in range(len(counts))]]
    found: list[str] = []
    while (lease := journal.lease(cursor, NOW, 0.0)) is not None:
        found += names(lease)
    assert found == [str(n) for n in range(1 + sum(counts))]
    journal.close()


def check_p1_all_pipelines_or_none(subject: Subject) -> None:
    journal = subject.open()
    one, two = journal.attach("logs", "a"), journal.attach("logs/two", "a")
    bad = [Group({}, Scope(), [Record(id="bad", attributes={"n": 1 << 80})])]
    refused = send(journal, Append("logs", batch("x")), Append("logs/two", bad))
    assert isinstance(refused.error, JournalError)
    assert journal.counts(one).accepted == journal.counts(two).accepted == 0
    taken = send(journal, Append("logs", batch("x")), Append("logs/two", batch("y", "z")))
    assert taken.error is None
    assert [(p.pipeline, p.first, p.count) for p in taken.positions or ()] == [("logs", 0, 1), ("logs/two", 0, 2)]
    assert names(borrow(journal, one)) == ["x"]
    assert names(borrow(journal, two)) == ["y", "z"]
    journal.close()


def check_p1_restart_keeps_everything(subject: Subject) -> None:
    if not subject.durable:
        return
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(700))
    send(journal, Append("logs", [], {"sample": 2}, [refusal("odd")]))
    lease = borrow(journal, cursor, 10)
    fates = Receipt(
        {0: Death("HTTP 400", 3)}, {1: Later(subject.clock.now + SECOND, "suspect", 2)}, {2: "match"}, [5, 6]
    )
    journal.settle(lease, fates, state=b"window")
    assert journal.flush(PATIENCE)
    before, pipelines = balanced(journal, cursor), journal.stats().pipelines
    journal.close()
    again = subject.open()
    assert again.attach("logs", "a", "beginning") == cursor
    assert balanced(again, cursor) == before
    assert again.stats().pipelines == pipelines
    assert again.state(cursor) == b"window"
    assert [(d.reason, d.attempts, names_of(d.group)) for d in again.dead_letters("a")] == [("HTTP 400", 3, ["0"])]
    assert [d.exporter for d in again.dead_letters()] == ["door/logs", "a"]
    assert names(borrow(again, cursor, 3)) == ["5", "6", "10"], "what was on loan or released is lent again"
    subject.clock.now += SECOND
    due = borrow(again, cursor)
    assert (names(due), list(due.attempts)) == (["1"], [2])
    again.close()


def names_of(group: Group) -> list[str]:
    return [record.id for record in group.records]


def check_what_processors_took_out_is_counted(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    pending = send(journal, Append("logs", batch("x"), {"sample": 3, "drop": 1}, [refusal("odd"), refusal("odder")]))
    assert pending.positions is not None
    assert pending.positions[0].count == 1
    empty = send(journal, Append("logs", [], {"drop": 2}))
    assert empty.positions is not None
    assert (empty.positions[0].first, empty.positions[0].count) == (1, 0)
    (line,) = journal.stats().pipelines
    assert (line.next, line.received, line.filtered, line.refused) == (1, 9, 6, 2)
    assert balanced(journal, cursor).accepted == 1
    journal.close()


def check_large_appends_come_back_whole(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    put(journal, numbered(3000, size=1000))  # several entries' worth
    put(journal, numbered(2, 3000))
    found: list[str] = []
    while len(found) < 3002:
        lease = borrow(journal, cursor)
        found += names(lease)
        journal.settle(lease, Receipt())
    assert found == [str(n) for n in range(3002)]
    assert journal.flush(PATIENCE)
    assert balanced(journal, cursor).delivered == 3002
    journal.close()


def check_values_survive(subject: Subject) -> None:
    journal = subject.open()
    cursor = journal.attach("logs", "a")
    text = "ü\u0000\U0001f600"
    values: dict[str, Value] = {"s": text, "i": -(1 << 63), "u": (1 << 64) - 1, "f": 0.1, "b": b"\x00\xff", "t": True}
    record = Record("id", 1, 2, 17, "ERROR", "event", {"deep": [None, values]}, {**values}, "0a" * 16, "0b" * 8, 1)
    group = Group({"r": [1]}, Scope("n", "v", {"k": 1}, "u"), [record], "schema")
    put(journal, [group])
    lease = borrow(journal, cursor)
    assert lease.batch == [group]
    settle(journal, lease, Receipt(dead={0: Death("no", 1)}))
    assert journal.dead_letters("a")[0].group == group
    journal.close()
