"""The ready classes: a destination's settings as keyword arguments, told to type checkers, wrong ones refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExportResult

import otelsiem
from otelsiem import (
    DatadogExporter,
    ElasticsearchExporter,
    FileExporter,
    KafkaExporter,
    OpensearchExporter,
    OtlpHttpExporter,
    SplunkHecExporter,
    SyslogExporter,
    WebhookExporter,
)
from otelsiem.model.errors import ConfigError
from otelsiem.processors.constitution import Constitution
from otelsiem.sdk.exporter import SiemLogExporter
from otelsiem.sdk.ready import READY
from otelsiem.sdk.settled import Own, model
from otelsiem.testing.hec import FakeHec
from tests.program import eventually
from tests.sdk import stub
from tests.sdk.provider import RESOURCE, batching, provider

SECRET = "b0e4-never-to-be-shown"
URL = "https://splunk.example.com:8088"

MADE: tuple[Callable[[], SiemLogExporter], ...] = (
    lambda: DatadogExporter(api={"key": "0" * 32, "site": "datadoghq.eu"}, tags=["team:iam"]),
    lambda: ElasticsearchExporter(endpoint="https://es.example.com:9200", user="a", password=SECRET, index="audit"),
    lambda: FileExporter(path="/var/log/audit.jsonl", format="ecs"),
    lambda: KafkaExporter(brokers=["kafka.example.com:9093"], topic="audit"),
    lambda: OpensearchExporter(endpoint="https://os.example.com:9200", index="audit"),
    lambda: OtlpHttpExporter(endpoint="https://otelsiem.example.com:4318", compression="gzip", timeout="5s"),
    lambda: SplunkHecExporter(endpoint=URL, token=SECRET, schema="event", match={"min_severity": "high"}, rate=10.0),
    lambda: SyslogExporter(endpoint="syslog.example.com", format="cef"),
    lambda: WebhookExporter(url="https://example.com/hook?token=" + SECRET),
)


def test_there_is_one_for_every_destination_that_a_library_user_can_have() -> None:
    named = {name for name, module in otelsiem._LAZY.items() if module.startswith("destinations.")}
    assert {one.__name__.removesuffix("Exporter") for one in READY} == named - {"Otlp"}, "no gRPC in an application"


@pytest.mark.parametrize("ready", READY, ids=lambda one: one.destination)
def test_no_setting_of_a_destination_hides_behind_ours(ready: type[Any]) -> None:
    fields = {info.alias or name for name, info in model(ready.destination).model_fields.items()}
    assert not fields & set(Own.model_fields)


def test_type_checkers_are_told_the_settings_as_they_are() -> None:
    assert stub.PLACE.read_text("utf-8") == stub.text(), "python -m tests.sdk.stub"


@pytest.mark.parametrize("make", MADE)
def test_each_is_made_without_opening_anything(make: Callable[[], SiemLogExporter]) -> None:
    exporter = make()
    assert SECRET not in repr(vars(exporter))
    exporter.shutdown()


def test_it_delivers(tmp_path: Path) -> None:
    with FakeHec() as splunk:
        exporter = SplunkHecExporter(
            endpoint=splunk.url,
            token=splunk.token,
            journal=tmp_path,
            processors={"severity": {}, "constitution": {"hash": "cdd01ef066bc6cf2"}},
        )
        with provider(batching(exporter)) as made:
            made.get_logger("shop").emit(LogRecord(event_name="error"))
            assert made.force_flush()
            eventually(lambda: len(splunk.events) == 1, 20, "it is there")
        (event,) = splunk.events
        assert event.event["constitutional_hash"] == "cdd01ef066bc6cf2"
        assert event.event["severity_number"] == 17


def test_severity_stamp_and_mask_are_inside_where_no_processor_stands_before(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    inside = {"severity": {}, "constitution": {"hash": "abc"}, "mask": {"keys": ["password"], "kinds": ["card"]}}
    exporter = FileExporter(path=str(path), processors=inside)
    said = LogRecord(event_name="error", body="4111 1111 1111 1111", attributes={"db.password": "p"})
    assert exporter.export([ReadableLogRecord(said, RESOURCE)]) is LogRecordExportResult.SUCCESS
    exporter.shutdown()
    event = json.loads(path.read_text())
    assert (event["message"], event["metadata"], event["severity_number"], event["constitutional_hash"]) == (
        "[masked]",
        {"db.password": "[masked]"},
        17,
        "abc",
    )
    assert said.body == "4111 1111 1111 1111", "the host's record is the host's"


def test_match_leaves_out_what_nobody_wants(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    exporter = FileExporter(path=str(path), match={"events": ["auth*"]}, processors=[Constitution(hash="abc")])
    two = [ReadableLogRecord(LogRecord(event_name=name), RESOURCE) for name in ("authentication_failure", "noise")]
    assert exporter.export(two) is LogRecordExportResult.SUCCESS
    exporter.shutdown()
    assert [line.count("authentication_failure") for line in path.read_text().splitlines()] == [1]


WRONG: tuple[tuple[dict[str, Any], list[str]], ...] = (
    ({}, ["SplunkHecExporter.endpoint: is missing", "SplunkHecExporter.token: is missing (the HEC token)"]),
    (
        {"endpoint": URL, "tokn": SECRET},
        ["SplunkHecExporter.token: is missing", "SplunkHecExporter.tokn: is no setting (did you mean 'token'?)"],
    ),
    (
        {"endpoint": URL, "token": SECRET, "journl": "x", "export_timeout": 0},
        [
            "SplunkHecExporter.journl: is no setting (did you mean 'journal'?)",
            "SplunkHecExporter.export_timeout: expected more than 0",
        ],
    ),
    (
        {"endpoint": URL, "token": SECRET, "ack": {"enabeld": True}},
        ["SplunkHecExporter.ack.enabeld: is no setting (did you mean 'enabled'?)"],
    ),
    (
        {"endpoint": URL, "token": f"Splunk {SECRET}", "timeout": 5},
        ["SplunkHecExporter.timeout: expected a duration", "SplunkHecExporter.token: has characters"],
    ),
    (
        {"endpoint": URL, "token": SECRET, "processors": {"severty": {}}},
        ["SplunkHecExporter.processors.severty: is no processor (did you mean 'severity'?)"],
    ),
    (
        {"endpoint": URL, "token": SECRET, "processors": {"constitution": {"files": ["a"]}}},
        ["SplunkHecExporter.processors.constitution.files: is not read in an application"],
    ),
    (
        {"endpoint": URL, "token": SECRET, "processors": [3]},
        ["SplunkHecExporter.processors.0: is no processor (for example Severity())"],
    ),
)


@pytest.mark.parametrize(("settings", "said"), WRONG)
def test_p8_wrong_settings_are_refused_with_their_names(settings: dict[str, Any], said: list[str]) -> None:
    with pytest.raises(ConfigError) as wrong:
        SplunkHecExporter(**settings)
    assert len(wrong.value.problems) == len(said)
    for words in said:
        assert words in str(wrong.value)
    assert SECRET not in str(wrong.value)
