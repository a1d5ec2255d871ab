"""Behind a BatchLogRecordProcessor records are judged by its thread, and say what they would have said at once."""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry import baggage, context
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult, SimpleLogRecordProcessor

from otelsiem.auditing.context import bind
from otelsiem.processors.severity import Severity
from otelsiem.sdk.later import later
from otelsiem.sdk.processor import AuditLogRecordProcessor
from tests.sdk.provider import batching, provider

HASH = "cdd01ef066bc6cf2"

RECORDS: tuple[dict[str, Any], ...] = (
    {"event_name": "authentication_failure", "severity_number": SeverityNumber.INFO, "body": "plain"},
    {"event_name": "x", "attributes": {"audit.outcome": "error", "list": ["a"], "map": {"k": [1]}}},
    {"event_name": "x", "severity_text": "warn", "attributes": {"level": "high", "tenant.id": "said"}},
    {"event_name": "x", "attributes": {"audit.constitutional_hash": "stranger"}},
    {"event_name": "x", "attributes": {"audit.constitutional_hash": HASH.upper()}},
    {"attributes": {f"a{n}": n for n in range(130)}},
    {},
)


class Thread(LogRecordExporter):
    """Reads in the thread that exports."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.said: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []

    def export(self, batch: Sequence[Any]) -> LogRecordExportResult:
        self.names.add(threading.current_thread().name)
        self.bodies.append(encode_logs(batch).SerializeToString(deterministic=True))
        for one in batch:
            inner = one.log_record
            read = {name: getattr(inner, name) for name in ("event_name", "severity_number", "severity_text", "body")}
            self.said.append({**read, "attributes": dict(inner.attributes), "dropped": one.dropped_attributes})
        return LogRecordExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return timeout_millis > 0

    def shutdown(self) -> None:
        self.names.clear()


def exported(*, late: bool, **settings: Any) -> Thread:
    out = Thread()
    next_ = batching(out) if late else SimpleLogRecordProcessor(out)
    with provider(AuditLogRecordProcessor(next_, **settings)) as made:
        logger = made.get_logger("shop")
        for fields in RECORDS:
            logger.emit(LogRecord(timestamp=1_767_225_600_000_000_000, observed_timestamp=1, **copy.deepcopy(fields)))
        made.force_flush()
    return out


@pytest.mark.filterwarnings("ignore:Log record attributes were dropped")
@pytest.mark.parametrize("rules", [None, HASH])
@pytest.mark.parametrize("known", [False, True])
def test_what_is_judged_later_says_what_is_judged_at_once(rules: str | None, known: bool) -> None:
    token = context.attach(baggage.set_baggage("session.id", "s-9") if known else context.Context())
    try:
        with bind({"user.id": "u-7", "tenant.id": "acme"} if known else {}):
            late, once = exported(late=True, constitution=rules), exported(late=False, constitution=rules)
    finally:
        context.detach(token)
    for found in (late, once):
        for one in found.said:
            for key in ("audit.record.id", "audit.target.id"):
                one["attributes"].pop(key, None)
    assert late.said == once.said
    assert len(late.said) == len(RECORDS) + (rules is not None), "and one about the stranger"


def test_p6_what_the_host_changes_after_emit_is_not_in_it() -> None:
    class Greedy(SimpleLogRecordProcessor):
        def on_emit(self, log_record: Any) -> None:
            log_record.log_record.attributes["mine"] = "x"
            log_record.log_record.severity_number = SeverityNumber.FATAL
            log_record.log_record.body = "other"

    out = Thread()
    with provider(AuditLogRecordProcessor(batching(out, 10_000), constitution=HASH), Greedy(Thread())) as made:
        with bind(actor="u-7"):
            made.get_logger("shop").emit(LogRecord(event_name="x", body="b", attributes={"a": 1}))
        made.force_flush()
    (one,) = out.said
    assert one["attributes"] == {"a": 1, "user.id": "u-7", "audit.constitutional_hash": HASH}
    assert (one["severity_number"], one["body"]) == (SeverityNumber.INFO, "b")


def test_p6_what_fails_later_is_said_and_the_record_goes_on_as_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(Severity, "judge", broken)
    out = Thread()
    with provider(AuditLogRecordProcessor(batching(out, 10_000), constitution=HASH)) as made, bind(actor="u-7"):
        for _ in range(2):
            made.get_logger("shop").emit(
                LogRecord(event_name="x", severity_number=SeverityNumber.WARN, attributes={"a": 1})
            )
        assert not [one for one in caplog.records if one.name == "otelsiem.sdk"], "nobody has read it yet"
        made.force_flush()
    assert [(one["attributes"], one["severity_number"]) for one in out.said] == [({"a": 1}, SeverityNumber.WARN)] * 2
    assert [one.levelno for one in caplog.records if one.name == "otelsiem.sdk"] == [logging.ERROR]


def test_it_is_the_thread_of_the_batches_that_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    judge, threads = Severity.judge, set[str]()

    def seen(self: Severity, *given: Any) -> None:
        threads.add(threading.current_thread().name)
        judge(self, *given)

    monkeypatch.setattr(Severity, "judge", seen)
    out = Thread()
    with provider(AuditLogRecordProcessor(batching(out, 1))) as made:
        made.get_logger("shop").emit(LogRecord(event_name="x"))
        while not out.said:
            threading.Event().wait(0.001)
        names = set(out.names)
    assert threads == names
    assert threading.current_thread().name not in names


def test_read_by_many_threads_it_is_the_same_for_all() -> None:
    started = threading.Barrier(8)
    found: list[Any] = []

    def finish(fields: dict[str, Any], left: str) -> None:
        fields["severity_number"], fields["attributes"] = 9, {left: 1}

    def read(record: Any) -> None:
        started.wait()
        found.append((record.attributes, record.severity_number))

    for _ in range(50):
        late = later(LogRecord(body="b", attributes={"old": 1}), finish, "a")
        readers = [threading.Thread(target=read, args=(late,)) for _ in range(8)]
        for one in readers:
            one.start()
        for one in readers:
            one.join()
    assert found == [({"a": 1}, 9)] * 400


def test_a_record_that_cannot_wait_is_not_made_to() -> None:
    class Slots:
        __slots__ = ("attributes", "severity_number")

    class Defaults:
        attributes = None

    assert later(Slots(), print, None) is None
    assert later(Defaults(), print, None) is None
    late = later(LogRecord(body="b"), print, None)
    assert late.body == "b"
    with pytest.raises(AttributeError):
        _ = late.nothing
