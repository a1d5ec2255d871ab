"""P6: what the SDK emits goes into an AuditLog's own queue, and says there what it says on every other way."""

from __future__ import annotations

import copy
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import baggage, context
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider

from otelsiem import File, FileExporter, SplunkHec
from otelsiem.auditing.context import bind
from otelsiem.auditing.log import AuditLog
from otelsiem.model.errors import OtelsiemError
from otelsiem.sdk import convert, processor
from otelsiem.sdk.processor import AuditLogRecordProcessor
from tests.program import free_port
from tests.sdk.provider import Kept, batching, provider
from tests.sdk.test_later import RECORDS

HASH = "cdd01ef066bc6cf2"
TRACER = TracerProvider(shutdown_on_exit=False).get_tracer("shop")


def written(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def log_to(path: Path, **settings: Any) -> AuditLog:
    return AuditLog(File(path=str(path)), **settings)


def record(**fields: Any) -> LogRecord:
    return LogRecord(timestamp=1_767_225_600_000_000_000, observed_timestamp=1, **copy.deepcopy(fields))


@pytest.mark.filterwarnings("ignore:Log record attributes were dropped")
@pytest.mark.parametrize("rules", [None, HASH])
@pytest.mark.parametrize("known", [False, True])
def test_it_says_what_it_says_on_the_way_through_an_exporter(rules: str | None, known: bool, tmp_path: Path) -> None:
    log = log_to(tmp_path / "log", constitution=rules)
    through = AuditLogRecordProcessor(
        SimpleLogRecordProcessor(FileExporter(path=str(tmp_path / "exporter"))), constitution=rules
    )
    token = context.attach(baggage.set_baggage("session.id", "s-9") if known else context.Context())
    try:
        with (
            bind({"user.id": "u-7", "tenant.id": "acme"} if known else {}),
            TRACER.start_as_current_span("s"),
            provider(AuditLogRecordProcessor(log), through) as made,
        ):
            logger = made.get_logger("shop", "1.2", attributes={"team": "iam"})
            for fields in (*RECORDS, {"body": {"deep": [1, {"x": None}]}}):
                logger.emit(record(**fields))
            assert made.force_flush()
    finally:
        context.detach(token)
        log.close()
    here, there = written(tmp_path / "log"), written(tmp_path / "exporter")
    assert len(here) == len(RECORDS) + 1 + (rules is not None), "and one about the stranger"
    for one in (*here, *there):
        assert one.pop("event_id")
        one.pop("target", None)  # of the record about the stranger: the id of that one
    assert sorted(here, key=json.dumps) == sorted(there, key=json.dumps)


def test_p6_what_the_host_changes_after_emit_is_not_in_it(tmp_path: Path) -> None:
    class Greedy(Kept):
        def on_emit(self, log_record: Any) -> None:
            inner = log_record.log_record
            inner.attributes["mine"] = "x"
            inner.severity_number = SeverityNumber.FATAL
            inner.body["n"].append(2)

    log = log_to(tmp_path / "out")
    with provider(AuditLogRecordProcessor(log), Greedy()) as made:
        made.get_logger("shop").emit(
            LogRecord(event_name="x", severity_number=SeverityNumber.WARN, body={"n": [1]}, attributes={"a": 1})
        )
        assert made.force_flush()
    log.close()
    (one,) = written(tmp_path / "out")
    assert "FATAL" not in json.dumps(one)
    assert "mine" not in json.dumps(one)
    assert '{"n": [1]}' in json.dumps(one)


def test_calls_and_emits_are_in_their_order_and_speak_for_themselves(tmp_path: Path) -> None:
    log = log_to(tmp_path / "out", service_name="billing")
    with provider(AuditLogRecordProcessor(log)) as made:
        logger = made.get_logger("shop")
        for n in range(4):
            log.audit(f"call_{n}")
            logger.emit(LogRecord(event_name=f"emit_{n}"))
    log.audit("afterwards")
    log.close()
    lines = written(tmp_path / "out")
    assert [one["event_type"] for one in lines] == [f"{kind}_{n}" for n in range(4) for kind in ("call", "emit")] + [
        "afterwards"
    ], "the provider's end is not that of the log"
    assert ["shop" in json.dumps(one) for one in lines] == [False, True] * 4 + [False], "the SDK's resource is its own"


@pytest.mark.parametrize("way", ["log", "simple", "batch"])
def test_an_attribute_that_is_none_takes_nothing_of_what_is_bound(way: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    if way == "log":
        made_for: Any = log_to(out)
    else:
        exporter = FileExporter(path=str(out))
        made_for = batching(exporter) if way == "batch" else SimpleLogRecordProcessor(exporter)
    with bind(actor="u-7", tenant="acme"), provider(AuditLogRecordProcessor(made_for)) as made:
        made.get_logger("shop").emit(record(event_name="x", attributes={"user.id": None, "tenant.id": None}))
        assert made.force_flush()
    if way == "log":
        made_for.close()
    [found] = written(out)
    assert (found["user_id"], found["tenant_id"]) == ("u-7", "acme")
    assert "metadata" not in found or not found["metadata"].keys() & {"user.id", "tenant.id"}


def test_what_our_own_loggers_say_does_not_come_back(tmp_path: Path) -> None:
    log = log_to(tmp_path / "out")
    with provider(AuditLogRecordProcessor(log)) as made:
        for name in ("otelsiem", "otelsiem.audit", "otelsiemens"):
            made.get_logger(name).emit(LogRecord(event_name=name))
    log.close()
    assert [one["event_type"] for one in written(tmp_path / "out")] == ["otelsiemens"]


@pytest.mark.parametrize(
    ("where", "name"), [(processor, "emitted"), (processor, "known"), (AuditLog, "take"), (AuditLog, "_begin")]
)
def test_p6_nothing_reaches_the_caller_of_emit_and_the_loss_is_counted(
    where: Any, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("ours is broken")

    log, theirs = log_to(tmp_path / "out"), Kept()
    with provider(AuditLogRecordProcessor(log), theirs) as made:
        monkeypatch.setattr(where, name, broken)
        made.get_logger("shop").emit(LogRecord(event_name="x"))
        monkeypatch.undo()
        assert len(theirs.records) == 1, "the host's own goes on"
        assert log.metrics().lost == 1
        made.get_logger("shop").emit(LogRecord(event_name="y"))
    log.close()
    assert "y" in [one["event_type"] for one in written(tmp_path / "out")]
    assert [one for one in caplog.records if "LOST" in one.message and one.exc_info]


def test_p6_what_cannot_be_made_a_record_harms_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    make = convert.record

    def some(one: Any, dropped: int) -> Any:
        if one.event_name == "bad":
            raise RuntimeError("cannot be told")
        return make(one, dropped)

    monkeypatch.setattr(convert, "record", some)
    log = log_to(tmp_path / "out")
    with provider(AuditLogRecordProcessor(log)) as made:
        for name in ("good", "bad", "fine"):
            made.get_logger("shop").emit(LogRecord(event_name=name))
    log.close()
    assert [one["event_type"] for one in written(tmp_path / "out")] == ["good", "fine"]
    assert log.metrics().lost == 1
    assert "event='bad'" in caplog.text


def test_p6_a_full_queue_drops_the_newest_and_counts_it(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    log = log_to(tmp_path / "out", max_queue=2)
    log._worker = Still()  # type: ignore[assignment]  # nobody takes anything out
    with provider(AuditLogRecordProcessor(log)) as made:
        for n in range(5):
            made.get_logger("shop").emit(LogRecord(event_name=f"e{n}"))
        assert log.metrics().dropped == 3
        log._worker = None
        log._begin()
    log.close()
    assert [one["event_type"] for one in written(tmp_path / "out")] == ["e0", "e1"]
    assert [one.levelno for one in caplog.records if "LOST" in one.message] == [logging.ERROR]


class Still:
    """A worker that does nothing."""

    opened = None


def test_p6_with_a_journal_a_full_queue_spills(tmp_path: Path) -> None:
    log = log_to(tmp_path / "out", max_queue=1, journal=tmp_path / "journal")
    with provider(AuditLogRecordProcessor(log)) as made:
        for n in range(50):
            made.get_logger("shop").emit(LogRecord(event_name=f"e{n}"))
    log.close()
    assert sorted(one["event_type"] for one in written(tmp_path / "out")) == sorted(f"e{n}" for n in range(50))
    assert log.metrics().dropped == 0


@pytest.mark.filterwarnings("ignore:Log record attributes were dropped")
def test_p6_lost_attributes_are_shouted(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    log = log_to(tmp_path / "out")
    with provider(AuditLogRecordProcessor(log)) as made:
        made.get_logger("shop").emit(LogRecord(event_name="x", attributes={f"a{n}": n for n in range(130)}))
    log.close()
    assert "the SDK dropped 2 attributes" in caplog.text
    assert '"a129":129' in (tmp_path / "out").read_text()


def test_what_the_log_does_is_not_said_twice(tmp_path: Path) -> None:
    log = log_to(tmp_path / "out")
    with pytest.raises(OtelsiemError, match=r"give severity= and constitution= to it"):
        AuditLogRecordProcessor(log, constitution=HASH)
    log.close()


def test_a_flush_says_when_time_ran_out() -> None:
    log = AuditLog(SplunkHec(endpoint=f"http://127.0.0.1:{free_port()}", token="t"))
    with provider(AuditLogRecordProcessor(log)) as made:
        assert made.force_flush(), "nothing waits"
        made.get_logger("shop").emit(LogRecord(event_name="x"))
        assert not made.force_flush(50)
        log.remove("splunk_hec", forget=True)
    log.close(0)
