"""What couriers report, as metrics and as our own log: the adapter between delivery and telemetry."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Protocol

from otelsiem.journal.journal import Lease
from otelsiem.model.outcome import Receipt
from otelsiem.model.record import oldest

log = logging.getLogger("otelsiem.delivery")

MOST_NOTES = 100  # different warnings of one destination that are told
WARN_AGAIN = 60.0  # seconds between warnings that payloads go again for want of a confirmation


class Counts(Protocol):
    """Where it is counted: the gateway's metrics, or an application's figures."""

    def batch_sent(self, exporter: str, records: int, seconds: float) -> None: ...
    def batch_failed(self, exporter: str, records: int, seconds: float) -> None: ...
    def events_failed(self, exporter: str, reason: str, records: int) -> None: ...
    def retry(self, exporter: str, reason: str, times: int = 1) -> None: ...
    def lag(self, exporter: str, seconds: float) -> None: ...
    def unconfirmed(self, exporter: str, change: int) -> None: ...
    def hold(self, exporter: str, reason: str) -> None: ...
    def unhold(self, exporter: str) -> None: ...
    def health(self, exporter: str, *, healthy: bool) -> None: ...


class _Last(threading.local):
    """How long this courier's last answer took."""

    seconds = 0.0


class MetricsTally:
    """One exporter's events. Used by all of its couriers."""

    def __init__(self, metrics: Counts, exporter: str) -> None:
        self._metrics, self._exporter = metrics, exporter
        self._last = _Last()
        self._held: dict[str, str] = {}
        self._notes: set[str] = set()
        self._lock = threading.Lock()
        self._unwarned, self._warn_at = 0, 0.0  # records sent again since the last warning; none before

    def answered(self, seconds: float) -> None:
        self._last.seconds = seconds

    def sent(self, records: int) -> None:
        self._metrics.health(self._exporter, healthy=not self._held)
        self._metrics.batch_sent(self._exporter, records, self._last.seconds)

    def noted(self, note: str) -> None:
        """The destination took it, with a warning. A person reads the same one once."""
        with self._lock:
            if note in self._notes or len(self._notes) >= MOST_NOTES:
                return
            self._notes.add(note)
        log.warning("exporter=%s note=%r msg=%r", self._exporter, note, "delivered, with a warning")

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
        if receipt.named < lease.count:
            self._metrics.lag(self._exporter, (now - oldest(lease.batch)) / 1e9)

    def unconfirmed(self, change: int) -> None:
        self._metrics.unconfirmed(self._exporter, change)

    def confirmed(self, records: int, happened: int, now: int) -> None:
        self.sent(records)
        self._metrics.lag(self._exporter, (now - happened) / 1e9)

    def resent(self, payloads: int, records: int, reason: str) -> None:
        self._metrics.retry(self._exporter, reason, payloads)
        with self._lock:
            self._unwarned += records
            if time.monotonic() < self._warn_at:
                return
            unwarned, self._unwarned, self._warn_at = self._unwarned, 0, time.monotonic() + WARN_AGAIN
        log.warning(
            "exporter=%s records=%d reason=%r msg=%r", self._exporter, unwarned, reason,
            "taken, but not confirmed: sent again, the destination may have some twice",
        )  # fmt: skip


def _by_reason(receipt: Receipt) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for death in receipt.dead.values():
        found[death.reason] = found.get(death.reason, 0) + 1
    return found
