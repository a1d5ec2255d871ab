"""OtlpHttp: what it accepts as settings, what it asks, and what every status means (contract 4 and 5)."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
import zstandard
from pydantic import ValidationError

from otelsiem.destinations.otlp_http import OtlpHttp
from otelsiem.formats import zstd
from otelsiem.model.destination import HttpSettings, Moment, Payload
from otelsiem.model.errors import MissingExtraError
from otelsiem.model.exchange import Answer, HttpRequest, Reply
from otelsiem.model.outcome import Delivered, Hold, Outcome, Partial, Reject, Retry, Split
from otelsiem.model.record import Batch, Group, Record, Scope
from otelsiem.otlp import answers
from otelsiem.otlp.decode import decode
from otelsiem.otlp.json import decode_json
from otelsiem.testing.conformance import drive

AT = Moment(now=1_767_225_601_000_000_000)
BASE = "https://collector.example.com:4318"


def otlp(**settings: Any) -> OtlpHttp:
    return OtlpHttp.model_validate({"endpoint": BASE, **settings})


def batch(size: int) -> Batch:
    return [Group({}, Scope(), [Record(id=str(n), body="x" * 50) for n in range(size)])]


def payload(records: int = 4) -> Payload:
    return Payload(b"body", range(records), "", {}, 4)


def asked(made: OtlpHttp) -> HttpRequest:
    request = next(made.exchange(payload(), AT))
    assert isinstance(request, HttpRequest)
    return request


def judged(reply: Reply, records: int = 4, **settings: Any) -> Outcome:
    return drive(otlp(**settings).exchange(payload(records), AT), reply)


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, f"{BASE}/v1/logs"),
        ({"endpoint": f"{BASE}/"}, f"{BASE}/v1/logs"),
        ({"endpoint": f"{BASE}/otlp"}, f"{BASE}/otlp/v1/logs"),
        ({"endpoint": f"{BASE}/v1/logs"}, f"{BASE}/v1/logs"),
        ({"logs_endpoint": "https://vendor.example.com/intake"}, "https://vendor.example.com/intake"),
        ({"endpoint": None, "logs_endpoint": "http://a/logs/"}, "http://a/logs/"),
    ],
)
def test_the_path_is_added_to_a_base_and_never_to_a_whole_url(settings: dict[str, Any], url: str) -> None:
    assert asked(otlp(**settings)).url == url


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"endpoint": None}, "endpoint is missing"),
        ({"endpoint": "collector:4318"}, "http://"),
        ({"endpoint": [BASE, BASE]}, "twice"),
        ({"endpoint": "https://u:hidden-pass@collector"}, "credentials"),
        ({"logs_endpoint": "https://collector?key=hidden-pass"}, "query"),
        ({"encoding": "protobuf"}, "proto"),
        ({"compression": "snappy"}, "gzip"),
        ({"headers": {"Content-Type": "hidden-pass"}}, "itself"),
        ({"headers": {"a b": "hidden-pass"}}, "header name"),
        ({"tls": {"insecure": True}}, "http://"),
        ({"max_request_bytes": 1 << 30}, "67108864"),
    ],
)
def test_wrong_settings_are_refused_without_showing_them(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        otlp(**settings)
    assert words in str(refused.value)
    assert "hidden-pass" not in str(refused.value)


def test_without_its_package_zstd_is_refused_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise MissingExtraError("compression: zstd", "gateway", "zstandard")

    monkeypatch.setattr(zstd, "available", missing)
    with pytest.raises(ValidationError, match=r"pip install 'otelsiem\[gateway\]'"):
        otlp(compression="zstd")


def test_the_request() -> None:
    request = asked(otlp(headers={"Authorization": "Bearer x"}))
    assert (request.method, request.body) == ("POST", b"body")
    assert request.headers["Content-Type"] == "application/x-protobuf"
    assert request.headers["Authorization"] == "Bearer x"
    assert request.headers["User-Agent"].startswith("otelsiem/")
    assert asked(otlp(encoding="json")).headers["Content-Type"] == "application/json"
    assert otlp(timeout="3s").wire == HttpSettings(timeout=3.0)


def test_probes_are_empty_requests() -> None:
    for made, body in ((otlp(), b""), (otlp(encoding="json"), b"{}")):
        probe = next(made.probe(AT))
        assert isinstance(probe, HttpRequest)
        assert probe.body == body
        assert "Content-Encoding" not in probe.headers


def test_bodies_in_both_encodings_and_all_compressions() -> None:
    for encoding, read in (("proto", decode), ("json", decode_json)):
        for compression, unpack in (
            ("none", bytes), ("gzip", gzip.decompress), ("zstd", zstandard.ZstdDecompressor().decompress),
        ):  # fmt: skip
            (made,) = otlp(encoding=encoding, compression=compression).encode(batch(100), AT).payloads
            plain = unpack(made.body)
            assert made.size == len(plain)
            assert made.headers == ({} if compression == "none" else {"Content-Encoding": compression})
            assert [r.attributes["log.record.uid"] for r in read(plain)[0].records] == [str(n) for n in range(100)]
    assert not otlp().encode(batch(1), AT).payloads[0].headers, "not worth it"


# ---------------------------------------------------------------- verdicts


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_be_sent_again_is(status: int) -> None:
    assert isinstance(judged(Answer(status)), Retry)
    told = judged(Answer(status, {"retry-after": "7"}))
    assert isinstance(told, Retry)
    assert told.after == 7
    dated = judged(Answer(status, {"retry-after": "Thu, 01 Jan 2026 00:00:11 GMT"}))
    assert isinstance(dated, Retry)
    assert dated.after == 10


def test_a_delay_in_the_body_counts_too() -> None:
    for kind, body in (
        ("application/json", answers.status_json(14, "x", 3)),
        ("application/x-protobuf", answers.status(14, "x", 3)),
    ):
        outcome = judged(Answer(503, {"content-type": kind}, body))
        assert outcome == Retry("HTTP 503: x", 3.0)


@pytest.mark.parametrize(
    "status", [500, 501, 505, 599, 401, 402, 403, 404, 405, 408, 410, 415, 425, 431, 301, 100, 600]
)
def test_p3_what_blames_no_record_is_kept(status: int) -> None:
    assert isinstance(judged(Answer(status)), Hold)


@pytest.mark.parametrize("status", [400, 409, 422])
def test_what_blames_the_records_is_refused(status: int) -> None:
    assert isinstance(judged(Answer(status)), Reject)


def test_too_large_is_halved() -> None:
    assert isinstance(judged(Answer(413)), Split)


def test_an_empty_answer_is_a_success() -> None:
    for encoding in ("proto", "json"):
        assert judged(Answer(200), encoding=encoding) == Delivered()
        assert judged(Answer(204), encoding=encoding) == Delivered()


@pytest.mark.parametrize(
    ("kind", "body"),
    [("application/x-protobuf", answers.response(1, "old")), ("application/json", answers.response_json(1, "old"))],
)
@pytest.mark.parametrize("encoding", ["proto", "json"])
def test_partial_success_by_the_answers_own_type(encoding: str, kind: str, body: bytes) -> None:
    outcome = judged(Answer(200, {"content-type": kind}, body), encoding=encoding)
    assert isinstance(outcome, Partial)
    assert outcome.took
    assert sorted(outcome.rejected) == [0, 1, 2, 3]


def test_a_page_for_people_is_no_success() -> None:
    page = b"<!doctype html><title>Sign in</title>"
    for headers in ({}, {"content-type": "text/html; charset=utf-8"}):
        outcome = judged(Answer(200, headers, page))
        assert isinstance(outcome, Hold)
        assert "page for people" in outcome.reason


def test_an_answer_that_is_none_of_otlps_is_told() -> None:
    outcome = judged(Answer(200, {}, b'{"status":"ok"}'))
    assert isinstance(outcome, Delivered)
    assert "cannot be read" in outcome.note
    assert judged(Answer(200, {"content-type": "application/json"}, b'{"status":"ok"}')) == Delivered()


def test_reasons_carry_the_peers_words_without_secrets() -> None:
    body = answers.status(13, "broken for secret-token-1")
    held = judged(
        Answer(500, {"content-type": "application/x-protobuf"}, body),
        headers={"Authorization": "Bearer secret-token-1"},
    )
    assert isinstance(held, Hold)
    assert held.reason == "HTTP 500: broken for [redacted]: the service failed: look at its own log"


def test_a_probe_blames_nobody() -> None:
    for status in (400, 413, 422, 500):
        assert isinstance(drive(otlp().probe(AT), Answer(status)), Hold)
    assert drive(otlp().probe(AT), Answer(200)) == Delivered()
