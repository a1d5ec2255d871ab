"""SplunkHec with several endpoints: when the next one is tried, and that nothing goes twice for it."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from otelsiem.model.destination import Moment, Payload
from otelsiem.model.exchange import Answer, Failure, HttpRequest, Reply
from otelsiem.model.nodes import Nodes
from otelsiem.model.outcome import Accepted, Delivered, Hold, Outcome, Partial, Reject, Retry
from tests.destinations.hec import NAMES, at, hec, host, payload, said, several, starting, talk

GOOD = said(200, 0)
A = starting(0)


def deliver(
    replies: Mapping[str, Reply], moment: Moment | None = None, what: Payload | None = None, **settings: Any
) -> tuple[Outcome, list[str]]:
    """The verdict and whom it was offered to; who is not named answers well."""
    conversation = several(**settings).exchange(what or payload(), moment or at())
    outcome, asked = talk(conversation, lambda request: replies.get(host(request), GOOD))
    return outcome, [host(request) for request in asked]


def test_one_url_or_a_list() -> None:
    one = hec(endpoint="https://a:8088")
    assert one == hec(endpoint=["https://a:8088"])
    assert one.endpoint == ("https://a:8088/services/collector/event",)


def test_couriers_spread_over_the_endpoints_and_each_stays_with_its_own() -> None:
    firsts = Counter(deliver({}, at(channel=str(UUID(int=n << 64))))[1][0] for n in range(300))
    assert firsts.keys() == set(NAMES)
    assert min(firsts.values()) > 50
    assert {deliver({}, at(n, channel=A))[1][0] for n in range(20)} == {"a"}


NOTHING_TAKEN: list[Reply] = [
    Failure("resolve", "no such host"),
    Failure("connect", "refused"),
    Failure("tls", "expired"),
    Failure("timeout", "connecting"),
    Failure("reset", "before the body"),
    said(503, 9),
    said(503, 18),
    said(503, 19),
    said(503, 20),
    said(503, 23),
    said(429, 26),
    said(429, 27),
    Answer(429),
    said(200, 9),
]


@pytest.mark.parametrize("reply", NOTHING_TAKEN)
def test_what_cannot_have_been_taken_goes_to_the_next_endpoint(reply: Reply) -> None:
    assert deliver({"a": reply}, at(channel=A)) == (Delivered(), ["a", "b"])
    assert deliver({"a": reply, "b": reply}, at(channel=A)) == (Delivered(), ["a", "b", "c"])


MAYBE_TAKEN: list[tuple[Reply, type[Outcome]]] = [
    (Failure("timeout", "no answer", sent=True), Retry),
    (Failure("reset", "cut off", sent=True), Retry),
    (Failure("connect", "odd", sent=True), Retry),
    (Failure("oversize", "long", sent=True), Retry),
    (said(500, 8), Retry),
    (Answer(502), Retry),
    (Answer(503), Retry),
    (Answer(504), Retry),
    (said(401, 2), Hold),
    (said(403, 4), Hold),
    (Answer(403), Hold),
    (Answer(404), Hold),
    (Answer(301), Hold),
    (said(400, 7), Hold),
    (said(400, 6), Reject),
    (said(400, 13, number=1), Partial),
]


@pytest.mark.parametrize(("reply", "verdict"), MAYBE_TAKEN)
def test_what_may_have_been_taken_or_blames_us_goes_nowhere_else(reply: Reply, verdict: type[Outcome]) -> None:
    outcome, asked = deliver({"a": reply}, at(channel=A))
    assert isinstance(outcome, verdict)
    assert asked == ["a"]


def test_all_ill_is_the_verdict_of_the_first() -> None:
    ill: dict[str, Reply] = {
        "a": said(503, 9),
        "b": Failure("connect", "refused"),
        "c": Failure("resolve", "no such host"),
    }
    assert deliver(ill, at(channel=A)) == (Retry("HEC 9 said (HTTP 503) from a:8088", busy=True), ["a", "b", "c"])
    assert deliver(ill, at(channel=starting(1)))[0] == Retry("connect: refused")
    assert deliver(ill, at(channel=starting(2)))[0] == Hold("resolve: no such host")


def test_an_endpoint_that_failed_is_tried_last_until_its_pause_is_over() -> None:
    nodes = Nodes()
    dead = {"a": Failure("connect", "refused")}
    assert deliver(dead, at(0, nodes, A))[1] == ["a", "b"]
    assert deliver(dead, at(1, nodes, A))[1] == ["b"]
    assert deliver(dead, at(2, nodes, A))[1] == ["a", "b"]
    assert deliver(dead, at(5, nodes, A))[1] == ["b"], "the pause doubles"
    assert deliver({}, at(7, nodes, A))[1] == ["a"]
    assert deliver(dead, at(8, nodes, A))[1] == ["a", "b"], "an answer made it well"


def test_after_a_doubtful_failure_the_next_try_goes_elsewhere() -> None:
    nodes = Nodes()
    assert isinstance(deliver({"a": Answer(502)}, at(0, nodes, A))[0], Retry)
    assert deliver({"a": Answer(502)}, at(1, nodes, A)) == (Delivered(), ["b"])


def test_whoever_refuses_our_token_is_well() -> None:
    nodes = Nodes()
    for second in range(3):
        assert deliver({"a": said(403, 4)}, at(second, nodes, A))[1] == ["a"]


def test_a_pause_begins_when_the_time_ran_out() -> None:
    nodes = Nodes()
    late = {"a": Failure("timeout", "connecting")}
    assert deliver(late, at(0, nodes, A), timeout="10s")[1] == ["a", "b"]
    assert deliver(late, at(11, nodes, A), timeout="10s")[1] == ["b"]
    assert deliver({}, at(12, nodes, A), timeout="10s")[1] == ["a"]


def test_the_ticket_says_which_endpoint_took_it() -> None:
    ill = {"a": said(503, 9), "b": said(200, 0, ack=7)}
    outcome, _ = deliver(ill, at(channel=A), ack=True)
    assert isinstance(outcome, Accepted)
    asked = talk(several(ack=True).confirm([outcome.ticket], at(10, channel=A)), lambda _: Answer(500))[1]
    assert [host(request) for request in asked] == ["b"]


def test_an_endpoint_that_knows_no_gzip_is_asked_again_before_the_next_one() -> None:
    body = gzip.compress(b"{}")
    zipped = Payload(body, range(1), "", {"Content-Encoding": "gzip"}, 2)

    def answer(request: HttpRequest) -> Reply:
        if host(request) == "b":
            return GOOD
        return Answer(415) if "Content-Encoding" in request.headers else said(503, 9)

    outcome, asked = talk(several().exchange(zipped, at(channel=A)), answer)
    assert outcome == Delivered()
    assert [(host(request), request.body) for request in asked] == [("a", body), ("a", b"{}"), ("b", body)]


def test_a_reason_names_host_and_port_and_neither_path_nor_token() -> None:
    outcome, _ = deliver({"a": said(403, 4, text="Invalid token")}, at(channel=A))
    assert outcome == Hold("HEC 4 Invalid token (HTTP 403) from a:8088: Splunk knows no such token; check `token`")
    assert deliver({"a": Answer(404)}, at(channel=A))[0] == Hold("HTTP 404 from a:8088")
