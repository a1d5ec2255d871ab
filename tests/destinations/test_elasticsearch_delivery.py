"""Elasticsearch and OpenSearch with real couriers and sockets, against the strict fake: one fate for each record."""

from __future__ import annotations

import ssl
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from otelsiem.destinations._bulk import BulkClient
from otelsiem.destinations.elasticsearch import Elasticsearch
from otelsiem.destinations.opensearch import Opensearch
from otelsiem.model.record import Record, records
from otelsiem.testing.elasticsearch import Access, FakeElasticsearch, Indexed, Login
from otelsiem.testing.http import Hangup, HttpServer, Reset, Respond, page
from tests.destinations.at_work import at_work
from tests.destinations.bulk import DAY, NOW, STREAM, batch, id_of
from tests.transport.authority import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def destination(peer: FakeElasticsearch, **more: Any) -> BulkClient:
    kind: type[BulkClient] = Opensearch if peer.opensearch else Elasticsearch
    return kind.model_validate({"endpoint": peer.url, "timeout": "5s", **more})


def ids(peer: FakeElasticsearch, index: str = "*") -> Counter[str]:
    return Counter(document.id for document in peer.documents(index))


def once(size: int, start: int = 0) -> dict[str, int]:
    return {id_of(n): 1 for n in range(start, start + size)}


@pytest.fixture(params=[False, True], ids=["elasticsearch", "opensearch"])
def peer(request: pytest.FixtureRequest) -> Any:
    with FakeElasticsearch(opensearch=request.param) as cluster:
        yield cluster


@pytest.mark.parametrize("mode", ["ecs", "otel"])
def test_p2_every_record_arrives_once_and_says_what_it_said(tmp_path: Path, peer: FakeElasticsearch, mode: str) -> None:
    with at_work(tmp_path, destination(peer, mapping={"mode": mode})) as work:
        work.send(batch(2500, severity=17, attributes={"tenant.id": "t-1", "client.address": "host.example.com"}))
        assert work.settled().delivered == 2500
    assert ids(peer) == once(2500)
    document = peer.documents()[0]
    dataset = "otelsiem.audit" + (".otel" if mode == "otel" else "")
    assert document.index == f"logs-{dataset}-default"
    assert document.source["data_stream"] == {"type": "logs", "dataset": dataset, "namespace": "default"}
    if mode == "ecs":
        assert document.source["event"]["id"] == document.id
        assert document.source["organization"]["id"] == "t-1"
        assert document.source["event"]["dataset"] == dataset
    else:
        assert document.source["attributes"]["audit.record.id"] == document.id
        assert document.source["attributes"]["tenant.id"] == "t-1"


FAULTS: list[list[Any]] = [
    [Respond(503), Respond(500), page(502, "Bad Gateway"), Respond(408)],
    [Reset(), Hangup(), Reset()],
    [Respond(429), Respond(429)],
    [Respond(413)],
    [Respond(302, b"", {"Location": "https://elsewhere.example.com"}), Respond(404), Respond(401), Respond(403)],
    [Respond(200, b"<html>log in</html>"), Respond(200, b'{"items":[]}'), Respond(200, b"")],
    [Respond(400)],
]


@pytest.mark.parametrize("steps", FAULTS)
def test_p2_faults_cost_nothing_and_make_no_copy(tmp_path: Path, peer: FakeElasticsearch, steps: list[Any]) -> None:
    with at_work(tmp_path, destination(peer), couriers=1) as work:
        peer.script(steps)
        work.send(batch(40))
        assert work.settled().delivered == 40
    assert ids(peer) == once(40)


def test_p2_lost_answers_make_no_copy(tmp_path: Path, peer: FakeElasticsearch) -> None:
    """The server has them: 409 for each is its word that they arrived."""
    with at_work(tmp_path, destination(peer)) as work:
        peer.script([Indexed(Reset()), Indexed(Respond(504)), Indexed(Hangup()), Indexed(Respond(429))])
        work.send(batch(200))
        assert work.settled().delivered == 200
        assert len(peer.bulks) > 4
    assert ids(peer) == once(200)


def test_a_rollover_between_two_tries_is_the_one_hole(tmp_path: Path, peer: FakeElasticsearch) -> None:
    """Told in the docs: the write index forgets what the one before has. Dates of events have no such hole."""
    peer.store.streams = ["logs-*-*"]
    with at_work(tmp_path, destination(peer), couriers=1) as work:
        work.send(batch(5))
        work.settled()
        peer.store.rollover(STREAM)
        work.send(batch(5))
        work.settled()
    assert set(ids(peer).values()) == {2}
    dated = {"index": "audit-%Y.%m.%d"}
    with at_work(tmp_path / "dated", destination(peer, **dated), couriers=1) as work:
        for _ in range(2):
            work.send(batch(5, time=NOW - DAY))
            work.settled()
    assert ids(peer, "audit-2025.12.31") == once(5)


def test_p4_a_record_that_does_not_fit_is_the_only_one_refused(
    tmp_path: Path, peer: FakeElasticsearch, caplog: pytest.LogCaptureFixture
) -> None:
    with at_work(tmp_path, destination(peer, mapping={"mode": "otel"}, index="audit")) as work:
        work.send(batch(10, attributes={"n": 1}))
        work.settled()
        work.send([*batch(10, 10, attributes={"n": 2}), *batch(1, 20, attributes={"n": "private words"})])
        work.send(batch(10, 21, attributes={"n": 3}))
        counts = work.settled()
        assert (counts.delivered, counts.dead) == (30, 1)
    assert caplog.text.count("failed to parse field [attributes.n] of type [long]") == 1
    assert "private words" not in caplog.text, "a value of the record belongs into no reason"
    assert ids(peer) == once(20) | once(10, 21)


def test_p4_a_busy_item_is_the_only_one_sent_again(tmp_path: Path, peer: FakeElasticsearch) -> None:
    slow = {id_of(n) for n in range(0, 30, 3)}
    seen: Counter[str] = Counter()

    def busy(source: dict[str, Any]) -> bool:
        id_ = source["event"]["id"]
        seen[id_] += 1
        return id_ in slow and seen[id_] < 3

    peer.busy_items = busy
    with at_work(tmp_path, destination(peer), couriers=1) as work:
        work.send(batch(30))
        assert work.settled().delivered == 30
    assert ids(peer) == once(30)
    assert {id_ for id_, times in seen.items() if times > 1} == slow


def test_p4_an_item_that_breaks_a_pipeline_steps_aside_for_the_others(tmp_path: Path, peer: FakeElasticsearch) -> None:
    peer.broken_items = lambda source: source.get("event", {}).get("id") == id_of(7)
    with at_work(tmp_path, destination(peer), couriers=1) as work:
        work.send(batch(20))
        work.until(lambda: work.counts().delivered == 19)
        assert (work.counts().dead, work.counts().pending) == (0, 1)
        assert id_of(7) not in ids(peer)
        peer.broken_items = None
        assert work.settled().delivered == 20
    assert ids(peer) == once(20)


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        (
            {"user": "gw", "password": "right-password"},
            {"user": "gw", "password": "wrong-password"},
            "user and password",
        ),
        ({"bearer_token": "right-token"}, {"bearer_token": "wrong-token"}, "check bearer_token"),
        ({"api_key": "id-1:right-key"}, {"api_key": "id-1:wrong-key"}, "check api_key"),
        ({}, {}, "who we are"),
    ],
)
def test_p3_wrong_credentials_hold_until_they_are_right(
    tmp_path: Path, authority: Authority, right: dict[str, str], wrong: dict[str, str], words: str
) -> None:
    with FakeElasticsearch(server=HttpServer(tls=authority.certificate("server", "IP:127.0.0.1"))) as peer:
        peer.users["gw"] = Login("right-password")
        peer.tokens["right-token"] = Access()
        peer.api_keys["id-1"] = Login("right-key")
        trusted = {"tls": {"ca_file": str(authority.file)}}
        with at_work(tmp_path, destination(peer, **trusted, **wrong)) as work:
            work.send(batch(20))
            assert words in work.held()
            assert not any(secret in work.held() for secret in wrong.values() if secret != "gw")
            assert (work.counts().dead, work.counts().pending) == (0, 20)
        with at_work(tmp_path, destination(peer, **trusted, **(right or {"api_key": "id-1:right-key"}))) as work:
            assert work.settled().delivered == 20
    assert ids(peer) == once(20)


def test_p3_an_index_that_is_not_ours_holds_nobody_else(tmp_path: Path, peer: FakeElasticsearch) -> None:
    peer.users["gw"] = Login("a-password", Access(("audit-a*",)))
    mine = {"user": "gw", "password": "a-password", "index": "audit-{tenant.id}"}
    with at_work(tmp_path, destination(peer, **mine)) as work:
        work.send([*batch(20, attributes={"tenant.id": "a"}), *batch(20, 20, attributes={"tenant.id": "b"})])
        work.until(lambda: work.counts().delivered == 20)
        assert "create_doc" in work.held()
        assert (work.counts().dead, work.counts().pending) == (0, 20)
        peer.users["gw"] = Login("a-password", Access(("audit-*",)))
        assert work.settled().delivered == 40
    assert {len(peer.documents(f"audit-{tenant}")) for tenant in "ab"} == {20}


def test_p3_what_may_not_be_made_by_itself_is_waited_for(tmp_path: Path, peer: FakeElasticsearch) -> None:
    peer.store.auto_create = False
    with at_work(tmp_path, destination(peer, index="audit")) as work:
        work.send(batch(20))
        assert "index_not_found_exception" in work.held()
        peer.store.auto_create = True
        assert work.settled().delivered == 20
    assert ids(peer) == once(20)


def test_p3_a_disk_that_is_nearly_full_holds_until_there_is_room(tmp_path: Path, peer: FakeElasticsearch) -> None:
    peer.store.full = True
    with at_work(tmp_path, destination(peer)) as work:
        work.send(batch(20))
        assert "free space" in work.held()
        peer.store.full = False
        assert work.settled().delivered == 20
    assert ids(peer) == once(20)


def test_p3_a_pipeline_that_is_missing_refuses_nothing(tmp_path: Path, peer: FakeElasticsearch) -> None:
    """It comes as 400, as if each record were to blame."""
    with at_work(tmp_path, destination(peer, pipeline="geo")) as work:
        work.send(batch(20))
        assert "make the ingest pipeline" in work.held()
        assert work.counts().dead == 0
        peer.store.pipelines["geo"] = "keep"
        assert work.settled().delivered == 20
    assert ids(peer) == once(20)


def test_p3_a_cluster_full_of_shards_refuses_nothing(tmp_path: Path, peer: FakeElasticsearch) -> None:
    peer.store.max_shards = 1
    with at_work(tmp_path, destination(peer, index="audit-%Y.%m.%d")) as work:
        work.send(batch(5, time=NOW))
        work.settled()
        work.send(batch(5, 5, time=NOW + DAY))
        assert "max_shards_per_node" in work.held()
        peer.store.max_shards = 2
        counts = work.settled()
        assert (counts.delivered, counts.dead) == (10, 0)


def test_what_went_into_the_failure_store_is_delivered_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with FakeElasticsearch() as peer:
        peer.store.failure_store = True
        with at_work(tmp_path, destination(peer)) as work:
            work.send(batch(10))
            work.settled()
            peer.store.indices[peer.store.write[STREAM]].types["message"] = "ip"
            tries: Counter[str] = Counter()
            peer.busy_items = lambda source: tries.update([source["event"]["id"]]) or tries[id_of(13)] == 1
            work.send([*batch(3, 10), *batch(1, 13, body="203.0.113.9")])
            assert work.settled().delivered == 14
    assert tries[id_of(13)] == 2, "one was busy, so that they had different verdicts"
    assert f"failure_store: 3 of 4 records went to the failure store of {STREAM}" in caplog.text
    assert len(peer.store.failures) == 3, "and nothing was sent again"


def test_what_a_pipeline_drops_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with FakeElasticsearch() as peer:
        peer.store.pipelines["filter"] = "drop"
        with at_work(tmp_path, destination(peer, pipeline="filter")) as work:
            work.send(batch(4))
            assert work.settled().delivered == 4
    assert "noop: an ingest pipeline dropped 4 of 4 records" in caplog.text


def test_p2_another_node_takes_over_and_nothing_is_there_twice(tmp_path: Path) -> None:
    with FakeElasticsearch() as first, FakeElasticsearch(store=first.store) as second:
        several = {"endpoint": None, "endpoints": [first.url, second.url]}
        with at_work(tmp_path, destination(first, **several), couriers=3) as work:
            first.script([Indexed(Reset()), Indexed(Respond(503)), Indexed(Respond(502))])
            for n in range(0, 100, 10):
                work.send(batch(10, n))
            work.settled()
            first.down()
            for n in range(100, 200, 10):
                work.send(batch(10, n))
            assert work.settled().delivered == 200
            first.up()
            second.down()
            work.send(batch(50, 200))
            assert work.settled().delivered == 250
    assert ids(first) == once(250)


def test_a_body_over_the_limit_of_the_server_is_cut_smaller(tmp_path: Path, peer: FakeElasticsearch) -> None:
    """The limit counts what is inside the gzip."""
    peer.max_content_length = 20_000
    with at_work(tmp_path, destination(peer)) as work:
        work.send(batch(100, body="x" * 1000))
        work.send(batch(1, 100, body="x" * 30_000))
        counts = work.settled()
        assert (counts.delivered, counts.dead) == (100, 1)
    assert ids(peer) == once(100)


def test_ids_that_senders_chose_keep_two_events_apart(tmp_path: Path, peer: FakeElasticsearch) -> None:
    def chosen(n: int) -> Record:
        return Record(id="1", time=NOW, body=f"event {n}", attributes={"audit.record.id": "1"})

    events = batch(0)
    events[0].records = [chosen(n) for n in range(10)]
    with at_work(tmp_path, destination(peer, index="audit")) as work:
        for _ in range(2):
            work.send(events)
            work.settled()
    assert sorted(document.source["message"] for document in peer.documents()) == [f"event {n}" for n in range(10)]
    assert len(list(records(events))) == 10


def test_the_authority_may_be_known_by_its_fingerprint(tmp_path: Path, authority: Authority) -> None:
    certificate = ssl.PEM_cert_to_DER_cert(Path(authority.file).read_text("utf-8"))
    chain = authority.certificate("chain", "IP:127.0.0.1")
    with FakeElasticsearch(server=HttpServer(tls=chain)) as peer:
        peer.api_keys["id-1"] = Login("right-key")
        mine = {"api_key": "id-1:right-key", "ca_trusted_fingerprint": sha256(certificate).hexdigest()}
        with at_work(tmp_path, destination(peer, **mine)) as work:
            work.send(batch(3))
            held = work.held()
    assert "fingerprint" in held, "the authority's own certificate is not in the chain of this server"
