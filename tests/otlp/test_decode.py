"""OTLP protobuf to records: defaults, ids, dropped counts, and every kind of bad input."""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Mapping, Sequence

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from otelsiem.model.errors import MalformedError, MissingExtraError, TooLargeError
from otelsiem.model.record import Record, count
from otelsiem.otlp.decode import decode, decode_pieces
from otelsiem.otlp.rules import DEEPEST


def _request(*records: LogRecord) -> bytes:
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.extend(records)
    data: bytes = request.SerializeToString()
    return data


def _only(record: LogRecord) -> Record:
    return decode(_request(record))[0].records[0]


def _nested(values: int) -> AnyValue:
    value = AnyValue(string_value="core")
    for _ in range(values - 1):
        outer = AnyValue()
        outer.array_value.values.append(value)
        value = outer
    return value


def test_an_empty_request_is_an_empty_batch() -> None:
    assert decode(b"") == []


def test_groups_without_records_vanish() -> None:
    request = ExportLogsServiceRequest()
    request.resource_logs.add()
    request.resource_logs.add().scope_logs.add()
    assert decode(request.SerializeToString()) == []


def test_an_empty_record_has_every_default() -> None:
    assert _only(LogRecord()) == Record()


@pytest.mark.parametrize("value", [0, 1, 9_223_372_036_854_775_807, 18_446_744_073_709_551_615])
def test_times_keep_all_64_bits(value: int) -> None:
    record = _only(LogRecord(time_unix_nano=value, observed_time_unix_nano=value))
    assert (record.time, record.observed) == (value, value)


@pytest.mark.parametrize(
    ("number", "read"), [(0, 0), (1, 1), (24, 24), (25, 24), (2**31 - 1, 24), (-1, 0), (-(2**31), 0)]
)
def test_severity_stays_on_the_scale(number: int, read: int) -> None:
    message = LogRecord()
    message.severity_number = number  # type: ignore[assignment] # proto3 enums are open
    assert _only(message).severity == read


@pytest.mark.parametrize("bad", [b"", bytes(16), bytes(8), b"\1" * 15, b"\1" * 17, b"\1" * 32])
def test_ids_of_another_length_or_all_zero_are_absent(bad: bytes) -> None:
    record = _only(LogRecord(trace_id=bad, span_id=bad))
    assert (record.trace_id, record.span_id) == ("", "")


def test_ids_become_lower_case_hex_and_flags_stay_whole() -> None:
    record = _only(LogRecord(trace_id=b"\xab" * 16, span_id=b"\xcd" * 8, flags=0xFFFF_FF01))
    assert (record.trace_id, record.span_id, record.flags) == ("ab" * 16, "cd" * 8, 0xFFFF_FF01)


def test_a_dropped_count_becomes_an_attribute_unless_present() -> None:
    assert _only(LogRecord(dropped_attributes_count=3)).attributes == {"otel.dropped_attributes_count": 3}
    message = LogRecord(dropped_attributes_count=3)
    message.attributes.add(key="otel.dropped_attributes_count").value.int_value = 7
    assert _only(message).attributes == {"otel.dropped_attributes_count": 7}


@pytest.mark.parametrize("value", [-(2**63), -1, 0, 1, 2**63 - 1, True, False, "", 0.0, 1.5, b"", b"\0\xff"])
def test_values_keep_kind_and_value(value: bool | str | float | bytes) -> None:
    kind = {bool: "bool_value", int: "int_value", str: "string_value", float: "double_value", bytes: "bytes_value"}
    message = LogRecord()
    setattr(message.body, kind[type(value)], value)
    setattr(message.attributes.add(key="k").value, kind[type(value)], value)
    record = _only(message)
    for read in (record.body, record.attributes["k"]):
        assert type(read) is type(value)
        assert read == value


def test_empty_lists_maps_and_unset_values_stay_apart() -> None:
    message = LogRecord()
    message.attributes.add(key="list").value.array_value.SetInParent()
    message.attributes.add(key="map").value.kvlist_value.SetInParent()
    message.attributes.add(key="unset")
    assert _only(message).attributes == {"list": [], "map": {}, "unset": None}


def test_a_reference_into_a_profiles_table_is_an_empty_value() -> None:
    data = b"\x2a\x02\x40\x05"  # body: field 8 of AnyValue, a number that only profiles can look up
    assert _only(LogRecord.FromString(data)).body is None


def test_nul_and_control_characters_travel_untouched() -> None:
    text = "".join(map(chr, range(32))) + "\x7f\u2028\ufeff"
    message = LogRecord(event_name=text, severity_text=text)
    message.attributes.add(key=text).value.string_value = text
    record = _only(message)
    assert (record.event, record.severity_text, record.attributes) == (text, text, {text: text})


def test_ten_thousand_attributes_are_all_kept_in_order() -> None:
    message = LogRecord()
    for n in range(10_000):
        message.attributes.add(key=f"k{n}").value.int_value = n
    assert list(_only(message).attributes.items()) == [(f"k{n}", n) for n in range(10_000)]


def test_the_last_of_duplicate_keys_wins() -> None:
    message = LogRecord()
    message.attributes.add(key="k").value.string_value = "first"
    message.attributes.add(key="k").value.string_value = "last"
    assert _only(message).attributes == {"k": "last"}


def test_unknown_fields_are_ignored() -> None:
    data = LogRecord(event_name="e").SerializeToString() + b"\xc2\x3e\x03abc"  # field 1000
    assert _only(LogRecord.FromString(data)).event == "e"


@pytest.mark.parametrize("where", ["body", "attribute"])
def test_values_nest_to_the_limit_and_no_deeper(where: str) -> None:
    def message(values: int) -> LogRecord:
        if where == "body":
            return LogRecord(body=_nested(values))
        made = LogRecord()
        made.attributes.add(key="k").value.CopyFrom(_nested(values))
        return made

    assert "core" in str(_only(message(DEEPEST)))
    with pytest.raises(MalformedError, match="more than 32 values"):
        decode(_request(message(DEEPEST + 1)))


def _deep_bytes(levels: int) -> bytes:
    data = b"\x0a\x01x"
    for _ in range(levels):
        for tag in (b"\x0a", b"\x2a"):  # ArrayValue.values, AnyValue.array_value
            size, head = len(data), b""
            while size > 127:
                head, size = head + bytes([size & 127 | 128]), size >> 7
            data = tag + head + bytes([size]) + data
    return data


def test_five_thousand_levels_do_not_crash() -> None:
    body = _deep_bytes(5000)
    for tag in (b"\x2a", b"\x12", b"\x12", b"\x0a"):  # body, log_records, scope_logs, resource_logs
        size, head = len(body), b""
        while size > 127:
            head, size = head + bytes([size & 127 | 128]), size >> 7
        body = tag + head + bytes([size]) + body
    with pytest.raises(MalformedError):
        decode(body)


def _texts_with(bad: bytes) -> list[bytes]:
    message = LogRecord(event_name="sentinel")
    message.body.string_value = "sentinel"
    message.attributes.add(key="sentinel").value.string_value = "plain"
    whole = _request(message)
    places = [n for n in range(len(whole)) if whole.startswith(b"sentinel", n)]
    assert len(places) == 3
    return [whole[:n] + bad + whole[n + 8 :] for n in places]


@pytest.mark.parametrize("bad", [b"secret\xff\xfe", b"secret\xc0\x80", b"secre\xed\xa0\x80"])  # the last is U+D800
def test_text_that_is_not_utf8_is_malformed_and_not_repeated(bad: bytes) -> None:
    for data in _texts_with(bad):
        with pytest.raises(MalformedError) as caught:
            decode(data)
        assert "UTF-8" in str(caught.value)
        assert "secre" not in str(caught.value)
        assert caught.value.__cause__ is None


@pytest.mark.parametrize("data", [b"\x0a", b"\x0a\x05ab", b"{}", b"\xff" * 20, b'{"resourceLogs":[]}'])
def test_bytes_of_something_else_are_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError, match="Content-Type"):
        decode(data)


def test_every_cut_of_a_request_is_read_or_malformed() -> None:
    message = LogRecord(event_name="e", time_unix_nano=5)
    message.attributes.add(key="k").value.int_value = 300
    data = _request(message)
    for end in range(1, len(data)):
        with pytest.raises(MalformedError):
            decode(data[:end])


def test_pieces_share_one_scope_and_hold_all_records_once() -> None:
    request = ExportLogsServiceRequest()
    for sizes in ((3, 0, 5), (4,)):
        resource_logs = request.resource_logs.add()
        for size in sizes:
            scope_logs = resource_logs.scope_logs.add()
            for _ in range(size):
                scope_logs.log_records.add(flags=count(decode(request.SerializeToString())))
    pieces = list(decode_pieces(request.SerializeToString(), 4))
    assert [count(piece) for piece in pieces] == [4, 4, 4]
    assert [r.flags for piece in pieces for group in piece for r in group.records] == list(range(12))


def test_a_resource_that_would_be_stored_a_thousandfold_is_refused() -> None:
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    resource_logs.resource.attributes.add(key="k").value.string_value = "x" * 1_000_000
    for _ in range(60):
        resource_logs.scope_logs.add().log_records.add()
    assert count(decode(request.SerializeToString())) == 60
    for _ in range(20):
        resource_logs.scope_logs.add().log_records.add()
    with pytest.raises(TooLargeError, match="fewer scopes"):
        decode(request.SerializeToString())


def test_a_scope_that_pieces_would_multiply_is_refused() -> None:
    request = ExportLogsServiceRequest()
    scope_logs = request.resource_logs.add().scope_logs.add()
    scope_logs.scope.name = "x" * 1_000_000
    for _ in range(200):
        scope_logs.log_records.add()
    assert count(decode(request.SerializeToString())) == 200
    with pytest.raises(TooLargeError):
        list(decode_pieces(request.SerializeToString(), 2))


def test_a_missing_package_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> object:
        if name.startswith("opentelemetry.proto"):
            raise ImportError(name)
        return real(name, globals, locals, fromlist, level)

    monkeypatch.delitem(sys.modules, "otelsiem.otlp.messages")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'otelsiem\[gateway\]'"):
        importlib.import_module("otelsiem.otlp.messages")
