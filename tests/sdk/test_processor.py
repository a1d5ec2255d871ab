"""The processor on a real provider: severity, stamp, context; the host's own records as they were."""

from __future__ import annotations

import copy
import logging
from typing import Any

import pytest
from opentelemetry import baggage, context
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

from otelsiem.auditing.context import bind
from otelsiem.sdk.processor import AuditLogRecordProcessor
from tests.sdk.provider import Kept, provider

HASH = "cdd01ef066bc6cf2"


def emitted(record: LogRecord, **settings: Any) -> list[Any]:
    kept = Kept()
    with provider(AuditLogRecordProcessor(kept, **settings)) as made:
        made.get_logger("shop").emit(record)
        return list(kept.records)


def test_severity_is_mapped_and_the_hash_stamped() -> None:
    (one,) = emitted(
        LogRecord(
            event_name="authentication_failure",
            severity_number=SeverityNumber.INFO,
            attributes={"audit.outcome": "failure"},
        ),
        constitution=HASH,
    )
    assert one.log_record.severity_number is SeverityNumber.WARN
    assert one.log_record.attributes["audit.constitutional_hash"] == HASH


def test_who_acts_is_read_where_it_is_known() -> None:
    token = context.attach(baggage.set_baggage("session.id", "s-9", baggage.set_baggage("secret", "x")))
    try:
        with bind(actor="u-7", tenant="acme"):
            (one,) = emitted(LogRecord(event_name="x", attributes={"tenant.id": "said"}))
    finally:
        context.detach(token)
    assert dict(one.log_record.attributes) == {"tenant.id": "said", "user.id": "u-7", "session.id": "s-9"}


@pytest.mark.parametrize("ours_first", [True, False])
def test_p6_the_hosts_records_are_what_they_were_without_us(ours_first: bool) -> None:
    def host(with_us: bool) -> list[Any]:
        theirs, ours = InMemoryLogRecordExporter(), Kept()  # type: ignore[no-untyped-call]  # the SDK has no types for it
        mine = [AuditLogRecordProcessor(ours, constitution=HASH)] if with_us else []
        simple = SimpleLogRecordProcessor(theirs)
        chain: list[LogRecordProcessor] = [*mine, simple] if ours_first else [simple, *mine]
        with provider(*chain) as made, bind(actor="u-7"):
            logger = made.get_logger("shop")
            for n in range(3):
                logger.emit(
                    LogRecord(
                        timestamp=n + 1,
                        observed_timestamp=n + 1,
                        severity_number=SeverityNumber.INFO,
                        body={"n": [n]},
                        attributes={"audit.outcome": "failure", "list": [n]},
                        event_name="error",
                    )
                )
            return [one.to_json() for one in theirs.get_finished_logs()]

    assert host(with_us=True) == host(with_us=False)


def test_each_of_many_mismatches_in_a_millisecond_has_an_id_of_its_own() -> None:
    kept = Kept()
    with provider(AuditLogRecordProcessor(kept, constitution=HASH)) as made:
        for given in ({}, {}, {"event_id": "theirs"}):
            made.get_logger("shop").emit(
                LogRecord(event_name="x", timestamp=5, attributes={"audit.constitutional_hash": "stranger", **given})
            )
        ids = [dict(one.log_record.attributes) for one in kept.records]
    strangers, about = ids[::2], ids[1::2]
    named = [one.get("event_id", one["audit.record.id"]) for one in strangers]
    assert [one["audit.target.id"] for one in about] == named
    assert len({one["audit.record.id"] for one in ids}) == 6


def test_a_mismatch_brings_a_record_of_its_own() -> None:
    one, about = emitted(
        LogRecord(event_name="x", timestamp=5, attributes={"audit.constitutional_hash": "stranger"}), constitution=HASH
    )
    assert one.log_record.attributes["audit.constitutional_hash.expected"] == HASH
    assert about.log_record.event_name == "constitutional_hash_mismatch"
    assert about.log_record.severity_number is SeverityNumber.ERROR
    assert "stranger" in about.log_record.body


class Broken(Kept):
    def on_emit(self, log_record: Any) -> None:
        raise RuntimeError("next is broken")


def test_p6_nothing_is_raised_into_emit(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "otelsiem.sdk"), provider(AuditLogRecordProcessor(Broken())) as made:
        for _ in range(3):
            made.get_logger("shop").emit(LogRecord(event_name="x"))
    assert len(caplog.records) == 1, "told once a minute"


def test_p6_a_record_that_cannot_be_prepared_goes_on_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("ours is broken")

    monkeypatch.setattr(AuditLogRecordProcessor, "_made", broken)
    (one,) = emitted(LogRecord(event_name="x"))
    assert one.log_record.event_name == "x"


def test_attributes_that_the_sdk_dropped_are_shouted_about(caplog: pytest.LogCaptureFixture) -> None:
    many = {f"a{n}": n for n in range(130)}
    with caplog.at_level(logging.ERROR, "otelsiem.sdk"), pytest.warns(UserWarning, match="dropped"):
        (one,) = emitted(LogRecord(event_name="x", attributes=many), constitution=HASH)
    assert "ATTRIBUTE_COUNT_LIMIT" in caplog.text
    assert one.dropped_attributes == 2
    assert one.log_record.attributes["audit.constitutional_hash"] == HASH, "what we add is not subject to the limit"


def test_our_own_loggers_are_not_heard() -> None:
    kept = Kept()
    with provider(AuditLogRecordProcessor(kept)) as made:
        for name in ("otelsiem", "otelsiem.delivery", "otelsiemens"):
            made.get_logger(name).emit(LogRecord(event_name=name))
        assert [one.log_record.event_name for one in kept.records] == ["otelsiemens"]


def test_flush_and_shutdown_go_on_to_the_next() -> None:
    kept = Kept()
    processor = AuditLogRecordProcessor(kept)
    assert processor.force_flush(1)
    assert not processor.force_flush(0)
    kept.records.append(copy.copy(kept))
    processor.shutdown()
    assert kept.records == []
