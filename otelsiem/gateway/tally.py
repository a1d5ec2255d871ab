"""What couriers report, as metrics and as our own log: the adapter between delivery and telemetry."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Mapping

from otelsiem.journal.journal import Lease
from otelsiem.model.outcome import Receipt
from otelsiem.model.record import Batch
from otelsiem.telemetry.metrics import Metrics

log = logging.getLogger("otelsiem.delivery")


MOST_REMEMBERED = 10_000  # filtered positions: enough to tell a person who asks at once


class _Last(threading.local):
    """How long this courier's last answer took."""

    seconds = 0.0


class MetricsTally:
    """One exporter's events. Used by all of its couriers."""

    def __init__(self, metrics: Metrics, exporter: str) -> None:
        self._metrics, self._exporter = metrics, exporter
        self._last = _Last()
        self._held: dict[str, str] = {}
        self._lock = threading.Lock()
        self._filtered: deque[int] = deque(maxlen=MOST_REMEMBERED)

    def filtered_lately(self, position: int) -> bool:
        """Whether `match` left out the record at this position, as far as is remembered."""
        return position in self._filtered.copy()

    def answered(self, seconds: float) -> None:
        self._last.seconds = seconds

    def sent(self, records: int) -> None:
        self._metrics.health(self._exporter, healthy=not self._held)
        self._metrics.batch_sent(self._exporter, records, self._last.seconds)

    def failed(self, records: int, reason: str) -> None:
        self._metrics.batch_failed(self._exporter, records, self._last.seconds)
        log.debug("exporter=%s records=%d reason=%r msg=%r", self._exporter, records, reason, "not taken")

    def retried(self, reason: str) -> None:
        self._metrics.retry(self._exporter, reason)
        log.debug("exporter=%s reason=%r msg=%r", self._exporter, reason, "will be tried again")

    def failing(self, key: str, reason: str) -> None:
        self._metrics.health(self._exporter, healthy=False)
        where = f" key={key!r}" if key else ""
        log.warning("exporter=%s%s reason=%r msg=%r", self._exporter, where, reason, "does not take records; retrying")

    def held(self, key: str, reason: str) -> None:
        with self._lock:
            self._held[key] = reason
        self._metrics.hold(self._exporter, reason)
        self._metrics.health(self._exporter, healthy=False)
        where = f" key={key!r}" if key else ""
        log.error("exporter=%s%s reason=%r msg=%r", self._exporter, where, reason, "held: everything is kept")

    def resumed(self, key: str) -> None:
        with self._lock:
            was = self._held.pop(key, None)
            rest = next(iter(self._held.values()), None)
        if rest is None:
            self._metrics.unhold(self._exporter)
            self._metrics.health(self._exporter, healthy=True)
        else:
            self._metrics.hold(self._exporter, rest)
        log.warning("exporter=%s was=%r msg=%r", self._exporter, was or "failing", "delivery goes on")

    def suspected(self, records: int, reason: str) -> None:
        log.error(
            "exporter=%s records=%d reason=%r msg=%r", self._exporter, records, reason,
            "poisoned: the destination fails on it alone; kept in `due` and tried again hourly",
        )  # fmt: skip

    def settled(self, lease: Lease, receipt: Receipt, now: int) -> None:
        if receipt.dead:
            for reason, records in _by_reason(receipt).items():
                self._metrics.events_failed(self._exporter, reason, records)
                log.error("exporter=%s records=%d reason=%r msg=%r", self._exporter, records, reason, "dead letter")
        self._filtered.extend([lease.position(index) for index in list(receipt.filtered)[-MOST_REMEMBERED:]])
        if receipt.named < lease.count:
            self._metrics.lag(self._exporter, (now - _oldest(lease.batch)) / 1e9)


def _by_reason(receipt: Receipt) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for death in receipt.dead.values():
        found[death.reason] = found.get(death.reason, 0) + 1
    return found


def _oldest(batch: Batch) -> int:
    return min([min([record.time or record.observed for record in group.records]) for group in batch])
