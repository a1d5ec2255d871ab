"""The journal over a shelf: the protocol's methods, the same for every medium."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from otelsiem.journal import fates, orders, staff
from otelsiem.journal.books import Books
from otelsiem.journal.borrow import Lender
from otelsiem.journal.cache import Cache
from otelsiem.journal.dead import DOOR, REMOVED, letter
from otelsiem.journal.desk import Desk
from otelsiem.journal.journal import (
    Append,
    Cursor,
    DeadLetter,
    ExporterCounts,
    Fate,
    FateKind,
    JournalStats,
    Lease,
    Pending,
    PipelineCounts,
    StartAt,
    Wake,
)
from otelsiem.journal.line import Line
from otelsiem.journal.orders import CHUNK, Order
from otelsiem.journal.parcel import parcel
from otelsiem.journal.readback import Readback
from otelsiem.journal.settlement import settlement
from otelsiem.journal.shelf import Grave, Shelf
from otelsiem.journal.transaction import Transaction
from otelsiem.journal.trim import History
from otelsiem.journal.writer import APART, At, Job, Writer
from otelsiem.model.destination import Limits
from otelsiem.model.errors import JournalError, OtelsiemError
from otelsiem.model.outcome import Receipt, Ticket

Work: TypeAlias = Callable[[Transaction, Desk | None, str, Sequence[Grave]], int]  # desk None: of a door


class ShelfJournal:
    """Every rule of the journal; what differs between the kinds is the shelf."""

    def __init__(
        self,
        shelf: Shelf,
        *,
        clock: Callable[[], int],
        history: History | None = None,
        apart: float = APART,
        at: At | None = None,
    ) -> None:
        self._shelf, self._clock = shelf, clock
        self._cache = Cache()
        self._books = Books(shelf)
        self._lender = Lender(shelf, Readback(shelf, self._cache), clock)
        self._writer = Writer(shelf, self._books, self._cache, clock, history or History(), apart=apart, at=at)
        self._closed = False
        self._writer.start()

    # --- exporters -----------------------------------------------------------------------------------------------

    def attach(self, pipeline: str, exporter: str, start_at: StartAt = "end") -> Cursor:
        """The exporter's cursor, made in a commit of its own when it is new. Blocks until that is durable."""
        cursor = _free(Cursor(pipeline, exporter))
        if self._books.find(cursor) is None:
            self._order(lambda tx: staff.attach(tx, cursor, start_at))
        return cursor

    def detach(self, *cursors: Cursor, forget: bool = False) -> None:
        """Remove exporters, all of them in one commit. With records pending it is refused, unless `forget`."""
        desks = [self._books.desk(cursor) for cursor in cursors]
        self._order(lambda tx: staff.detach(tx, desks, forget=forget))

    def rename(self, cursor: Cursor, exporter: str) -> Cursor:
        """The place goes on under another exporter's name."""
        desk, new = self._books.desk(cursor), _free(Cursor(cursor.pipeline, exporter))
        self._order(lambda tx: staff.rename(tx, desk, exporter))
        return new

    def resize(self, most: int, history: History) -> None:
        """New limits, from the next commit on."""

        def run(_: Transaction) -> int:
            self._shelf.most = most
            self._writer.history = history
            return 0

        self._order(run)

    # --- records in ----------------------------------------------------------------------------------------------

    def append(self, appends: Sequence[Append], wake: Wake, tag: object = None) -> Pending:
        """Queue what one request brings. What is refused at once has its `error` set, and `wake` is not called."""
        pending = Pending(wake, tag)
        try:
            parcels = [parcel(append) for append in appends]
        except OtelsiemError as error:
            pending.error = error
            return pending
        size = sum([one.size for one in parcels])
        pending.error = self._writer.refusal(size)
        if pending.error is None:
            self._writer.queue(Job(pending, parcels, size))
        return pending

    # --- records out ---------------------------------------------------------------------------------------------

    def lease(self, cursor: Cursor, limits: Limits, wait: float) -> Lease | None:
        """Records to deliver; None when nothing came, or the exporter is gone."""
        desk = self._books.find(cursor)
        return None if desk is None else self._lender.lease(desk, limits, wait)

    def settle(
        self, lease: Lease, receipt: Receipt, emit: Sequence[Append] = (), state: bytes | None = None
    ) -> Mapping[Ticket, Lease]:
        """Fates, emitted records and a connector's state, in one transaction. A second settle of a lease is nothing.

        A ticket of which no record is left, because each has another fate, has no lease either.
        """
        desk = self._books.find(lease.cursor)
        loan = desk.loans.get(id(lease)) if desk is not None else None
        if desk is None or loan is None or loan.lease is not lease:
            return {}
        made = settlement(desk, loan, receipt, self._clock())
        if emit:
            made.emit = [parcel(append) for append in emit]
        made.memory = state
        if desk.loans.pop(id(lease), None) is None:
            return {}
        unconfirmed, made.unconfirmed = made.unconfirmed, {}  # the writer has no use for them
        if unconfirmed:
            desk.keep(unconfirmed.values(), loan.taken)
        if made.released or made.released_due:
            desk.take_back(made)
        if made.spans or made.positions or emit or state is not None:
            self._writer.settle(made)
        return unconfirmed

    def state(self, cursor: Cursor) -> bytes | None:
        """What the connector left with its last settle."""
        return self._books.desk(cursor).memory

    # --- what there is -------------------------------------------------------------------------------------------

    def counts(self, cursor: Cursor) -> ExporterCounts:
        """P2's figures as the last commit left them."""
        return self._counts(self._books.desk(cursor))

    def stats(self) -> JournalStats:
        """Everything at a glance."""
        exporters = [self._counts(desk) for desk in self._books]
        lines = [_pipeline(line) for line in list(self._books.lines.values())]
        writer = self._writer
        return JournalStats(lines, exporters, self._shelf.bytes, writer.full, writer.ready, writer.problem)

    def exporters(self, pipeline: str) -> Sequence[str]:
        """Those that have a place in a pipeline, at work or not."""
        line = self._books.lines.get(pipeline)
        return [desk.cursor.exporter for desk in line.desks] if line is not None else []

    def fate(self, pipeline: str, position: int, exporter: str) -> Fate:
        """What became of one record."""
        return self.fates(pipeline, range(position, position + 1), exporter)[0]

    def fates(self, pipeline: str, numbers: range, exporter: str) -> Sequence[Fate]:
        """What became of records that follow each other."""
        line = self._books.lines.get(pipeline)
        if line is not None and exporter == DOOR + pipeline:
            return fates.of_door(self._shelf, line, numbers)
        desk = self._books.find(Cursor(pipeline, exporter))
        return [Fate(FateKind.UNKNOWN)] * len(numbers) if desk is None else fates.of(self._shelf, desk, numbers)

    def dead_letters(self, exporter: str = "", *, limit: int = 100, offset: int = 0) -> Sequence[DeadLetter]:
        """Dead letters, oldest first; of all exporters and doors when none is named."""
        names = {owner: (name, pipeline) for owner, name, pipeline, _ in self._owners()}
        owners = [owner for owner, (name, _) in names.items() if name == exporter] if exporter else None
        graves = self._shelf.dead_rows(owners, limit, offset)
        return [letter(grave, *names[grave.owner]) for grave in graves if grave.owner in names]

    # --- commands ------------------------------------------------------------------------------------------------

    def replay(self, exporter: str, positions: Sequence[int] | None = None) -> int:
        """Dead → due, ready at once; those of a door are appended to their pipeline as new records. Blocks.

        An exporter that works on several pipelines has dead letters on each: positions are looked up on all of them.
        """

        def work(tx: Transaction, desk: Desk | None, pipeline: str, graves: Sequence[Grave]) -> int:
            if desk is None:
                return orders.replay_door(tx, pipeline, graves)
            return orders.replay(tx, desk, graves)

        return self._dig(exporter, positions, work)

    def purge(self, exporter: str, positions: Sequence[int] | None = None) -> int:
        """Delete dead letters for good (counted as purged). How many. Blocks."""
        return self._dig(exporter, positions, lambda tx, desk, _, graves: orders.purge(tx, desk, graves))

    def purge_pending(self, cursor: Cursor) -> int:
        """Give up what is pending and not on loan (counted as purged). How many. Blocks."""
        desk = self._books.desk(cursor)
        return self._order(lambda tx: orders.purge_pending(tx, desk)).result

    def wake(self, cursor: Cursor) -> None:
        """Let its waiting `lease`s return."""
        desk = self._books.find(cursor)
        if desk is not None:
            desk.ring()

    def flush(self, timeout: float) -> bool:
        """Block until everything queued before this call is durable; False when time ran out or it failed."""
        try:
            return self._writer.order(Order(lambda _: 0), timeout)
        except OtelsiemError:
            return False

    def close(self) -> None:
        """Commit what is queued and let go of the medium."""
        if self._closed:
            return
        self._closed = True
        for desk in self._books:
            desk.end()
        self._writer.close()
        self._shelf.close()

    # --- inside --------------------------------------------------------------------------------------------------

    def _order(self, run: Callable[[Transaction], int]) -> Order:
        order = Order(run)
        self._writer.order(order)
        return order

    def _counts(self, desk: Desk) -> ExporterCounts:
        with desk.bell:
            place, following, on_loan = desk.state, desk.line.next, desk.lending.on_loan
        return ExporterCounts(
            desk.cursor.pipeline,
            desk.cursor.exporter,
            following - place.start,
            place.delivered,
            place.dead,
            place.filtered,
            place.purged,
            place.pending(following),
            place.due,
            on_loan,
            self._oldest(desk, place.low, following, place.due),
            place.rules,
        )

    def _oldest(self, desk: Desk, low: int, following: int, due: int) -> int:
        """The lowest pending number is `low`; its entry says when it was taken."""
        times: list[int] = []
        try:
            if low < following:
                entry = self._cache.get(desk.line.id, low) or self._shelf.entry_mark(desk.line.id, low)
                times += [entry.taken] if entry is not None else []
            if due:
                row = self._shelf.first_due(desk.id)
                times += [row.taken] if row is not None else []
        except self._shelf.errors:  # not ready, or closed: the counts themselves are still right
            pass
        return min(times, default=0)

    def _owners(self) -> list[tuple[int, str, str, Desk | None]]:
        """Who may have dead letters: id, name, pipeline."""
        doors = [(-line.id, DOOR + line.name, line.name, None) for line in list(self._books.lines.values())]
        desks = [*self._books, *self._books.removed.values()]
        return [*[(d.id, d.cursor.exporter.removeprefix(REMOVED), d.line.name, d) for d in desks], *doors]

    def _dig(
        self,
        exporter: str,
        positions: Sequence[int] | None,
        work: Work,
    ) -> int:
        """Work through the dead letters that are there now, a chunk per commit."""
        moved = 0
        for owner, name, pipeline, desk in self._owners():
            if name == exporter:
                moved += self._dig_one(owner, positions, partial(_work, work, desk, pipeline))
        return moved

    def _dig_one(
        self, owner: int, positions: Sequence[int] | None, work: Callable[[Transaction, Sequence[Grave]], int]
    ) -> int:
        moved = after = end = 0

        def chunk(tx: Transaction) -> int:
            nonlocal after, end
            end = end or tx.shelf.last_grave()  # what dies while we work is not for this call
            graves = [grave for grave in tx.shelf.graves(owner, after, CHUNK, positions) if grave.number <= end]
            after = graves[-1].number if len(graves) == CHUNK else end
            return work(tx, graves) if graves else 0

        while not end or after < end:
            moved += self._order(chunk).result
            if not end:
                break
        return moved


def _free(cursor: Cursor) -> Cursor:
    if cursor.exporter.startswith((DOOR, REMOVED)):
        raise JournalError(f"{cursor.exporter!r} cannot be an exporter: names with {DOOR} and {REMOVED} are our own")
    return cursor


def _work(work: Work, desk: Desk | None, pipeline: str, tx: Transaction, graves: Sequence[Grave]) -> int:
    return work(tx, desk, pipeline, graves)


def _pipeline(line: Line) -> PipelineCounts:
    row = line.row
    return PipelineCounts(row.name, row.next, row.received, row.filtered, row.refused)
