"""Any destination put to work in this process: a journal on disk, an exporter with real couriers and transport."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from otelsiem.delivery.policy import Policy
from otelsiem.exporter import Exporter, Settings
from otelsiem.journal.journal import Append, Cursor, ExporterCounts
from otelsiem.journal.sqlite import SqliteJournal
from otelsiem.model.destination import Destination
from otelsiem.model.record import Batch
from otelsiem.tally import MetricsTally
from otelsiem.telemetry.metrics import Metrics

BRISK = Policy(initial=0.02, longest=0.1, probe_interval=0.05)
PATIENCE = 20.0


@dataclass
class AtWork:
    """An exporter to a destination; what is sent is durable when `send` returns."""

    directory: Path
    destination: Destination
    couriers: int = 2
    journal: SqliteJournal = field(init=False)
    cursor: Cursor = field(init=False)
    metrics: Metrics = field(init=False)
    exporter: Exporter = field(init=False)

    def open(self) -> None:
        self.journal = SqliteJournal(self.directory, min_free_mib=0, reserve_mib=1)
        self.cursor = self.journal.attach("logs", "peer", "beginning")
        self.metrics = Metrics(self.journal.stats)
        settings = Settings("peer", BRISK, self.destination.limits, self.couriers)
        tally = MetricsTally(self.metrics, "peer")
        self.exporter = Exporter(settings, self.destination, self.journal, self.cursor, tally)
        self.exporter.start()

    def close(self) -> None:
        self.exporter.stop(time.monotonic() + PATIENCE)
        self.metrics.close()
        self.journal.close()

    def send(self, batch: Batch) -> None:
        done = threading.Event()
        pending = self.journal.append([Append("logs", batch)], lambda _: done.set())
        assert done.wait(PATIENCE)
        assert pending.error is None

    def counts(self) -> ExporterCounts:
        counts = self.journal.counts(self.cursor)
        assert counts.accepted == counts.delivered + counts.dead + counts.filtered + counts.purged + counts.pending
        return counts

    def settled(self) -> ExporterCounts:
        """The counts once nothing is pending."""
        self.until(lambda: self.counts().pending == 0)
        return self.counts()

    def until(self, so: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not so():
            assert time.monotonic() < end, (self.counts(), self.exporter.troubles())
            time.sleep(0.005)

    def held(self) -> str:
        """Why it holds, once it does."""
        self.until(lambda: bool(self.exporter.holds()))
        return next(iter(self.exporter.holds().values()), "")


@contextmanager
def at_work(directory: Path, destination: Destination, couriers: int = 2) -> Iterator[AtWork]:
    made = AtWork(directory, destination, couriers)
    made.open()
    try:
        yield made
    finally:
        made.close()
