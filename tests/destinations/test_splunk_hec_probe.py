"""SplunkHec's probe: its health first, then whether it takes our token (contract 9)."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from otelsiem.model.exchange import Answer, Failure, Reply
from otelsiem.model.nodes import Nodes
from otelsiem.model.outcome import Delivered, Hold, Outcome, Retry
from tests.destinations.hec import AT, TOKEN, URL, at, hec, host, said, several, starting, talk

A = starting(0)
HEALTHY, NO_DATA = said(200, 17), said(400, 5, text="No data")


def probed(health: Reply, token: Reply = NO_DATA) -> tuple[Outcome, list[str]]:
    outcome, asked = talk(hec().probe(AT), lambda request: health if request.method == "GET" else token)
    return outcome, [request.method for request in asked]


def test_its_health_then_an_empty_body() -> None:
    outcome, (health, token) = talk(hec().probe(AT), lambda request: HEALTHY if request.method == "GET" else NO_DATA)
    assert outcome == Delivered()
    assert (health.method, health.url, health.body) == ("GET", URL + "/services/collector/health", b"")
    assert (token.method, token.url, token.body) == ("POST", URL + "/services/collector/event", b"")
    assert token.headers["Authorization"] == f"Splunk {TOKEN}"


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (NO_DATA, Delivered),
        (said(400, 6, number=0), Delivered),
        (said(200, 0), Delivered),
        (said(403, 4), Hold),
        (said(401, 3), Hold),
        (said(400, 10), Hold),
        (Answer(400), Hold),
        (Answer(404), Hold),
        (Answer(413), Hold),
        (said(503, 9), Retry),
        (Failure("connect", "refused"), Retry),
    ],
)
def test_the_credential_question_decides(reply: Reply, verdict: type[Outcome]) -> None:
    outcome, asked = probed(HEALTHY, reply)
    assert isinstance(outcome, verdict)
    assert asked == ["GET", "POST"]


@pytest.mark.parametrize(
    ("health", "verdict"),
    [
        (said(503, 18), Retry),
        (said(503, 19), Retry),
        (said(503, 20), Retry),
        (said(503, 23), Retry),
        (said(200, 18), Retry),
        (Answer(503), Retry),
        (Answer(502), Retry),
        (Answer(429), Retry),
        (said(400, 21), Hold),
        (said(400, 22), Hold),
        (Failure("connect", "refused"), Retry),
        (Failure("tls", "expired"), Hold),
    ],
)
def test_ill_health_is_enough(health: Reply, verdict: type[Outcome]) -> None:
    outcome, asked = probed(health)
    assert isinstance(outcome, verdict)
    assert asked == ["GET"]


@pytest.mark.parametrize("status", [200, 204, 301, 400, 401, 403, 404, 405, 406, 501])
def test_a_look_alike_without_such_a_page_is_asked_on(status: int) -> None:
    for health in (Answer(status), Answer(status, {}, b"<html>"), said(status, 404)):
        assert probed(health) == (Delivered(), ["GET", "POST"])
        assert isinstance(probed(health, said(403, 4))[0], Hold)


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({}, [URL + "/services/collector/health"]),
        ({"health_path": "/other/health"}, [URL + "/other/health"]),
        ({"endpoint": URL + "/prefix"}, [URL + "/prefix/services/collector/health"]),
        ({"endpoint": URL + "/prefix", "health_path": "/health"}, [URL + "/health"]),
        ({"endpoint": URL + "/services/collector/event/1.0"}, [URL + "/services/collector/health"]),
        ({"endpoint": "https://logscale/api/v1/ingest/hec"}, []),
        ({"endpoint": "https://logscale/api/v1/ingest/hec", "health_path": "/ok"}, ["https://logscale/ok"]),
        ({"health_check_enabled": False}, []),
    ],
)
def test_where_its_health_is(settings: Mapping[str, object], asked: list[str]) -> None:
    outcome, requests = talk(hec(**settings).probe(AT), lambda request: NO_DATA)
    assert outcome == Delivered()
    assert [request.url for request in requests if request.method == "GET"] == asked
    assert [request.method for request in requests][-1] == "POST"


@pytest.mark.parametrize("reply", [Failure("connect", "refused"), said(503, 9), Answer(500)])
def test_the_next_endpoint_is_asked_when_one_is_not_well(reply: Reply) -> None:
    nodes = Nodes()
    ill = {"a": reply}
    outcome, asked = talk(several().probe(at(0, nodes, A)), lambda r: ill.get(host(r), NO_DATA))
    assert outcome == Delivered()
    assert [host(request) for request in asked] == ["a", "b", "b"]
    _, asked = talk(several().probe(at(1, nodes, A)), lambda r: ill.get(host(r), NO_DATA))
    assert [host(request) for request in asked] == ["b", "b"], "what was learned is kept"


def test_an_endpoint_that_refuses_our_token_answers_for_all() -> None:
    outcome, asked = talk(several().probe(at(channel=A)), lambda r: said(403, 4) if host(r) == "a" else NO_DATA)
    assert outcome == Hold("HEC 4 said (HTTP 403) from a:8088: Splunk knows no such token; check `token`")
    assert [host(request) for request in asked] == ["a", "a"]
