"""Records to OTLP protobuf: total, whatever a record holds."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from otelsiem.model.record import Group, Record, Scope, Value
from otelsiem.otlp.decode import decode
from otelsiem.otlp.encode import encode


def _back(record: Record) -> Record:
    return decode(encode([Group({}, Scope(), [record])]))[0].records[0]


def test_the_fields_stand_where_otlp_has_them() -> None:
    record = Record(
        "ours", 5, 6, 17, "ERROR", "user.login", {"text": "no"}, {"n": 1, "b": True}, "ab" * 16, "cd" * 8, 0x101
    )
    data = encode([Group({"service.name": "s"}, Scope("n", "v", {"a": None}, "su"), [record], "ru")])
    (resource_logs,) = ExportLogsServiceRequest.FromString(data).resource_logs
    (scope_logs,) = resource_logs.scope_logs
    (log,) = scope_logs.log_records
    assert (resource_logs.schema_url, scope_logs.schema_url) == ("ru", "su")
    assert resource_logs.resource.attributes[0].value.string_value == "s"
    assert (scope_logs.scope.name, scope_logs.scope.version, scope_logs.scope.attributes[0].key) == ("n", "v", "a")
    assert (log.time_unix_nano, log.observed_time_unix_nano, log.severity_number) == (5, 6, 17)
    assert (log.severity_text, log.event_name, log.flags) == ("ERROR", "user.login", 0x101)
    assert (log.trace_id, log.span_id) == (b"\xab" * 16, b"\xcd" * 8)
    assert log.body.kvlist_value.values[0].value.string_value == "no"
    assert (log.attributes[0].value.int_value, log.attributes[1].value.bool_value) == (1, True)
    assert b"ours" not in data


def test_an_empty_batch_and_empty_groups_are_an_empty_request() -> None:
    assert encode([]) == b""
    assert encode([Group({"a": 1}, Scope("n"), [])]) == b""


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (2**63, "9223372036854775808"), (-(2**63) - 1, "-9223372036854775809"), (2**63 - 1, 2**63 - 1),
        ("\ud800x", "?x"), ({"\udfff": ["\ud800"]}, {"?": ["?"]}), (None, None), ([None, {}], [None, {}]),
    ],
)  # fmt: skip
def test_values_that_otlp_has_no_room_for_still_arrive(value: Value, sent: Value) -> None:
    record = _back(Record(body=value, attributes={"k": value}))
    assert (record.body, record.attributes["k"]) == (sent, sent)


def test_an_integer_of_any_length_arrives() -> None:
    assert _back(Record(body=1 << 100_000)).body == hex(1 << 100_000)


@pytest.mark.parametrize("time", [-1, 1 << 64])
def test_a_time_out_of_range_is_unknown(time: int) -> None:
    record = _back(Record(time=time, observed=time))
    assert (record.time, record.observed) == (0, 0)


def test_fields_out_of_range_are_brought_into_it() -> None:
    record = _back(Record(severity=99, flags=-1, trace_id="not hex", span_id="é", event="\ud800"))
    assert record == Record(severity=24, flags=0xFFFF_FFFF, event="?")
