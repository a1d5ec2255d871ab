"""The one thread that writes: group commit, settles riding along, orders in between.

Guarantees: an append is answered only after its commit; memory changes only after the commit; a settle whose commit
failed is queued again; after a failure of the medium nothing is retried and acknowledged: waiting appends fail, and
intake begins again when a complete checkpoint has shown that the disk takes what it is given.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from otelsiem.journal.books import Books
from otelsiem.journal.cache import Cache
from otelsiem.journal.journal import Pending, Wake
from otelsiem.journal.orders import Order
from otelsiem.journal.parcel import Parcel
from otelsiem.journal.settlement import Settlement
from otelsiem.journal.shelf import Shelf
from otelsiem.journal.transaction import Transaction
from otelsiem.journal.trim import History
from otelsiem.model.errors import JournalError, JournalFullError, OtelsiemError
from otelsiem.runner import Runner

log = logging.getLogger("otelsiem.journal")

APART = 0.002  # seconds between the beginnings of two commits: 2.4 times less CPU at 5,000 appends/s
RIDE = 0.05  # seconds a settle waits for an append to ride with
GROUP = 4096  # appends per commit
GROUP_BYTES = 8 << 20
IN_FLIGHT = 16 << 20  # packed bytes that were queued and are not durable yet
AGAIN = 1.0  # seconds until a failed or full medium is tried again

At = Callable[[str], None]


@dataclass(slots=True)
class Job:
    """One request's append."""

    pending: Pending
    parcels: Sequence[Parcel]
    size: int


class Writer(Runner):
    """Owns the shelf from `start` to the end of the thread."""

    def __init__(
        self,
        shelf: Shelf,
        books: Books,
        cache: Cache,
        clock: Callable[[], int],
        history: History,
        *,
        apart: float = APART,
        at: At | None = None,
    ) -> None:
        super().__init__("journal")
        self._shelf, self._books, self._cache, self._clock, self.history = shelf, books, cache, clock, history
        self._apart, self._at = apart, at
        self._odd: tuple[type[Exception], ...] = (OtelsiemError, *shelf.errors)
        self._jobs: deque[Job | Order] = deque()
        self._settles: deque[Settlement] = deque()
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._rung = False  # for a job: the writer will look at once
        self._told = False  # of a settle: the writer will look within 50 ms
        self._closing = threading.Event()
        self._in_flight = 0
        self._intake = threading.Lock()
        self._began = 0.0  # the last commit
        self._pause = 0.0  # no commit for settles alone before
        self._failed = False
        self._ended = False
        self.full = shelf.full()
        self.problem = ""

    # --- any thread ----------------------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        return not self.problem

    def refusal(self, size: int) -> Exception | None:
        """Why an append cannot be taken now; None = it can, and is counted as in flight."""
        if self._closing.is_set():
            return JournalError("the journal is closed")
        if self.problem:
            return JournalError(f"the journal cannot be written: {self.problem}")
        if self.full:
            return JournalFullError("the journal is full: deliver or purge, or give it more room; then send again")
        with self._intake:
            if self._in_flight and self._in_flight + size > IN_FLIGHT:
                return JournalFullError("too many bytes are waiting to become durable: send again in a moment")
            self._in_flight += size
        return None

    def queue(self, job: Job | Order) -> None:
        self._jobs.append(job)
        if not self._rung:
            self._rung = True
            self._bell.put(None)
        if self._ended:  # it was closed between our question and now
            self._fail(self._drain(), JournalError("the journal is closed"))

    def settle(self, made: Settlement) -> None:
        self._settles.append(made)
        if self._at is not None:
            self._at("settle.queued")
        if not self._told:
            self._told = True
            self._bell.put(None)

    def order(self, order: Order, timeout: float | None = None) -> bool:
        """Have it done and wait for it; False when time ran out."""
        if self._closing.is_set():
            raise JournalError("the journal is closed")
        self.queue(order)
        deadline = None if timeout is None else time.monotonic() + timeout
        while not order.done.wait(0.5 if deadline is None else min(max(deadline - time.monotonic(), 0.0), 0.5)):
            if deadline is not None and time.monotonic() >= deadline:
                return False
            if not self.is_alive() and not order.done.is_set():
                raise JournalError("the journal was closed meanwhile")
        if order.error is not None:
            raise order.error
        return True

    def close(self) -> None:
        self._closing.set()
        self._bell.put(None)
        self.join()

    # --- the thread ----------------------------------------------------------------------------------------------

    def run(self) -> None:
        more = False
        while True:
            closing = self._closing.is_set()
            if closing and (self._failed or not (self._jobs or self._settles)):
                break
            if not more:
                self._wait()
            more = self._work()
        self._ended = True
        self._fail(self._drain(), JournalError("the journal is closed"))

    def _wait(self) -> None:
        """Until there is an append or an order, or settles are 50 ms old, or it is time to look at age and room."""
        until = time.monotonic() + (AGAIN if self.history.age or self.full else 3600.0)
        riding = False
        while not (self._jobs or self._closing.is_set()):
            now = time.monotonic()
            if self._settles and not riding:
                riding = True
                until = min(until, max(now + RIDE, self._pause))
            if now >= until:
                break
            try:
                self._bell.get(timeout=until - now)
            except queue.Empty:
                break
        if not self._closing.is_set():
            time.sleep(max(self._began + self._apart - time.monotonic(), 0.0))

    def _work(self) -> bool:
        """One commit and what follows it; True when there is more to do at once."""
        self._began = time.monotonic()
        self._failed = False
        self._rung = False
        jobs = self._gather()
        self._told = False
        settles = [self._settles.popleft() for _ in range(len(self._settles))]
        tx: Transaction | None = None
        try:
            self._shelf.begin()
            tx = Transaction(self._shelf, self._books, self._clock())
            done, refused, more = self._write(tx, jobs, settles)
            if self._at is not None:
                self._at("commit.before")
            self._shelf.commit()
            if self._at is not None:
                self._at("commit.after")
        except Exception as error:  # noqa: BLE001 - whatever it is, waiting senders must hear of it and the thread live
            self._undone(error, tx, jobs, settles)
            return False
        try:
            self._publish(tx, done, refused, settled=bool(settles))
        except Exception as error:
            log.exception("msg=%r", "a commit is durable, but memory could not follow: reading it all again")
            self._fail([job for job in jobs if job not in refused], JournalError(f"not acknowledged: {error}"))
            self._reopen(error)
            return False
        try:
            more = self._shelf.tidy() or more
            self.full = self._shelf.full()
        except self._shelf.errors as error:
            self._medium(error)
            return False
        return more or any(isinstance(job, Order) for job in jobs)  # what an order set free goes at once

    def _gather(self) -> list[Job | Order]:
        jobs: list[Job | Order] = []
        size = 0
        while self._jobs and len(jobs) < GROUP and size < GROUP_BYTES:
            job = self._jobs.popleft()
            jobs.append(job)
            if isinstance(job, Job):
                size += job.size
        return jobs

    def _write(
        self, tx: Transaction, jobs: Sequence[Job | Order], settles: Sequence[Settlement]
    ) -> tuple[list[Job | Order], list[Order], bool]:
        for made in settles:  # before orders, which may remove an exporter
            tx.settle(made)
        done: list[Job | Order] = []
        refused: list[Order] = []
        for job in jobs:
            if isinstance(job, Order):
                try:
                    job.result = job.run(tx)
                except OtelsiemError as error:
                    job.error = error
                    refused.append(job)
                    continue
            else:
                job.pending.positions = tx.append(job.parcels)
            done.append(job)
        return done, refused, tx.finish(self.history)

    def _publish(self, tx: Transaction, done: list[Job | Order], refused: list[Order], *, settled: bool) -> None:
        tx.publish(self._cache)
        if settled and self._at is not None:
            self._at("settle.committed")
        self._answer([job for job in done if isinstance(job, Job)])
        for order in [*[job for job in done if isinstance(job, Order)], *refused]:
            order.done.set()

    def _answer(self, jobs: Sequence[Job]) -> None:
        """One wake-up for all that share a wake."""
        if not jobs:
            return
        with self._intake:
            self._in_flight -= sum([job.size for job in jobs])
        woken: dict[Wake, list[Pending]] = {}
        for job in jobs:
            woken.setdefault(job.pending.wake, []).append(job.pending)
        for wake, group in woken.items():
            try:
                wake(group)
            except Exception:
                log.exception("msg=%r", "a caller's wake-up failed; its records are durable")

    # --- when it did not work ------------------------------------------------------------------------------------

    def _undone(
        self, error: Exception, tx: Transaction | None, jobs: list[Job | Order], settles: list[Settlement]
    ) -> None:
        try:
            self._shelf.roll_back()
        except self._shelf.errors as second:
            log.debug("msg=%r", f"rolling back failed too: {second}")
        if tx is not None:
            tx.give_up()
        for job in jobs:
            if isinstance(job, Job):
                job.pending.positions = None
        if isinstance(error, self._shelf.errors):
            self._settles.extendleft(reversed(settles))
            self._medium(error, jobs)
            return
        log.error("msg=%r", "a commit failed in our own code; nothing of it was taken", exc_info=error)
        for made in settles:  # delivered twice at worst, never lost
            made.desk.take_back_all(made)
        self._fail(jobs, JournalError(f"the journal could not commit: {error}"))

    def _medium(self, error: Exception, jobs: list[Job | Order] | None = None) -> None:
        self._failed = True
        if self._shelf.no_room(error):
            self._no_room(jobs or [])
            return
        self._fail(jobs or [], JournalError(f"the journal could not be written: {error}"))
        self._reopen(error)

    def _no_room(self, jobs: list[Job | Order]) -> None:
        """Appends are refused; orders, like settles, are tried again with what the reserve gives."""
        self.full = True
        log.error("msg=%r", "the disk is full: intake is refused, what is taken is still delivered")
        self._fail(
            [job for job in jobs if isinstance(job, Job)], JournalFullError("the disk is full: send again later")
        )
        given = False
        self._pause = time.monotonic() + AGAIN
        try:
            given = self._shelf.rescue()
        except self._shelf.errors as second:
            log.error("msg=%r", f"no room could be made: {second}")  # noqa: TRY400 - expected on a full disk
            if not self._shelf.no_room(second):
                self._reopen(second)
        orders = [job for job in jobs if isinstance(job, Order)]
        if given:
            self._pause = 0.0
            self._jobs.extendleft(reversed(orders))
        else:
            self._fail(orders, JournalFullError("the disk is full, and the reserve is used up: make room"))

    def _reopen(self, error: Exception) -> None:
        """Not ready until the medium has proved itself again."""
        self.problem = str(error) or type(error).__name__
        log.error("msg=%r", f"the journal cannot be written, nothing is taken until it can: {self.problem}")
        while not self._closing.is_set():
            self._fail(self._drain(), JournalError(f"the journal cannot be written: {self.problem}"))
            try:
                self._shelf.reopen()
                self._cache.forget()
                self._books.refresh(self._shelf)
                self.full = self._shelf.full()
            except self._odd as again:
                self.problem = str(again) or type(again).__name__
                self._closing.wait(AGAIN)
                continue
            self.problem = ""
            log.warning("msg=%r", "the journal can be written again")
            return

    def _drain(self) -> list[Job | Order]:
        drained: list[Job | Order] = []
        with contextlib.suppress(IndexError):
            while True:
                drained.append(self._jobs.popleft())
        return drained

    def _fail(self, jobs: Sequence[Job | Order], error: Exception) -> None:
        for job in jobs:
            if isinstance(job, Order):
                job.fail(error)
            else:
                job.pending.error = error
        self._answer([job for job in jobs if isinstance(job, Job)])
