"""Borrowing: a courier waits at its desk until there is enough to deliver, takes it and reads it.

One courier of a desk collects at a time: from the first record on it waits up to `limits.age` for a full lease; the
others wait behind it, unless there is enough for them too.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from otelsiem.journal.codec import unseal
from otelsiem.journal.desk import Desk
from otelsiem.journal.journal import Lease
from otelsiem.journal.readback import Readback
from otelsiem.journal.settlement import Loan
from otelsiem.journal.shelf import DueRow, Shelf
from otelsiem.journal.state import Span, without
from otelsiem.model.destination import Limits
from otelsiem.model.errors import OtelsiemError

log = logging.getLogger("otelsiem.journal")


class Lender:
    """Lends records of one journal."""

    def __init__(self, shelf: Shelf, readback: Readback, clock: Callable[[], int]) -> None:
        self._shelf, self._readback, self._clock = shelf, readback, clock
        self._odd: tuple[type[Exception], ...] = (OtelsiemError, *shelf.errors)

    def lease(self, desk: Desk, limits: Limits, wait: float) -> Lease | None:
        """As the protocol says."""
        until = time.monotonic() + wait
        with desk.bell:
            summons = desk.summons
        while True:
            taken = self._wait(desk, limits, until, summons)
            if taken is None:
                return None
            try:
                lease = self._numbers(desk, taken, limits) if taken else self._due(desk, limits)
            except self._odd as error:
                self._tell(desk, error)
                self._pause(desk, until)
                return None
            desk.troubled = False
            if lease is not None:
                return lease

    def _wait(self, desk: Desk, limits: Limits, until: float, summons: int) -> Sequence[Span] | None:
        """Numbers that were taken; empty = due records are ready; None = nothing came."""
        collecting = 0.0  # until when
        enough = max(min(limits.records, limits.bytes // desk.line.mean), 1)
        with desk.bell:
            desk.waiting += 1
            try:
                while not desk.ended:
                    desk.wanted = 0
                    now = self._clock()
                    if desk.due_ready(now):
                        return ()
                    here = desk.available()
                    summoned = desk.summons != summons
                    late = collecting and time.monotonic() >= collecting
                    if here and (here >= enough or summoned or late or limits.age <= 0):
                        return desk.take(limits.records)
                    if summoned:
                        return None
                    if here and not desk.collecting:
                        desk.collecting = True
                        collecting = time.monotonic() + limits.age
                    elif collecting and not here:  # another took what this one collected
                        desk.collecting, collecting = False, 0.0
                    left = (collecting or until) - time.monotonic()
                    if left <= 0 and not collecting:
                        return None
                    if desk.earliest is not None and not desk.shut:
                        left = min(left, (desk.earliest - now) / 1e9)
                    desk.wait(max(left, 0.0), desk.line.next + (enough - here if desk.collecting else 1))
                return None
            finally:
                desk.waiting -= 1
                if collecting:
                    desk.collecting, desk.wanted = False, 0

    def _numbers(self, desk: Desk, taken: Sequence[Span], limits: Limits) -> Lease | None:
        try:
            reading = self._readback.read(desk.line, taken, limits.bytes)
        except BaseException:
            desk.lend(taken, None, taken)
            raise
        lease = Lease(desk.cursor, reading.batch, reading.count, tuple(reading.spans))
        desk.lend(taken, Loan(lease, reading.taken), without(taken, reading.spans))
        self._readback.passed(desk.line)
        return lease

    def _due(self, desk: Desk, limits: Limits) -> Lease | None:
        """None: it has changed meanwhile, look again."""
        with desk.bell:
            if not desk.due_ready(self._clock()):
                return None
            before, changes = desk.earliest, desk.changes
            assert before is not None
            desk.earliest = None  # the others need not look while we do
            most = limits.records + len(desk.lending.due) + 1
        try:
            rows = self._shelf.due_rows(desk.id, most)
            picked = self._pick(desk, rows, changes, limits, more=len(rows) == most)
        except BaseException:
            with desk.bell:
                desk.note_due(before)
            raise
        if not picked:
            return None
        try:
            batch = [unseal(row.record) for row in picked]
        except BaseException:
            with desk.bell:
                for row in picked:
                    del desk.lending.due[row.position]
                desk.note_due(before)
            raise
        lease = Lease(desk.cursor, batch, len(picked), (), _keys(picked), [row.attempts for row in picked])
        with desk.bell:
            desk.loans[id(lease)] = Loan(lease, min([row.taken for row in picked]), picked)
        return lease

    def _pick(self, desk: Desk, rows: Sequence[DueRow], changes: int, limits: Limits, *, more: bool) -> list[DueRow]:
        """Lend what is ready of what was read, and note when the next will be."""
        now = self._clock()
        with desk.bell:
            if desk.changes != changes or desk.shut:
                desk.note_due(now)  # what was read may be out of date
                return []
            free = [row for row in rows if row.position not in desk.lending.due]
            picked: list[DueRow] = []
            size = 0
            for row in free[: limits.records]:
                size += len(row.record)
                if row.at > now or (picked and size > limits.bytes):
                    break
                picked.append(row)
            if len(picked) < len(free):
                desk.note_due(free[len(picked)].at)
            elif more:
                desk.note_due(now)
            desk.lending.due.update({row.position: row.at for row in picked})
            return picked

    def _tell(self, desk: Desk, error: Exception) -> None:
        """Once, until it can be read again."""
        if not (desk.troubled or desk.ended):
            desk.troubled = True
            what = f"cannot read what is pending, nothing of it is lost: {error}"
            log.error("pipeline=%s exporter=%s msg=%r", desk.cursor.pipeline, desk.cursor.exporter, what)

    def _pause(self, desk: Desk, until: float) -> None:
        with desk.bell:
            if not desk.ended:
                desk.wait(max(min(until - time.monotonic(), 1.0), 0.0), 1 << 62)


def _keys(rows: Sequence[DueRow]) -> list[tuple[int, int]]:
    return [(row.at, row.position) for row in rows]
