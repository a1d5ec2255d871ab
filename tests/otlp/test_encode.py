"""Records to OTLP protobuf: total, whatever a record holds; the id travels when it is asked for."""

from __future__ import annotations

from datetime import date
from enum import IntEnum, StrEnum
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from otelsiem.model.record import Group, Record, Scope, Value
from otelsiem.otlp.decode import decode
from otelsiem.otlp.encode import encode
from otelsiem.otlp.ids import stamp
from otelsiem.otlp.rules import DEEPEST


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


def sent(record: Record, *, ids: bool = True) -> dict[str, Value]:
    return decode(encode([Group({}, Scope(), [record])], ids=ids))[0].records[0].attributes


@pytest.mark.parametrize(
    ("said", "arrives"),
    [
        ({}, {"log.record.uid": "ours"}),
        ({"audit.record.id": "ours"}, {"audit.record.id": "ours"}),
        ({"log.record.uid": "ours"}, {"log.record.uid": "ours"}),
        ({"event_id": "ours"}, {"event_id": "ours", "log.record.uid": "ours"}),
        ({"log.record.uid": 7}, {"log.record.uid": 7, "audit.record.id": "ours"}),
        ({"log.record.uid": None}, {"log.record.uid": None, "audit.record.id": "ours"}),
        ({"log.record.uid": 7, "audit.record.id": 8}, {"log.record.uid": 7, "audit.record.id": 8}),
    ],
)
def test_the_id_travels_and_no_attribute_of_the_sender_is_touched(said: Value, arrives: Value) -> None:
    assert isinstance(said, dict)
    assert sent(Record("ours", attributes=said)) == arrives


def test_a_record_without_an_id_gets_none_and_without_being_asked_none_travels() -> None:
    assert sent(Record()) == {}
    assert sent(Record("ours"), ids=False) == {}


def test_a_receiver_of_ours_finds_the_same_id() -> None:
    batch = decode(
        encode([Group({}, Scope(), [Record("0198-one"), Record("two", attributes={"event_id": "two"})])], ids=True)
    )
    stamp(batch, b"another request", "another token", 5)
    assert [record.id for record in batch[0].records] == ["0198-one", "two"]


def test_the_count_of_dropped_attributes_is_a_field_again() -> None:
    dropped: dict[str, Value] = {"otel.dropped_attributes_count": 3, "a": "b"}
    data = encode([Group(dropped, Scope("n", attributes=dropped), [Record(attributes=dropped)])])
    (resource_logs,) = ExportLogsServiceRequest.FromString(data).resource_logs
    (scope_logs,) = resource_logs.scope_logs
    for holder in (resource_logs.resource, scope_logs.scope, scope_logs.log_records[0]):
        assert (holder.dropped_attributes_count, [pair.key for pair in holder.attributes]) == (3, ["a"])


def test_a_count_that_is_none_stays_an_attribute() -> None:
    for odd in ("3", -1, 0, 1 << 32, True, None):
        assert sent(Record(attributes={"otel.dropped_attributes_count": odd})) == {"otel.dropped_attributes_count": odd}


def test_what_nests_deeper_than_readers_take_goes_as_text() -> None:
    deep: Any = "x"
    for _ in range(100):
        deep = {"in": [deep]}
    body = _back(Record(body=deep)).body
    depth = 1
    while isinstance(body, dict | list):
        body, depth = (body["in"] if isinstance(body, dict) else body[0]), depth + 1
    assert depth == DEEPEST
    assert isinstance(body, str)
    assert body.count("in") == 100 - DEEPEST // 2


def test_types_that_are_none_of_otlps_arrive_as_python_writes_them() -> None:
    class Colour(IntEnum):
        RED = 1

    class Name(StrEnum):
        ANN = "ann"

    odd: Any = {"set": {1}, "tuple": (1, "a"), "when": date(2026, 1, 2), "colour": Colour.RED, "name": Name.ANN}
    assert sent(Record(attributes=odd)) == {
        "set": "{1}", "tuple": [1, "a"], "when": "2026-01-02", "colour": 1, "name": "ann",
    }  # fmt: skip


def test_neighbours_that_share_resource_and_scope_become_one_and_no_others() -> None:
    def group(value: Value, *ids: str, scope: str = "s") -> Group:
        return Group({"a": value}, Scope(scope), [Record(body=id_) for id_ in ids])

    groups = [group(1, "1"), group(1, "2"), group(True, "3"), group(1.0, "4"), group(1, "5", scope="t"), group(1)]
    written = decode(encode([*groups, group(1, "6", scope="t")]))
    assert [[record.body for record in each.records] for each in written] == [["1", "2"], ["3"], ["4"], ["5", "6"]]


def test_fields_out_of_range_are_brought_into_it() -> None:
    record = _back(Record(severity=99, flags=-1, trace_id="not hex", span_id="é", event="\ud800"))
    assert record == Record(severity=24, flags=0xFFFF_FFFF, event="?")
