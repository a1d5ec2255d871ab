"""Stubs: what stays on loan of a settled lease, per ticket, until the destination confirms it. Positions, no records.

Guarantees: a stub pins no record in memory, neither a decoded one nor its bytes; each index is in one stub at most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from otelsiem.journal.journal import Lease
from otelsiem.journal.state import Span
from otelsiem.model.outcome import Ticket


def named_once(accepted: Mapping[Ticket, Sequence[int]], released: frozenset[int]) -> dict[Ticket, Sequence[int]]:
    """The indices of each ticket, ascending, without those that are released or that an earlier ticket has."""
    taken = set(released)
    found: dict[Ticket, Sequence[int]] = {}
    for ticket, indices in accepted.items():
        mine = sorted(set(indices) - taken)
        if mine:
            found[ticket] = mine
            taken.update(mine)
    return found


def stub(lease: Lease, indices: Sequence[int], place: Callable[[int], int]) -> Lease:
    """The part of a lease at these indices, without its records."""
    if len(indices) == lease.count:  # one payload for all of it, which is the common case
        return Lease(lease.cursor, [], lease.count, lease.spans, lease.keys)
    if lease.keys:
        return Lease(lease.cursor, [], len(indices), (), [lease.keys[index] for index in indices])
    return Lease(lease.cursor, [], len(indices), runs([place(index) for index in indices]))


def runs(positions: Sequence[int]) -> list[Span]:
    """Ascending positions as spans."""
    found: list[Span] = []
    for position in positions:
        if found and found[-1][1] == position:
            found[-1] = (found[-1][0], position + 1)
        else:
            found.append((position, position + 1))
    return found
