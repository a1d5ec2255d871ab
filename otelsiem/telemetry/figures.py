"""What an application asks its exporters' figures of: counted in the process, without any metrics pipeline.

Guarantees: nothing here is called per record; texts from outside are cleaned and bounded.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from otelsiem.telemetry.labels import Bounded, kind_of

MOST_REASONS = 100


@dataclass(slots=True)
class Counted:
    """One exporter's. `errors` and `failed_for` are by kind of reason."""

    batches: int = 0
    batches_failed: int = 0
    records_refused: int = 0  # for good: dead letters
    retries: int = 0
    seconds: float = 0.0  # of all answers together
    unconfirmed: int = 0
    lag: float = 0.0  # seconds: the age of the last delivered batch's oldest record
    healthy: bool | None = None  # None: it has not been tried
    hold: str = ""
    errors: Counter[str] = field(default_factory=Counter)
    refused_for: Counter[str] = field(default_factory=Counter)

    @property
    def latency(self) -> float:
        """Seconds that an answer takes, on average."""
        answers = self.batches + self.batches_failed
        return self.seconds / answers if answers else 0.0

    @property
    def success_rate(self) -> float:
        """Of the requests; 1 when there were none."""
        answers = self.batches + self.batches_failed
        return self.batches / answers if answers else 1.0


class Figures:
    """All exporters'. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: dict[str, Counted] = {}
        self._reasons = Bounded(MOST_REASONS)

    def of(self, exporter: str) -> Counted:
        """This exporter's, live: read it, do not keep it."""
        with self._lock:
            return self._one(exporter)

    def batch_sent(self, exporter: str, records: int, seconds: float) -> None:  # noqa: ARG002 - the journal counts them
        with self._lock:
            one = self._one(exporter)
            one.batches += 1
            one.seconds += seconds

    def batch_failed(self, exporter: str, records: int, seconds: float) -> None:  # noqa: ARG002 - they come again
        with self._lock:
            one = self._one(exporter)
            one.batches_failed += 1
            one.seconds += seconds

    def events_failed(self, exporter: str, reason: str, records: int) -> None:
        with self._lock:
            one = self._one(exporter)
            one.records_refused += records
            one.refused_for[self._reasons(kind_of(reason))] += records

    def retry(self, exporter: str, reason: str, times: int = 1) -> None:
        with self._lock:
            one = self._one(exporter)
            one.retries += times
            one.errors[self._reasons(kind_of(reason))] += times

    def lag(self, exporter: str, seconds: float) -> None:
        with self._lock:
            self._one(exporter).lag = max(seconds, 0.0)

    def unconfirmed(self, exporter: str, change: int) -> None:
        with self._lock:
            self._one(exporter).unconfirmed += change

    def hold(self, exporter: str, reason: str) -> None:
        with self._lock:
            one = self._one(exporter)
            one.hold = reason
            one.errors[self._reasons(kind_of(reason))] += 1

    def unhold(self, exporter: str) -> None:
        with self._lock:
            self._one(exporter).hold = ""

    def health(self, exporter: str, *, healthy: bool) -> None:
        with self._lock:
            self._one(exporter).healthy = healthy

    def forget(self, exporter: str) -> None:
        """It was removed."""
        with self._lock:
            self._of.pop(exporter, None)

    def all(self) -> Mapping[str, Counted]:
        """Every exporter's, live."""
        with self._lock:
            return dict(self._of)

    def _one(self, exporter: str) -> Counted:
        return self._of.setdefault(exporter, Counted())
