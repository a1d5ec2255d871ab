"""What delivers: exporters at their places in the journal, started, handed over and stopped one at a time.

Guarantees: an exporter that is not named is not touched; a place is never worked by two at once; stopping drains what
can go and leaves the rest in the journal.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from otelsiem.exporter import Exporter
from otelsiem.gateway.plan import Delivery
from otelsiem.journal.journal import Cursor, Journal
from otelsiem.tally import MetricsTally
from otelsiem.telemetry.metrics import Metrics

log = logging.getLogger("otelsiem.gateway")


@dataclass(frozen=True, slots=True)
class Running:
    """A delivery at work."""

    delivery: Delivery
    exporter: Exporter
    tally: MetricsTally


class Deliveries:
    """All that delivers. `running` is replaced as a whole: other threads read it."""

    def __init__(self, journal: Journal, metrics: Metrics) -> None:
        self._journal, self._metrics = journal, metrics
        self.running: tuple[Running, ...] = ()

    def at(self, place: Cursor) -> Running | None:
        return next((one for one in self.running if one.delivery.place == place), None)

    def make(self, delivery: Delivery) -> Running:
        """Ready to be started once its place is in the journal. It opens nothing yet, and is not one of ours yet."""
        tally = MetricsTally(self._metrics, delivery.settings.name)
        exporter = Exporter(delivery.settings, delivery.destination, self._journal, delivery.place, tally)
        return Running(delivery, exporter, tally)

    def start(self, made: Running) -> None:
        """Put it to work."""
        self.running = (*self.running, made)
        made.exporter.start()

    def forget(self, place: Cursor) -> None:
        """It is not one of ours any more."""
        self.running = tuple(one for one in self.running if one.delivery.place != place)
        if all(one.delivery.settings.name != place.exporter for one in self.running):
            self._metrics.forget(place.exporter)

    async def stop(self, drain: float) -> None:
        """Deliver what can go within so many seconds, then stop."""
        deadline = time.monotonic() + drain
        exporters: Sequence[Exporter] = [one.exporter for one in self.running]
        for exporter in exporters:
            exporter.drain()
        busy = exporters
        while busy and time.monotonic() < deadline:
            busy = [exporter for exporter in busy if not exporter.drained()]
            await asyncio.sleep(0.02)
        for exporter in exporters:
            exporter.halt()  # all of them now: there are fewer threads to wait for them than there may be exporters
        await asyncio.gather(*[asyncio.to_thread(exporter.stop, deadline) for exporter in exporters])
        for exporter in exporters:
            if left := exporter.journal.counts(exporter.cursor).pending:
                log.warning("exporter=%s pending=%d msg=%r", exporter.name, left, "not drained; the journal keeps them")
