"""Who is there at all: exporters that come, go, come back or change their name, each inside a commit.

Guarantees: an exporter with records pending goes only when somebody gives them up, counted; several go together or not
at all; dead letters outlive their exporter, and are its own again when it comes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from otelsiem.journal.dead import REMOVED
from otelsiem.journal.desk import Desk
from otelsiem.journal.journal import Cursor, StartAt
from otelsiem.journal.line import Line
from otelsiem.journal.shelf import DeskRow
from otelsiem.journal.state import State, total, without
from otelsiem.journal.transaction import Transaction
from otelsiem.model.errors import JournalError


def attach(tx: Transaction, cursor: Cursor, start_at: StartAt) -> int:
    """A new exporter, or one that comes back; one that is there keeps its place."""
    if tx.books.find(cursor) is not None or any(desk.cursor == cursor for desk in tx.seated):
        return 0
    draft = tx.draft(cursor.pipeline)
    start = draft.next
    if start_at == "beginning":
        kept = tx.shelf.oldest(draft.line.id, draft.next, 1)
        start = kept[0].first if kept else draft.line.row.next
    left = tx.books.removed.get(cursor)
    if left is None:
        place = _past_holes(tx, draft.line, State(start, start))
        id_ = tx.shelf.add_desk(draft.line.id, cursor.exporter, place)
        _seat(tx, Desk(_row(id_, cursor, draft.line.id, place), draft.line, earliest=None, most_ranges=_most(tx)))
        return 1
    # What it had before it left stays counted; what came while it was away was never its own.
    low = max(start, left.state.low)
    place = _past_holes(tx, draft.line, replace(left.state, start=low - left.state.settled, low=low, ranges=()))
    tx.after.append(lambda: tx.books.forget(cursor))
    tx.omitted_since(left, place.low)
    _renamed(tx, left, cursor, place)
    return 1


def detach(tx: Transaction, desks: Sequence[Desk], *, forget: bool) -> int:
    """Exporters less: all of them or none. How many pending records were given up."""
    pending = {desk: tx.place(desk).pending(tx.draft(desk.line.name).next) for desk in desks}
    if not forget and any(pending.values()):
        raise JournalError("; ".join([_refusal(desk, count) for desk, count in pending.items() if count]))
    for desk in desks:
        _part(tx, desk)
    for line in {desk.line for desk in desks}:
        if not [desk for desk in (*line.desks, *tx.seated) if desk.line is line and desk not in desks]:
            tx.abandon(line)
    return sum(pending.values())


def rename(tx: Transaction, desk: Desk, name: str) -> int:
    """The exporter goes on under another name. What is on loan is lent again: nobody knows the old name any more."""
    cursor = Cursor(desk.line.name, name)
    if tx.books.find(cursor) not in {None, desk} or cursor in tx.books.removed:
        raise JournalError(
            f"{name} cannot take over from {desk.cursor.exporter} in pipeline {desk.line.name}:"
            " it has records or dead letters of its own"
        )
    place = tx.place(desk)
    _leave(tx, desk)
    _renamed(tx, desk, cursor, place)
    return 1


def drop(tx: Transaction, desk: Desk) -> None:
    """Nothing is left of an exporter that was detached."""
    tx.leave(desk)
    tx.shelf.drop_desk(desk.id)
    tx.after.append(lambda: tx.books.forget(Cursor(desk.line.name, desk.cursor.exporter.removeprefix(REMOVED))))


def _part(tx: Transaction, desk: Desk) -> None:
    following = tx.draft(desk.line.name).next
    place = tx.place(desk)
    fresh = place.fresh([(place.start, following)])
    place = place.settle(fresh, purged=total(fresh)).leave_due(place.due, purged=place.due)
    _leave(tx, desk)
    if not place.dead:
        tx.shelf.drop_desk(desk.id)
        return
    tx.shelf.drop_due(desk.id, tx.shelf.due_positions(desk.id))
    name = REMOVED + desk.cursor.exporter
    left = Desk(
        _row(desk.id, Cursor(desk.line.name, name), desk.line.id, place),
        desk.line,
        earliest=None,
        most_ranges=_most(tx),
    )
    tx.shelf.rename_desk(desk.id, name)
    tx.move(left, place)
    tx.after.append(lambda: tx.books.remove(left))


def _past_holes(tx: Transaction, line: Line, place: State) -> State:
    """What a repair had to take out of the entries that are kept is purged, counted: nobody could ever read it."""
    if place.low >= line.next:
        return place
    kept = [(mark.first, mark.end) for mark in tx.shelf.oldest(line.id, line.next, line.next)]
    gone = without([(place.low, line.next)], kept)
    return place.settle(gone, purged=total(gone)) if gone else place


def _leave(tx: Transaction, desk: Desk) -> None:
    tx.leave(desk)
    tx.after.append(lambda: tx.books.unseat(desk))
    tx.after.append(desk.leave)


def _renamed(tx: Transaction, desk: Desk, cursor: Cursor, place: State) -> None:
    """A desk of that name with the same row, as a restart would make it."""
    row = replace(_row(desk.id, cursor, desk.line.id, place), memory=desk.memory)
    tx.shelf.rename_desk(desk.id, cursor.exporter)
    made = Desk(row, desk.line, earliest=0 if place.due else None, most_ranges=_most(tx))
    tx.move(made, place)
    _seat(tx, made)


def _seat(tx: Transaction, desk: Desk) -> None:
    tx.seated.append(desk)
    tx.after.append(lambda: tx.books.seat(desk))


def _row(id_: int, cursor: Cursor, pipeline: int, place: State) -> DeskRow:
    return DeskRow(id_, pipeline, cursor.exporter, place)


def _most(tx: Transaction) -> int:
    return tx.shelf.most_ranges


def _refusal(desk: Desk, pending: int) -> str:
    return (
        f"exporter {desk.cursor.exporter} of pipeline {desk.line.name} has {pending} records pending;"
        " deliver or purge them first, or forget them on purpose"
    )
