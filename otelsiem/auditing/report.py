"""How an `AuditLog` is: numbers for whoever watches it, and whether a person is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from otelsiem.journal.journal import ExporterCounts
from otelsiem.outbox import Outbox
from otelsiem.telemetry.figures import Counted


@dataclass(frozen=True, slots=True)
class ExporterMetrics:
    """One exporter's. accepted = sent + failed + filtered + purged + pending, also across restarts with a journal."""

    accepted: int
    sent: int  # delivered
    failed: int  # dead letters: refused for good, kept with their reason
    filtered: int
    purged: int
    pending: int
    batches_sent: int = 0
    batches_failed: int = 0
    success_rate: float = 1.0  # of the requests of this process
    mean_latency: float = 0.0  # seconds that an answer takes
    retries: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)  # by kind of reason


@dataclass(frozen=True, slots=True)
class Metrics:
    """Of this process; what exporters count is of their journal."""

    dropped: int  # the queue was full, and `on_full` is drop_newest; or it was closed
    lost: int  # could not be made into a record, or written before the end
    queue_size: int  # taken, and not yet in the journal
    exporters: Mapping[str, ExporterMetrics]

    @property
    def sent(self) -> int:
        return sum([one.sent for one in self.exporters.values()])

    @property
    def failed(self) -> int:
        return sum([one.failed for one in self.exporters.values()])

    @property
    def pending(self) -> int:
        return sum([one.pending for one in self.exporters.values()])

    @property
    def retries(self) -> int:
        return sum([one.retries for one in self.exporters.values()])

    @property
    def success_rate(self) -> float:
        sent = sum([one.batches_sent for one in self.exporters.values()])
        asked = sent + sum([one.batches_failed for one in self.exporters.values()])
        return sent / asked if asked else 1.0

    @property
    def mean_latency(self) -> float:
        """Seconds, over all exporters' answers."""
        answers = [(one.batches_sent + one.batches_failed, one.mean_latency) for one in self.exporters.values()]
        total = sum([number for number, _ in answers])
        return sum([number * latency for number, latency in answers]) / total if total else 0.0

    @property
    def errors(self) -> Mapping[str, int]:
        found: dict[str, int] = {}
        for one in self.exporters.values():
            for kind, number in one.errors.items():
                found[kind] = found.get(kind, 0) + number
        return found


@dataclass(frozen=True, slots=True)
class Health:
    """`healthy`: nothing lost or dropped, the journal takes records, and every exporter that was tried does."""

    healthy: bool
    problems: Mapping[str, str]  # exporter (or "queue", "journal") -> a sentence
    paused: tuple[str, ...] = ()


def metrics(outbox: Outbox | None, queued: int, dropped: int, lost: int) -> Metrics:
    """As they are now."""
    if outbox is None:
        return Metrics(dropped, lost, queued, {})
    counted = outbox.figures.all()
    found = {name: _exporter(counts, counted.get(name) or Counted()) for name, counts in outbox.counts().items()}
    return Metrics(dropped, lost, queued, found)


def health(outbox: Outbox | None, most: int, now: Metrics, why_not: str = "") -> Health:
    """As it is now."""
    problems: dict[str, str] = {}
    if now.dropped or now.lost:
        problems["queue"] = f"{now.dropped + now.lost} records were lost: see the log of otelsiem.audit"
    elif now.queue_size >= most:
        problems["queue"] = "the queue is full"
    if why_not:
        problems["journal"] = why_not
    if outbox is None:
        return Health(not problems, problems)
    journal = outbox.stats()
    if journal.problem:
        problems["journal"] = f"it cannot be written, and takes nothing until it can: {journal.problem}"
    elif journal.full:
        problems["journal"] = "it is full, and takes nothing until records are delivered or purged"
    problems |= {**outbox.troubles(), **outbox.holds()}
    return Health(not problems, problems, tuple(outbox.paused()))


def _exporter(counts: ExporterCounts, figures: Counted) -> ExporterMetrics:
    return ExporterMetrics(
        counts.accepted,
        counts.delivered,
        counts.dead,
        counts.filtered,
        counts.purged,
        counts.pending,
        figures.batches,
        figures.batches_failed,
        figures.success_rate,
        figures.latency,
        figures.retries,
        dict(figures.errors),
    )
