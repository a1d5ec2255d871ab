"""The fake is faithful: contracts, splunk-hec §15, judged through http.client."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import uuid
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.testing.hec import CODES, TOKEN, FakeHec, Indexed, Poison, Token, coded
from otelsiem.testing.hec_codes import JSON
from otelsiem.testing.hec_envelope import KEYS, read
from otelsiem.testing.http import Reset, Respond
from tests.examples import some

GOOD = {"Authorization": f"Splunk {TOKEN}"}
EVENT = "/services/collector/event"
CHANNEL = str(uuid.UUID(int=7))


def ask(
    hec: FakeHec, body: bytes = b"", headers: dict[str, str] | None = None, path: str = EVENT, method: str = "POST"
) -> tuple[int, Any]:
    """Status, and the body as JSON where it is JSON."""
    client = http.client.HTTPConnection("127.0.0.1", hec.server.port, timeout=5)
    try:
        client.request(method, path, body, GOOD if headers is None else headers)
        answer = client.getresponse()
        data = answer.read()
        return answer.status, json.loads(data) if answer.headers["Content-Type"] == JSON else data
    finally:
        client.close()


def said(code: int, **more: object) -> tuple[int, dict[str, object]]:
    status, text = CODES[code]
    return status, {"text": text, "code": code, **more}


def bad(code: int, number: int) -> tuple[int, dict[str, object]]:
    return said(code, **{"invalid-event-number": number})


def envelopes(*ids: str, **more: object) -> bytes:
    return b"".join(json.dumps({"event": {"id": name}, **more}).encode() for name in ids)


def test_events_are_kept_in_order_with_every_copy() -> None:
    with FakeHec() as hec:
        line = b'{"time":1767225600.123456789,"host":"h","source":"s","sourcetype":"t","index":"i",'
        assert ask(hec, line + b'"event":{"id":"a","n":1.5},"fields":{"k":["x"]}}\n' + envelopes("b", "a")) == said(0)
        first, *_ = hec.wait_for(3)
    assert (first.time, first.host, first.source, first.sourcetype, first.index) == (
        "1767225600.123456789", "h", "s", "t", "i",
    )  # fmt: skip
    assert (first.event, first.fields, first.token) == ({"id": "a", "n": 1.5}, {"k": ["x"]}, TOKEN)
    assert hec.events[1].index == "main"
    assert hec.count_by("id") == {"a": 2, "b": 1}
    assert hec.count_by(lambda event: event.index) == {"main": 2, "i": 1}


@pytest.mark.parametrize("path", ["/services/collector", EVENT, "/services/collector/event/1.0"])
def test_aliases(path: str) -> None:
    with FakeHec() as hec:
        assert ask(hec, envelopes("a"), path=path) == said(0)


@pytest.mark.parametrize(
    "body", [b'[{"event":"a"},{"event":"b"}]', b' {"event":1}\r\n\t{"event":true} ', b'{"event":[1]}{"event":{"a":1}}']
)
def test_framings(body: bytes) -> None:
    with FakeHec() as hec:
        assert ask(hec, body) == said(0)
        assert hec.received == 2


# --- 1 credentials


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 2),
        ({"Authorization": f"Bearer {TOKEN}"}, 3),
        ({"Authorization": TOKEN}, 3),
        ({"Authorization": "Splunk"}, 3),
        ({"Authorization": "Splunk 0000"}, 4),
        ({"Authorization": "Basic !!!"}, 4),
        ({"Authorization": "Basic " + base64.b64encode(f"x:{TOKEN}".encode()).decode()}, 0),
    ],
)
def test_credentials(headers: dict[str, str], code: int) -> None:
    with FakeHec() as hec:
        assert ask(hec, envelopes("a"), headers) == said(code)
        assert hec.received == (code == 0)


def test_a_token_may_be_disabled_and_enabled_while_running() -> None:
    with FakeHec() as hec:
        hec.disable()
        assert ask(hec, envelopes("a")) == said(1)
        hec.disable(enabled=True)
        assert ask(hec, envelopes("a")) == said(0)
        hec.tokens.clear()
        assert ask(hec, envelopes("a")) == said(4)


def test_a_token_in_the_query_is_refused() -> None:
    with FakeHec() as hec:
        assert ask(hec, envelopes("a"), {}, EVENT + f"?token={TOKEN}") == said(16)


# --- 2, 3, 4 what is indexed and what is not


def test_an_unknown_key_stops_indexing_silently() -> None:
    with FakeHec() as hec:
        assert ask(hec, envelopes("a") + b'{"event":"b","extra":1}' + envelopes("c")) == said(0)
        assert hec.count_by() == {"a": 1}
        assert ask(hec, b'{"event":"b","extra":1}' + envelopes("c")) == said(5)
        assert hec.received == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"event":"x","fields":{"a":{"b":1}}}', 15),
        (b'{"event":"x","fields":[1]}', 15),
        (b'{"event":""}', 13),
        (b'{"event":"  "}', 13),
        (b'{"event":{}}', 13),
        (b'{"host":"h"}', 12),
        (b'{"event":null}', 12),
        (b'{"event":"x"', 6),
        (b"nonsense", 6),
        (b'{"event":NaN}', 6),
        (b'{"event":"x","time":"noon"}', 6),
        (b'{"event":"x","time":1' + b"0" * 400 + b"}", 6),
        (b'{"event":' + b"[" * 100_000, 6),
    ],
)
def test_a_bad_record_is_numbered_and_its_prefix_indexed(body: bytes, code: int) -> None:
    with FakeHec() as hec:
        assert ask(hec, envelopes("a", "b") + body + envelopes("c")) == bad(code, 2)
        assert hec.count_by() == {"a": 1, "b": 1}


def test_fields_without_an_event_are_skipped_silently() -> None:
    with FakeHec() as hec:
        assert ask(hec, b'{"fields":{"a":"b"}}' + envelopes("a")) == said(0)
        assert ask(hec, b'{"fields":{"a":"b"}}') == said(0)
        assert hec.count_by() == {"a": 1}


def test_a_disallowed_index_is_numbered_one_too_high() -> None:
    with FakeHec() as hec:
        hec.tokens[TOKEN] = Token(indexes=frozenset({"audit"}))
        body = envelopes("a", index="audit") + envelopes("b", index="secret") + envelopes("c", index="audit")
        assert ask(hec, body) == bad(7, 2)
        assert hec.count_by() == {"a": 1}


@pytest.mark.parametrize("body", [b"", b"  \n", b"[]"])
def test_nothing_is_no_data(body: bytes) -> None:
    with FakeHec() as hec:
        assert ask(hec, body) == said(5)


def test_a_poisoned_record() -> None:
    rows: list[tuple[Poison, tuple[int, Any], dict[str, int]]] = [
        (Poison(), bad(6, 1), {"a": 1}),
        (Poison(number=False), said(6), {}),
        (Poison(500, 8, number=False), said(8), {}),
        (Poison(500, None, number=False), (500, b""), {}),
    ]
    for poison, answer, indexed in rows:
        with FakeHec() as hec:
            hec.poison = lambda envelope, poison=poison: poison if envelope["event"]["id"] == "b" else None
            assert ask(hec, envelopes("a", "b", "c")) == answer
            assert hec.count_by() == indexed
            hec.poison = None
            assert ask(hec, envelopes("b")) == said(0)


# --- 5 acknowledgement


def with_channel(channel: str) -> dict[str, str]:
    return {**GOOD, "X-Splunk-Request-Channel": channel}


def polled(hec: FakeHec, *numbers: int, channel: str = CHANNEL) -> Any:
    status, body = ask(hec, json.dumps({"acks": numbers}).encode(), GOOD, f"/services/collector/ack?channel={channel}")
    assert status == 200
    return body["acks"]


def test_ack_demands_a_channel_that_is_a_guid() -> None:
    with FakeHec(ack=True) as hec:
        assert ask(hec, envelopes("a")) == said(10)
        assert ask(hec, envelopes("a"), with_channel("me")) == said(11)
        assert ask(hec, b'{"acks":[0]}', path="/services/collector/ack") == said(10)
        assert hec.received == 0
    with FakeHec(ack=True, cloud=True) as hec:
        assert ask(hec, envelopes("a")) == said(28)


def test_ack_asked_of_a_token_without_it() -> None:
    with FakeHec() as hec:
        assert ask(hec, b'{"acks":[0]}', path=f"/services/collector/ack?channel={CHANNEL}") == said(14)


def test_ack_ids_count_per_channel_and_true_is_said_once() -> None:
    other = str(uuid.UUID(int=8))
    with FakeHec(ack=True) as hec:
        assert ask(hec, envelopes("a"), with_channel(CHANNEL)) == said(0, ackId=0)
        assert ask(hec, envelopes("b"), path=f"{EVENT}?channel={CHANNEL}") == said(0, ackId=1)
        assert ask(hec, envelopes("c"), with_channel(other)) == said(0, ackId=0)
        assert polled(hec, 0, 1, channel=str(uuid.UUID(int=9))) == {"0": False, "1": False}
        assert polled(hec, 0, 5) == {"0": True, "5": False}
        assert polled(hec, 0, 1) == {"0": False, "1": True}
        assert polled(hec, 0, channel=other) == {"0": True}
        assert ask(hec, b"{}", with_channel(CHANNEL), "/services/collector/ack")[0] == 400


def test_ack_may_come_later_or_never() -> None:
    with FakeHec(ack=True) as hec:
        hec.acks.indexing = "on release"
        ask(hec, envelopes("a"), with_channel(CHANNEL))
        assert polled(hec, 0) == {"0": False}
        hec.acks.release()
        assert polled(hec, 0) == {"0": True}
        ask(hec, envelopes("a"), with_channel(CHANNEL))
        hec.acks.forget()
        hec.acks.release()
        assert polled(hec, 1) == {"1": False}
        assert ask(hec, envelopes("a"), with_channel(CHANNEL)) == said(0, ackId=0)


def test_ack_of_a_prefix_comes_with_the_refusal() -> None:
    with FakeHec(ack=True) as hec:
        answer = ask(hec, envelopes("a") + b'{"event":""}', with_channel(CHANNEL))
        assert answer == said(13, **{"invalid-event-number": 1, "ackId": 0})
        assert ask(hec, b'{"event":""}', with_channel(CHANNEL)) == bad(13, 0)
        assert polled(hec, 0) == {"0": True}


# --- 6, 7 size and encoding


def zipped(body: bytes) -> tuple[bytes, dict[str, str]]:
    return gzip.compress(body), {**GOOD, "Content-Encoding": "gzip"}


def test_size_counts_after_decompression() -> None:
    with FakeHec() as hec:
        hec.max_content_length = 1000
        exact = envelopes("a").ljust(1000)
        assert ask(hec, *zipped(exact)) == said(0)
        status, body = ask(hec, *zipped(exact + b" "))
        assert (status, b"<html" in body) == (413, True)
        assert ask(hec, exact + b" ")[0] == 413
        assert hec.received == 1


def test_cloud_calls_too_large_a_bad_format() -> None:
    with FakeHec(cloud=True) as hec:
        assert hec.max_content_length == 5_242_880
        hec.max_content_length = 100
        assert ask(hec, *zipped(envelopes("a").ljust(101))) == bad(6, 0)
        assert hec.received == 0


def test_encodings() -> None:
    with FakeHec() as hec:
        status, body = ask(hec, zlib.compress(envelopes("a")), {**GOOD, "Content-Encoding": "deflate"})
        assert (status, b"<html" in body) == (415, True)
        two = gzip.compress(envelopes("a")) + gzip.compress(envelopes("b"))
        assert ask(hec, two, {**GOOD, "Content-Encoding": "gzip"}) == said(0)
        for broken in (b"no gzip", two[:-9]):
            assert ask(hec, broken, {**GOOD, "Content-Encoding": "gzip"}) == said(6)
        assert hec.count_by() == {"a": 1, "b": 1}


# --- 8 paths and methods


def test_wrong_paths_and_methods() -> None:
    lost = {"text": "The requested URL was not found on this server.", "code": 404}
    with FakeHec() as hec:
        assert ask(hec, path="/services/collecter") == (404, lost)
        assert ask(hec, method="GET") == (405, lost)
        assert ask(hec, method="OPTIONS")[0] == 200


def test_health() -> None:
    with FakeHec() as hec:
        assert ask(hec, path="/services/collector/health", method="GET", headers={}) == said(17)
        hec.health = 18
        assert ask(hec, path="/services/collector/health/1.0", method="GET", headers={}) == said(18)


def test_raw_lines_are_events() -> None:
    with FakeHec() as hec:
        assert ask(hec, b"one\n\ntwo\n", path="/services/collector/raw?host=h&index=i") == said(0)
        assert [(event.event, event.host, event.index) for event in hec.events] == [
            ("one", "h", "i"),
            ("two", "h", "i"),
        ]
        assert ask(hec, b"\n", path="/services/collector/raw") == said(5)


# --- 10, 11 trouble, and what a test tells the fake to do


def test_near_capacity_is_taken() -> None:
    with FakeHec() as hec:
        for code in (24, 25):
            hec.capacity = code
            assert ask(hec, envelopes("a")) == said(code)
        assert hec.received == 2


def test_a_script_then_the_sticky_answer_then_the_truth() -> None:
    with FakeHec() as hec:
        hec.script([coded(26), Respond(503), Indexed(coded(9)), Reset()])
        hec.always = coded(23)
        assert ask(hec, envelopes("a")) == said(26)
        assert ask(hec, envelopes("b")) == (503, b"")
        assert ask(hec, envelopes("c")) == said(9)
        with pytest.raises(ConnectionResetError):
            ask(hec, envelopes("d"))
        assert ask(hec, envelopes("e")) == said(23)
        hec.always = None
        assert ask(hec, envelopes("f")) == said(0)
        assert hec.count_by() == {"c": 1, "f": 1}
        assert ask(hec, path="/services/collector/health", method="GET") == said(17)


def test_a_lost_answer_leaves_the_events() -> None:
    with FakeHec() as hec:
        hec.script([Indexed(Reset())])
        with pytest.raises(ConnectionResetError):
            ask(hec, envelopes("a"))
        assert hec.count_by() == {"a": 1}


def test_retry_after_is_a_knob() -> None:
    with FakeHec() as hec:
        hec.retry_after = "7"
        hec.script([coded(9)])
        for expected in ("7", None):
            client = http.client.HTTPConnection("127.0.0.1", hec.server.port, timeout=5)
            client.request("POST", EVENT, envelopes("a"), GOOD)
            assert client.getresponse().headers["Retry-After"] == expected
            client.close()


def test_down_and_up() -> None:
    with FakeHec() as hec:
        url = hec.url
        hec.down()
        with pytest.raises(ConnectionRefusedError):
            ask(hec, envelopes("a"))
        hec.up()
        assert hec.url == url
        assert ask(hec, envelopes("a")) == said(0)


def test_keep_false_counts_only() -> None:
    with FakeHec() as hec:
        hec.keep = False
        ask(hec, envelopes("a", "b"))
        hec.wait_for(2)
        assert (hec.received, hec.events) == (2, [])


def test_wait_for_says_what_is_missing() -> None:
    with FakeHec() as hec, pytest.raises(TimeoutError, match="0 events came"):
        hec.wait_for(1, timeout=0.01)


# --- 12 time


@pytest.mark.parametrize(
    ("time", "suspect"), [("1767225600.5", False), ('"1767225600"', False), ("1767225600123", True)]
)
def test_time_in_milliseconds_is_flagged(time: str, suspect: bool) -> None:
    with FakeHec() as hec:
        assert ask(hec, b'{"event":"x","time":' + time.encode() + b"}") == said(0)
        (event,) = hec.events
    assert bool(event.suspect) is suspect
    assert event.time == time.strip('"')


# --- whatever a client sends

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
_ENVELOPE = st.dictionaries(st.sampled_from([*sorted(KEYS), "extra"]), _JSON, max_size=4)


@settings(deadline=None, max_examples=some(200))
@given(st.lists(_ENVELOPE | _JSON, max_size=5), st.text(max_size=5))
def test_reading_is_total_and_takes_a_prefix(objects: list[Any], tail: str) -> None:
    taken, verdict = read("".join(json.dumps(one) for one in objects) + tail, frozenset({"main"}), None)
    assert len(taken) <= len(objects) or any(isinstance(one, list) for one in objects)
    if verdict.number is not None:
        assert len(taken) <= verdict.number
    assert verdict.code in (0, 5, 6, 7, 12, 13, 15)
