"""An outbox: a journal and the exporters that deliver from it, in a process that has other things to do.

Guarantees: what `post` returned for is in the journal, and is delivered by this process or by whoever opens the journal
next; exporters are added, paused and removed while records go on; nothing here raises into the threads of the host but
what `post` and `add` say. One process: after a fork the child makes its own (`journal/family.py`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from otelsiem.delivery.policy import Policy
from otelsiem.exporter import Exporter, Settings
from otelsiem.journal.journal import Append, Cursor, ExporterCounts, Journal, JournalStats, Pending, Position, Wake
from otelsiem.model.destination import Destination
from otelsiem.model.errors import OtelsiemError
from otelsiem.model.match import Match
from otelsiem.model.processor import Aside
from otelsiem.model.record import Batch
from otelsiem.tally import MetricsTally
from otelsiem.telemetry.figures import Figures
from otelsiem.telemetry.observed import Measured, watch
from otelsiem.voice import steady

log = logging.getLogger("otelsiem.outbox")
steady()

PIPELINE = "audit"
PATIENT = Policy()
LOOK = 0.02  # seconds between looks while it is waited for
STUCK = 0.5  # seconds without progress beside a failing destination


@dataclass(frozen=True, slots=True)
class Outlet:
    """A destination and how it is delivered to."""

    destination: Destination
    policy: Policy = PATIENT
    match: Match | None = None
    couriers: int = 2
    rate: float = 0.0  # records a second; 0 = as many as it takes
    burst: float = 0.0


def kind(destination: Destination) -> str:
    """The name of an exporter that got none: the file that its destination is in, as `type` has it in YAML."""
    return type(destination).__module__.rpartition(".")[2].strip("_") or "exporter"


class Home(Protocol):
    """Who looks after the journals of other processes beside this one (`adoption.py`)."""

    def changed(self, outlets: Mapping[str, Outlet]) -> None:
        """These are the exporters now, those that pause included. Called before records are taken for a new one."""

    def leave(self, deadline: float) -> None:
        """The outbox closes. Does not wait."""

    def gone(self, deadline: float) -> None:
        """It has closed."""


class NotTakenError(OtelsiemError):
    """The record is not in the journal; the message says why."""


class Outbox:
    """Open until `close`."""

    def __init__(
        self,
        journal: Journal,
        outlets: Mapping[str, Outlet],
        figures: Figures | None = None,
        home: Home | None = None,
        *,
        observed: bool = True,
    ) -> None:
        """`observed`: its figures are among the application's metrics."""
        self.journal, self.figures, self._home = journal, figures or Measured(), home
        self._final: JournalStats | None = None
        self._lock = threading.Lock()
        self._outlets: dict[str, Outlet] = {}
        self._running: dict[str, Exporter] = {}
        for name, outlet in outlets.items():
            self.add(name, outlet)
        if observed:
            watch(self)

    # --- records in ----------------------------------------------------------------------------------------------

    def post(self, batch: Batch, timeout: float = 30.0, aside: Aside | None = None) -> Position:
        """Returns when the batch is durable. NotTakenError when it is not, or not in time: then it yet may be."""
        answered = threading.Event()
        pending = self.append(batch, lambda _: answered.set(), aside)
        if pending.error is None and not answered.wait(timeout):
            raise self.unanswered(timeout)
        return self.position(pending)

    def append(self, batch: Batch, wake: Wake, aside: Aside | None = None) -> Pending:
        """The same without waiting: `wake` is called, on the journal's thread, when `position` can tell."""
        out = aside or Aside()
        return self.journal.append([Append(PIPELINE, batch, out.filtered, out.refused)], wake)

    @staticmethod
    def unanswered(timeout: float) -> NotTakenError:
        """For who waited for `wake` in vain."""
        return NotTakenError(f"the journal did not answer within {timeout:g} s; the records may be in it all the same")

    @staticmethod
    def position(pending: Pending) -> Position:
        """Where an answered append stands, or NotTakenError."""
        if pending.error is not None or not pending.positions:
            raise NotTakenError(f"not taken: {pending.error}") from pending.error
        return pending.positions[0]

    # --- exporters -----------------------------------------------------------------------------------------------

    @property
    def names(self) -> Sequence[str]:
        return list(self._outlets)

    def add(self, name: str, outlet: Outlet) -> None:
        """Deliver there too: what is pending for this name from an earlier life, and what comes from now on."""
        with self._lock:
            if name in self._outlets:
                raise OtelsiemError(f"there is an exporter {name!r} already; remove it first, or choose another name")
            if self._home is not None:
                self._home.changed({**self._outlets, name: outlet})
            cursor = self.journal.attach(PIPELINE, name, "end")
            self._outlets[name] = outlet
            self._start(name, cursor)

    def remove(self, name: str, *, forget: bool = False) -> None:
        """Deliver there no more. With records pending it is refused (JournalError) unless they are given up."""
        with self._lock:
            self._known(name)
            self._stop(name)
            cursor = Cursor(PIPELINE, name)
            try:
                self.journal.detach(cursor, forget=forget)
            except OtelsiemError:
                self._start(name, cursor)
                raise
            del self._outlets[name]
            self.figures.forget(name)
            if self._home is not None:
                self._home.changed(self._outlets)

    def pause(self, name: str) -> None:
        """Its records wait in the journal until it is resumed."""
        with self._lock:
            self._known(name)
            self._stop(name)

    def resume(self, name: str) -> None:
        """Go on."""
        with self._lock:
            self._known(name)
            if name not in self._running:
                self._start(name, Cursor(PIPELINE, name))

    def running(self) -> Mapping[str, Outlet]:
        """Exporters that deliver."""
        return {name: self._outlets[name] for name in dict(self._running) if name in self._outlets}

    def paused(self) -> Sequence[str]:
        return [name for name in self._outlets if name not in self._running]

    # --- how it is -----------------------------------------------------------------------------------------------

    def counts(self) -> Mapping[str, ExporterCounts]:
        """By exporter."""
        return {name: self.journal.counts(Cursor(PIPELINE, name)) for name in self.names}

    def stats(self) -> JournalStats:
        """The journal's own figures; once it is closed, the last ones."""
        return self._final or self.journal.stats()

    def holds(self) -> Mapping[str, str]:
        """Exporters that wait for a person, and why."""
        found = {name: exporter.holds() for name, exporter in dict(self._running).items()}
        return {name: next(iter(holds.values())) for name, holds in found.items() if holds}

    def troubles(self) -> Mapping[str, str]:
        """Exporters whose last try failed, and why."""
        found = {name: exporter.troubles() for name, exporter in dict(self._running).items()}
        return {name: next(iter(troubles.values())) for name, troubles in found.items() if troubles}

    # --- the end -------------------------------------------------------------------------------------------------

    def flush(self, timeout: float) -> bool:
        """Wait until nothing is pending for exporters that run; False when time ran out."""
        deadline = time.monotonic() + timeout
        while any(self.journal.counts(exporter.cursor).pending for exporter in dict(self._running).values()):
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK)
        return True

    def settle(self, timeout: float) -> bool:
        """As `flush`, but what a destination does not take now is not waited for."""
        deadline, least, moved = time.monotonic() + timeout, -1, 0.0
        while pending := sum([counts.pending for counts in self.counts().values()]):
            now = time.monotonic()
            if pending < least or least < 0:
                least, moved = pending, now
            if now > deadline or (now - moved > STUCK and self.troubles()):
                return False
            time.sleep(LOOK)
        return True

    def close(self, timeout: float) -> int:
        """Deliver what goes at once, within the deadline, and stop; how many records stay in the journal."""
        deadline = time.monotonic() + timeout
        if self._home is not None:
            self._home.leave(deadline)
        with self._lock:
            exporters = list(self._running.values())
            for exporter in exporters:
                exporter.drain()
            busy = exporters
            while busy and time.monotonic() < deadline:
                busy = [exporter for exporter in busy if not exporter.drained()]
                time.sleep(LOOK if busy else 0)
            for exporter in exporters:
                exporter.halt()
            for exporter in exporters:
                exporter.stop(deadline)
            self._running.clear()
            left = sum([counts.pending for counts in self.counts().values()])
            self._final = self.journal.stats()
        self.journal.close()
        if self._home is not None:
            self._home.gone(deadline)
        return left

    # --- inside; the lock is held --------------------------------------------------------------------------------

    def _known(self, name: str) -> None:
        if name not in self._outlets:
            there = ", ".join(self._outlets) or "none"
            raise OtelsiemError(f"there is no exporter {name!r}; there are: {there}")

    def _start(self, name: str, cursor: Cursor) -> None:
        outlet = self._outlets[name]
        settings = Settings(
            name,
            outlet.policy,
            outlet.destination.limits,
            outlet.couriers,
            outlet.match,
            outlet.rate,
            outlet.burst,
        )
        tally = MetricsTally(self.figures, name)
        exporter = self._running[name] = Exporter(settings, outlet.destination, self.journal, cursor, tally)
        exporter.start()

    def _stop(self, name: str) -> None:
        exporter = self._running.pop(name, None)
        if exporter is not None:
            exporter.hand_over(time.monotonic() + 5.0)
