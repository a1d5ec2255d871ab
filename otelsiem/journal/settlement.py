"""A receipt turned into what the writer has to do: fates by position, worked out in the courier's own thread.

Guarantees: every record of the lease has exactly one fate, also when a receipt names an index twice (released beats
accepted, then due, dead, filtered; of two tickets the first has it); an index that the lease does not have is refused.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from otelsiem.journal.codec import seal
from otelsiem.journal.journal import Lease
from otelsiem.journal.shelf import DeadRow, DueRow
from otelsiem.journal.state import Span, joined, without
from otelsiem.journal.stub import named_once, runs, stub
from otelsiem.model.outcome import Receipt, Ticket
from otelsiem.model.record import Group, count, pick

if TYPE_CHECKING:
    from otelsiem.journal.desk import Desk
    from otelsiem.journal.parcel import Parcel


@dataclass(slots=True)
class Loan:
    """What the desk remembers of a lease."""

    lease: Lease
    taken: int  # ns: when the oldest of its records came into the journal
    rows: Sequence[DueRow] = ()  # of a lease of due records


@dataclass(slots=True)
class Settlement:
    """What one settle asks of the writer."""

    desk: Desk
    spans: Sequence[Span] = ()  # settled numbers
    positions: Sequence[int] = ()  # settled due records
    dead: Sequence[DeadRow] = ()
    due: Sequence[DueRow] = ()
    filtered: Mapping[int, str] = field(default_factory=dict)  # position -> rule
    released: Sequence[Span] = ()
    released_due: Sequence[int] = ()
    unconfirmed: Mapping[Ticket, Lease] = field(default_factory=dict)  # stays on loan: nothing of it is written
    emit: Sequence[Parcel] = field(default_factory=tuple)
    memory: bytes | None = None


def settlement(desk: Desk, loan: Loan, receipt: Receipt, now: int) -> Settlement:
    """The fates of a lease by position. ValueError when the receipt names a record that was not lent."""
    lease = loan.lease
    if not receipt.named:
        if lease.keys:
            return Settlement(desk, positions=[position for _, position in lease.keys])
        return Settlement(desk, lease.spans)
    _check(receipt, lease)
    place = _places(lease)
    released = frozenset(receipt.released)
    accepted = named_once(receipt.accepted, released)
    lent = released.union(*accepted.values())
    due = {index: later for index, later in receipt.due.items() if index not in lent}
    dead = {index: death for index, death in receipt.dead.items() if index not in lent and index not in due}
    filtered = [i for i in receipt.filtered if i not in lent and i not in due and i not in dead]
    groups = _singles(lease, [*due, *dead])
    made = Settlement(desk, filtered={place(index): receipt.filtered[index] for index in filtered})
    made.due = [
        DueRow(place(i), later.at, later.attempts, later.reason, *_times(loan, i, now), seal(groups[i]))
        for i, later in due.items()
    ]
    made.dead = [
        DeadRow(place(i), death.reason, death.attempts, first, now, taken, seal(groups[i]))
        for i, death in dead.items()
        for first, taken in (_times(loan, i, now),)
    ]
    made.unconfirmed = {ticket: stub(lease, indices, place) for ticket, indices in accepted.items()}
    back = [place(index) for index in sorted(released)]
    if lease.keys:
        made.released_due = back
        made.positions = [position for index, (_, position) in enumerate(lease.keys) if index not in lent]
    else:
        made.released = runs(back)
        kept = [span for one in made.unconfirmed.values() for span in one.spans]
        made.spans = without(lease.spans, joined([*made.released, *kept]))
    return made


def _check(receipt: Receipt, lease: Lease) -> None:
    for indices in (receipt.dead, receipt.due, receipt.filtered, receipt.released, *receipt.accepted.values()):
        for index in indices:
            if not 0 <= index < lease.count:
                raise ValueError(f"the receipt names record {index} of a lease of {lease.count}")
    if not lease.batch and (receipt.dead or receipt.due):
        raise ValueError("what waits for a confirmation is lent without its records: deliver it, or release it first")


def _places(lease: Lease) -> Callable[[int], int]:
    """Index in the lease → position."""
    if lease.keys:
        return lambda index: lease.keys[index][1]
    starts: list[int] = []
    at = 0
    for start, stop in lease.spans:
        starts.append(at)
        at += stop - start

    def place(index: int) -> int:
        span = bisect_right(starts, index) - 1
        return lease.spans[span][0] + index - starts[span]

    return place


def _times(loan: Loan, index: int, now: int) -> tuple[int, int]:
    """When a record first failed, and when it came into the journal."""
    if loan.rows:
        return loan.rows[index].first, loan.rows[index].taken
    return now, loan.taken


def _singles(lease: Lease, indices: Sequence[int]) -> dict[int, Group]:
    """Each of these records in a group of its own."""
    ordered = sorted(indices)
    found: dict[int, Group] = {}
    picked = pick(lease.batch, ordered) if ordered else []
    assert count(picked) == len(ordered)
    at = iter(ordered)
    for group in picked:
        for record in group.records:
            found[next(at)] = Group(group.resource, group.scope, [record], group.schema_url)
    return found
