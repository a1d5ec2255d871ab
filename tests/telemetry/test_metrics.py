"""Metrics as Prometheus reads them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from otelsiem.journal.journal import ExporterCounts, JournalStats, PipelineCounts
from otelsiem.telemetry.instruments import BY_NAME, INSTRUMENTS, reference
from otelsiem.telemetry.labels import LONGEST, OTHER, Bounded
from otelsiem.telemetry.metrics import MOST_TENANTS, Metrics

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"

SCHEMA = {  # schema.md §5: the names that have a meaning now
    "siem_events_sent_total", "siem_events_failed_total", "siem_batches_sent_total", "siem_batches_failed_total",
    "siem_send_latency_seconds", "siem_retry_attempts_total", "siem_queue_size",
    "siem_current_batch_size", "siem_health_status", "siem_events_accepted_total", "siem_events_filtered_total",
    "siem_dead_letters", "siem_queue_oldest_age_seconds", "siem_event_lag_seconds", "siem_journal_bytes", "siem_hold",
}  # fmt: skip


class Stats:
    """A journal whose figures differ at every reading, each reading in agreement with itself."""

    def __init__(self) -> None:
        self.readings = 0

    def __call__(self) -> JournalStats:
        self.readings += 1
        n = self.readings * 100
        counts = ExporterCounts(
            "logs", "hec/soc", accepted=10 * n, delivered=4 * n, dead=3 * n, filtered=n, purged=n, pending=n,
            due=5, on_loan=2, oldest=1_000_000_000,
        )  # fmt: skip
        return JournalStats([PipelineCounts("logs", 10 * n, 12 * n, n, n)], [counts], 4096, full=False, ready=True)


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample of the page, by name and labels; none twice."""
    text = metrics.page()[0].decode()
    found = [s for family in text_string_to_metric_families(text) for s in family.samples]
    keyed = {(s.name, tuple(sorted(s.labels.items()))): s.value for s in found}
    assert len(keyed) == len(found)
    return keyed


def value(metrics: Metrics, name: str, **labels: str) -> float:
    """The one sample with these labels and no others."""
    return samples(metrics)[name, tuple(sorted(labels.items()))]


def everything(metrics: Metrics) -> None:
    """Each event once."""
    metrics.accepted("otlp", "acme", 3)
    metrics.refused("otlp", "http", "full", "billing")
    metrics.filtered("logs", "drop_debug", 2)
    metrics.batch_sent("hec/soc", 500, 0.2)
    metrics.batch_failed("hec/soc", 400, 0.3)
    metrics.events_failed("hec/soc", "HTTP 400: no index", 1)
    metrics.retry("hec/soc", "timeout: no answer in 10 s")
    metrics.lag("hec/soc", 12.5)
    metrics.unconfirmed("hec/soc", 700)
    metrics.unconfirmed("hec/soc", -200)
    metrics.hold("hec/soc", "HTTP 401: token")
    metrics.health("hec/soc", healthy=True)
    metrics.reloaded(ok=True)


def test_every_instrument_of_the_list_is_on_the_page_with_its_labels() -> None:
    metrics = Metrics(Stats())
    everything(metrics)
    shown: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(metrics.page()[0].decode()):
        for sample in family.samples:
            name = sample.name if sample.name in BY_NAME else sample.name.rpartition("_")[0]
            shown.setdefault(name, set()).update(set(sample.labels) - {"le"})
    shown.pop("target")  # target_info
    assert shown == {instrument.name: set(instrument.labels) for instrument in INSTRUMENTS}
    assert set(BY_NAME) >= SCHEMA


def test_kinds_are_as_listed() -> None:
    metrics = Metrics(Stats())
    everything(metrics)
    for family in text_string_to_metric_families(metrics.page()[0].decode()):
        made = BY_NAME.get(family.name) or BY_NAME.get(f"{family.name}_total")
        assert made is None or (made.kind, made.sentence) == (family.type, family.documentation), family.name


class Filtered(Stats):
    """With the rules known of so many of the 100 records that were left out."""

    def __init__(self, **known: int) -> None:
        super().__init__()
        self.rules = tuple((f"match.{rule}", records) for rule, records in known.items())

    def __call__(self) -> JournalStats:
        self.readings = 0
        stats = super().__call__()
        return replace(stats, exporters=[replace(stats.exporters[0], rules=self.rules)])


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        ({}, {"match": 100}),
        ({"events": 60, "min_severity": 40}, {"match.events": 60, "match.min_severity": 40, "match": 0}),
        ({"events": 60}, {"match.events": 60, "match": 40}),
        ({"events": 60, "not": 41}, {"match": 100}),  # a repair has taken some back
    ],
)
def test_p2_filtered_records_are_counted_by_rule_and_add_up(known: dict[str, int], shown: dict[str, int]) -> None:
    found = samples(Metrics(Filtered(**known)))
    rules = {dict(labels)["rule"]: value for (name, labels), value in found.items() if "events_filtered_total" in name}
    assert rules == shown


def test_events_are_counted() -> None:
    metrics = Metrics()
    for _ in range(2):
        everything(metrics)
    assert value(metrics, "siem_events_accepted_total", receiver="otlp", tenant="acme", token="") == 6
    refused = {"receiver": "otlp", "transport": "http", "reason": "full", "token": "billing"}
    assert value(metrics, "siem_requests_refused_total", **refused) == 2
    assert value(metrics, "siem_events_filtered_total", exporter="", pipeline="logs", rule="drop_debug") == 4
    assert value(metrics, "siem_batches_sent_total", exporter="hec/soc") == 2
    assert value(metrics, "siem_batches_failed_total", exporter="hec/soc") == 2
    assert value(metrics, "siem_send_latency_seconds_count", exporter="hec/soc") == 4
    assert value(metrics, "siem_send_latency_seconds_sum", exporter="hec/soc") == pytest.approx(1.0)
    assert value(metrics, "siem_current_batch_size", exporter="hec/soc") == 400
    assert value(metrics, "siem_events_failed_total", exporter="hec/soc", reason="HTTP 400") == 2
    assert value(metrics, "siem_retry_attempts_total", exporter="hec/soc", reason="timeout") == 2
    assert value(metrics, "siem_event_lag_seconds_sum", exporter="hec/soc") == 25
    assert value(metrics, "siem_unconfirmed_events", exporter="hec/soc") == 1000
    assert value(metrics, "siem_health_status", exporter="hec/soc") == 1


def test_p2_the_identity_holds_on_every_page_from_one_reading() -> None:
    stats = Stats()
    metrics = Metrics(stats)
    for scrape in range(1, 4):
        seen = samples(metrics)
        assert stats.readings == scrape
        of = {name: v for (name, labels), v in seen.items() if ("exporter", "hec/soc") in labels}
        assert of["siem_exporter_accepted_total"] == scrape * 1000
        assert of["siem_exporter_accepted_total"] == (
            of["siem_events_sent_total"]
            + of["siem_dead_letters"]
            + of["siem_events_filtered_total"]
            + of["siem_events_purged_total"]
            + of["siem_queue_size"]
        )


def test_age_of_the_oldest() -> None:
    assert value(
        Metrics(Stats(), now=lambda: 3_500_000_000),
        "siem_queue_oldest_age_seconds",
        exporter="hec/soc",
        pipeline="logs",
    ) == pytest.approx(2.5)


def test_a_journal_that_cannot_say_leaves_no_old_figures(caplog: pytest.LogCaptureFixture) -> None:
    stats = Stats()
    metrics = Metrics(stats)
    assert any(name == "siem_queue_size" for name, _ in samples(metrics))

    def closed() -> JournalStats:
        raise RuntimeError("closed")

    metrics.watch(closed)
    assert not any(name in {"siem_queue_size", "siem_exporter_accepted_total"} for name, _ in samples(metrics))
    metrics.watch(stats)
    assert any(name == "siem_queue_size" for name, _ in samples(metrics))


def test_a_hold_that_ended_is_gone() -> None:
    metrics = Metrics()
    metrics.hold("hec/soc", "HTTP 401: token")
    metrics.hold("hec/soc", "HTTP 403: index")
    assert value(metrics, "siem_hold", exporter="hec/soc", reason="HTTP 403") == 1
    assert len([name for name, _ in samples(metrics) if name == "siem_hold"]) == 1
    metrics.unhold("hec/soc")
    assert not [name for name, _ in samples(metrics) if name == "siem_hold"]


def test_a_removed_exporter_leaves_no_gauges() -> None:
    metrics = Metrics()
    everything(metrics)
    metrics.forget("hec/soc")
    gauges = {i.name for i in INSTRUMENTS if i.kind == "gauge" and "exporter" in i.labels}
    assert not [name for name, _ in samples(metrics) if name in gauges]


def test_the_last_reload_says_when_and_whether_it_worked() -> None:
    metrics = Metrics(now=lambda: 3_500_000_000)
    assert not [name for name, _ in samples(metrics) if name.startswith("siem_config")]
    for ok in (True, False, False):
        metrics.reloaded(ok=ok)
        assert value(metrics, "siem_config_last_reload_success") == ok
    assert value(metrics, "siem_config_last_reload_timestamp_seconds") == pytest.approx(3.5)
    assert value(metrics, "siem_config_reloads_total", result="ok") == 1
    assert value(metrics, "siem_config_reloads_total", result="refused") == 2


def test_tenants_are_bounded() -> None:
    metrics = Metrics()
    for n in range(3 * MOST_TENANTS):
        metrics.accepted("otlp", f"invented-{n}", 1)
        metrics.accepted("alerts", f"invented-{n}", 1)
    metrics.accepted("otlp", "invented-0", 1)
    tenants = {labels: v for (name, labels), v in samples(metrics).items() if name == "siem_events_accepted_total"}
    assert len(tenants) == 2 * (MOST_TENANTS + 1)  # the SDK's own overflow did not cut in
    assert value(metrics, "siem_events_accepted_total", receiver="otlp", tenant=OTHER, token="") == 2 * MOST_TENANTS
    assert value(metrics, "siem_events_accepted_total", receiver="otlp", tenant="invented-0", token="") == 2


def test_openmetrics_for_who_asks() -> None:
    body, kind = Metrics(Stats()).page("application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_push_and_scrape_say_the_same() -> None:
    reader = InMemoryMetricReader()
    metrics = Metrics(Stats(), readers=[reader])
    everything(metrics)
    data = reader.get_metrics_data()
    assert data is not None
    pushed = {m.name for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics}
    assert pushed == {name.removesuffix("_total") for name in BY_NAME}
    metrics.close()


def test_the_hosts_registry_is_untouched() -> None:
    metrics = Metrics(Stats())
    everything(metrics)
    assert not [f.name for f in REGISTRY.collect() if f.name.startswith("siem_")]


@given(st.lists(st.text(), max_size=30))
def test_label_values_are_clean_and_few(values: list[str]) -> None:
    bounded = Bounded(5)
    shown = {bounded(value) for value in values}
    assert len(shown - {OTHER}) <= 5
    assert all(len(text) <= LONGEST and (text == "" or text.isprintable()) for text in shown)


def test_the_reference_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == reference(), "print otelsiem.telemetry.instruments.reference() to it again"
