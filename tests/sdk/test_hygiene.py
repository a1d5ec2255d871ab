"""P6 on the SDK: the host's own pipeline is byte for byte what it was without us; nothing of ours reaches the host."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import baggage, context
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider

from otelsiem import AuditLog, File, FileExporter, adoption
from otelsiem.auditing.context import bind
from otelsiem.model.processor import Processor
from otelsiem.outbox import Outbox
from otelsiem.processors.constitution import Constitution
from otelsiem.processors.severity import Severity
from otelsiem.sdk import convert, exporter, limits, processor
from otelsiem.sdk.exporter import SiemLogExporter
from otelsiem.sdk.processor import AuditLogRecordProcessor
from tests.sdk.provider import Kept, batching, provider

HASH = "cdd01ef066bc6cf2"
TRACER = TracerProvider(shutdown_on_exit=False).get_tracer("shop")

pytestmark = pytest.mark.filterwarnings("ignore:Log record attributes were dropped")


class Wire(LogRecordExporter):
    """The stock OTLP exporter up to the socket: the bytes of each request."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def export(self, batch: Sequence[Any]) -> LogRecordExportResult:
        self.bodies.append(encode_logs(batch).SerializeToString(deterministic=True))
        return LogRecordExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return timeout_millis > 0

    def shutdown(self) -> None:
        """Nothing is open."""


def happened(**fields: Any) -> LogRecord:
    return LogRecord(timestamp=1_767_225_600_000_000_000, observed_timestamp=1_767_225_600_000_000_001, **fields)


def happenings() -> Iterator[LogRecord]:
    """Records of every kind, those that we change included."""
    yield happened(event_name="error", severity_number=SeverityNumber.INFO, body="plain")
    yield happened(
        event_name="authentication_failure",
        severity_text="info",
        body={"n": [1, {"deep": ["x", None]}], "b": b"\x00"},
        attributes={"audit.outcome": "failure", "list": ["a", "b"], "map": {"k": [1, 2]}, "level": "low"},
    )
    yield happened(attributes={"audit.constitutional_hash": "stranger", "tenant.id": "said"})
    yield happened(attributes={f"a{n}": n for n in range(130)})
    with TRACER.start_as_current_span("s"):
        yield happened(body=3.5)


@contextmanager
def busy() -> Iterator[None]:
    """With everything that we read at emit time."""
    token = context.attach(baggage.set_baggage("session.id", "s-9"))
    try:
        with bind(actor="u-7", tenant="acme"):
            yield
    finally:
        context.detach(token)


def host(
    ours: Callable[[], LogRecordProcessor] | None, ours_first: bool, simple: bool
) -> tuple[list[bytes], list[Any]]:
    """What the host's exporter sends, and what its records are afterwards."""
    wire = Wire()
    theirs: LogRecordProcessor = SimpleLogRecordProcessor(wire) if simple else batching(wire, delay=60_000)
    mine = [ours()] if ours else []
    with provider(*([*mine, theirs] if ours_first else [theirs, *mine])) as made, busy():
        logger = made.get_logger("shop", "1.2", attributes={"team": "iam"})
        records = []
        for record in happenings():
            record.trace_id, record.span_id = (record.trace_id and 7), (record.span_id and 9)
            logger.emit(record)
            records.append((repr(record.attributes), repr(record.body), record.severity_number, record.event_name))
        assert made.force_flush()
        return wire.bodies, records


@pytest.mark.parametrize("simple", [True, False])
@pytest.mark.parametrize("ours_first", [True, False])
def test_p6_the_hosts_bytes_are_what_they_were_without_us(ours_first: bool, simple: bool, tmp_path: Path) -> None:
    def chain() -> LogRecordProcessor:
        out = FileExporter(path=str(tmp_path / "out.jsonl"), journal=tmp_path / "journal", processors=[Severity()])
        return AuditLogRecordProcessor(batching(out), constitution=HASH)

    def alone() -> LogRecordProcessor:
        inside: list[Processor] = [Severity(), Constitution(hash=HASH)]
        return batching(FileExporter(path=str(tmp_path / "alone.jsonl"), processors=inside))

    def log() -> LogRecordProcessor:
        return AuditLogRecordProcessor(AuditLog(File(path=str(tmp_path / "log.jsonl")), constitution=HASH))

    without = host(None, ours_first, simple)
    assert sum(map(len, without[0])) > 500
    assert host(chain, ours_first, simple) == without
    assert host(alone, ours_first, simple) == without
    assert host(log, ours_first, simple) == without
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 6, "the five, and one about the strange hash"
    assert len((tmp_path / "alone.jsonl").read_text().splitlines()) == 6
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 6


# --- exceptions --------------------------------------------------------------------------------------------------


def broken(*_: object, **__: object) -> Any:
    raise RuntimeError("ours is broken")


AT_EMIT = (
    (processor, "copied"),
    (processor, "carried"),
    (processor, "known"),
    (processor, "look"),
    (processor, "_like"),
    (processor, "Record"),
    (limits, "_look"),
    (Severity, "judge"),
    (Constitution, "stamped"),
    (Constitution, "process"),
    (Kept, "on_emit"),
)


@pytest.mark.parametrize(("where", "name"), AT_EMIT, ids=lambda one: getattr(one, "__name__", one))
def test_p6_nothing_reaches_the_caller_of_emit(
    where: Any, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kept, theirs = Kept(), Wire()
    with provider(AuditLogRecordProcessor(kept, constitution=HASH), SimpleLogRecordProcessor(theirs)) as made:
        monkeypatch.setattr(where, name, broken)
        for record in happenings():
            made.get_logger("shop").emit(record)
        monkeypatch.undo()
        assert len(theirs.bodies) == 5, "the host's own goes on"
        assert len(kept.records) >= 5 or where is Kept, "and ours, as it came"
    assert [one.levelno for one in caplog.records if one.name == "otelsiem.sdk" and one.exc_info] == [logging.ERROR]


AT_EXPORT = (
    (convert, "batch"),
    (exporter, "stamp"),
    (Severity, "process"),
    (adoption, "outbox"),
    (Outbox, "post"),
    (exporter, "count"),
)


@pytest.mark.parametrize(("where", "name"), AT_EXPORT, ids=lambda one: getattr(one, "__name__", one))
def test_p6_nothing_reaches_who_exports_and_the_loss_is_said(
    where: Any, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    out = FileExporter(path=str(tmp_path / "a.jsonl"), journal=tmp_path / "journal", processors=[Severity()])
    with provider(SimpleLogRecordProcessor(out)) as made:
        monkeypatch.setattr(where, name, broken)
        made.get_logger("shop").emit(LogRecord(event_name="x"))
        monkeypatch.undo()
        made.get_logger("shop").emit(LogRecord(event_name="y"))
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == 1, "it goes on afterwards"
    (said,) = [one for one in caplog.records if one.name == "otelsiem.sdk"]
    assert "records=1" in said.message
    assert "LOST" in said.message


def test_p6_looking_at_the_limits_costs_no_record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(limits, "_look", broken)
    out = FileExporter(path=str(tmp_path / "a.jsonl"))
    with provider(SimpleLogRecordProcessor(out)) as made:
        made.get_logger("shop").emit(LogRecord(event_name="x"))
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == 1


class Rude(logging.Handler):
    """A handler of the host that raises, as one that writes to a closed pipe does."""

    def emit(self, record: logging.LogRecord) -> None:
        raise OSError(f"cannot be written: {record.name}")


@pytest.fixture
def rude() -> Iterator[None]:
    handler = Rude()
    logging.getLogger("otelsiem").addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger("otelsiem").removeHandler(handler)


@pytest.mark.usefixtures("rude")
def test_p6_not_even_when_the_hosts_log_raises(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    out = SiemLogExporter(FileExporter(path=str(tmp_path / "a.jsonl"))._outlet)
    monkeypatch.setattr(Outbox, "post", broken)
    monkeypatch.setattr(Outbox, "flush", broken)
    monkeypatch.setattr(Outbox, "close", broken)
    monkeypatch.setattr(processor, "copied", broken)
    chain = AuditLogRecordProcessor(SimpleLogRecordProcessor(out))
    with provider(chain) as made:
        made.get_logger("shop").emit(LogRecord(event_name="x"))
        assert out.export([]) is LogRecordExportResult.SUCCESS
        assert not out.force_flush() or out._outbox is None
        chain.shutdown()


class Stubborn(Kept):
    def shutdown(self) -> None:
        broken()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return bool(broken())


def test_p6_what_comes_after_us_may_fail_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    chain = AuditLogRecordProcessor(Stubborn())
    assert chain.force_flush() is False
    chain.shutdown()
    assert [one.message.partition("msg=")[2] for one in caplog.records] == [
        "'what comes after AuditLogRecordProcessor did not flush'",
        "'what comes after AuditLogRecordProcessor did not shut down'",
    ]
