"""The exporter in a real BatchLogRecordProcessor, against a strict fake: the truth in its result, nothing lost."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExportResult

from otelsiem.delivery.policy import Policy
from otelsiem.destinations.splunk_hec import SplunkHec
from otelsiem.outbox import Outlet
from otelsiem.processors.constitution import Constitution
from otelsiem.processors.severity import Severity
from otelsiem.sdk.exporter import SiemLogExporter
from otelsiem.sdk.processor import AuditLogRecordProcessor
from otelsiem.testing.hec import FakeHec
from tests.program import eventually
from tests.sdk.provider import RESOURCE, batching, provider

SUCCESS, FAILURE = LogRecordExportResult.SUCCESS, LogRecordExportResult.FAILURE
BRISK = Policy(initial=0.02, longest=0.1, probe_interval=0.05)


@pytest.fixture
def splunk() -> Iterator[FakeHec]:
    with FakeHec() as fake:
        yield fake


def hec(fake: FakeHec) -> Outlet:
    return Outlet(SplunkHec.model_validate({"endpoint": fake.url, "token": fake.token, "timeout": "2s"}), BRISK)


def some(*names: str) -> list[ReadableLogRecord]:
    return [
        ReadableLogRecord(LogRecord(event_name=name, attributes={"audit.record.id": name}), RESOURCE) for name in names
    ]


def test_direct_says_success_when_the_destination_has_them(splunk: FakeHec) -> None:
    exporter = SiemLogExporter(hec(splunk))
    assert exporter.export(some("a", "b")) is SUCCESS
    assert splunk.count_by("event_id") == {"a": 1, "b": 1}
    exporter.shutdown()
    assert exporter.export(some("c")) is FAILURE


def test_direct_says_failure_in_time_and_delivers_later_what_it_can(splunk: FakeHec) -> None:
    splunk.server.down()
    exporter = SiemLogExporter(hec(splunk), timeout=0.3)
    assert exporter.export(some("a")) is FAILURE
    splunk.server.up()
    assert exporter.force_flush(20_000)
    assert splunk.count_by("event_id") == {"a": 1}
    exporter.shutdown()


def test_p3_a_wrong_token_loses_nothing_of_what_is_journaled(tmp_path: Path, splunk: FakeHec) -> None:
    tokens = dict(splunk.tokens)
    splunk.tokens.clear()
    first = SiemLogExporter(hec(splunk), journal=tmp_path)
    assert first.export(some("a")) is SUCCESS
    first.shutdown(timeout_millis=200)
    splunk.tokens.update(tokens)
    second = SiemLogExporter(hec(splunk), journal=tmp_path)
    assert second.export(some("b")) is SUCCESS
    eventually(lambda: splunk.count_by("event_id") == {"a": 1, "b": 1}, 20, "both are there")
    second.shutdown()
    assert len(list(tmp_path.iterdir())) == 1, "the directory of the first life serves the second"


def test_the_whole_chain_on_a_provider(tmp_path: Path, splunk: FakeHec) -> None:
    exporter = SiemLogExporter(hec(splunk), journal=tmp_path)
    with provider(AuditLogRecordProcessor(batching(exporter), constitution="cdd01ef066bc6cf2")) as made:
        logger = made.get_logger("shop")
        for n in range(1000):
            logger.emit(LogRecord(event_name="authentication_failure", attributes={"n": n}))
        assert made.force_flush()
        eventually(lambda: len(splunk.events) == 1000, 20, "all are there")
    assert {event.event["constitutional_hash"] for event in splunk.events} == {"cdd01ef066bc6cf2"}
    assert {event.event["severity_number"] for event in splunk.events} == {13}
    assert sorted(event.event["metadata"]["n"] for event in splunk.events) == list(range(1000))


def test_severity_and_stamp_work_inside_where_no_processor_can_be(splunk: FakeHec) -> None:
    exporter = SiemLogExporter(hec(splunk), processors=[Severity(), Constitution(hash="cdd01ef066bc6cf2")])
    assert exporter.export(some("error")) is SUCCESS
    assert splunk.events[0].event["severity_number"] == 17
    assert splunk.events[0].event["constitutional_hash"] == "cdd01ef066bc6cf2"
    exporter.shutdown()


def test_our_own_log_does_not_come_back_to_us(splunk: FakeHec) -> None:
    exporter = SiemLogExporter(hec(splunk))
    with provider(batching(exporter)) as made:
        made.get_logger("otelsiem.delivery").emit(LogRecord(body="ours"))
        made.get_logger("shop").emit(LogRecord(body="theirs"))
        assert made.force_flush()
    assert [event.event["message"] for event in splunk.events] == ["theirs"]


def test_p6_export_never_raises_and_says_what_is_lost(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    exporter = SiemLogExporter(
        SplunkHec.model_validate({"endpoint": "http://127.0.0.1:9", "token": "x"}), journal=tmp_path / "file"
    )
    with caplog.at_level(logging.ERROR, "otelsiem.sdk"):
        assert exporter.export(some("a", "b")) is FAILURE
    assert "records=2" in caplog.text
    assert "LOST" in caplog.text


CHILD = """
import os, sys
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from otelsiem.destinations.splunk_hec import SplunkHec
from otelsiem.sdk.exporter import SiemLogExporter

def one(name):
    return [ReadableLogRecord(LogRecord(event_name=name, attributes={"audit.record.id": name}), Resource({}))]

url, token, journal = sys.argv[1:]
exporter = SiemLogExporter(SplunkHec.model_validate({"endpoint": url, "token": token}), journal=journal)
assert exporter.export(one("parent-before")).name == "SUCCESS"
children = []
for n in range(3):
    pid = os.fork()
    if pid == 0:
        assert exporter.export(one(f"child-{n}")).name == "SUCCESS"
        exporter.shutdown()
        os._exit(0)
    children.append(pid)
assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
assert exporter.export(one("parent-after")).name == "SUCCESS"
exporter.shutdown()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_children_have_journals_of_their_own(tmp_path: Path, splunk: FakeHec) -> None:
    argv = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(CHILD), splunk.url, splunk.token, str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    wanted = {"parent-before": 1, "parent-after": 1, "child-0": 1, "child-1": 1, "child-2": 1}
    assert splunk.count_by("event_id") == wanted
