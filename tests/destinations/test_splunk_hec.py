"""SplunkHec: what it accepts as settings, how it cuts, and what it reads in every answer of contract 5 and 6."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from otelsiem.destinations.splunk_hec import SplunkHec
from otelsiem.formats.gzip import WORTHWHILE
from otelsiem.model.destination import HttpSettings, Moment, Payload, TlsSettings
from otelsiem.model.exchange import Answer, Failure, HttpRequest, Reply
from otelsiem.model.outcome import Delivered, Hold, Outcome, Partial, Reject, Retry, Split
from otelsiem.model.record import Batch, Group, Record, Scope, count
from otelsiem.testing.conformance import check_encode, drive
from tests.examples import some
from tests.formats import strategies

AT = Moment(now=1_767_225_601_000_000_000, host="here")
URL = "https://splunk.example.com:8088"
TOKEN = "11111111-2222-3333-4444-555555555555"


def hec(**changes: Any) -> SplunkHec:
    return SplunkHec.model_validate({"endpoint": URL, "token": TOKEN, **changes})


def batch(size: int, **record: Any) -> Batch:
    return [Group({}, Scope(), [Record(id=str(n), time=n + 1, **record) for n in range(size)])]


def payload(records: int = 4, size: int = 1000, **headers: str) -> Payload:
    return Payload(b"{}", range(records), "", {name.replace("_", "-"): value for name, value in headers.items()}, size)


def answer(status: int, code: object = None, number: object = None, text: str = "said", **headers: str) -> Answer:
    body = {"text": text, "code": code, "invalid-event-number": number}
    said = json.dumps({key: value for key, value in body.items() if value is not None}).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, said)


def judged(reply: Reply, records: int = 4, size: int = 1000) -> Outcome:
    return drive(hec().exchange(payload(records, size), AT), reply)


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        (URL, URL + "/services/collector/event"),
        (URL + "/", URL + "/services/collector/event"),
        (URL + "/services/collector", URL + "/services/collector"),
        (URL + "/services/collector/event", URL + "/services/collector/event"),
        (URL + "/services/collector/event/1.0", URL + "/services/collector/event/1.0"),
        ("http://localhost:8088", "http://localhost:8088/services/collector/event"),
        ("https://[::1]:8088", "https://[::1]:8088/services/collector/event"),
        ("https://proxy.example.com/splunk", "https://proxy.example.com/splunk/services/collector/event"),
        ("https://logscale.example.com/api/v1/ingest/hec", "https://logscale.example.com/api/v1/ingest/hec"),
    ],
)
def test_the_endpoint_may_be_a_base_or_the_whole_url(endpoint: str, url: str) -> None:
    asked = next(hec(endpoint=endpoint).exchange(payload(), AT))
    assert isinstance(asked, HttpRequest)
    assert asked.url == url


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"endpoint": "splunk:8088"}, "http://"),
        ({"endpoint": "ftp://splunk"}, "http://"),
        ({"endpoint": "https://"}, "host"),
        ({"endpoint": "https://user:hidden-pass@splunk"}, "credentials"),
        ({"endpoint": "https://splunk/?token=hidden-pass"}, "query"),
        ({"endpoint": "https://splunk/#x"}, "query"),
        ({"endpoint": "https://splunk:99999"}, "not a URL"),
        ({"endpoint": "https://spl unk"}, "characters"),
        ({"endpoint": "https://splunk\r\nX: y"}, "characters"),
        ({"endpoint": URL + "/services/collector/raw"}, "must end with"),
        ({"endpoint": URL + "/services/collector/health"}, "must end with"),
        ({"token": ""}, "empty"),
        ({"token": " \n"}, "empty"),
        ({"token": "Splunk hidden-pass"}, "characters"),
        ({"token": "hidden-pass\r\nX: y"}, "characters"),
        ({"index": "audit-{tenant.id"}, "unbalanced"),
        ({"source": "{}"}, "empty field"),
        ({"fields": ["_raw"]}, "indexed field"),
        ({"fields": ["a b"]}, "indexed field"),
        ({"max_request_bytes": (2 << 20) + 1}, "2097152"),
        ({"max_request_bytes": 10}, "1024"),
        ({"timeout": 0}, "greater than 0"),
        ({"timeout": "10 parsecs"}, "duration"),
        ({"schema": "ocsf"}, "cim"),
        ({"compression": "zstd"}, "gzip"),
        ({"headers": {"Authorization": "hidden-pass"}}, "set by the exporter"),
        ({"headers": {"X-A": "hidden-pass\r\nb"}}, "cannot carry"),
        ({"headers": {"X A": "hidden-pass"}}, "header name"),
        ({"endpoint": []}, "names no URL"),
        ({"endpoint": [URL, "splunk:8088"]}, "http://"),
        ({"endpoint": [URL, URL + "/services/collector/event"]}, "twice"),
        ({"endpoint": ["https://user:hidden-pass@splunk"]}, "credentials"),
        ({"health_path": "health"}, "begins with /"),
        ({"health_path": "/health?token=hidden-pass"}, "begins with /"),
        ({"ack": {"enabled": "perhaps"}}, "boolean"),
        ({"ack": {"timeout": "10s"}}, "longer than poll_interval"),
        ({"ack": {"poll_interval": "6m", "timeout": "1h"}}, "at most 5m"),
        ({"ack": {"max_pending": 0}}, "1"),
        ({"ack": True, "endpoint": "https://logscale/api/v1/ingest/hec"}, "confirms nothing"),
    ],
)
def test_wrong_settings_are_refused_without_showing_them(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        hec(**changes)
    assert said in str(refused.value)
    assert "hidden-pass" not in str(refused.value)


def test_a_token_from_a_file_loses_its_newline() -> None:
    asked = next(hec(token=TOKEN + "\n").exchange(payload(), AT))
    assert isinstance(asked, HttpRequest)
    assert asked.headers["Authorization"] == f"Splunk {TOKEN}"


def test_spellings_of_the_collector() -> None:
    made = hec(
        max_content_length_logs=100_000,
        disable_compression=True,
        tls={"ca_file": "ca.pem", "insecure_skip_verify": True},
        timeout="1m30s",
    )
    assert made.limits.bytes == 100_000
    assert made.compression == "none"
    assert hec(max_content_length_logs=800 << 20).limits.bytes == 2 << 20
    assert hec(max_event_size=5 << 20).limits.record_bytes == 5 << 20
    assert made.wire == HttpSettings(timeout=90.0, tls=TlsSettings(ca_file="ca.pem", verify=False), max_reply=1 << 20)


def test_the_request() -> None:
    asked = next(hec(headers={"X-Tenant": "t"}).exchange(payload(Content_Encoding="gzip"), AT))
    assert isinstance(asked, HttpRequest)
    assert asked.method == "POST"
    assert asked.body == b"{}"
    assert asked.headers["Authorization"] == f"Splunk {TOKEN}"
    assert asked.headers["Content-Type"] == "application/json"
    assert asked.headers["Content-Encoding"] == "gzip"
    assert asked.headers["X-Tenant"] == "t"
    assert asked.session == ""
    assert "X-Splunk-Request-Channel" not in asked.headers


# ---------------------------------------------------------------- encode


def test_gzip_only_where_it_is_worth_it() -> None:
    small, large = hec().encode(batch(1), AT).payloads[0], hec().encode(batch(50), AT).payloads[0]
    assert small.size <= WORTHWHILE < large.size
    assert not small.headers
    assert large.headers == {"Content-Encoding": "gzip"}
    assert len(gzip.decompress(large.body)) == large.size
    assert not hec(compression="none").encode(batch(50), AT).payloads[0].headers


def test_one_payload_per_index_when_the_index_is_a_template() -> None:
    tenants = [Record(attributes={"tenant.id": name}) for name in ("a", "b", "a", "c", "b")]
    encoded = hec(index="audit-{tenant.id}").encode([Group({}, Scope(), tenants)], AT)
    assert {p.key: list(p.indices) for p in encoded.payloads} == {"audit-a": [0, 2], "audit-b": [1, 4], "audit-c": [3]}
    for made in encoded.payloads:
        assert made.body.count(f'"index":"{made.key}"'.encode()) == len(made.indices)


def test_a_static_index_shares_one_fate() -> None:
    assert [p.key for p in hec(index="audit").encode(batch(3), AT).payloads] == [""]


def test_p4_a_record_too_large_is_rejected_alone() -> None:
    records = [Record(id="a"), Record(id="b", body="x" * 5000), Record(id="c")]
    encoded = hec(max_event_bytes=4096).encode([Group({}, Scope(), records)], AT)
    assert [list(p.indices) for p in encoded.payloads] == [[0, 2]]
    assert list(encoded.rejected) == [1]
    assert "too large" in encoded.rejected[1]


def test_a_record_over_the_request_limit_goes_alone() -> None:
    records = [Record(id="a"), Record(id="b", body="x" * 5000), Record(id="c")]
    encoded = hec(max_request_bytes=4096).encode([Group({}, Scope(), records)], AT)
    assert [list(p.indices) for p in encoded.payloads] == [[0], [1], [2]]


def test_p4_what_no_encoder_takes_harms_only_itself() -> None:
    records = [Record(id="a"), Record(id="b", body="\ud800"), Record(id="c")]
    encoded = hec(index="{tenant.id}").encode([Group({}, Scope(), records)], AT)
    assert [list(p.indices) for p in encoded.payloads] == [[0, 2]]
    assert encoded.rejected == {1: "cannot be encoded: it holds text that is not valid Unicode"}


@given(
    strategies.batches,
    st.integers(1024, 6000),
    st.integers(1024, 6000),
    st.sampled_from([None, "main", "i-{tenant.id}", "{event}"]),
    st.sampled_from(["cim", "event"]),
    st.sampled_from(["gzip", "none"]),
)
@settings(deadline=None, max_examples=some(60))
def test_encode_is_total_within_any_limits(
    records: Batch, request: int, event: int, index: str | None, schema: str, compression: str
) -> None:
    made = hec(max_request_bytes=request, max_event_bytes=event, index=index, schema=schema, compression=compression)
    encoded = check_encode(made, records, AT)
    assert sum(len(p.indices) for p in encoded.payloads) + len(encoded.rejected) == count(records)


# ---------------------------------------------------------------- answers


@pytest.mark.parametrize(
    "reply",
    [
        answer(200, 0, text="Success"),
        Answer(200, {}, b""),
        Answer(200, {}, b"{}"),  # CloudWatch's HLC
        Answer(200, {}, b"<html>"),
        Answer(204),
    ],
)
def test_success(reply: Answer) -> None:
    assert judged(reply) == Delivered()


@pytest.mark.parametrize("code", [24, 25])
def test_near_capacity_is_delivered_and_slows_down(code: int) -> None:
    outcome = judged(answer(200, code, text="Queue near capacity"))
    assert outcome == Delivered(f"HEC {code} Queue near capacity (HTTP 200)", 1.0)
    assert judged(answer(200, code, retry_after="9")) == Delivered(f"HEC {code} said (HTTP 200)", 9.0)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, 11),
        (400, 14),
        (400, 16),
        (400, 21),
        (400, 22),
    ],
)
def test_p3_our_fault_holds(status: int, code: int) -> None:
    assert judged(answer(status, code)) == Hold(f"HEC {code} said (HTTP {status})")


@pytest.mark.parametrize(
    ("status", "code", "todo"),
    [
        (403, 1, "turn the token on under Settings, Data inputs, HTTP Event Collector"),
        (401, 2, "something in between takes away the header Authorization"),
        (401, 3, "something in between changes the header Authorization"),
        (403, 4, "Splunk knows no such token; check `token`"),
    ],
)
def test_p3_a_token_that_is_refused_holds_and_says_what_to_do(status: int, code: int, todo: str) -> None:
    assert judged(answer(status, code)) == Hold(f"HEC {code} said (HTTP {status}): {todo}")


@pytest.mark.parametrize("code", [10, 28])
def test_p3_a_token_that_wants_a_channel_holds_and_says_what_to_write(code: int) -> None:
    hint = "the token has indexer acknowledgement on: write ack: {enabled: true}"
    assert judged(answer(400, code)) == Hold(f"HEC {code} said (HTTP 400): {hint}")


@pytest.mark.parametrize("status", [301, 307, 401, 403, 404, 405, 407, 415])
def test_p3_wrong_address_or_credentials_hold_whatever_the_body_says(status: int) -> None:
    for code in range(30):
        assert isinstance(judged(answer(status, code, 1)), Hold)


@pytest.mark.parametrize(
    ("status", "code", "busy"),
    [(500, 8, False), (503, 9, True), (503, 18, True), (503, 19, True), (503, 20, True), (503, 23, True),
     (429, 26, True), (429, 27, True), (408, None, False), (502, None, False), (504, None, False), (429, None, True)],
)  # fmt: skip
def test_their_fault_is_tried_again(status: int, code: int | None, busy: bool) -> None:
    outcome = judged(answer(status, code, retry_after="30"))
    assert isinstance(outcome, Retry)
    assert (outcome.busy, outcome.after) == (busy, 30.0)


@pytest.mark.parametrize("code", [6, 12, 13, 15])
@pytest.mark.parametrize("number", range(4))
def test_p4_the_prefix_is_delivered_one_rejected_the_rest_again(code: int, number: int) -> None:
    reason = f"HEC {code} said (HTTP 400)"
    outcome = judged(answer(400, code, number))
    assert isinstance(outcome, Partial)
    assert list(outcome.delivered) == list(range(number))
    assert outcome.rejected == {number: reason}
    assert list(outcome.again) == list(range(number + 1, 4))


@pytest.mark.parametrize("number", [None, -1, 4, 10**9, "1", 1.0, True, [1]])
@pytest.mark.parametrize("code", [6, 12, 13, 15])
def test_a_number_that_names_no_record_leaves_it_to_bisection(code: int, number: object) -> None:
    assert judged(answer(400, code, number)) == Reject(f"HEC {code} said (HTTP 400)")


def test_a_large_body_that_cloud_calls_bad_format_is_split() -> None:
    assert judged(answer(400, 6, 0), size=5_300_000) == Split("HEC 6 said (HTTP 400)")
    assert isinstance(judged(answer(400, 6, 1), size=5_300_000), Partial)
    assert isinstance(judged(answer(400, 6, 0), size=1_000_000), Partial)


@pytest.mark.parametrize("number", [None, 0, 1, 5, -1])
def test_p3_an_index_that_is_not_allowed_holds(number: int | None) -> None:
    todo = "check `index`, that it exists, and that the token may write to it"
    assert judged(answer(400, 7, number, "Incorrect index")) == Hold(f"HEC 7 Incorrect index (HTTP 400): {todo}")


def test_an_index_refused_later_names_the_record_after_the_culprit() -> None:
    outcome = judged(answer(400, 7, 3))
    assert isinstance(outcome, Partial)
    assert list(outcome.delivered) == [0, 1]
    assert list(outcome.held) == [2, 3]
    assert not outcome.rejected


def test_no_data_is_our_encoder_and_left_to_bisection() -> None:
    assert judged(answer(400, 5)) == Reject("HEC 5 said (HTTP 400)")


@pytest.mark.parametrize(
    "reply", [Answer(400), Answer(400, {}, b"<html>"), Answer(422), answer(400, "7"), answer(400, 99)]
)
def test_other_refusals_are_judged_by_status(reply: Answer) -> None:
    assert isinstance(judged(reply), Reject)


def test_413_splits() -> None:
    assert judged(Answer(413)) == Split("HTTP 413")


@pytest.mark.parametrize(("code", "kind"), [(4, Hold), (9, Retry), (7, Hold), (13, Partial)])
def test_a_body_in_hec_words_outweighs_a_rewritten_200(code: int, kind: type[Outcome]) -> None:
    assert isinstance(judged(answer(200, code, 1)), kind)


def test_415_is_sent_once_more_without_compression() -> None:
    made = hec().encode(batch(50), AT).payloads[0]
    exchange = hec().exchange(made, AT)
    first = next(exchange)
    assert isinstance(first, HttpRequest)
    assert first.headers["Content-Encoding"] == "gzip"
    second = exchange.send(Answer(415, {}, b"<html>"))
    assert isinstance(second, HttpRequest)
    assert "Content-Encoding" not in second.headers
    assert second.body == gzip.decompress(first.body)
    with pytest.raises(StopIteration) as done:
        exchange.send(answer(200, 0))
    assert done.value.value == Delivered()
    assert isinstance(drive(hec().exchange(made, AT), Answer(415)), Hold)


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [("resolve", Hold), ("tls", Hold), ("protocol", Hold), ("connect", Retry), ("reset", Retry), ("timeout", Retry)],
)
def test_no_answer(kind: Any, verdict: type[Outcome]) -> None:
    assert isinstance(judged(Failure(kind, "detail")), verdict)


def test_what_the_peer_says_is_short_one_line_and_without_our_token() -> None:
    outcome = judged(answer(403, 4, text=f"Invalid token {TOKEN}\r\n\x1b[2J" + "x" * 10_000))
    assert isinstance(outcome, Hold)
    assert outcome.reason.startswith("HEC 4 Invalid token [redacted] [2Jxxx")
    assert outcome.reason.isprintable()
    assert len(outcome.reason) < 200
