"""OTLP/JSON to records: its own rules (hex ids, integer enums, 64-bit texts), and errors that name their place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from otelsiem.model.errors import MalformedError, TooLargeError
from otelsiem.model.record import Batch, Record, Scope, count
from otelsiem.otlp.json import decode_json, decode_json_pieces
from otelsiem.otlp.rules import DEEPEST

RECORD = "resourceLogs[0].scopeLogs[0].logRecords[0]"


def _request(record: str) -> bytes:
    return ('{"resourceLogs":[{"scopeLogs":[{"logRecords":[' + record + "]}]}]}").encode("utf-8", "surrogatepass")


def _only(record: str) -> Record:
    return decode_json(_request(record))[0].records[0]


def _body(value: str) -> Any:
    return _only(f'{{"body":{value}}}').body


def _refused(data: bytes) -> str:
    with pytest.raises(MalformedError) as caught:
        decode_json(data)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def test_the_example_of_the_specification_page() -> None:
    batch = decode_json(b"""{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name",
     "value":{"stringValue":"auth-api"}}]},"schemaUrl":"r", "scopeLogs":[{"scope":{"name":"otelsiem","version":"1"},
     "schemaUrl":"s","logRecords":[{"timeUnixNano":"1767225600123456789","observedTimeUnixNano":1767225600123500000,
     "severityNumber":9,"severityText":"INFO","eventName":"user.login","body":{"stringValue":"login ok"},
     "attributes":[{"key":"audit.record.id","value":{"stringValue":"01JB"}}],"flags":1,
     "traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174"}]}]}]}""")
    (group,) = batch
    assert (group.resource, group.schema_url) == ({"service.name": "auth-api"}, "r")
    assert group.scope == Scope("otelsiem", "1", {}, "s")
    assert group.records == [
        Record(
            time=1767225600123456789,
            observed=1767225600123500000,
            severity=9,
            severity_text="INFO",
            event="user.login",
            body="login ok",
            attributes={"audit.record.id": "01JB"},
            trace_id="5b8efff798038103d269b633813fc60c",
            span_id="eee19b7ec3c1b174",
            flags=1,
        )
    ]


@pytest.mark.parametrize("data", [b"{}", b' {"resourceLogs":[]}\n', b'{"resourceLogs":null,"other":1}'])
def test_an_empty_request_is_an_empty_batch(data: bytes) -> None:
    assert decode_json(data) == []


def test_groups_without_records_vanish() -> None:
    data = b'{"resourceLogs":[{},{"scopeLogs":[]},{"scopeLogs":[{},{"logRecords":[]},{"logRecords":null}]}]}'
    assert decode_json(data) == []


def test_null_is_the_default_everywhere() -> None:
    names = [
        "timeUnixNano",
        "observedTimeUnixNano",
        "severityNumber",
        "severityText",
        "eventName",
        "body",
        "attributes",
        "droppedAttributesCount",
        "flags",
        "traceId",
        "spanId",
    ]
    assert _only(json.dumps(dict.fromkeys(names))) == Record() == _only("{}")
    pair = '{"key":null,"value":{"stringValue":null,"intValue":null}}'
    assert _only(f'{{"attributes":[{pair}]}}').attributes == {"": None}


def test_snake_case_and_unknown_names_are_ignored() -> None:
    assert (
        _only('{"time_unix_nano":"5","severity_number":9,"event_name":"x","trace_id":7,"new":{"a":[{}]}}') == Record()
    )
    assert _body('{"string_value":"x"}') is None


@pytest.mark.parametrize("written", ["18446744073709551615", '"18446744073709551615"', '"018446744073709551615"'])
def test_times_keep_all_64_bits(written: str) -> None:
    record = _only(f'{{"timeUnixNano":{written},"observedTimeUnixNano":{written}}}')
    assert (record.time, record.observed) == (2**64 - 1, 2**64 - 1)


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 2**53 + 1, 0, -1])
def test_integers_never_pass_through_a_float(number: int) -> None:
    for written in (f"{number}", f'"{number}"', f"{number}.0"):
        value = _body(f'{{"intValue":{written}}}')
        assert type(value) is int
        assert value == number


@pytest.mark.parametrize(
    "written", ["1.5", '"1.5"', "1e3", '""', '" 1"', '"+1"', '"1_0"', '"٣"', "true", "{}", "[]", '"0x10"', "9" * 5000]
)
def test_what_is_no_integer_is_malformed(written: str) -> None:
    told = _refused(_request(f'{{"timeUnixNano":{written}}}'))
    assert told == f"{RECORD}.timeUnixNano: expected an integer, as a number or a string"


@pytest.mark.parametrize(
    ("record", "path"),
    [
        ('{"timeUnixNano":"18446744073709551616"}', "timeUnixNano"),
        ('{"timeUnixNano":-1}', "timeUnixNano"),
        ('{"observedTimeUnixNano":"-1"}', "observedTimeUnixNano"),
        ('{"body":{"intValue":"9223372036854775808"}}', "body.intValue"),
        ('{"body":{"intValue":-9223372036854775809}}', "body.intValue"),
        ('{"flags":4294967296}', "flags"),
        ('{"droppedAttributesCount":-1}', "droppedAttributesCount"),
        ('{"severityNumber":2147483648}', "severityNumber"),
    ],
)
def test_integers_out_of_range_are_malformed(record: str, path: str) -> None:
    assert _refused(_request(record)).startswith(f"{RECORD}.{path}: expected an integer from ")


@pytest.mark.parametrize(("written", "read"), [("0", 0), ("24", 24), ("25", 24), ("-3", 0), ("9.0", 9)])
def test_severity_stays_on_the_scale(written: str, read: int) -> None:
    assert _only(f'{{"severityNumber":{written}}}').severity == read


@pytest.mark.parametrize("written", ['"SEVERITY_NUMBER_INFO"', '"9"'])
def test_enums_are_integers_only(written: str) -> None:
    told = _refused(_request(f'{{"severityNumber":{written}}}'))
    assert told.startswith(f"{RECORD}.severityNumber: ")
    assert "integers" in told


@pytest.mark.parametrize("bad", ["", "0" * 32, "5b8e", "g" * 32, "5b8efff798038103d269b633813fc60c00", "٣" * 32])
def test_ids_that_are_not_hex_of_their_length_are_absent(bad: str) -> None:
    record = _only(json.dumps({"traceId": bad, "spanId": bad}))
    assert (record.trace_id, record.span_id) == ("", "")


def test_ids_in_base64_are_absent() -> None:
    assert _only('{"traceId":"W47/95gDgQPSabYzgT/GDA=="}').trace_id == ""


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1.5", "1.5"), ("3", "3.0"), ("-0.0", "-0.0"), ('"2.5e-3"', "0.0025"),
        ('"NaN"', "nan"), ('"Infinity"', "inf"), ('"-Infinity"', "-inf"),
    ],
)  # fmt: skip
def test_doubles(written: str, read: str) -> None:
    assert repr(_body(f'{{"doubleValue":{written}}}')) == read


@pytest.mark.parametrize("written", ['"nan"', '"inf"', '""', "true", "1e999", '"1e999"', '"1_0"', "[]"])
def test_what_is_no_double_is_malformed(written: str) -> None:
    assert _refused(_request(f'{{"body":{{"doubleValue":{written}}}}}')).startswith(f"{RECORD}.body.doubleValue: ")


@pytest.mark.parametrize("bare", ["NaN", "Infinity", "-Infinity"])
def test_bare_constants_are_not_json(bare: str) -> None:
    assert "in quotes" in _refused(_request(f'{{"body":{{"doubleValue":{bare}}}}}'))


@pytest.mark.parametrize(
    ("text", "read"), [("", b""), ("AP8=", b"\0\xff"), ("AP8", b"\0\xff"), ("-_-_", b"\xfb\xff\xbf")]
)
def test_bytes_are_base64_in_either_alphabet(text: str, read: bytes) -> None:
    assert _body(json.dumps({"bytesValue": text})) == read


@pytest.mark.parametrize("text", ["A", "é", "a b=", "=AP8", "A=P8"])
def test_what_is_no_base64_is_malformed(text: str) -> None:
    assert (
        _refused(_request(json.dumps({"body": {"bytesValue": text}}))) == f"{RECORD}.body.bytesValue: expected base64"
    )


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ('{"attributes":[{},{"value":{"arrayValue":{"values":[{},{"intValue":"x"}]}}}]}',
         "attributes[1].value.arrayValue.values[1].intValue: expected an integer, as a number or a string"),
        ('{"attributes":[{"value":{"kvlistValue":{"values":[{"key":1}]}}}]}',
         "attributes[0].value.kvlistValue.values[0].key: expected a string"),
        ('{"body":{"arrayValue":{"values":[null]}}}', "body.arrayValue.values[0]: expected an object"),
        ('{"body":{"boolValue":"true"}}', "body.boolValue: expected true or false"),
        ('{"body":{"boolValue":1}}', "body.boolValue: expected true or false"),
        ('{"body":"text"}', "body: expected an object"),
        ('{"body":{"stringValue":"a","intValue":1}}',
         "body: expected one kind of value, found stringValue and intValue"),
        ('{"eventName":5}', "eventName: expected a string"),
        ('{"traceId":5}', "traceId: expected a string"),
        ('{"attributes":{"key":"k"}}', "attributes: expected a list"),
        ('{"attributes":[7]}', "attributes[0]: expected an object"),
        ('{"eventName":"a","eventName":"b"}', "one of its names stands there twice"),
        ('{"body":{"stringValue":"a","stringValue":"b"}}', "body: one of its names stands there twice"),
        ('{"eventName":"\\ud800"}', "eventName: the string holds half of a surrogate pair"),
        ('{"attributes":[{"key":"\\udc00x"}]}', "attributes[0].key: the string holds half of a surrogate pair"),
        ('{"body":{"stringValue":"\\udc00\\ud83d"}}', "body.stringValue: the string holds half of a surrogate pair"),
    ],
)  # fmt: skip
def test_errors_name_their_place(record: str, told: str) -> None:
    separator = ": " if told.startswith("one of") else "."
    assert _refused(_request(record)) == f"{RECORD}{separator}{told}"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"[]", "the request: expected an object"),
        (b"null", "the request: expected an object"),
        (b'{"resourceLogs":{}}', "resourceLogs: expected a list"),
        (b'{"resourceLogs":[{"scopeLogs":[5]}]}', "resourceLogs[0].scopeLogs[0]: expected an object"),
        (b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}],"resource":{"attributes":[5]}}]}',
         "resourceLogs[0].resource.attributes[0]: expected an object"),
        (b'{"resourceLogs":[{"schemaUrl":1,"scopeLogs":[{"logRecords":[{}]}]}]}',
         "resourceLogs[0].schemaUrl: expected a string"),
        (b'{"resourceLogs":[{"scopeLogs":[{"scope":{"name":1},"logRecords":[{}]}]}]}',
         "resourceLogs[0].scopeLogs[0].scope.name: expected a string"),
        (b'{"resourceLogs":[],"resourceLogs":[]}', "the request: one of its names stands there twice"),
        (b"", "the request is not JSON: Expecting value at line 1:1"),
        (b'{"resourceLogs":[', "the request is not JSON: Expecting value at line 1:18"),
        (b'{"a":"\xff"}', "the request is not UTF-8 at byte 6"),
        (b'{"a":"\xed\xa0\x80"}', "the request is not UTF-8 at byte 6"),
    ],
)  # fmt: skip
def test_errors_around_the_records(data: bytes, told: str) -> None:
    assert _refused(data) == told


def test_a_later_record_is_named_by_its_own_number() -> None:
    data = b'{"resourceLogs":[{},{"scopeLogs":[{},{"logRecords":[{},{},{},{"flags":"x"}]}]}]}'
    with pytest.raises(MalformedError, match=r"^resourceLogs\[1\]\.scopeLogs\[1\]\.logRecords\[3\]\.flags: "):
        list(decode_json_pieces(data, 2))


def test_a_whole_surrogate_pair_is_one_character() -> None:
    assert _only('{"eventName":"\\ud83d\\ude00"}').event == "😀"


def test_nul_and_control_characters_travel_untouched() -> None:
    text = "".join(map(chr, range(32))) + "\x7f\u2028"
    assert _only(json.dumps({"eventName": text})).event == text


def test_raw_control_characters_are_not_json() -> None:
    assert "not JSON" in _refused(_request('{"eventName":"a\nb"}'))


def test_errors_hold_nothing_of_the_payload() -> None:
    for record in (
        '{"flags":"hunter2"}',
        '{"traceId":["hunter2"]}',
        '{"body":{"bytesValue":"hunter2!"}}',
        '{"hunter2":',
    ):
        assert "hunter2" not in _refused(_request(record))


def _nested(values: int) -> str:
    return '{"arrayValue":{"values":[' * (values - 1) + '{"stringValue":"core"}' + "]}}" * (values - 1)


def test_values_nest_to_the_limit_and_no_deeper() -> None:
    assert "core" in str(_body(_nested(DEEPEST)))
    told = _refused(_request(f'{{"body":{_nested(DEEPEST + 1)}}}'))
    assert told.startswith(f"{RECORD}.body.arrayValue.values[0].arrayValue")
    assert told.endswith("more than 32 values inside one another")


@pytest.mark.parametrize("levels", [5_000, 100_000])
@pytest.mark.parametrize("shape", ["[", '{"a":', '{"arrayValue":{"values":['])
def test_five_thousand_levels_do_not_crash(shape: str, levels: int) -> None:
    assert "too deep" in _refused(_request('{"body":' + shape * levels))


def test_ten_thousand_attributes_are_all_kept_in_order() -> None:
    pairs = [{"key": f"k{n}", "value": {"intValue": n}} for n in range(10_000)]
    record = _only(json.dumps({"attributes": pairs}))
    assert list(record.attributes.items()) == [(f"k{n}", n) for n in range(10_000)]


def test_a_dropped_count_becomes_an_attribute_unless_present() -> None:
    assert _only('{"droppedAttributesCount":"3"}').attributes == {"otel.dropped_attributes_count": 3}
    pair = '{"key":"otel.dropped_attributes_count","value":{"intValue":7}}'
    both = _only(f'{{"droppedAttributesCount":3,"attributes":[{pair}]}}')
    assert both.attributes == {"otel.dropped_attributes_count": 7}


def test_a_resource_that_would_be_stored_a_thousandfold_is_refused() -> None:
    def read(scopes: int) -> Batch:
        resource = {"attributes": [{"key": "k", "value": {"stringValue": "x" * 1_000_000}}]}
        scope_logs: list[dict[str, Any]] = [{"logRecords": [{}]}] * scopes
        return decode_json(json.dumps({"resourceLogs": [{"resource": resource, "scopeLogs": scope_logs}]}).encode())

    assert count(read(60)) == 60
    with pytest.raises(TooLargeError):
        read(80)
