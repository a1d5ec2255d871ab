"""The probe: it reaches, signs in and asks what it may do, and writes nothing; what a service lacks is no fault."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from otelsiem.destinations._bulk import BulkClient
from otelsiem.destinations.elasticsearch import Elasticsearch
from otelsiem.destinations.opensearch import Opensearch
from otelsiem.model.exchange import Answer, Failure, HttpRequest, Reply
from otelsiem.model.outcome import Delivered, Hold, Outcome, Retry
from otelsiem.testing.elasticsearch import Access, FakeElasticsearch, Login
from otelsiem.testing.elasticsearch_index import Index
from otelsiem.transport.transport import open_transport
from tests.destinations.bulk import AT, elasticsearch, failed, opensearch, said, talk

MINE = {"user": "gw", "password": "a-password"}


@pytest.fixture(params=[False, True], ids=["elasticsearch", "opensearch"])
def peer(request: pytest.FixtureRequest) -> Iterator[FakeElasticsearch]:
    with FakeElasticsearch(opensearch=request.param) as cluster:
        cluster.users["gw"] = Login("a-password", Access(("audit*", "logs-*")))
        yield cluster


def probed(peer: FakeElasticsearch, **changes: Any) -> Outcome:
    kind: type[BulkClient] = Opensearch if peer.opensearch else Elasticsearch
    made = kind.model_validate({"endpoint": peer.url, **MINE, **changes})
    transport = open_transport(made.wire)
    try:
        return talk(made.probe(AT), transport.perform)[0]
    finally:
        transport.close()
        assert not peer.documents(), "nothing is written"
        assert not peer.store.failures


def test_all_is_well(peer: FakeElasticsearch) -> None:
    assert probed(peer) == Delivered()
    assert probed(peer, index="audit") == Delivered()
    assert probed(peer, index="audit-{tenant.id}-%Y.%m") == Delivered()
    assert not peer.store.indices, "and nothing was made"


def test_a_wrong_password_holds(peer: FakeElasticsearch) -> None:
    outcome = probed(peer, password="another")
    assert isinstance(outcome, Hold)
    assert "check user and password" in outcome.reason


def test_who_may_not_write_there_is_told_without_writing(peer: FakeElasticsearch) -> None:
    peer.store.indices["other"] = Index("other")
    outcome = probed(peer, index="other")
    assert isinstance(outcome, Hold)
    assert "create_doc" in outcome.reason


def test_where_the_index_is_there_a_broken_document_is_refused_and_proves_it(peer: FakeElasticsearch) -> None:
    peer.store.indices["audit"] = Index("audit")
    assert probed(peer, index="audit") == Delivered()
    assert not peer.store.indices["audit"].documents


def test_a_service_without_the_page_is_asked_by_an_empty_request(peer: FakeElasticsearch) -> None:
    """Serverless ones, and a key that may not read the cluster's name."""
    peer.manage.serverless, peer.manage.secured = True, False
    assert probed(peer) == Delivered()
    assert peer.bulks[-1].body == b""
    peer.manage.serverless = False
    peer.users["gw"] = Login("a-password", Access(monitor=False))
    assert probed(peer) == Delivered()
    assert isinstance(probed(peer, password="another"), Hold)


def test_no_security_at_all_is_fine(peer: FakeElasticsearch) -> None:
    peer.users.clear()
    peer.manage.secured = False
    assert probed(peer) == Delivered()


def test_the_wrong_type_is_told() -> None:
    with FakeElasticsearch(opensearch=True) as peer:
        peer.users["gw"] = Login("a-password")
        made = Elasticsearch.model_validate({"endpoint": peer.url, **MINE})
        transport = open_transport(made.wire)
        try:
            outcome = talk(made.probe(AT), transport.perform)[0]
        finally:
            transport.close()
    assert outcome == Delivered("this is opensearch: write the type opensearch")


def test_a_prefix_that_leads_nowhere_is_told(peer: FakeElasticsearch) -> None:
    outcome = probed(peer, endpoint=f"{peer.url}/es")
    assert isinstance(outcome, Hold)
    assert "correct its path" in outcome.reason


REPLIES: list[tuple[Reply, type[Outcome]]] = [
    (Failure("connect", "refused"), Retry),
    (Failure("resolve", "no such host"), Hold),
    (Failure("tls", "self-signed certificate"), Hold),
    (Answer(503), Retry),
    (Answer(429), Retry),
    (Answer(401), Hold),
    (Answer(302), Hold),
    (Answer(200, {}, b"<html>welcome</html>"), Hold),
    (failed(403, "security_exception"), Hold),
]


@pytest.mark.parametrize(("reply", "verdict"), REPLIES)
def test_one_answer_to_everything(reply: Reply, verdict: type[Outcome]) -> None:
    for made in (elasticsearch(), opensearch()):
        outcome, asked = talk(made.probe(AT), lambda _: reply)
        assert isinstance(outcome, verdict), (outcome, asked)


def test_another_node_answers_for_one_that_is_down() -> None:
    with FakeElasticsearch() as first, FakeElasticsearch(store=first.store) as second:
        second.users["gw"] = first.users["gw"] = Login("a-password")
        first.down()
        assert probed(second, endpoint=None, endpoints=[first.url, second.url]) == Delivered()


def test_a_question_that_fails_is_not_held_against_a_node_that_greeted_us() -> None:
    hello = said(200, {"version": {"number": "8.19.0"}, "tagline": "You Know, for Search"})

    def answer(request: HttpRequest) -> Reply:
        return hello if request.method == "GET" else Answer(500)

    assert talk(elasticsearch().probe(AT), answer)[0] == Delivered()
