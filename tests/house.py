"""A journal on disk with one exporter to the clerk, started and stopped in this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from otelsiem.delivery.policy import Policy
from otelsiem.exporter import Exporter, Settings
from otelsiem.journal.journal import Append, Cursor, ExporterCounts, FateKind
from otelsiem.journal.sqlite import SqliteJournal
from otelsiem.model.destination import Confirmation
from otelsiem.model.match import Match
from otelsiem.model.record import Group, Record, Scope
from otelsiem.tally import MetricsTally
from otelsiem.telemetry.metrics import Metrics
from tests.clerk import PROMPT, Clerk, ToClerk

BRISK = Policy(initial=0.02, longest=0.1, probe_interval=0.05)
PATIENCE = 20.0


@dataclass
class House:
    """A journal with one exporter to the clerk; `again` is the next life of the process."""

    directory: Path
    destination: ToClerk
    couriers: int = 1
    policy: Policy = BRISK
    match: Match | None = None
    journal: SqliteJournal = field(init=False)
    cursor: Cursor = field(init=False)
    metrics: Metrics = field(init=False)
    exporter: Exporter = field(init=False)
    sent: int = 0

    def open(self) -> None:
        self.journal = SqliteJournal(self.directory, min_free_mib=0, reserve_mib=1)
        self.cursor = self.journal.attach("logs", "clerk", "beginning")
        self.metrics = Metrics(self.journal.stats)
        settings = Settings("clerk", self.policy, self.destination.limits, self.couriers, self.match)
        tally = MetricsTally(self.metrics, "clerk")
        self.exporter = Exporter(settings, self.destination, self.journal, self.cursor, tally)
        self.exporter.start()

    def close(self) -> None:
        """Without draining, as somebody in a hurry does it."""
        self.exporter.stop(time.monotonic() + PATIENCE)
        self.metrics.close()
        self.journal.close()

    def again(self) -> None:
        self.close()
        self.open()

    def send(self, count: int, event: str = "login") -> list[str]:
        """Durable when it returns; a record's id is its position."""
        names = [str(n) for n in range(self.sent, self.sent + count)]
        self.sent += count
        done = threading.Event()
        batch = [Group({}, Scope(), [Record(id=name, time=1, event=event) for name in names])]
        pending = self.journal.append([Append("logs", batch)], lambda _: done.set())
        assert pending.error is None
        assert done.wait(PATIENCE)
        assert pending.error is None
        return names

    def counts(self) -> ExporterCounts:
        counts = self.journal.counts(self.cursor)
        assert counts.accepted == counts.delivered + counts.dead + counts.filtered + counts.purged + counts.pending
        return counts

    def until(self, so: Callable[[ExporterCounts], bool]) -> ExporterCounts:
        end = time.monotonic() + PATIENCE
        while not so(self.counts()):
            assert time.monotonic() < end, self.counts()
            time.sleep(0.005)
        return self.counts()

    def delivered(self) -> ExporterCounts:
        return self.until(lambda counts: counts.pending == 0)

    def settled(self) -> set[str]:
        """The names of the records whose fate is settled."""
        kinds = {str(n): self.journal.fate("logs", n, "clerk").kind for n in range(self.sent)}
        return {name for name, kind in kinds.items() if kind is FateKind.DELIVERED}

    def shown(self, name: str) -> float:
        """A metric of this exporter, all its labels together."""
        lines = [line for line in self.metrics.page()[0].decode().splitlines() if line.startswith(name + "{")]
        return sum(float(line.rpartition(" ")[2]) for line in lines)


@contextmanager
def house(
    directory: Path, clerk: Clerk, terms: Confirmation | None = PROMPT, couriers: int = 1, policy: Policy = BRISK
) -> Iterator[House]:
    made = House(directory, ToClerk(clerk.server.url, terms), couriers, policy)
    made.open()
    try:
        yield made
    finally:
        made.close()
