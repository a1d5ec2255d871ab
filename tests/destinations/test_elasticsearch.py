"""Elasticsearch and Opensearch: what they accept as settings, what a request is, and which node gets it."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import pytest
from pydantic import ValidationError

from otelsiem.destinations.opensearch import Opensearch
from otelsiem.formats.gzip import WORTHWHILE
from otelsiem.model.destination import HttpSettings, Limits, TlsSettings
from otelsiem.model.exchange import Answer, Failure, HttpRequest, Reply, SigV4
from otelsiem.model.nodes import Nodes
from otelsiem.model.outcome import Delivered, Hold, Outcome, Retry
from otelsiem.model.record import Group, Record, Scope
from otelsiem.testing.conformance import drive
from tests.destinations.bulk import (
    AT,
    DAY,
    NOW,
    STREAM,
    answer,
    at,
    batch,
    elasticsearch,
    host,
    id_of,
    item,
    opensearch,
    payload,
    talk,
)

KEY = b64encode(b"an-id:a-key").decode()


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"endpoint": None}, "endpoint is missing"),
        ({"endpoints": ["https://a:9200"]}, "endpoint and endpoints say where it is"),
        ({"cloudid": "x:" + b64encode(b"h$c$k").decode()}, "endpoint and cloudid"),
        ({"endpoint": None, "cloudid": "nonsense"}, "is no Cloud ID"),
        ({"endpoint": None, "endpoints": []}, "names no URL"),
        ({"endpoint": None, "endpoints": ["https://a:9200", "https://a:9200/"]}, "the same endpoint twice"),
        ({"endpoint": "https://a:9200/_bulk"}, "leave /_bulk and the index out"),
        ({"endpoint": "a:9200"}, "must begin with http"),
        ({"user": "gw"}, "one of them is missing"),
        ({"user": "g:w", "password": "secret-1"}, "without a colon"),
        ({"user": "gw", "password": "secret-1", "api_key": KEY}, "user and api_key say who we are"),
        ({"api_key": KEY, "endpoint": "http://a:9200"}, "api_key is not sent over http://"),
        ({"bearer_token": "token-1", "endpoint": "http://a:9200"}, "bearer_token is not sent over http://"),
        ({"api_key": b64encode(KEY.encode()).decode()}, "encoded twice"),
        ({"api_key": f"ApiKey {KEY}"}, "without `ApiKey`"),
        ({"api_key": "VuaCfGcBCdbkQm-e5aOx"}, "not a whole key"),
        ({"api_key": ""}, "is empty"),
        ({"bearer_token": "Bearer token-1"}, "without `Bearer`"),
        ({"index": "Audit"}, "lower case"),
        ({"index": "audit", "logs_index": "audit"}, "logs_index and index mean the same"),
        ({"data_stream": {"dataset": "my-app"}}, "cannot hold a hyphen"),
        ({"data_stream": {"namespace": "a b"}}, "cannot hold ' '"),
        ({"logstash_format": {"enabled": True, "date_format": "daily"}}, "has no date in it"),
        ({"mapping": {"mode": "bodymap"}}, "bodymap is not supported: write ecs or otel"),
        ({"mapping": {"mode": "json"}}, "'ecs' or 'otel'"),
        ({"ca_trusted_fingerprint": "ab:cd"}, "64 hex digits"),
        ({"ca_trusted_fingerprint": "ab" * 32, "tls": {"ca_file": "ca.pem"}}, "leave ca_file out"),
        ({"lifecycle": {"delete_after": "a year"}}, "pattern"),
        ({"pipeline": ""}, "at least 1"),
    ],
)
def test_what_cannot_work_is_refused_at_the_start(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        elasticsearch(**changes)
    said = str(caught.value)
    assert words in said
    assert "secret-1" not in said
    assert "token-1" not in said


def test_a_cloud_id_is_an_address() -> None:
    for said, url in (
        ("eu-central-1.aws.example.com$abc$kib", "https://abc.eu-central-1.aws.example.com"),
        ("example.com:9243$abc$kib", "https://abc.example.com:9243"),
        ("example.com$abc:9244$kib", "https://abc.example.com:9244"),
        ("example.com:443$abc", "https://abc.example.com:443"),
    ):
        cloud = f"my:deployment:{b64encode(said.encode()).decode()}"
        assert elasticsearch(endpoint=None, cloudid=cloud).nodes == (url,)


@pytest.mark.parametrize(
    ("changes", "header"),
    [
        ({"user": "gw", "password": "geheim-ä\n"}, f"Basic {b64encode('gw:geheim-ä'.encode()).decode()}"),
        ({"api_key": KEY}, f"ApiKey {KEY}"),
        ({"api_key": "an-id:a-key\n"}, f"ApiKey {KEY}"),
        ({"api_key": "essu_abc"}, "ApiKey essu_abc"),
        ({"bearer_token": "token"}, "Bearer token"),
        ({}, None),
    ],
)
def test_who_we_are_is_one_header(changes: dict[str, Any], header: str | None) -> None:
    request = next(elasticsearch(**changes).exchange(payload(), AT))
    assert isinstance(request, HttpRequest)
    assert request.headers.get("Authorization") == header
    assert request.auth is None


def test_managed_opensearch_is_signed() -> None:
    signed = opensearch(
        auth={"sigv4": {"region": "eu-central-1", "service": "aoss", "profile": "p", "role_arn": "arn:x"}}
    )
    request = next(signed.exchange(payload(), AT))
    assert isinstance(request, HttpRequest)
    assert request.auth == SigV4("aoss", "eu-central-1", "p", "arn:x")
    assert "Authorization" not in request.headers
    refused: list[dict[str, Any]] = [
        {"api_key": KEY},
        {"auth": {}},
        {"auth": {"sigv4": {"region": "Europe"}}},
        {"cloudid": "x:y"},
    ]
    for changes in refused:
        with pytest.raises(ValidationError):
            opensearch(**changes)
    with pytest.raises(ValidationError, match="user and auth say who we are"):
        opensearch(user="gw", password="secret", auth={"sigv4": {"region": "eu-central-1"}})


def test_opensearch_reads_the_collectors_block() -> None:
    made = Opensearch.model_validate(
        {"http": {"endpoint": "https://a:9200", "timeout": "5s"}, "dataset": "app", "namespace": "prod"}
    )
    assert (made.nodes, made.timeout) == (("https://a:9200",), 5.0)
    assert made.data_stream.dataset == "app"
    assert opensearch(http={"timeout": "5s"}, timeout="6s").timeout == 6.0
    with pytest.raises(ValidationError, match="endpoint stands here and in http"):
        opensearch(http={"endpoint": "https://a:9200"})


def test_the_wire() -> None:
    made = elasticsearch(ca_trusted_fingerprint="AB:" * 31 + "AB", tls={"server_name_override": "es"}, timeout="9s")
    assert made.wire == HttpSettings(9.0, TlsSettings(server_name="es", fingerprint="ab" * 32))
    assert made.limits == Limits(bytes=5 << 20, record_bytes=10 << 20)


# ---------------------------------------------------------------- requests


def sent(changes: dict[str, Any], *groups: Group) -> list[HttpRequest]:
    """The requests that a batch becomes."""
    made = elasticsearch(compression="none", **changes)
    found = []
    for one in made.encode([*groups] or batch(2), AT).payloads:
        request = next(made.exchange(one, AT))
        assert isinstance(request, HttpRequest)
        found.append(request)
    return found


def test_a_request_is_complete() -> None:
    [request] = sent({"headers": {"X-Opaque-Id": "otelsiem"}})
    assert request.method == "POST"
    url, _, query = request.url.partition("?")
    assert url == f"https://es.example.com:9200/{STREAM}/_bulk"
    assert unquote(query) == (
        "filter_path=errors,items.*.status,items.*.result,items.*.failure_store,items.*.error.type,items.*.error.reason"
    )
    assert not set(query.partition("=")[2]) & set(",*"), "signatures of AWS are made of the escaped text"
    assert request.headers["Content-Type"] == "application/x-ndjson"
    assert request.headers["X-Opaque-Id"] == "otelsiem"
    lines = request.body.split(b"\n")
    assert lines.pop() == b"", "the last line ends, too"
    assert [json.loads(line) for line in lines[::2]] == [{"create": {"_id": id_of(n)}} for n in range(2)]
    documents = [json.loads(line) for line in lines[1::2]]
    assert [document["message"] for document in documents] == ["r-0", "r-1"]
    assert documents[0]["@timestamp"] == "2026-01-01T00:00:01.000000000Z"
    assert documents[0]["data_stream"] == {"type": "logs", "dataset": "otelsiem.audit", "namespace": "default"}


def test_each_index_has_requests_of_its_own() -> None:
    events = [
        Record(id_of(n), NOW - n // 2 * DAY, attributes={"tenant.id": "Ab"[n % 2]}, body=f"{n}") for n in range(4)
    ]
    requests = sent({"index": "audit-{tenant.id}-%Y.%m.%d"}, Group({}, Scope(), events))
    paths = [request.url.partition("9200/")[2].partition("/_bulk")[0] for request in requests]
    assert paths == ["audit-a-2026.01.01", "audit-b-2026.01.01", "audit-a-2025.12.31", "audit-b-2025.12.31"]
    assert all(b"data_stream" not in request.body for request in requests)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"logs_index": "audit"}, "/audit/_bulk?filter"),
        ({"logs_index": "audit", "logstash_format": {"enabled": True}}, "/audit-2026.01.01/_bulk?filter"),
        ({"logstash_format": {"enabled": True, "prefix_separator": "_", "date_format": "%Y%m"}},
         f"/{STREAM}_202601/_bulk?filter"),
        ({"pipeline": "geo & co"}, f"/{STREAM}/_bulk?pipeline=geo%20%26%20co&filter"),
        ({"require_data_stream": True}, f"/{STREAM}/_bulk?require_data_stream=true&filter"),
        ({"mapping": {"mode": "OTEL"}}, "/logs-otelsiem.audit.otel-default/_bulk?require_data_stream=true&filter"),
        ({"mapping": {"mode": "otel"}, "require_data_stream": False}, "/logs-otelsiem.audit.otel-default/_bulk?filter"),
        ({"mapping": {"mode": "otel"}, "index": "audit"}, "/audit/_bulk?filter"),
        ({"index": "{tenant.id|öl}"}, "/%C3%B6l/_bulk?filter"),
        ({"endpoint": "https://proxy.example.com/es/"}, f"/es/{STREAM}/_bulk?filter"),
    ],
)  # fmt: skip
def test_where_it_goes(changes: dict[str, Any], path: str) -> None:
    [request] = sent(changes)
    assert path in request.url


def test_bodies_are_packed_and_cut_between_records() -> None:
    made = elasticsearch(max_request_bytes=4096)
    encoded = made.encode(batch(30), AT)
    assert len(encoded.payloads) > 1
    seen = 0
    for one in encoded.payloads:
        assert one.headers == ({"Content-Encoding": "gzip"} if one.size > WORTHWHILE else {})
        body = gzip.decompress(one.body) if one.headers else one.body
        assert len(body) == one.size <= 4096
        assert body.count(b"\n") == 2 * len(one.indices)
        assert json.loads(body.split(b"\n")[0]) == {"create": {"_id": id_of(seen)}}
        seen += len(one.indices)
    assert seen == 30


def test_a_record_that_is_too_large_or_no_text_is_refused_alone() -> None:
    made = elasticsearch(max_event_bytes=2000, compression="none")
    groups = [*batch(2), *batch(1, 2, body="x" * 3000), *batch(1, 3, body="\ud800"), *batch(1, 4)]
    encoded = made.encode(groups, AT)
    assert [list(one.indices) for one in encoded.payloads] == [[0, 1, 4]]
    assert "too large" in encoded.rejected[2]
    assert "Unicode" in encoded.rejected[3]


# ---------------------------------------------------------------- nodes

NODES = ["a", "b", "c"]
GOOD = answer(*[item(201)] * 4)


def several(replies: Mapping[str, Reply], nodes: Nodes | None = None, seconds: float = 0) -> tuple[Outcome, list[str]]:
    made = elasticsearch(endpoint=None, endpoints=[f"https://{name}:9200" for name in NODES])
    outcome, asked = talk(
        made.exchange(payload(), at(seconds, nodes, STARTS)), lambda request: replies.get(host(request), GOOD)
    )
    return outcome, [host(request) for request in asked]


def _starts() -> str:
    made = elasticsearch(endpoint=None, endpoints=[f"https://{name}:9200" for name in NODES])
    channels = [f"channel-{n}" for n in range(50)]
    return next(
        one for one in channels if host(talk(made.exchange(payload(), at(channel=one)), lambda _: GOOD)[1][0]) == "a"
    )


STARTS = _starts()
ELSEWHERE: list[Reply] = [
    Failure("connect", "refused"),
    Failure("resolve", "no such host"),
    Failure("reset", "cut off", sent=True),
    Failure("tls", "expired"),
    Failure("timeout", "connecting"),
    Answer(502),
    Answer(503),
    Answer(504),
]
STAYS: list[tuple[Reply, type[Outcome]]] = [
    (Failure("timeout", "no answer", sent=True), Retry),
    (Answer(429), Retry),
    (Answer(500), Retry),
    (Answer(401), Hold),
    (Answer(404), Hold),
]


@pytest.mark.parametrize("reply", ELSEWHERE)
def test_another_node_is_asked_as_soon_as_one_fails(reply: Reply) -> None:
    """Even when it may have taken it: with an `_id` and `create` a second copy is none."""
    assert several({"a": reply}) == (Delivered(), ["a", "b"])
    assert several({"a": reply, "b": reply})[1] == ["a", "b", "c"]


@pytest.mark.parametrize(("reply", "verdict"), STAYS)
def test_what_another_node_would_not_mend_stays(reply: Reply, verdict: type[Outcome]) -> None:
    outcome, asked = several({"a": reply})
    assert isinstance(outcome, verdict)
    assert asked == ["a"]


def test_a_node_that_failed_is_asked_last_for_a_while() -> None:
    nodes = Nodes()
    dead: dict[str, Reply] = {"a": Failure("connect", "refused")}
    assert several(dead, nodes)[1] == ["a", "b"]
    assert several(dead, nodes, 1)[1] == ["b"]
    assert several({}, nodes, 3)[1] == ["a"]


def test_all_ill_is_the_verdict_of_the_first_and_names_it() -> None:
    outcome, asked = several({"a": Answer(503), "b": Failure("resolve", "no"), "c": Answer(502)})
    assert outcome == Retry("HTTP 503 from a:9200")
    assert asked == NODES


def test_one_node_is_not_named() -> None:
    assert drive(elasticsearch().exchange(payload(), AT), Answer(503)) == Retry("HTTP 503")
