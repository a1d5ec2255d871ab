"""Commands of a person or of the service, run by the writer inside a commit: attach, detach, replay, purge.

Whoever gives an order waits until it is durable. An order that is refused raises before it has changed anything.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from otelsiem.journal.codec import pack, unseal
from otelsiem.journal.desk import Desk
from otelsiem.journal.journal import Cursor, StartAt
from otelsiem.journal.parcel import Parcel
from otelsiem.journal.settlement import Settlement
from otelsiem.journal.shelf import DeskRow, DueRow, Grave
from otelsiem.journal.state import State, total
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


def attach(tx: Transaction, cursor: Cursor, start_at: StartAt) -> int:
    """A new exporter; an old one keeps its place."""
    if tx.books.find(cursor) is not None or any(desk.cursor == cursor for desk in tx.seated):
        return 0
    draft = tx.draft(cursor.pipeline)
    start = draft.next
    if start_at == "beginning":
        kept = tx.shelf.oldest(draft.line.id, draft.next, 1)
        start = kept[0].first if kept else draft.line.row.next
    place = State(start, start)
    id_ = tx.shelf.add_desk(draft.line.id, cursor.exporter, place)
    desk = Desk(
        DeskRow(id_, draft.line.id, cursor.exporter, place), draft.line, earliest=None, most_ranges=tx.shelf.most_ranges
    )
    tx.seated.append(desk)
    tx.after.append(lambda: tx.books.seat(desk))
    return 1


def detach(tx: Transaction, desk: Desk, *, forget: bool) -> int:
    """An exporter less."""
    place = tx.place(desk)
    pending = place.pending(tx.draft(desk.line.name).next)
    if (pending or place.dead) and not forget:
        raise JournalError(
            f"exporter {desk.cursor.exporter} of pipeline {desk.cursor.pipeline} has {pending} records pending and"
            f" {place.dead} dead letters; deliver or purge them first, or forget them on purpose"
        )
    tx.shelf.drop_desk(desk.id)
    tx.leave(desk)
    tx.after.append(lambda: tx.books.unseat(desk))
    tx.after.append(desk.leave)
    return pending


def replay(tx: Transaction, desk: Desk, graves: Sequence[Grave]) -> int:
    """Dead → due, ready at once."""
    rows = [DueRow(g.row.position, tx.now, 0, g.row.reason, g.row.first, g.row.taken, g.row.record) for g in graves]
    tx.shelf.add_due(desk.id, rows)
    tx.shelf.drop_dead([grave.number for grave in graves], shred=False)
    tx.move(desk, tx.place(desk).revive(len(rows)))
    now = tx.now
    tx.after.append(lambda: desk.revived(now))
    return len(rows)


def replay_door(tx: Transaction, pipeline: str, graves: Sequence[Grave]) -> int:
    """What the door refused is appended as new records."""
    pieces = pack([unseal(grave.row.record) for grave in graves])
    size = sum([piece.size for piece in pieces])
    tx.append([Parcel(pipeline, pieces, len(graves), size, 0, ())])
    tx.shelf.drop_dead([grave.number for grave in graves], shred=False)
    return len(graves)


def purge(tx: Transaction, desk: Desk | None, graves: Sequence[Grave]) -> int:
    """Delete dead letters for good; of a door when there is no desk."""
    tx.shelf.drop_dead([grave.number for grave in graves], shred=True)
    if desk is not None:
        tx.move(desk, tx.place(desk).purge_dead(len(graves)))
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
    place = place.settle(fresh, purged=total(fresh)).leave_due(len(gone), purged=len(gone))
    # `positions` here were never on loan; naming them tells couriers that what they read is out of date.
    tx.move(desk, place, Settlement(desk, spans, gone))
    return total(fresh) + len(gone)
