"""Our figures in the application's own metrics: the names of the list, P2's identity, nothing raised."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterable
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from otelsiem.delivery.policy import Policy
from otelsiem.destinations.splunk_hec import SplunkHec
from otelsiem.journal.memory import MemoryJournal
from otelsiem.model.record import Group, Record, Scope
from otelsiem.outbox import Outbox, Outlet
from otelsiem.telemetry import observed
from otelsiem.telemetry.instruments import BY_NAME
from otelsiem.telemetry.observed import Measured, Observed
from otelsiem.testing.hec import FakeHec
from tests.program import eventually

BRISK = Policy(initial=0.02, longest=0.1, probe_interval=0.05)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observed, "FRESH", 0.0)


def batch(*ids: str) -> list[Group]:
    return [Group({}, Scope(), [Record(one, 1_767_225_600_000_000_000, event="x") for one in ids])]


def outbox(fake: FakeHec, name: str = "soc") -> Outbox:
    destination = SplunkHec.model_validate({"endpoint": fake.url, "token": fake.token, "timeout": "2s"})
    return Outbox(MemoryJournal(), {name: Outlet(destination, BRISK)})


class Collected:
    """What an application's provider collects from these outboxes."""

    def __init__(self, sources: Iterable[Any]) -> None:
        self.reader = InMemoryMetricReader()
        provider = MeterProvider([self.reader], shutdown_on_exit=False)
        self.observed = Observed(provider.get_meter("otelsiem"), sources)

    def __call__(self) -> dict[str, dict[tuple[str, ...], float]]:
        data = self.reader.get_metrics_data()
        metrics = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics] if data else []
        return {m.name: {_labels(point): _value(point) for point in m.data.data_points} for m in metrics}


def _value(point: Any) -> float:
    return float(point.value)


def _labels(point: Any) -> tuple[str, ...]:
    return tuple(str(value) for _, value in sorted(point.attributes.items()))


def test_p2_the_figures_are_the_journals() -> None:
    with FakeHec() as splunk:
        one = outbox(splunk)
        collect = Collected([one])
        one.post(batch("a", "b", "c"))
        assert one.flush(20)
        splunk.server.down()
        one.post(batch("d"))
        eventually(lambda: collect()["siem_health_status"] == {("soc",): 0}, 20, "it is seen that it is away")
        found = collect()
        at = ("soc", "audit")
        assert found["siem_exporter_accepted"] == {at: 4}
        assert found["siem_events_sent"] == {at: 3}
        assert found["siem_queue_size"] == {at: 1}
        assert found["siem_dead_letters"] == {at: 0}
        assert found["siem_queue_oldest_age_seconds"][at] >= 0
        assert found["siem_batches_sent"][("soc",)] >= 1
        assert found["siem_batches_failed"][("soc",)] >= 1
        assert sum(found["siem_retry_attempts"].values()) >= 1
        assert found["siem_journal_ready"] == {(): 1}
        one.close(1)
        assert collect()["siem_events_sent"] == {at: 3}, "the last collection comes after the end"


def test_a_hold_shows_with_its_reason() -> None:
    with FakeHec() as splunk:
        one = outbox(splunk)
        collect = Collected([one])
        splunk.tokens.clear()
        one.post(batch("a"))
        eventually(lambda: bool(one.holds()), 20, "it is held")
        assert list(collect()["siem_hold"].values()) == [1]
        one.close(1)


def test_outboxes_with_exporters_of_one_name_are_added_up() -> None:
    with FakeHec() as splunk:
        both = [outbox(splunk), outbox(splunk), outbox(splunk, "other")]
        collect = Collected(both)
        for n, one in enumerate(both):
            one.post(batch(f"a{n}"))
            assert one.flush(20)
        assert collect()["siem_events_sent"] == {("soc", "audit"): 2, ("other", "audit"): 1}
        for one in both:
            one.close(1)


def test_every_metric_is_on_the_list_with_its_labels() -> None:
    with FakeHec() as splunk:
        one = outbox(splunk)
        splunk.tokens.clear()
        one.post(batch("a"))
        eventually(lambda: bool(one.holds()), 20, "it is held")
        reader = Collected([one]).reader
        data = reader.get_metrics_data()
        assert data is not None
        for metric in [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics]:
            made = BY_NAME.get(metric.name) or BY_NAME[f"{metric.name}_total"]
            assert metric.description == made.sentence
            for point in metric.data.data_points:
                assert set(point.attributes or {}) == set(made.labels), metric.name
        one.close(1)


class Broken:
    figures = Measured()

    def stats(self) -> Any:
        raise RuntimeError("closing")


def test_p6_a_journal_that_cannot_be_read_hides_no_other_and_raises_nothing() -> None:
    with FakeHec() as splunk:
        one = outbox(splunk)
        one.post(batch("a"))
        assert one.flush(20)
        assert Collected([Broken(), one])()["siem_events_sent"] == {("soc", "audit"): 1}
        one.close(1)
    assert "siem_events_sent" not in Collected([Broken()])()


APPLICATION = """
import os, sys
from opentelemetry import metrics
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from otelsiem import FileExporter

logs = LoggerProvider()
logs.add_log_record_processor(SimpleLogRecordProcessor(FileExporter(path=sys.argv[1], journal=sys.argv[2])))
logs.get_logger("shop").emit(LogRecord(event_name="x"))
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))  # after the exporter, as in many an application
logs.get_logger("shop").emit(LogRecord(event_name="y"))

def told():
    data = reader.get_metrics_data()
    found = {m.name: m.data.data_points for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics}
    return found["siem_exporter_accepted"][0].value, found["siem_send_latency_seconds"][0].count

logs.force_flush()
import time
while not os.path.exists(sys.argv[1]) or open(sys.argv[1]).read().count("\\n") < 2:
    time.sleep(0.02)
logs.shutdown()
accepted, answers = told()
assert accepted == 2 and answers >= 1, (accepted, answers)
pid = os.fork()
if pid == 0:
    import otelsiem.telemetry.observed as observed
    os._exit(len(observed._sources))  # what the parent has open is the parent's
assert os.waitpid(pid, 0)[1] == 0
"""


def test_they_come_through_the_applications_own_provider(tmp_path: Any) -> None:
    argv = [sys.executable, "-W", "error::UserWarning", "-c", textwrap.dedent(APPLICATION)]
    argv += [str(tmp_path / "out.jsonl"), str(tmp_path / "journal")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
