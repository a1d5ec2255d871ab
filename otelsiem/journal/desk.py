"""An exporter's desk: its place, its loans and the bell that its couriers wait for.

Guarantees: `state` is what the last commit made durable, never more; what is on loan is lent to nobody else.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from otelsiem.journal.journal import Cursor, Lease
from otelsiem.journal.lending import Lending
from otelsiem.journal.line import Line
from otelsiem.journal.settlement import Loan, Settlement
from otelsiem.journal.shelf import DeskRow
from otelsiem.journal.state import Span, State, total


class Desk:
    """`bell` is also the lock of everything that changes here."""

    def __init__(self, row: DeskRow, line: Line, *, earliest: int | None, most_ranges: int) -> None:
        self.id, self.line, self.state, self.memory = row.id, line, row.place, row.memory
        self.cursor = Cursor(line.name, row.name)
        self.lending = Lending(row.place, most_ranges)
        self.earliest = earliest  # ns: no due record that can be lent is ready before; None = none there
        self.bell = threading.Condition()
        self.loans: dict[int, Loan] = {}  # by the identity of the lease
        self.reading: list[int] = []  # where leases begin that are being read
        self.waiting = 0
        self.wanted = 0  # a commit that brings the pipeline's next number here rings
        self.collecting = False  # one courier waits for company for its first record
        self.summons = 0
        self.changes = 0  # of due rows: what was read before one is out of date
        self.shut = False  # due records are being purged
        self.ended = False  # the journal closes: nothing more is lent
        self.gone = False  # the exporter was removed: nothing more is written either
        self.troubled = False  # what is pending cannot be read, and somebody was told

    @property
    def mark(self) -> int:
        """The lowest new number that a courier of ours still has to read."""
        return min([*self.reading, self.lending.edge])

    # --- couriers; the lock is held ------------------------------------------------------------------------------

    def due_ready(self, now: int) -> bool:
        return self.earliest is not None and self.earliest <= now and not self.shut

    def available(self) -> int:
        return self.lending.available(self.line.next, self.state)

    def take(self, most: int) -> list[Span]:
        spans = self.lending.take(most, self.line.next, self.state)
        self.reading.append(spans[0][0])
        if self.waiting > 1 and self.available():  # enough for another courier too
            self.bell.notify()
        return spans

    def note_due(self, at: int) -> None:
        self.earliest = at if self.earliest is None else min(self.earliest, at)

    def wait(self, seconds: float, wanted: int) -> None:
        """`waiting` was raised before the courier looked, so a commit between the look and this wait rings."""
        self.wanted = wanted
        self.bell.wait(seconds)

    # --- couriers ------------------------------------------------------------------------------------------------

    def lend(self, spans: Sequence[Span], loan: Loan | None, excess: Sequence[Span]) -> None:
        """What was taken has been read: `loan` of it goes out, the excess goes back."""
        with self.bell:
            self.reading.remove(spans[0][0])
            self.lending.give_back(excess)
            if loan is not None:
                self.loans[id(loan.lease)] = loan
            if self.waiting and self.available():
                self.wanted = 0
                self.bell.notify()

    def keep(self, leases: Iterable[Lease], taken: int) -> None:
        """These leases, parts of one that is settled, wait for their confirmation: their records stay on loan."""
        with self.bell:
            self.loans.update({id(lease): Loan(lease, taken) for lease in leases})

    def take_back(self, made: Settlement) -> None:
        """Released records can be lent at once; nothing of that is written."""
        self._back(made.released, made.released_due)

    def take_back_all(self, made: Settlement) -> None:
        """What was to be settled could not be: all of it is lent again."""
        self._back(made.spans, made.positions)

    def _back(self, spans: Sequence[Span], due: Iterable[int]) -> None:
        with self.bell:
            self.lending.give_back(spans)
            for position in due:
                at = self.lending.due.pop(position, None)
                if at is not None:
                    self.note_due(at)
            self.bell.notify()

    def ring(self) -> None:
        """Let everyone look again at what they are waiting for."""
        with self.bell:
            self.summons += 1
            self.bell.notify_all()

    # --- the writer ----------------------------------------------------------------------------------------------

    def arrived(self) -> None:
        """The pipeline has new records."""
        if self.waiting and self.line.next >= self.wanted:
            with self.bell:
                self.bell.notify()

    def publish(self, state: State, settlements: Iterable[Settlement]) -> None:
        """A commit made this durable."""
        with self.bell:
            blocked, earliest = self.waiting and not self.available(), self.earliest
            self.state = state
            for made in settlements:
                self._off_loan(made)
            if self.shut:
                self.shut = False
                self.bell.notify_all()
            elif self.waiting and (self.earliest != earliest or (blocked and self.available())):
                self.bell.notify()

    def _off_loan(self, made: Settlement) -> None:
        self.lending.settled(total(made.spans))
        for position in made.positions:
            self.lending.due.pop(position, None)
        for row in made.due:
            self.note_due(row.at)
        self.changes += bool(made.positions or made.due)
        if made.memory is not None:
            self.memory = made.memory

    def revived(self, at: int) -> None:
        """Dead letters became due."""
        with self.bell:
            self.changes += 1
            self.note_due(at)
            self.bell.notify()

    def refresh(self, state: State, memory: bytes | None, earliest: int | None) -> None:
        """What the medium holds after it failed: at least what we knew."""
        with self.bell:
            self.state, self.memory, self.earliest = state, memory, earliest
            self.changes += 1
            self.bell.notify_all()

    def end(self) -> None:
        """The journal closes."""
        with self.bell:
            self.ended = True
            self.bell.notify_all()

    def leave(self) -> None:
        """The exporter is no more."""
        self.gone = True
        self.end()
