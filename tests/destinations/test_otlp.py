"""Otlp: what it accepts as settings, what it asks, and what every status of gRPC means (contract 4 and 5)."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from pydantic import ValidationError

from otelsiem.destinations.otlp import METHOD, Otlp
from otelsiem.model.destination import GrpcSettings, Moment, Payload, TlsSettings
from otelsiem.model.exchange import Answer, Failure, GrpcRequest, Reply
from otelsiem.model.nodes import Nodes
from otelsiem.model.outcome import Delivered, Hold, Outcome, Partial, Reject, Retry, Split
from otelsiem.model.record import Group, Record, Scope
from otelsiem.otlp import answers
from otelsiem.otlp.decode import decode
from otelsiem.testing.conformance import drive

AT = Moment(now=1_767_225_601_000_000_000, channel="0aa1bb22-0000-4000-8000-000000000001")
ENDPOINT = "collector.example.com:4317"


def otlp(**settings: Any) -> Otlp:
    return Otlp.model_validate({"endpoint": ENDPOINT, **settings})


def payload(records: int = 4, size: int = 100_000) -> Payload:
    return Payload(b"x" * 2000, range(records), "", {}, size)


def said(code: int, message: str = "said", delay: float | None = None) -> Answer:
    headers = {"grpc-status": str(code), "grpc-message": message}
    if delay is not None:
        details = b64encode(answers.status(code, message, delay)).decode().rstrip("=")  # unpadded, as on the wire
        headers["grpc-status-details-bin"] = details
    return Answer(200, headers)


def judged(reply: Reply, records: int = 4, size: int = 100_000) -> Outcome:
    return drive(otlp().exchange(payload(records, size), AT), reply)


def asked(made: Otlp) -> GrpcRequest:
    request = next(made.exchange(payload(), AT))
    assert isinstance(request, GrpcRequest)
    return request


@pytest.mark.parametrize(
    ("endpoint", "insecure", "url"),
    [
        ("collector:4317", False, "https://collector:4317"),
        ("collector:4317", True, "http://collector:4317"),
        ("collector", False, "https://collector:4317"),
        ("https://collector:443", False, "https://collector:443"),
        ("http://collector:4317", False, "http://collector:4317"),
        ("http://collector:4317", True, "http://collector:4317"),
        ("dns:///collector:4317", False, "https://collector:4317"),
        ("dns:collector:4317", True, "http://collector:4317"),
        ("[::1]:4317", True, "http://[::1]:4317"),
        ("10.0.0.1:4317/", True, "http://10.0.0.1:4317"),
    ],
)
def test_an_endpoint_and_whether_it_is_encrypted(endpoint: str, insecure: bool, url: str) -> None:
    assert asked(otlp(endpoint=endpoint, tls={"insecure": insecure})).url == url


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"endpoint": "unix:///run/otel.sock"}, "must be host:port"),
        ({"endpoint": "ftp://collector:4317"}, "must be host:port"),
        ({"endpoint": "https://collector:4318/v1/logs"}, "use otlp_http"),
        ({"endpoint": "https://user:hidden-pass@collector:4317"}, "credentials"),
        ({"endpoint": "collector:port"}, "not a URL"),
        ({"endpoint": ""}, "names no host"),
        ({"endpoint": []}, "names no address"),
        ({"endpoint": ["a:4317", "a:4317"]}, "twice"),
        ({"endpoint": "https://a:4317", "tls": {"insecure": True}}, "contradict"),
        ({"endpoint": "http://a:4317", "tls": {"ca_file": "ca.pem"}}, "without TLS"),
        ({"tls": {"insecure": True, "ca_file": "ca.pem"}}, "without TLS"),
        ({"tls": {"insecure_skip_verify": True}}, "verifies always"),
        ({"tls": {"min_version": "1.3"}}, "no lower limit"),
        ({"tls": {"min_version": "1.1"}}, "broken"),
        ({"tls": {"cert_file": "c.pem"}}, "key_file"),
        ({"headers": {"grpc-timeout": "hidden-pass"}}, "metadata"),
        ({"headers": {"x-bin": "hidden-pass"}}, "metadata"),
        ({"headers": {"a b": "hidden-pass"}}, "metadata"),
        ({"headers": {"User-Agent": "hidden-pass"}}, "itself"),
        ({"headers": {"x": "hidden-pass\n"}}, "cannot carry"),
        ({"compression": "snappy"}, "gzip"),
        ({"compression": "zstd"}, "gzip"),
        ({"balancer_name": "rls"}, "round_robin"),
        ({"authority": "a b"}, "host name"),
        ({"keepalive": {"time": 0}}, "greater than 0"),
        ({"timeout": "soon"}, "duration"),
        ({"max_request_bytes": 1}, "1024"),
        ({"proxy_url": "http://proxy"}, "not permitted"),
    ],
)
def test_wrong_settings_are_refused_without_showing_them(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        otlp(**settings)
    assert words in str(refused.value)
    assert "hidden-pass" not in str(refused.value)


def test_settings_reach_the_wire() -> None:
    made = otlp(
        timeout="3s", authority="logs.example.com", balancer_name="pick_first", keepalive={"time": "20s"},
        tls={"ca_file": "ca.pem", "server_name_override": "inner", "reload_interval": "1h", "insecure": False},
    )  # fmt: skip
    assert made.wire == GrpcSettings(
        timeout=3.0, tls=TlsSettings(ca_file="ca.pem", server_name="inner"), keepalive_seconds=20.0,
        keepalive_timeout=10.0, balancer="pick_first", authority="logs.example.com",
    )  # fmt: skip
    assert otlp().wire.keepalive_seconds == 0
    assert otlp().limits.bytes == 3 << 20


def test_the_request() -> None:
    request = asked(otlp(headers={"Authorization": "Bearer x"}))
    assert (request.method, request.compression) == (METHOD, "gzip")
    assert request.metadata == {"authorization": "Bearer x"}
    assert asked(otlp(compression="none")).compression == ""
    probe = next(otlp().probe(AT))
    assert isinstance(probe, GrpcRequest)
    assert (probe.message, probe.compression) == (b"", "")


def test_every_record_is_there_with_its_id() -> None:
    batch = [Group({"service.name": "s"}, Scope("n"), [Record(id="a", event="e"), Record(id="b", body="x")])]
    (made,) = otlp().encode(batch, AT).payloads
    (group,) = decode(made.body)
    assert group.resource == {"service.name": "s"}
    assert [record.attributes["log.record.uid"] for record in group.records] == ["a", "b"]


# ---------------------------------------------------------------- verdicts


def test_success() -> None:
    assert judged(said(0)) == Delivered()
    assert judged(Answer(200, {"grpc-status": "0"}, answers.response(0, "near capacity"))) == Delivered(
        "the receiver says: near capacity"
    )


@pytest.mark.parametrize("code", [1, 4, 10, 11, 14, 15])
def test_what_may_be_sent_again_is(code: int) -> None:
    outcome = judged(said(code))
    assert isinstance(outcome, Retry)
    assert (outcome.after, outcome.busy) == (0.0, False)
    told = judged(said(code, delay=7.5))
    assert isinstance(told, Retry)
    assert (told.after, told.busy) == (7.5, True)


def test_a_delay_is_capped_and_one_of_nothing_is_none() -> None:
    assert judged(said(14, delay=1e9)) == Retry("gRPC UNAVAILABLE: said", 600.0, busy=True)
    assert judged(said(14, delay=0.0)) == Retry("gRPC UNAVAILABLE: said", 0.0, busy=True)


@pytest.mark.parametrize("code", [2, 5, 7, 9, 12, 13, 16, 17, 99])
def test_p3_what_blames_no_record_is_kept(code: int) -> None:
    assert isinstance(judged(said(code)), Hold)


@pytest.mark.parametrize("code", [3, 6])
def test_what_blames_the_records_is_refused(code: int) -> None:
    assert isinstance(judged(said(code)), Reject)


def test_exhausted_is_a_quota_a_limit_or_nobody_says() -> None:
    assert judged(said(8, delay=2.0)) == Retry("gRPC RESOURCE_EXHAUSTED: said", 2.0, busy=True)
    assert isinstance(judged(said(8)), Split)
    small = judged(said(8), size=2000)
    assert isinstance(small, Hold), "a request of 2 KB is not too large for anybody"
    assert "quota" in small.reason


def test_reasons_say_what_to_do() -> None:
    held = judged(said(16, "no"))
    assert isinstance(held, Hold)
    assert "UNAUTHENTICATED: no: the credentials are not accepted: check headers" in held.reason


def test_partial_success_keeps_all_and_sends_none_again() -> None:
    outcome = judged(Answer(200, {"grpc-status": "0"}, answers.response(1, "too old")), records=3)
    assert isinstance(outcome, Partial)
    assert outcome.took
    assert sorted(outcome.rejected) == [0, 1, 2]
    assert (
        "partially accepted, unknown members: 1 of the 3 records of a request were rejected: too old"
        in (outcome.rejected[0])
    )


@pytest.mark.parametrize("rejected", [3, 1000])
def test_when_all_are_rejected_it_is_known_which(rejected: int) -> None:
    outcome = judged(Answer(200, {"grpc-status": "0"}, answers.response(rejected, "no such tenant")), records=3)
    assert outcome == Reject("rejected by the receiver: no such tenant")


def test_an_answer_without_a_status_is_not_of_grpc() -> None:
    assert isinstance(judged(Answer(502)), Retry)
    assert isinstance(judged(Answer(403)), Hold)


@pytest.mark.parametrize("kind", ["tls", "resolve", "protocol", "proxy"])
def test_p3_a_connection_that_a_person_must_mend_holds(kind: Any) -> None:
    assert isinstance(judged(Failure(kind, "certificate expired")), Hold)


def test_a_probe_blames_nobody() -> None:
    for code in range(1, 18):
        assert isinstance(drive(otlp().probe(AT), said(code)), Retry | Hold)
    assert drive(otlp().probe(AT), said(0)) == Delivered()


# ---------------------------------------------------------------- several endpoints


def round_of(made: Otlp, replies: list[Reply], nodes: Nodes) -> tuple[Outcome, list[str]]:
    exchange = made.exchange(payload(), Moment(AT.now, channel=AT.channel, nodes=nodes))
    urls: list[str] = []
    try:
        step = next(exchange)
        while True:
            assert isinstance(step, GrpcRequest)
            urls.append(step.url)
            step = exchange.send(replies[len(urls) - 1])
    except StopIteration as done:
        return done.value, urls


def test_another_endpoint_gets_it_only_when_the_last_cannot_have_taken_it() -> None:
    made, nodes = otlp(endpoint=["a:1", "b:2"]), Nodes()
    outcome, urls = round_of(made, [Failure("connect", "refused"), said(0)], nodes)
    assert outcome == Delivered()
    assert len(set(urls)) == 2
    again, next_urls = round_of(made, [said(0)], nodes)
    assert again == Delivered()
    assert next_urls == urls[1:], "the one that failed lately is not asked first"
    outcome, urls = round_of(made, [Failure("reset", "gone", sent=True)], Nodes())
    assert isinstance(outcome, Retry)
    assert len(urls) == 1
    outcome, urls = round_of(made, [said(16)], Nodes())
    assert isinstance(outcome, Hold)
    assert "from a:1" in outcome.reason or "from b:2" in outcome.reason


def test_the_first_verdict_counts_when_none_is_reached() -> None:
    replies: list[Reply] = [Failure("tls", "expired"), Failure("connect", "refused")]
    outcome, _ = round_of(otlp(endpoint=["a:1", "b:2"]), replies, Nodes())
    assert isinstance(outcome, Hold)
