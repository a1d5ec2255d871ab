"""The exporter in a real BatchLogRecordProcessor, against a strict fake: the truth in its result, nothing lost."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExportResult

from otelsiem.delivery.policy import Policy
from otelsiem.destinations.splunk_hec import SplunkHec
from otelsiem.model.errors import OtelsiemError
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


def test_two_of_one_name_in_one_directory_must_deliver_to_one_place(tmp_path: Path, splunk: FakeHec) -> None:
    first = SiemLogExporter(hec(splunk), journal=tmp_path)
    elsewhere = SplunkHec.model_validate({"endpoint": "https://splunk.example.com:8088", "token": "x"})
    with pytest.raises(OtelsiemError, match="two exporters are called 'splunk_hec'"):
        SiemLogExporter(elsewhere, journal=tmp_path / ".." / tmp_path.name)
    SiemLogExporter(elsewhere, journal=tmp_path, name="lake").shutdown()
    SiemLogExporter(elsewhere, journal=tmp_path / "another").shutdown()
    same = SiemLogExporter(hec(splunk), journal=tmp_path)
    same.shutdown()
    first.shutdown()
    SiemLogExporter(elsewhere, journal=tmp_path).shutdown()


def test_two_exporters_in_one_directory_restart_without_mixing_up_their_records(
    tmp_path: Path, splunk: FakeHec
) -> None:
    """Each finds its own: what waits for the one is never delivered by the other."""
    with FakeHec() as lake:
        splunk.server.down()
        lake.server.down()
        for names in (("soc", "lake"), ("lake", "soc"), ("soc", "lake")):
            opened = {n: SiemLogExporter(hec(splunk if n == "soc" else lake), journal=tmp_path, name=n) for n in names}
            for name, exporter in opened.items():
                assert exporter.export(some(f"{name}-{names[0]}-{len(list(tmp_path.iterdir()))}")) is SUCCESS
            for exporter in opened.values():
                exporter.shutdown(timeout_millis=100)
        splunk.server.up()
        lake.server.up()
        last = [SiemLogExporter(hec(splunk if n == "soc" else lake), journal=tmp_path, name=n) for n in ("lake", "soc")]
        for exporter in last:
            assert exporter.export(some("last")) is SUCCESS
        eventually(lambda: (len(splunk.events), len(lake.events)) == (4, 4), 30, "all are there")
        for exporter in last:
            exporter.shutdown()
        for fake, name in ((splunk, "soc"), (lake, "lake")):
            ids = set(fake.count_by("event_id"))
            assert all(one.startswith(name) or one == "last" for one in ids), ids


def test_the_end_of_a_process_comes_before_the_end_of_a_provider_that_was_there_first(
    tmp_path: Path, splunk: FakeHec
) -> None:
    """`atexit` runs backwards: what the provider still brings is taken."""
    for exporter in (SiemLogExporter(hec(splunk)), SiemLogExporter(hec(splunk), journal=tmp_path)):
        assert exporter.export(some("a")) is SUCCESS
        exporter.close(5.0)
        assert exporter.export(some("b")) is SUCCESS
        exporter.shutdown()
    assert splunk.count_by("event_id") == {"a": 2, "b": 2}


def test_the_end_does_not_wait_for_a_destination_that_is_away(splunk: FakeHec) -> None:
    splunk.server.down()
    exporter = SiemLogExporter(hec(splunk), timeout=0.2)
    assert exporter.export(some("a")) is FAILURE
    began = time.monotonic()
    exporter.close(60.0)
    assert time.monotonic() - began < 30, "half a second, on a machine that has it"
    exporter.shutdown(timeout_millis=100)
