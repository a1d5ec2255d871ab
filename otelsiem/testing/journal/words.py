"""The words that the checks are written in: a subject, its clock, and small verbs on a journal."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from otelsiem.journal.journal import Append, Cursor, ExporterCounts, FateKind, Journal, Lease, Pending
from otelsiem.model.destination import Limits
from otelsiem.model.outcome import Receipt
from otelsiem.model.processor import Refused
from otelsiem.model.record import Batch, Group, Record, Scope, records

SECOND = 1_000_000_000
NOW = Limits(age=0.0)  # a lease that waits for no company
PATIENCE = 10.0


class Tick:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1_700_000_000 * SECOND

    def __call__(self) -> int:
        return self.now


class Subject(Protocol):
    """One kind of journal under test; every open after the first opens the same journal again."""

    clock: Tick
    durable: bool  # a second open finds what the first left

    def open(self, **options: Any) -> Journal:
        """Options: history (age in seconds, size in bytes), max_size_mib, at."""


Check: TypeAlias = Callable[[Subject], None]


def batch(*ids: str, size: int = 0) -> Batch:
    """One group with these records."""
    made = [Record(id=name, time=1, event="login", attributes={"n": name, "fill": "x" * size}) for name in ids]
    return [Group({"service.name": "test"}, Scope("scope"), made)]


def numbered(count: int, start: int = 0, size: int = 0) -> Batch:
    """A batch whose records are called 0, 1, 2 …"""
    return batch(*[str(n) for n in range(start, start + count)], size=size)


def refusal(name: str) -> Refused:
    return Refused(batch(name)[0], "no actor")


def send(journal: Journal, *appends: Append) -> Pending:
    """Append and wait for the answer."""
    answered = threading.Event()
    pending = journal.append(appends, lambda _: answered.set())
    if pending.error is None:
        assert answered.wait(PATIENCE), "an append was never answered"
    return pending


def put(journal: Journal, made: Batch, pipeline: str = "logs") -> Pending:
    """Append to one pipeline; it must work."""
    pending = send(journal, Append(pipeline, made))
    assert pending.error is None, pending.error
    return pending


def names(lease: Lease) -> list[str]:
    return [record.id for record in records(lease.batch)]


def borrow(journal: Journal, cursor: Cursor, most: int = 1000, size: int = 1 << 20) -> Lease:
    """A lease that must be there."""
    lease = journal.lease(cursor, Limits(most, size, age=0.0), PATIENCE)
    assert lease is not None, "nothing was lent"
    assert lease.count == len(names(lease)) == max(sum(b - a for a, b in lease.spans), len(lease.keys))
    return lease


def settle(journal: Journal, lease: Lease, receipt: Receipt | None = None) -> ExporterCounts:
    """Settle, wait until it is durable, and check P2 at once."""
    journal.settle(lease, receipt or Receipt())
    assert journal.flush(PATIENCE)
    return balanced(journal, lease.cursor)


def balanced(journal: Journal, cursor: Cursor) -> ExporterCounts:
    """accepted = delivered + dead + filtered + purged + pending."""
    counts = journal.counts(cursor)
    assert counts.accepted == counts.delivered + counts.dead + counts.filtered + counts.purged + counts.pending, counts
    assert 0 <= counts.due <= counts.pending, counts
    assert 0 <= counts.on_loan <= counts.pending, counts
    told_alike(journal, counts)
    return counts


def told_alike(journal: Journal, counts: ExporterCounts) -> int:
    """What is said of every single record adds up to what is counted of all; nothing is moving meanwhile.

    Of how many it is no longer known.
    """
    following = next(line.next for line in journal.stats().pipelines if line.pipeline == counts.pipeline)
    fates = journal.fates(counts.pipeline, range(following - counts.accepted, following), counts.exporter)
    told = Counter([fate.kind for fate in fates])
    pending = counts.pending - counts.due
    counted = {
        FateKind.DELIVERED: counts.delivered, FateKind.DEAD: counts.dead, FateKind.FILTERED: counts.filtered,
        FateKind.PURGED: counts.purged, FateKind.DUE: counts.due, FateKind.PENDING: pending,
    }  # fmt: skip
    unknown = told[FateKind.SETTLED] + told[FateKind.UNKNOWN]
    assert all(told[kind] <= number for kind, number in counted.items()), (told, counts)
    assert unknown == sum([number - told[kind] for kind, number in counted.items()]), (told, counts)
    return unknown


def nothing(journal: Journal, cursor: Cursor) -> None:
    assert journal.lease(cursor, NOW, 0.0) is None, "something was lent that should not be"
