"""Commands of a person or of the service, run by the writer inside a commit: replay, purge. Those that change who is
there at all are in `staff.py`.

Whoever gives an order waits until it is durable. An order that is refused raises before it has changed anything.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from otelsiem.journal.codec import pack, unseal
from otelsiem.journal.dead import REMOVED
from otelsiem.journal.desk import Desk
from otelsiem.journal.omitted import PURGED
from otelsiem.journal.parcel import Parcel
from otelsiem.journal.settlement import Settlement
from otelsiem.journal.shelf import DueRow, Grave
from otelsiem.journal.staff import drop
from otelsiem.journal.state import total
from otelsiem.journal.transaction import Transaction
from otelsiem.model.errors import JournalError

CHUNK = 1000  # dead letters per commit


@dataclass(slots=True)
class Order:
    """`run` says how many records it moved."""

    run: Callable[[Transaction], int]
    done: threading.Event = field(default_factory=threading.Event)
    result: int = 0
    error: Exception | None = None

    def fail(self, error: Exception) -> None:
        self.error = error
        self.done.set()


def replay(tx: Transaction, desk: Desk, graves: Sequence[Grave]) -> int:
    """Dead → due, ready at once."""
    if desk.cursor.exporter.startswith(REMOVED):
        name = desk.cursor.exporter.removeprefix(REMOVED)
        raise JournalError(
            f"exporter {name} is no longer part of pipeline {desk.line.name}: put it back into the configuration, then"
            " replay; or purge"
        )
    rows = [DueRow(g.row.position, tx.now, 0, g.row.reason, g.row.first, g.row.taken, g.row.record) for g in graves]
    tx.shelf.add_due(desk.id, rows)
    tx.shelf.drop_dead([grave.number for grave in graves], shred=False)
    tx.move(desk, tx.place(desk).revive(len(rows)))
    now = tx.now
    tx.after.append(lambda: desk.revived(now))
    return len(rows)


def replay_door(tx: Transaction, pipeline: str, graves: Sequence[Grave]) -> int:
    """What the door refused is appended as new records."""
    if not tx.books.lines[pipeline].desks:
        raise JournalError(f"pipeline {pipeline} has no exporter: put it back into the configuration, then replay")
    pieces = pack([unseal(grave.row.record) for grave in graves])
    size = sum([piece.size for piece in pieces])
    tx.append([Parcel(pipeline, pieces, len(graves), size, 0, ())])
    tx.shelf.drop_dead([grave.number for grave in graves], shred=False)
    return len(graves)


def purge(tx: Transaction, desk: Desk | None, graves: Sequence[Grave]) -> int:
    """Delete dead letters for good; of a door when there is no desk."""
    tx.shelf.drop_dead([grave.number for grave in graves], shred=True)
    if desk is None:
        return len(graves)
    tx.omit(desk, [(PURGED, (grave.row.position, grave.row.position + 1)) for grave in graves])
    place = tx.place(desk).purge_dead(len(graves))
    if desk.cursor.exporter.startswith(REMOVED) and not place.dead:
        drop(tx, desk)
    else:
        tx.move(desk, place)
    return len(graves)


def purge_pending(tx: Transaction, desk: Desk) -> int:
    """Give up what is pending and not on loan."""
    with desk.bell:
        spans = desk.lending.take_all(desk.line.next)
        lent = frozenset(desk.lending.due)
        desk.shut = True

    def undo() -> None:
        with desk.bell:
            desk.lending.give_back(spans)
            desk.shut = False

    tx.undo.append(undo)
    gone = tx.shelf.drop_due(desk.id, [p for p in tx.shelf.due_positions(desk.id) if p not in lent])
    place = tx.place(desk)
    fresh = place.fresh(spans)
    tx.omit(desk, [(PURGED, span) for span in [*fresh, *[(position, position + 1) for position in gone]]])
    place = place.settle(fresh, purged=total(fresh)).leave_due(len(gone), purged=len(gone))
    # `positions` here were never on loan; naming them tells couriers that what they read is out of date.
    tx.move(desk, place, Settlement(desk, spans, gone))
    return total(fresh) + len(gone)
