"""The SDK's attribute limits: what is required survives them, what they took is shouted."""

from __future__ import annotations

import logging
from importlib.metadata import version
from typing import Any

import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter

from otelsiem.auditing.context import bind
from otelsiem.sdk.exporter import SiemLogExporter
from otelsiem.sdk.processor import AuditLogRecordProcessor
from otelsiem.testing.hec import FakeHec
from tests.sdk.provider import batching, provider
from tests.sdk.test_exporter import hec

HASH = "cdd01ef066bc6cf2"
SET: dict[str, Any] = {"tenant.id": "acme", "user.id": "u-7", **{f"a{n}": n for n in range(4)}}
BEFORE_1_44 = tuple(map(int, version("opentelemetry-sdk").split(".")[:2])) < (1, 44)  # which knows general limits only
PREFIXES = ["OTEL_"] if BEFORE_1_44 else ["OTEL_LOGRECORD_", "OTEL_"]
COUNTS = [f"{prefix}ATTRIBUTE_COUNT_LIMIT" for prefix in PREFIXES]
LENGTHS = [f"{prefix}ATTRIBUTE_VALUE_LENGTH_LIMIT" for prefix in PREFIXES]

pytestmark = pytest.mark.filterwarnings("ignore:Log record attributes were dropped")


def ours(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [one for one in caplog.records if one.name == "otelsiem.sdk"]


def through_the_chain(attributes: dict[str, Any]) -> Any:
    """What comes to an exporter behind our processor and the SDK's own batching."""
    kept = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # the SDK has no types for it
    processor = AuditLogRecordProcessor(batching(kept), constitution=HASH)
    with provider(processor) as made, bind(session="s-9", roles=["admin", "ops"], agent="a" * 40):
        made.get_logger("shop").emit(LogRecord(event_name="login", attributes=attributes))
        assert made.force_flush()
        (one,) = kept.get_finished_logs()
    return one


@pytest.mark.parametrize("limit", COUNTS)
def test_what_is_bound_and_stamped_survives_the_limit(
    limit: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(limit, "4")
    one = through_the_chain(SET)
    attributes = dict(one.log_record.attributes)
    assert attributes["session.id"] == "s-9"
    assert attributes["gen_ai.agent.id"] == "a" * 40
    assert attributes["audit.constitutional_hash"] == HASH
    assert [attributes[f"a{n}"] for n in range(4)] == [0, 1, 2, 3]
    assert one.dropped_attributes == 2
    (said,) = ours(caplog)
    assert said.levelno == logging.ERROR
    assert "dropped 2 attributes of a record (login)" in said.message
    assert "it has no tenant.id, user.id" in said.message
    assert "gen_ai.agent.id" not in said.message, "which is there"
    assert COUNTS[0] in said.message


@pytest.mark.parametrize("limit", LENGTHS)
def test_values_that_were_cut_are_named(
    limit: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(limit, "8")
    one = through_the_chain({"tenant.id": "acme-production", "user.id": "u-7", "list": ["short", "not so short"]})
    attributes = dict(one.log_record.attributes)
    assert attributes["tenant.id"] == "acme-pro", "what the sender set is cut before we see it"
    assert attributes["gen_ai.agent.id"] == "a" * 40, "what is bound is not"
    assert attributes["audit.constitutional_hash"] == HASH
    (said,) = ours(caplog)
    assert "cuts values at 8 characters" in said.message
    assert "lost their ends: tenant.id, list." in said.message
    assert "acme" not in said.message


def test_an_exporter_without_our_processor_says_it_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(COUNTS[0], "4")
    monkeypatch.setenv(LENGTHS[0], "3")
    with FakeHec() as splunk, caplog.at_level(logging.ERROR, "otelsiem.sdk"):
        exporter = SiemLogExporter(hec(splunk))
        with provider(batching(exporter)) as made:
            for _ in range(3):
                made.get_logger("shop").emit(LogRecord(event_name="login", attributes={**SET, "x": "cut off"}))
            assert made.force_flush()
        assert len(splunk.events) == 3
        assert splunk.events[0].event["metadata"]["otel.dropped_attributes_count"] == 3
    assert [said.message.partition("LOST: ")[2][:20] for said in ours(caplog)] == [
        "the SDK dropped 3 at",
        "the SDK cuts values ",
    ]


def test_without_limits_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    through_the_chain({**SET, "long": "x" * 100_000})
    assert ours(caplog) == []


@pytest.mark.parametrize("word", ["true", " TRUE "])
def test_a_disabled_sdk_is_loud(word: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", word)
    with FakeHec() as splunk:
        exporter = SiemLogExporter(hec(splunk))
        with provider(AuditLogRecordProcessor(batching(exporter))) as made:
            made.get_logger("shop").emit(LogRecord(event_name="login"))
            made.force_flush()
        assert splunk.events == []
    (said,) = ours(caplog)
    assert "OTEL_SDK_DISABLED=true" in said.message
    assert "NO AUDIT RECORD" in said.message
