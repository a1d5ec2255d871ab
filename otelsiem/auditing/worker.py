"""The thread that turns what `audit` or the SDK left behind into records and writes them to the journal.

Couriers deliver them from there. Guarantees: records enter the journal in the order in which they were left; one that
cannot be made into a record is counted and harms no other; while the journal takes nothing, they wait here and in the
queue. One process: a forked child makes its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias

from otelsiem import adoption
from otelsiem.auditing.moment import Left, batch, name
from otelsiem.auditing.receipt import Receipt
from otelsiem.auditing.setup import Setup
from otelsiem.journal.gate import GATE
from otelsiem.journal.journal import Pending, Position
from otelsiem.journal.memory import MemoryJournal
from otelsiem.model.destination import Moment
from otelsiem.model.errors import OtelsiemError
from otelsiem.model.processor import Aside
from otelsiem.model.record import Batch, Scope, count, records
from otelsiem.outbox import NotTakenError, Outbox

log = logging.getLogger("otelsiem.audit")

LOOK = 0.05  # seconds between looks at the queue: waking this thread would cost each caller more than its call
PIECE = 1000  # records of one entry, at most
SOON = 0.005  # seconds between looks of a coroutine that waits for the journal to be open
AGAIN = 0.5  # seconds until the journal is tried again
MEMORY_MIB = 64  # without a journal: what waits for destinations
MOST_MIB, FLOOR_MIB = 1024, 64
SCOPE = Scope("otelsiem.audit")
NOT_YET = "the journal is not open yet"
UNKNOWN = "unknown_service"  # what the SDK calls one that has no name

Queue: TypeAlias = "deque[Left | threading.Event]"
"""What was left, and between them the marks of those who wait until everything before is in the journal."""


class Worker:
    """Open until `close`. `lost`: told the number of records that could not be made."""

    def __init__(self, setup: Setup, queue: Queue, lost: Callable[[int], None]) -> None:
        self._setup, self._queue, self._lost = setup, queue, lost
        self._outbox: Outbox | None = None  # opened by the thread, so that no caller waits for a disk
        self._why = NOT_YET
        self._open, self._wake = threading.Event(), threading.Event()
        self._until: float | None = None  # when closing: the last moment
        self._thread = threading.Thread(target=self._run, name="otelsiem-audit", daemon=True)

    def start(self) -> None:
        """Begin. RuntimeError: there can be no thread now."""
        self._thread.start()

    # --- from callers' threads -----------------------------------------------------------------------------------

    @property
    def why_not(self) -> str:
        """What keeps the journal from being opened; "" while nothing does."""
        return "" if self._open.is_set() or self._why == NOT_YET else self._why

    @property
    def opened(self) -> Outbox | None:
        """The outbox, once the journal is open."""
        return self._outbox

    def outbox(self, timeout: float) -> Outbox:
        """The same, waited for. NotTakenError says why it does not open."""
        self._open.wait(timeout)
        if self._outbox is None:
            raise NotTakenError(f"not taken: {self._why}")
        return self._outbox

    def post(self, left: Sequence[Left], timeout: float) -> Receipt:
        """Write these past the queue; returns when they are durable. NotTakenError."""
        outbox = self.outbox(timeout)
        made, aside = self._made(left)
        return _receipt(made, outbox.post(made, timeout, aside))

    async def posted(self, left: Sequence[Left], patience: float) -> Receipt:
        """The same, for a coroutine."""
        until = time.monotonic() + patience
        while not self._open.is_set() and time.monotonic() < until:  # noqa: ASYNC110 - a thread's event
            await asyncio.sleep(SOON)  # no thread waits: it would keep `asyncio.run` from ending
        outbox = self.outbox(0.0)
        made, aside = self._made(left)
        loop, answered = asyncio.get_running_loop(), asyncio.Event()

        def wake(_: list[Pending]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
                loop.call_soon_threadsafe(answered.set)

        pending = outbox.append(made, wake, aside)
        try:
            async with asyncio.timeout(patience if pending.error is None else None):
                while pending.error is None and pending.positions is None:
                    await answered.wait()
        except TimeoutError:
            raise outbox.unanswered(patience) from None
        return _receipt(made, outbox.position(pending))

    def flush(self, timeout: float) -> bool:
        """Wait until all that was left before this call is in the journal, and delivered where exporters run."""
        deadline = time.monotonic() + timeout
        mark = threading.Event()
        self._queue.append(mark)
        self._wake.set()
        if not mark.wait(timeout):
            return False
        return self._outbox is not None and self._outbox.flush(max(deadline - time.monotonic(), 0.0))

    def hurry(self) -> None:
        """The queue is filling up: do not wait for the next look."""
        self._wake.set()

    def join(self, timeout: float) -> None:
        """Wait until what is queued is written, when it closes."""
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def close(self, timeout: float) -> int:
        """Write what is queued, deliver what goes at once; how many records are left in the journal."""
        deadline = time.monotonic() + timeout
        self._until = deadline
        self._wake.set()
        self.join(timeout)
        return self._outbox.close(max(deadline - time.monotonic(), 0.0)) if self._outbox is not None else 0

    # --- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while self._outbox is None:
            try:
                with GATE.opening():
                    self._outbox = self._opened()
            except Exception as why:  # noqa: BLE001 - a host's disk: it is said, and tried again
                self._cannot(f"the journal cannot be opened, trying again: {why}")
                if self._until is not None:
                    return
                self._wake.wait(AGAIN)
        self._open.set()
        while self._queue or self._until is None:
            try:
                if not self._piece():
                    self._wake.wait(LOOK)
                    self._wake.clear()
            except Exception:  # whatever it is, the next piece may go
                log.exception("msg=%r", "a piece of the queue could not be written")

    def _piece(self) -> bool:
        """Whether there was something to do."""
        taken: list[Left] = []
        mark: threading.Event | None = None
        while self._queue and len(taken) < PIECE and mark is None:
            one = self._queue.popleft()
            if isinstance(one, threading.Event):
                mark = one
            else:
                taken.append(one)
        if taken:
            self._write(taken)
        if mark is not None:
            mark.set()
        return bool(taken or mark)

    def _write(self, taken: list[Left]) -> None:
        try:
            made, aside = self._made(taken)
        except Exception:  # noqa: BLE001 - one of them holds what cannot be told: each for itself
            self._write_singly(taken)
            return
        self._kept(made, aside)

    def _write_singly(self, taken: list[Left]) -> None:
        for one in taken:
            try:
                made, aside = self._made([one])
            except Exception:
                self._lost(1)
                log.exception("event=%r msg=%r", name(one), "LOST: it could not be made into a record")
            else:
                self._kept(made, aside)

    def _kept(self, made: Batch, aside: Aside) -> None:
        """Until the journal has it, or the process ends."""
        complained, outbox = False, self.outbox(0.0)
        while True:
            try:
                outbox.post(made, 30.0, aside)
                return
            except OtelsiemError as why:
                if not complained:
                    log.error("records=%d msg=%r", count(made), f"the journal takes nothing, trying again: {why}")  # noqa: TRY400 - the sentence says it all
                    complained = True
                if self._until is not None and time.monotonic() + AGAIN > self._until:
                    self._lost(count(made))
                    log.error("records=%d msg=%r", count(made), f"LOST at the end: {why}")  # noqa: TRY400 - as above
                    return
                time.sleep(AGAIN)

    # --- inside --------------------------------------------------------------------------------------------------

    def _made(self, left: Sequence[Left]) -> tuple[Batch, Aside]:
        now = time.time_ns()
        made = batch(left, self._setup.resource, SCOPE, now)
        at, aside = Moment(now), Aside()
        for processor in self._setup.processors:
            made = processor.process(made, at, aside)
        return made, aside

    def _cannot(self, why: str) -> None:
        if why != self._why:
            log.error("waiting=%d msg=%r", len(self._queue), why)
        self._why = why

    def _opened(self) -> Outbox:
        directory = self._setup.journal
        if directory is None:
            return Outbox(MemoryJournal(max_size_mib=MEMORY_MIB), self._setup.outlets)
        service = str(self._setup.resource.get("service.name", ""))
        return adoption.outbox(
            directory,
            self._setup.outlets,
            service="" if service.startswith(UNKNOWN) else service,
            most_mib=MOST_MIB,
            floor_mib=FLOOR_MIB,
        )


def _receipt(made: Batch, position: Position) -> Receipt:
    first = next(iter(records(made)), None)
    if first is None:
        raise NotTakenError("a processor took the record out")
    return Receipt(position.pipeline, position.first, first.id)
