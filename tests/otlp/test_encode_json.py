"""Records to OTLP/JSON: what deviates from proto3 JSON, letter by letter (contract 2)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from otelsiem.model.record import Group, Record, Scope, Value
from otelsiem.otlp.encode_json import encode_json
from otelsiem.otlp.json import decode_json


def written(record: Record, *, ids: bool = False) -> dict[str, Any]:
    request = json.loads(encode_json([Group({}, Scope(), [record])], ids=ids))
    found: dict[str, Any] = request["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    return found


def test_the_whole_of_a_request() -> None:
    record = Record(
        "ours", 1767225600123456789, 1767225600123500000, 9, "INFO", "user.login", "login ok", {"n": 5},
        "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174", 1,
    )  # fmt: skip
    batch = [Group({"service.name": "auth-api"}, Scope("otelsiem", "1"), [record])]
    assert json.loads(encode_json(batch, ids=True)) == {
        "resourceLogs": [{
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "auth-api"}}]},
            "scopeLogs": [{
                "scope": {"name": "otelsiem", "version": "1"},
                "logRecords": [{
                    "timeUnixNano": "1767225600123456789", "observedTimeUnixNano": "1767225600123500000",
                    "severityNumber": 9, "severityText": "INFO", "eventName": "user.login",
                    "body": {"stringValue": "login ok"},
                    "attributes": [
                        {"key": "n", "value": {"intValue": "5"}},
                        {"key": "log.record.uid", "value": {"stringValue": "ours"}},
                    ],
                    "flags": 1, "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174",
                }],
            }],
        }],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("x", {"stringValue": "x"}), ("", {"stringValue": ""}), (True, {"boolValue": True}),
        (2**63 - 1, {"intValue": "9223372036854775807"}), (-(2**63), {"intValue": "-9223372036854775808"}),
        (2**63, {"stringValue": "9223372036854775808"}), (0.5, {"doubleValue": 0.5}),
        (float("nan"), {"doubleValue": "NaN"}), (float("-inf"), {"doubleValue": "-Infinity"}),
        (b"\x00\xff", {"bytesValue": "AP8="}), (None, {}), ("\ud800", {"stringValue": "?"}),
        ([None, 1], {"arrayValue": {"values": [{}, {"intValue": "1"}]}}), ([], {"arrayValue": {"values": []}}),
        ({"a": {}}, {"kvlistValue": {"values": [{"key": "a", "value": {"kvlistValue": {"values": []}}}]}}),
    ],
)  # fmt: skip
def test_values(value: Value, said: dict[str, Any]) -> None:
    assert written(Record(attributes={"k": value}))["attributes"] == [{"key": "k", "value": said}]


def test_what_is_not_there_is_not_written() -> None:
    assert written(Record()) == {}
    assert encode_json([]) == encode_json([Group({"a": 1}, Scope(), [])]) == b"{}"


def test_ids_that_are_none_are_absent_and_numbers_out_of_range_are_brought_into_it() -> None:
    found = written(Record(time=-1, observed=1 << 64, severity=99, flags=-1, trace_id="not hex", span_id="abcd"))
    assert found == {"severityNumber": 24, "flags": 0xFFFF_FFFF}


def test_dropped_attributes_are_a_count() -> None:
    assert written(Record(attributes={"otel.dropped_attributes_count": 3})) == {"droppedAttributesCount": 3}


def test_deep_values_and_long_numbers_arrive() -> None:
    deep: Any = 1 << 100_000
    for _ in range(60):
        deep = [deep]
    assert isinstance(decode_json(encode_json([Group({}, Scope(), [Record(body=deep)])]))[0].records[0].body, list)
