"""What bad input gets, from a running gateway: the right status, a sentence, a counter; and nothing else is harmed.

One gateway for all cases. After each of them a good record still goes through, and at the end the sum of fates is the
number of records taken.
"""

from __future__ import annotations

import gzip
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from otelsiem.model.record import Group, Record, Scope, Value
from otelsiem.otlp.encode import encode
from otelsiem.testing.hec import FakeHec
from tests.gateway_process import Gateway
from tests.program import eventually

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}


@dataclass
class World:
    """The gateway under attack, and Splunk behind it."""

    gateway: Gateway
    splunk: FakeHec

    def post(
        self, body: bytes, headers: dict[str, str], path: str = "/v1/logs", method: str = "POST"
    ) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.gateway.http}{path}"
        request = urllib.request.Request(url, body if method == "POST" else None, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:
                return reply.status, reply.read().decode("utf-8", "replace")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode("utf-8", "replace")

    def arrives(self, record: Record) -> dict[str, Any]:
        """Send it alone and return its event."""
        before = len(self.splunk.events)
        status, said = self.post(encode([Group({}, Scope(), [record])]), PROTOBUF)
        assert status == 200, said
        self.splunk.wait_for(before + 1)
        event: dict[str, Any] = self.splunk.events[-1].event
        return event


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with FakeHec() as splunk:
        hec = {"endpoint": splunk.url, "token": splunk.token, "sending_queue": {"batch": {"flush_timeout": "5ms"}}}
        with Gateway(tmp_path_factory.mktemp("bad"), {"splunk_hec": hec}, {"severity": {}}) as gateway:
            yield World(gateway, splunk)


@pytest.fixture(autouse=True)
def nothing_else_is_harmed(world: World) -> Iterator[None]:
    yield
    assert world.arrives(Record(event="after", body="still here"))["message"] == "still here"
    fates = ("siem_events_sent_total", "siem_dead_letters", "siem_events_filtered_total", "siem_events_purged_total")

    def balanced() -> bool:
        accepted = world.gateway.metric("siem_exporter_accepted_total")
        settled = sum(world.gateway.metric(name) for name in fates)
        return accepted == settled + world.gateway.metric("siem_queue_size") and settled == accepted

    eventually(balanced, 10, "every record taken has one fate")


def deep(levels: int) -> bytes:
    value = '{"stringValue":"x"}'
    for _ in range(levels):
        value = f'{{"arrayValue":{{"values":[{value}]}}}}'
    return f'{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{value}}}]}}]}}]}}'.encode()


def logs(record: str) -> bytes:
    return f'{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{record}]}}]}}]}}'.encode()


GOOD = encode([Group({}, Scope(), [Record(event="x", body="not UTF-8: \x7f\x7f")])])

REFUSED: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "undecodable bytes": (b"\xff\xff\xff\xff", PROTOBUF, 400, "malformed"),
    "a request cut short": (GOOD[:-3], PROTOBUF, 400, "malformed"),
    "text that is not UTF-8": (GOOD.replace(b"\x7f\x7f", b"\xc3\x28"), PROTOBUF, 400, "malformed"),
    "JSON that is not JSON": (b'{"resourceLogs":', JSON, 400, "malformed"),
    "JSON in the place of protobuf": (b'{"resourceLogs":[]}', PROTOBUF, 400, "malformed"),
    "a lone surrogate": (logs(r'{"body":{"stringValue":"\ud800"}}'), JSON, 400, "malformed"),
    "an enum name": (logs('{"severityNumber":"SEVERITY_NUMBER_INFO"}'), JSON, 400, "malformed"),
    "a number beyond 64 bits": (logs('{"timeUnixNano":"99999999999999999999999"}'), JSON, 400, "malformed"),
    "nesting beyond the limit": (deep(40), JSON, 400, "malformed"),
    "nesting of five thousand": (deep(5000), JSON, 400, "malformed"),
    "the wrong content type": (GOOD, {"Content-Type": "text/plain"}, 415, "content_type"),
    "a coding we do not know": (GOOD, {**PROTOBUF, "Content-Encoding": "br"}, 415, "content_encoding"),
    "gzip that is not gzip": (GOOD, {**PROTOBUF, "Content-Encoding": "gzip"}, 400, "malformed"),
    "a bomb": (gzip.compress(bytes(64 << 20)), {**PROTOBUF, "Content-Encoding": "gzip"}, 413, "too_large"),
    "an oversized body": (bytes(21 << 20), PROTOBUF, 413, "too_large"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_a_reason(world: World, case: str) -> None:
    body, headers, status, reason = REFUSED[case]
    labels = {"transport": "http", "reason": reason}
    before = world.gateway.metric("siem_requests_refused_total", **labels)
    answered, said = world.post(body, headers)
    assert answered == status, said
    assert len(said) > 20, "a sentence, not silence"
    assert world.gateway.metric("siem_requests_refused_total", **labels) == before + 1


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/v1/traces", "POST", 404), ("/", "POST", 404), ("/v1/logs", "GET", 405), ("/v1/logs", "DELETE", 405)],
)
def test_unknown_paths_and_methods(world: World, path: str, method: str, status: int) -> None:
    answered, said = world.post(GOOD, PROTOBUF, path, method)
    assert answered == status
    assert said


@pytest.mark.parametrize(("body", "headers"), [(b"", PROTOBUF), (b"{}", JSON), (b'{"resourceLogs":[]}', JSON)])
def test_an_empty_request_succeeds_and_brings_nothing(world: World, body: bytes, headers: dict[str, str]) -> None:
    before = world.gateway.metric("siem_pipeline_received_total")
    assert world.post(body, headers)[0] == 200
    assert world.gateway.metric("siem_pipeline_received_total") == before


@pytest.mark.parametrize(
    ("time", "stamp"),
    [
        (9_223_372_036_854_775_807, "2262-04-11T23:47:16.854775Z"),
        (18_446_744_073_709_551_615, "2554-07-21T23:34:33.709551Z"),
        (1, "1970-01-01T00:00:00.000000Z"),
    ],
)
def test_times_at_the_edges(world: World, time: int, stamp: str) -> None:
    event = world.arrives(Record(time=time, event="edge"))
    assert event["timestamp"] == stamp
    assert event["time_unix_nano"] == str(time)


def test_a_time_of_zero_is_the_time_of_arrival(world: World) -> None:
    event = world.arrives(Record(event="edge"))
    assert event["timestamp"].startswith("20")
    assert event["timestamp"] > "2026"


def test_ten_thousand_attributes_all_arrive(world: World) -> None:
    event = world.arrives(Record(event="wide", attributes={f"key.{n}": n for n in range(10_000)}))
    assert event["metadata"] == {f"key.{n}": n for n in range(10_000)}


def test_nul_and_control_characters_arrive_as_they_are(world: World) -> None:
    text = "".join(map(chr, range(32))) + "\x7f\u0085\u2028\u202e|=\\\"'\x1b[31m"
    event = world.arrives(Record(event="control", body=text, attributes={"raw": text}))
    assert event["message"] == text
    assert event["metadata"]["raw"] == text


def test_duplicate_ids_of_a_sender_are_two_records(world: World) -> None:
    before = len(world.splunk.events)
    twins = [Record(event="twin", body=str(n), attributes={"audit.record.id": "same"}) for n in range(2)]
    assert world.post(encode([Group({}, Scope(), twins)]), PROTOBUF)[0] == 200
    world.splunk.wait_for(before + 2)
    events = [event.event for event in world.splunk.events[before:]]
    assert [event["event_id"] for event in events] == ["same", "same"]
    assert {event["message"] for event in events} == {"0", "1"}


def test_a_record_that_no_destination_can_take_is_a_dead_letter_and_its_neighbours_arrive(world: World) -> None:
    before = len(world.splunk.events)
    dead = world.gateway.metric("siem_dead_letters")
    records = [Record(event="big", body=body) for body in ("small", "x" * (3 << 20), "also small")]
    assert world.post(encode([Group({}, Scope(), records)]), PROTOBUF)[0] == 200
    world.splunk.wait_for(before + 2)
    eventually(lambda: world.gateway.metric("siem_dead_letters") == dead + 1, 10, "a dead letter")
    assert {event.event["message"] for event in world.splunk.events[before:]} == {"small", "also small"}


def test_json_and_protobuf_of_one_record_are_one_event(world: World) -> None:
    attributes: dict[str, Value] = {"user.id": "u-1", "n": 7, "deep": {"list": [1, "two", None, True, 1.5]}}
    one = world.arrives(Record(time=1_767_225_600_000_000_000, event="twin", body="b", attributes=attributes))
    before = len(world.splunk.events)
    record = {
        "timeUnixNano": "1767225600000000000",
        "eventName": "twin",
        "body": {"stringValue": "b"},
        "attributes": [
            {"key": "user.id", "value": {"stringValue": "u-1"}},
            {"key": "n", "value": {"intValue": "7"}},
            {
                "key": "deep",
                "value": {"kvlistValue": {"values": [{"key": "list", "value": {"arrayValue": {"values": [
                    {"intValue": 1}, {"stringValue": "two"}, {}, {"boolValue": True}, {"doubleValue": 1.5},
                ]}}}]}},
            },
        ],
    }  # fmt: skip
    assert world.post(logs(json.dumps(record)), JSON)[0] == 200
    world.splunk.wait_for(before + 1)
    other = world.splunk.events[-1].event
    differing = {key for key in one | other if one.get(key) != other.get(key)}
    assert differing <= {"event_id", "observed_time_unix_nano"}
