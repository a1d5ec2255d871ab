"""Our metrics through the application's own MeterProvider: the names of `instruments.py`, read when it collects.

Guarantees: only the API of OpenTelemetry is used, so without a provider nothing is collected and nothing kept; one set
of instruments per process, whatever number of outboxes; the figures of one collection come from one reading of each
journal, so P2's identity holds within it. Nothing here is called per record, and nothing raises into the provider.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias
from weakref import WeakSet

from opentelemetry.metrics import CallbackOptions, Meter, Observation, get_meter

from otelsiem import __version__
from otelsiem.forks import at_fork
from otelsiem.journal.journal import ExporterCounts, JournalStats
from otelsiem.telemetry.figures import Counted, Figures
from otelsiem.telemetry.instruments import BY_NAME
from otelsiem.telemetry.labels import kind_of

FRESH = 0.5  # seconds for which a reading counts as of now: the provider asks for one instrument after the other

Labels: TypeAlias = tuple[tuple[str, str], ...]
Rows: TypeAlias = Mapping[Labels, float]


class Source(Protocol):
    """An outbox, as this module sees it."""

    @property
    def figures(self) -> Figures: ...

    def stats(self) -> JournalStats: ...

    def __hash__(self) -> int: ...


@dataclass(slots=True)
class Reading:
    """Everything at one moment."""

    taken: float = 0.0
    journals: list[JournalStats] = field(default_factory=list)
    figures: list[tuple[str, Counted]] = field(default_factory=list)


class Observed:
    """The instruments of one meter."""

    def __init__(self, meter: Meter, sources: Iterable[Source]) -> None:
        self._sources = sources
        self._lock = threading.Lock()
        self._reading = Reading()
        for name, rows in _ROWS.items():
            made = BY_NAME[name]
            create = meter.create_observable_counter if made.kind == "counter" else meter.create_observable_gauge
            create(name.removesuffix("_total"), [self._callback(rows)], description=made.sentence)

    def _callback(self, rows: Callable[[Reading], Rows]) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observed(_: CallbackOptions) -> Iterable[Observation]:
            with contextlib.suppress(Exception):  # a journal that is closing: no figures rather than wrong ones
                return [Observation(value, dict(labels)) for labels, value in rows(self._read()).items()]
            return ()

        return observed

    def _read(self) -> Reading:
        with self._lock:
            if time.monotonic() - self._reading.taken > FRESH:
                found = Reading(time.monotonic())
                for source in list(self._sources):
                    with contextlib.suppress(Exception):  # as above: the others have theirs
                        found.journals.append(source.stats())
                        found.figures += source.figures.all().items()
                self._reading = found
            return self._reading


def watch(source: Source) -> None:
    """From now on it counts, as long as it is used."""
    global _observed  # noqa: PLW0603 - there is one set of instruments in a process
    with _guard:
        _sources.add(source)
        if _observed is None:
            _observed = Observed(get_meter("otelsiem", __version__), _sources)


class Measured(Figures):
    """Figures, and how long answers take as a histogram."""

    def __init__(self) -> None:
        super().__init__()
        meter = get_meter("otelsiem", __version__)
        self._latency, self._lag = (
            meter.create_histogram(
                name, description=BY_NAME[name].sentence, explicit_bucket_boundaries_advisory=BY_NAME[name].buckets
            )
            for name in ("siem_send_latency_seconds", "siem_event_lag_seconds")
        )

    def batch_sent(self, exporter: str, records: int, seconds: float) -> None:
        super().batch_sent(exporter, records, seconds)
        self._latency.record(seconds, {"exporter": exporter})

    def batch_failed(self, exporter: str, records: int, seconds: float) -> None:
        super().batch_failed(exporter, records, seconds)
        self._latency.record(seconds, {"exporter": exporter})

    def lag(self, exporter: str, seconds: float) -> None:
        super().lag(exporter, seconds)
        self._lag.record(max(seconds, 0.0), {"exporter": exporter})


# --- rows: two outboxes with an exporter of one name are added up -----------------------------------------------------


def _each(value: Callable[[ExporterCounts], float]) -> Callable[[Reading], Rows]:
    def rows(reading: Reading) -> Rows:
        found: Counter[Labels] = Counter()
        for stats in reading.journals:
            for one in stats.exporters:
                found[("exporter", one.exporter), ("pipeline", one.pipeline)] += value(one)  # type: ignore[assignment]  # a Counter of ages, too
        return found

    return rows


def _oldest(reading: Reading) -> Rows:
    found: dict[Labels, float] = {}
    for stats in reading.journals:
        for one in stats.exporters:
            labels = ("exporter", one.exporter), ("pipeline", one.pipeline)
            age = max(time.time_ns() - one.oldest, 0) / 1e9 if one.oldest else 0.0
            found[labels] = max(found.get(labels, 0.0), age)
    return found


def _filtered(reading: Reading) -> Rows:
    found: Counter[Labels] = Counter()
    for stats in reading.journals:
        for one in stats.exporters:
            told = sum([records for _, records in one.rules])
            known = one.rules if told <= one.filtered else ()
            rest = one.filtered - sum([records for _, records in known])
            for rule, records in (*known, ("match", rest)):
                found[("exporter", one.exporter), ("pipeline", one.pipeline), ("rule", rule)] += records
    return found


def _whole(value: Callable[[JournalStats], int], together: Callable[[Iterable[int]], int]) -> Callable[[Reading], Rows]:
    return lambda reading: {(): together([value(one) for one in reading.journals])} if reading.journals else {}


def _counted(value: Callable[[Counted], int]) -> Callable[[Reading], Rows]:
    def rows(reading: Reading) -> Rows:
        found: Counter[Labels] = Counter()
        for exporter, counted in reading.figures:
            found[(("exporter", exporter),)] += value(counted)
        return found

    return rows


def _reasons(value: Callable[[Counted], Mapping[str, int]]) -> Callable[[Reading], Rows]:
    def rows(reading: Reading) -> Rows:
        found: Counter[Labels] = Counter()
        for exporter, counted in reading.figures:
            for reason, times in dict(value(counted)).items():
                found[("exporter", exporter), ("reason", reason)] += times
        return found

    return rows


def _health(reading: Reading) -> Rows:
    found: dict[Labels, float] = {}
    for exporter, counted in reading.figures:
        if counted.healthy is not None:
            labels = (("exporter", exporter),)
            found[labels] = min(found.get(labels, 1), int(counted.healthy))
    return found


def _held(reading: Reading) -> Rows:
    return {
        (("exporter", exporter), ("reason", kind_of(counted.hold))): 1
        for exporter, counted in reading.figures
        if counted.hold
    }


_ROWS: Mapping[str, Callable[[Reading], Rows]] = {
    "siem_exporter_accepted_total": _each(lambda c: c.accepted),
    "siem_events_sent_total": _each(lambda c: c.delivered),
    "siem_dead_letters": _each(lambda c: c.dead),
    "siem_events_filtered_total": _filtered,
    "siem_events_purged_total": _each(lambda c: c.purged),
    "siem_queue_size": _each(lambda c: c.pending),
    "siem_queue_due": _each(lambda c: c.due),
    "siem_queue_oldest_age_seconds": _oldest,
    "siem_journal_bytes": _whole(lambda s: s.bytes, sum),
    "siem_journal_full": _whole(lambda s: int(s.full), max),
    "siem_journal_ready": _whole(lambda s: int(s.ready), min),
    "siem_events_failed_total": _reasons(lambda c: c.refused_for),
    "siem_batches_sent_total": _counted(lambda c: c.batches),
    "siem_batches_failed_total": _counted(lambda c: c.batches_failed),
    "siem_retry_attempts_total": _reasons(lambda c: c.errors),
    "siem_unconfirmed_events": _counted(lambda c: c.unconfirmed),
    "siem_hold": _held,
    "siem_health_status": _health,
}

_guard = threading.Lock()
_sources: WeakSet[Source] = WeakSet()
_observed: Observed | None = None


def _forget() -> None:
    """In a child just forked: what the parent has open is the parent's."""
    global _guard  # noqa: PLW0603 - a fork may have found it held
    _guard = threading.Lock()
    _sources.clear()
    if _observed is not None:
        _observed._lock, _observed._reading = threading.Lock(), Reading()


at_fork(child=_forget)
