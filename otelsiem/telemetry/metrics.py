"""Our own metrics: one method per event, and the journal's counts read at each scrape.

Guarantees: nothing here is called per record; the journal's figures of one scrape come from one `stats()`, so P2's
identity holds within it; label values are cleaned and bounded; nothing touches a global provider or registry of the
host.
"""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from threading import Lock
from typing import TypeAlias

from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Observation
from opentelemetry.sdk.metrics import Counter as SdkCounter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.resources import Resource

from otelsiem.journal.journal import ExporterCounts, JournalStats, PipelineCounts
from otelsiem.model.errors import MissingExtraError
from otelsiem.telemetry.instruments import BY_NAME, INSTRUMENTS
from otelsiem.telemetry.labels import Bounded, kind_of

try:
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import choose_encoder
except ImportError as missing:
    raise MissingExtraError("The metrics page", "gateway", missing.name or "prometheus_client") from missing

MOST_TENANTS = 1000
MOST_REASONS = 100
MOST_SERIES = 20_000  # of one counter: 1,000 tenants × receivers; the SDK's own limit would cut at 2,000

Rows: TypeAlias = Iterable[Observation]


class Metrics:
    """What happened, counted. All methods may be called from any thread."""

    def __init__(
        self,
        stats: Callable[[], JournalStats] | None = None,
        *,
        now: Callable[[], int] = time.time_ns,
        readers: Sequence[MetricReader] = (),
    ) -> None:
        self._stats = stats
        self._now = now
        self._seen: JournalStats | None = None
        self._lock = Lock()
        self._scraping = Lock()
        self._holds: dict[str, str] = {}  # exporter -> reason
        self._healthy: dict[str, bool] = {}
        self._sizes: dict[str, int] = {}
        self._unconfirmed: dict[str, int] = {}
        self._reload: tuple[bool, int] | None = None  # the last one: whether it worked, and when (ns)
        self._door: Tally[tuple[str, str]] = Tally()  # (pipeline, rule) -> records
        self._tenants = Bounded(MOST_TENANTS)
        self._reasons = Bounded(MOST_REASONS)
        self._registry = CollectorRegistry()
        page = PrometheusMetricReader(
            scope_info_enabled=False, registry=self._registry, cardinality_limits={SdkCounter: MOST_SERIES}
        )
        resource = Resource({"service.name": "otelsiem"})
        self._provider = MeterProvider([page, *readers], resource=resource, shutdown_on_exit=False)
        self._meter = self._provider.get_meter("otelsiem")
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        self._make()

    def watch(self, stats: Callable[[], JournalStats]) -> None:
        """Whose counts to read at each scrape from now on."""
        self._stats = stats

    def page(self, accept: str = "") -> tuple[bytes, str]:
        """The Prometheus page and its content type. Reads the journal: not for an event loop."""
        encode, kind = choose_encoder(accept)
        with self._scraping:  # the Prometheus reader mixes up two scrapes at once
            return encode(self._registry), kind

    def close(self) -> None:
        """Push what is left to the readers and stop."""
        self._provider.shutdown()

    # what happened at the door

    def accepted(self, receiver: str, tenant: str, records: int, token: str = "") -> None:
        """Records acknowledged to a sender; `token` is the name of its token."""
        tenant = self._tenants(tenant)
        self._add("siem_events_accepted_total", records, receiver=receiver, tenant=tenant, token=token)

    def refused(self, receiver: str, transport: str, reason: str, token: str = "") -> None:
        """A request that was not taken."""
        self._add("siem_requests_refused_total", 1, receiver=receiver, transport=transport, reason=reason, token=token)

    def filtered(self, pipeline: str, rule: str, records: int) -> None:
        """Records that a processor took out."""
        with self._lock:
            self._door[pipeline, self._reasons(rule)] += records

    # what happened on the way out

    def batch_sent(self, exporter: str, records: int, seconds: float) -> None:
        """A request that the destination took."""
        self._add("siem_batches_sent_total", 1, exporter=exporter)
        self._answered(exporter, records, seconds)

    def batch_failed(self, exporter: str, records: int, seconds: float) -> None:
        """A request that it did not take."""
        self._add("siem_batches_failed_total", 1, exporter=exporter)
        self._answered(exporter, records, seconds)

    def events_failed(self, exporter: str, reason: str, records: int) -> None:
        """Records that the destination refused for good."""
        self._add("siem_events_failed_total", records, exporter=exporter, reason=self._reasons(kind_of(reason)))

    def retry(self, exporter: str, reason: str, times: int = 1) -> None:
        """A request to be repeated."""
        self._add("siem_retry_attempts_total", times, exporter=exporter, reason=self._reasons(kind_of(reason)))

    def lag(self, exporter: str, seconds: float) -> None:
        """The age of a delivered batch's oldest record. A sender's clock may be ahead: never below 0."""
        self._histograms["siem_event_lag_seconds"].record(max(seconds, 0.0), {"exporter": exporter})

    def unconfirmed(self, exporter: str, change: int) -> None:
        """So many records more, or fewer, were taken and are not confirmed."""
        with self._lock:
            self._unconfirmed[exporter] = self._unconfirmed.get(exporter, 0) + change

    def hold(self, exporter: str, reason: str) -> None:
        """Delivery is paused."""
        with self._lock:
            self._holds[exporter] = self._reasons(kind_of(reason))

    def unhold(self, exporter: str) -> None:
        """Delivery goes on."""
        with self._lock:
            self._holds.pop(exporter, None)

    def health(self, exporter: str, *, healthy: bool) -> None:
        """Whether the destination takes records."""
        with self._lock:
            self._healthy[exporter] = healthy

    def reloaded(self, *, ok: bool) -> None:
        """A reload of the configuration came to its end."""
        self._add("siem_config_reloads_total", 1, result="ok" if ok else "refused")
        self._reload = (ok, self._now())

    def forget(self, exporter: str) -> None:
        """The exporter was removed: its gauges go."""
        with self._lock:
            for gauges in (self._holds, self._healthy, self._sizes, self._unconfirmed):
                gauges.pop(exporter, None)

    def _answered(self, exporter: str, records: int, seconds: float) -> None:
        with self._lock:
            self._sizes[exporter] = records
        self._histograms["siem_send_latency_seconds"].record(seconds, {"exporter": exporter})

    def _add(self, name: str, amount: int, **labels: str) -> None:
        self._counters[name].add(amount, labels)

    # instruments

    def _make(self) -> None:
        observed = self._observed()
        for name, rows in observed.items():  # the SDK asks in this order: the first one takes the reading
            made = BY_NAME[name]
            create = (
                self._meter.create_observable_counter if made.kind == "counter" else self._meter.create_observable_gauge
            )
            create(_bare(name), [rows], description=made.sentence)
        for made in INSTRUMENTS:
            if made.name in observed:
                continue
            if made.kind == "counter":
                self._counters[made.name] = self._meter.create_counter(_bare(made.name), description=made.sentence)
            else:
                self._histograms[made.name] = self._meter.create_histogram(
                    made.name, description=made.sentence, explicit_bucket_boundaries_advisory=made.buckets
                )

    def _observed(self) -> Mapping[str, Callable[[CallbackOptions], Rows]]:
        each, line, whole = self._of_exporters, self._of_pipelines, self._of_journal
        return {
            "siem_exporter_accepted_total": self._reading,
            "siem_events_sent_total": each(lambda c: c.delivered),
            "siem_dead_letters": each(lambda c: c.dead),
            "siem_events_filtered_total": self._filtered,
            "siem_events_purged_total": each(lambda c: c.purged),
            "siem_queue_size": each(lambda c: c.pending),
            "siem_queue_due": each(lambda c: c.due),
            "siem_queue_oldest_age_seconds": each(lambda c: max(self._now() - c.oldest, 0) / 1e9 if c.oldest else 0.0),
            "siem_pipeline_received_total": line(lambda c: c.received),
            "siem_pipeline_filtered_total": line(lambda c: c.filtered),
            "siem_pipeline_refused_total": line(lambda c: c.refused),
            "siem_journal_bytes": whole(lambda s: s.bytes),
            "siem_journal_full": whole(lambda s: int(s.full)),
            "siem_journal_ready": whole(lambda s: int(s.ready)),
            "siem_current_batch_size": self._gauge(self._sizes),
            "siem_unconfirmed_events": self._gauge(self._unconfirmed),
            "siem_health_status": self._gauge(self._healthy),
            "siem_hold": self._held,
            "siem_config_last_reload_success": lambda _: [Observation(int(r[0]))] if (r := self._reload) else [],
            "siem_config_last_reload_timestamp_seconds": lambda _: (
                [Observation(r[1] / 1e9)] if (r := self._reload) else []
            ),
        }

    def _reading(self, options: CallbackOptions) -> Rows:
        self._seen = None  # when stats() raises, the figures are missing rather than old
        self._seen = self._stats() if self._stats else None
        return self._of_exporters(lambda c: c.accepted)(options)

    def _of_exporters(self, value: Callable[[ExporterCounts], float]) -> Callable[[CallbackOptions], Rows]:
        def rows(_: CallbackOptions) -> Iterator[Observation]:
            for c in self._seen.exporters if self._seen else ():
                yield Observation(value(c), {"exporter": c.exporter, "pipeline": c.pipeline})

        return rows

    def _of_pipelines(self, value: Callable[[PipelineCounts], int]) -> Callable[[CallbackOptions], Rows]:
        def rows(_: CallbackOptions) -> Iterator[Observation]:
            for c in self._seen.pipelines if self._seen else ():
                yield Observation(value(c), {"pipeline": c.pipeline})

        return rows

    def _of_journal(self, value: Callable[[JournalStats], int]) -> Callable[[CallbackOptions], Rows]:
        return lambda _: [Observation(value(self._seen))] if self._seen else []

    def _filtered(self, _: CallbackOptions) -> Iterator[Observation]:
        for c in self._seen.exporters if self._seen else ():
            told = sum([records for _, records in c.rules])
            known = c.rules if told <= c.filtered else ()  # a repaired journal may know less of them
            rest = c.filtered - sum([records for _, records in known])
            for rule, records in (*known, ("match", rest)):
                yield Observation(records, {"exporter": c.exporter, "pipeline": c.pipeline, "rule": rule})
        with self._lock:
            door = list(self._door.items())
        for (pipeline, rule), records in door:
            yield Observation(records, {"exporter": "", "pipeline": pipeline, "rule": rule})

    def _gauge(self, values: Mapping[str, int]) -> Callable[[CallbackOptions], Rows]:
        def rows(_: CallbackOptions) -> Rows:
            with self._lock:
                return [Observation(int(value), {"exporter": exporter}) for exporter, value in values.items()]

        return rows

    def _held(self, _: CallbackOptions) -> Rows:
        with self._lock:
            return [Observation(1, {"exporter": e, "reason": reason}) for e, reason in self._holds.items()]


def _bare(name: str) -> str:
    """Without the suffix that the Prometheus exporter puts on every counter."""
    return name.removesuffix("_total")
