"""The fake refuses what Elasticsearch and OpenSearch refuse, and does silently what they do (contract 12)."""

from __future__ import annotations

import gzip
import http.client
import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from otelsiem.testing.elasticsearch import Access, FakeElasticsearch, Login

NDJSON = {"Content-Type": "application/x-ndjson"}
GOOD = {"@timestamp": "2026-01-01T00:00:00Z", "event": {"action": "login"}}


def call(
    peer: FakeElasticsearch, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, Any, dict[str, str]]:
    connection = http.client.HTTPConnection(peer.server.host, peer.server.port, timeout=10)
    try:
        connection.request(method, path, body or None, headers if headers is not None else NDJSON)
        answer = connection.getresponse()
        text = answer.read()
        try:
            said = json.loads(text)
        except ValueError:
            said = text
        return answer.status, said, {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


def lines(*documents: object, op: str = "create", **meta: str) -> bytes:
    return b"".join(
        [json.dumps({op: meta}).encode() + b"\n" + json.dumps(document).encode() + b"\n" for document in documents]
    )


def items(peer: FakeElasticsearch, body: bytes, path: str = "/audit/_bulk") -> list[tuple[int, str]]:
    """The status and the type of error of each item."""
    status, said, _ = call(peer, "POST", path, body)
    assert status == 200, said
    found = [next(iter(item.values())) for item in said["items"]]
    assert said["errors"] == any("error" in item for item in found)
    return [(item["status"], item.get("error", {}).get("type", "")) for item in found]


@pytest.fixture(params=[False, True], ids=["elasticsearch", "opensearch"])
def peer(request: pytest.FixtureRequest) -> Iterator[FakeElasticsearch]:
    with FakeElasticsearch(opensearch=request.param) as cluster:
        yield cluster


def refused(peer: FakeElasticsearch, body: bytes, **headers: str) -> tuple[int, str]:
    """The status, and the error in words."""
    given = {**NDJSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
    status, said, _ = call(peer, "POST", "/audit/_bulk", body, given)
    assert not peer.documents(), "all of it is refused"
    error = said.get("error", said) if isinstance(said, dict) else said
    return status, f"{error.get('type')}: {error.get('reason')}" if isinstance(error, dict) else str(error)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (lines(GOOD)[:-1], 400, "must be terminated by a newline"),
        (b"", 400, "request body is required"),
        (b"\n", 400, "no requests added"),
        (lines(GOOD) + b'{"create":{}}\n', 400, "must be terminated by a newline"),
        (lines(GOOD, _type="doc"), 400, "unknown parameter [_type]"),
        (lines(GOOD) + lines(GOOD, op="upsert"), 400, "Malformed action/metadata line [3]"),
        (b"nonsense\n{}\n", 400, "Unrecognized token"),
        (lines(GOOD, _id="x" * 513), 400, "is too long, must be no longer than 512 bytes"),
    ],
)
def test_one_bad_line_refuses_the_whole_request(peer: FakeElasticsearch, body: bytes, status: int, words: str) -> None:
    found, said = refused(peer, body)
    assert (found, words in said) == (status, True), said


def test_the_content_type_is_looked_at(peer: FakeElasticsearch) -> None:
    assert refused(peer, lines(GOOD), Content_Type="text/plain")[0] == 406
    assert call(peer, "POST", "/audit/_bulk", lines(GOOD), {})[0] == 406
    assert call(peer, "POST", "/audit/_bulk", lines(GOOD), {"Content-Type": "application/json"})[0] == 200


def test_the_limit_counts_what_is_inside(peer: FakeElasticsearch) -> None:
    peer.max_content_length = 2000
    packed = gzip.compress(lines({**GOOD, "message": "x" * 3000}))
    assert len(packed) < 300
    status, said, headers = call(peer, "POST", "/audit/_bulk", packed, {**NDJSON, "Content-Encoding": "gzip"})
    assert (status, said, headers["connection"]) == (413, b"", "close")
    assert refused(peer, b"not gzip", Content_Encoding="gzip")[0] == 400


def test_items_are_answered_in_order_whatever_becomes_of_them(peer: FakeElasticsearch) -> None:
    broken = "mapper_parsing_exception" if peer.opensearch else "document_parsing_exception"
    body = lines(GOOD, _id="a") + lines({**GOOD, "source": {"ip": "host.example.com"}}, _id="b")
    body += lines({**GOOD, "event": {"action": "later"}}, _id="a") + lines(GOOD, _id="c")
    conflict = (409, "version_conflict_engine_exception")
    assert items(peer, body) == [(201, ""), (400, broken), conflict, (201, "")]
    assert [document.id for document in peer.documents()] == ["a", "c"]
    assert peer.documents()[0].source == GOOD, "the first one stays"


def test_a_data_stream_takes_create_alone_and_wants_a_timestamp(peer: FakeElasticsearch) -> None:
    peer.store.streams = ["logs-*-*"]
    path = "/logs-audit-default/_bulk"
    kind = "mapper_parsing_exception" if peer.opensearch else "document_parsing_exception"
    body = lines(GOOD, op="index") + lines({"event": {}}) + lines(GOOD)
    assert items(peer, body, path) == [(400, "illegal_argument_exception"), (400, kind), (201, "")]
    assert peer.documents()[0].backing.startswith(".ds-logs-audit-default-")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"http": 1}, {"http": {"method": "GET"}}),
        ({"http.method": "GET"}, {"http": "GET"}),
        ({"n": 1}, {"n": "one"}),
        ({"b": True}, {"b": "maybe"}),
        ({"day": "2026-01-01"}, {"day": "someday"}),
        ({}, {"a..b": 1}),
        ({}, {"": 1}),
        ({}, {"source.ip": "10.0.0.256"}),
        ({}, {"@timestamp": "yesterday"}),
    ],
)
def test_a_field_stays_what_it_was_first(
    peer: FakeElasticsearch, first: dict[str, Any], second: dict[str, Any]
) -> None:
    assert items(peer, lines({**GOOD, **first}))[0][0] == 201
    assert items(peer, lines({**GOOD, **second}, GOOD)) == [
        (400, "mapper_parsing_exception" if peer.opensearch else "document_parsing_exception"),
        (201, ""),
    ]


def test_otel_streams_have_names_with_dots() -> None:
    with FakeElasticsearch() as peer:
        body = lines({**GOOD, "attributes": {"http": 1, "http.method": "GET"}})
        assert items(peer, body, "/logs-audit.otel-default/_bulk")[0][0] == 201
        assert items(peer, body, "/logs-audit-default/_bulk")[0][0] == 400


def test_too_many_fields_and_levels_are_refused(peer: FakeElasticsearch) -> None:
    peer.store.limit = 10
    many = {f"field-{n}": 1 for n in range(20)}
    assert items(peer, lines({**GOOD, **many}, GOOD)) == [(400, "illegal_argument_exception"), (201, "")]
    deep: Any = 1
    for _ in range(25):
        deep = {"a": deep}
    assert items(peer, lines({**GOOD, "deep": deep}))[0][0] == 400


def test_a_rollover_forgets_ids(peer: FakeElasticsearch) -> None:
    peer.store.streams = ["logs-*-*"]
    path = "/logs-audit-default/_bulk"
    assert items(peer, lines(GOOD, _id="a"), path)[0][0] == 201
    assert items(peer, lines(GOOD, _id="a"), path)[0][0] == 409
    peer.store.rollover("logs-audit-default")
    assert items(peer, lines(GOOD, _id="a"), path)[0][0] == 201


def test_flood_stage_and_then_there_is_room(peer: FakeElasticsearch) -> None:
    peer.store.full = True
    assert items(peer, lines(GOOD, GOOD)) == [(429, "cluster_block_exception")] * 2
    peer.store.full = False
    assert items(peer, lines(GOOD, GOOD)) == [(201, "")] * 2


def test_what_does_not_fit_goes_to_the_failure_store() -> None:
    with FakeElasticsearch() as peer:
        peer.store.failure_store = True
        status, said, _ = call(peer, "POST", "/logs-audit-default/_bulk", lines({**GOOD, "source": {"ip": "x"}}, GOOD))
        assert (status, said["errors"]) == (200, False)
        assert [item["create"].get("failure_store") for item in said["items"]] == ["used", None]
        assert [item["create"]["status"] for item in said["items"]] == [201, 201]
        assert (len(peer.store.failures), len(peer.documents())) == (1, 1)


def test_busy_is_429_for_all_or_for_one(peer: FakeElasticsearch) -> None:
    kind = "rejected_execution_exception" if peer.opensearch else "es_rejected_execution_exception"
    peer.busy = True
    status, words = refused(peer, lines(GOOD))
    assert (status, words.partition(":")[0]) == (429, kind)
    peer.busy = False
    peer.busy_items = lambda source: source.get("n") == 1
    assert items(peer, lines(GOOD, {**GOOD, "n": 1}, GOOD)) == [(201, ""), (429, kind), (201, "")]


def test_whoever_may_not_gets_403_for_the_item(peer: FakeElasticsearch) -> None:
    peer.users["gw"] = Login("secret", Access(("audit-*",)))
    authorization = {"Authorization": f"Basic {b64encode(b'gw:secret').decode()}"}
    body = lines(GOOD, _index="audit-a") + lines(GOOD, _index="other")
    _, said, _ = call(peer, "POST", "/_bulk", body, NDJSON | authorization)
    assert [item["create"]["status"] for item in said["items"]] == [201, 403]
    wrong = {"Authorization": f"Basic {b64encode(b'gw:guess').decode()}"}
    assert call(peer, "POST", "/_bulk", body, NDJSON | wrong)[0] == 401
    assert call(peer, "POST", "/_bulk", body)[0] == 401


def test_an_api_key_is_encoded_once_and_opensearch_has_none(peer: FakeElasticsearch) -> None:
    peer.api_keys["id"] = Login("key")
    once = b64encode(b"id:key").decode()
    twice = b64encode(once.encode()).decode()
    found = [
        call(peer, "POST", "/audit/_bulk", lines(GOOD), {**NDJSON, "Authorization": f"ApiKey {key}"})[0]
        for key in (once, twice)
    ]
    assert found == ([401, 401] if peer.opensearch else [200, 401])


def test_the_product_shows_itself(peer: FakeElasticsearch) -> None:
    status, said, headers = call(peer, "GET", "/")
    assert status == 200
    assert ("x-elastic-product" in headers) == (not peer.opensearch)
    assert said["version"].get("distribution") == ("opensearch" if peer.opensearch else None)
    assert "x-elastic-product" not in call(peer, "GET", "/nothing/here")[2]
    assert call(peer, "POST", "/prefix/x/_bulk", lines(GOOD))[0] == 400


def test_a_parameter_that_it_does_not_know_is_refused(peer: FakeElasticsearch) -> None:
    status, said, _ = call(peer, "POST", "/audit/_bulk?require_data_stream=true", lines(GOOD))
    if peer.opensearch:
        assert status == 400
        assert "unrecognized parameter: [require_data_stream]" in said["error"]["reason"]
    else:
        assert said["items"][0]["create"]["status"] == 404


def test_a_pipeline_must_be_there_and_may_drop(peer: FakeElasticsearch) -> None:
    assert items(peer, lines(GOOD), "/audit/_bulk?pipeline=x") == [(400, "illegal_argument_exception")]
    peer.store.pipelines["x"] = "drop"
    _, said, _ = call(peer, "POST", "/audit/_bulk?pipeline=x", lines(GOOD))
    assert (said["errors"], said["items"][0]["create"]["result"], peer.documents()) == (False, "noop", [])


@pytest.mark.parametrize("name", ["Audit", "audit*", "-audit", "a" * 256, "audit,other"])
def test_a_name_that_no_index_has_is_refused_by_its_item(peer: FakeElasticsearch, name: str) -> None:
    assert items(peer, lines(GOOD, _index=name), "/_bulk") == [(400, "invalid_index_name_exception")]


def test_filter_path_keeps_positions_only_with_a_field_that_every_item_has(peer: FakeElasticsearch) -> None:
    body = lines(GOOD, _id="a") + lines(GOOD, _id="a")
    _, said, _ = call(peer, "POST", "/audit/_bulk?filter_path=errors,items.*.status,items.*.error.type", body)
    conflict = {"status": 409, "error": {"type": "version_conflict_engine_exception"}}
    assert said == {"errors": True, "items": [{"create": {"status": 201}}, {"create": conflict}]}
    _, said, _ = call(peer, "POST", "/audit/_bulk?filter_path=items.*.error.type", lines(GOOD) + body)
    assert len(said["items"]) == 2, "who was not refused has vanished"
