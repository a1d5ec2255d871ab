"""SplunkHec with indexer acknowledgement: tickets, what confirms them, and what never does (contract 7)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelsiem.destinations._hec_ack import MOST_ASKED, issue
from otelsiem.model.destination import Confirmation, Confirms
from otelsiem.model.exchange import Answer, Failure, HttpRequest, Reply
from otelsiem.model.outcome import Accepted, Delivered, Hold, Outcome, Partial, Reject, Retry, Ticket
from otelsiem.testing.conformance import drive, replies
from tests.destinations.hec import AT, CHANNEL, NOW, TOKEN, URL, acks, at, hec, payload, said, talk

ACK = hec(ack=True)
THIRD = issue(0, 3, NOW)


def taken(reply: Reply, records: int = 4) -> Outcome:
    return drive(ACK.exchange(payload(records), AT), reply)


def confirmed(reply: Reply, *tickets: Ticket, **settings: Any) -> Mapping[Ticket, Outcome]:
    return talk(hec(ack=True, **settings).confirm(tickets, at(10)), lambda _: reply)[0]


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({}, None),
        ({"ack": False}, None),
        ({"ack": {"enabled": False, "timeout": "1m"}}, None),
        ({"ack": True}, Confirmation()),
        ({"ack": None}, Confirmation()),
        ({"ack": {}}, Confirmation()),
        ({"ack": {"enabled": True}}, Confirmation()),
        ({"ack": {"poll_interval": "2s", "timeout": "1m", "max_pending": 7}}, Confirmation(2.0, 60.0, 7)),
    ],
)
def test_naming_the_block_turns_it_on(written: dict[str, Any], meant: Confirmation | None) -> None:
    assert hec(**written).confirmation == meant


def test_it_is_a_destination_that_confirms() -> None:
    assert isinstance(ACK, Confirms)


# ---------------------------------------------------------------- what was taken


def test_every_request_carries_the_channel_and_keeps_its_cookies() -> None:
    UUID(CHANNEL)
    for conversation in (ACK.exchange(payload(), AT), ACK.probe(AT)):
        _, asked = talk(conversation, lambda _: said(200, 0, ack=0))
        assert asked
        assert {request.headers["X-Splunk-Request-Channel"] for request in asked} == {CHANNEL}
        assert {request.session for request in asked} == {CHANNEL}


def test_a_success_with_an_ack_id_is_accepted() -> None:
    assert taken(said(200, 0, ack=7)) == Accepted(issue(0, 7, NOW))


@pytest.mark.parametrize("code", [24, 25])
def test_near_capacity_is_accepted_and_slows_down(code: int) -> None:
    assert taken(said(200, code, ack=7)) == Accepted(issue(0, 7, NOW), 1.0)


@pytest.mark.parametrize(
    "reply",
    [said(200, 0), Answer(200), Answer(200, {}, b"{}"), said(200, 0, ack="7"), said(200, 0, ack=-1), said(200, 24)],
)
def test_a_success_without_an_ack_id_is_delivered_with_a_note(reply: Answer) -> None:
    outcome = taken(reply)
    assert isinstance(outcome, Delivered)
    assert "acknowledgement off" in outcome.note


def test_without_ack_an_ack_id_means_nothing() -> None:
    assert drive(hec().exchange(payload(), AT), said(200, 0, ack=7)) == Delivered()


@pytest.mark.parametrize("code", [6, 12, 13, 15])
def test_p4_a_refusal_with_an_ack_id_leaves_the_prefix_to_be_confirmed(code: int) -> None:
    outcome = taken(said(400, code, number=2, ack=7))
    assert isinstance(outcome, Partial)
    assert {ticket: list(found) for ticket, found in outcome.accepted.items()} == {issue(0, 7, NOW): [0, 1]}
    assert not outcome.delivered
    assert list(outcome.rejected) == [2]
    assert list(outcome.again) == [3]


def test_p4_a_refused_index_with_an_ack_id_leaves_the_prefix_to_be_confirmed() -> None:
    outcome = taken(said(400, 7, number=3, ack=7))
    assert isinstance(outcome, Partial)
    assert {ticket: list(found) for ticket, found in outcome.accepted.items()} == {issue(0, 7, NOW): [0, 1]}
    assert not outcome.delivered
    assert list(outcome.held) == [2, 3]


def test_a_refusal_of_the_first_record_has_nothing_to_confirm() -> None:
    outcome = taken(said(400, 13, number=0, ack=7))
    assert isinstance(outcome, Partial)
    assert not outcome.accepted
    assert not outcome.delivered


def test_a_prefix_without_an_ack_id_is_delivered() -> None:
    outcome = taken(said(400, 13, number=2))
    assert isinstance(outcome, Partial)
    assert list(outcome.delivered) == [0, 1]


@pytest.mark.parametrize(
    ("code", "hint"), [(10, "X-Splunk-Request-Channel"), (28, "on one node"), (14, "acknowledgement off")]
)
def test_p3_what_is_wrong_with_acknowledgement_holds_and_says_what_to_do(code: int, hint: str) -> None:
    outcome = taken(said(400, code))
    assert isinstance(outcome, Hold)
    assert hint in outcome.reason


# ---------------------------------------------------------------- the question


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        (URL, f"{URL}/services/collector/ack"),
        (URL + "/services/collector", f"{URL}/services/collector/ack"),
        (URL + "/services/collector/event", f"{URL}/services/collector/ack"),
        (URL + "/services/collector/event/1.0/", f"{URL}/services/collector/ack"),
        ("http://[::1]:8088/", "http://[::1]:8088/services/collector/ack"),
        ("https://proxy.example.com/splunk/", "https://proxy.example.com/splunk/services/collector/ack"),
        ("https://p/event/services/collector/event", "https://p/event/services/collector/ack"),
    ],
)
def test_where_it_is_asked(endpoint: str, url: str) -> None:
    _, asked = talk(hec(endpoint=endpoint, ack=True).confirm([THIRD], AT), lambda _: acks(_3=True))
    assert [request.url for request in asked] == [f"{url}?channel={CHANNEL}"]


def test_the_question() -> None:
    tickets = [issue(0, number, NOW + number) for number in (5, 3, 4)]
    made = hec(ack=True, headers={"X-Tenant": "t"})
    _, asked = talk(made.confirm(tickets, at(10)), lambda _: acks(_3=True))
    assert len(asked) == 1
    assert asked[0].method == "POST"
    assert json.loads(asked[0].body) == {"acks": [3, 4, 5]}
    assert asked[0].headers["Authorization"] == f"Splunk {TOKEN}"
    assert asked[0].headers["X-Splunk-Request-Channel"] == CHANNEL
    assert asked[0].headers["X-Tenant"] == "t"
    assert asked[0].session == CHANNEL


def test_nothing_waiting_asks_nothing() -> None:
    assert talk(ACK.confirm([], AT), lambda _: acks()) == ({}, [])
    assert talk(ACK.confirm(["not one of ours"], AT), lambda _: acks()) == ({}, [])


def _all_indexed(request: HttpRequest) -> Answer:
    numbers = json.loads(request.body)["acks"]
    return Answer(200, {}, json.dumps({"acks": dict.fromkeys(map(str, numbers), True)}).encode())


def test_each_endpoint_is_asked_for_its_own_ids() -> None:
    made = hec(endpoint=["http://a:1", "http://b:2"], ack=True)
    tickets = [issue(0, 7, NOW), issue(1, 7, NOW + 1), issue(1, 8, NOW + 2)]
    found, asked = talk(made.confirm(tickets, at(10)), _all_indexed)
    assert [(request.url.partition("?")[0], json.loads(request.body)["acks"]) for request in asked] == [
        ("http://a:1/services/collector/ack", [7]),
        ("http://b:2/services/collector/ack", [7, 8]),
    ]
    assert found == dict.fromkeys(tickets, Delivered())


def test_one_request_asks_for_5000_ids_at_most() -> None:
    tickets = [issue(0, number, NOW + number) for number in range(MOST_ASKED * 2 + 1)]
    found, asked = talk(ACK.confirm(tickets, at(10)), _all_indexed)
    assert [len(json.loads(request.body)["acks"]) for request in asked] == [MOST_ASKED, MOST_ASKED, 1]
    assert found == dict.fromkeys(tickets, Delivered())
    assert max(len(_all_indexed(request).body) for request in asked) < 200_000


def test_an_endpoint_that_does_not_answer_is_not_asked_on_and_the_next_one_is() -> None:
    made = hec(endpoint=["http://a:1", "http://b:2"], ack=True)
    dead = [issue(0, number, NOW + number) for number in range(MOST_ASKED + 1)]
    alive = issue(1, 0, NOW)

    def answer(request: HttpRequest) -> Reply:
        return Failure("connect", "refused") if "//a:1/" in request.url else _all_indexed(request)

    found, asked = talk(made.confirm([*dead, alive], at(10)), answer)
    assert len(asked) == 2
    assert found == {**dict.fromkeys(dead, Retry("connect: refused")), alive: Delivered()}


# ---------------------------------------------------------------- the answer


def test_true_is_delivered_and_false_is_left_out() -> None:
    third, fourth = issue(0, 3, NOW), issue(0, 4, NOW + 1)
    assert confirmed(acks(_3=True, _4=False), third, fourth) == {third: Delivered()}


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (Answer(500), Retry),
        (said(503, 9), Retry),
        (said(403, 4), Hold),
        (said(401, 2), Hold),
        (said(400, 14), Hold),
        (said(400, 10), Hold),
        (said(400, 6), Hold),
        (said(400, 13, number=0), Hold),
        (Answer(400), Hold),
        (Answer(404), Hold),
        (Answer(405), Hold),
        (Answer(413), Hold),
        (Answer(302), Hold),
        (Answer(200), Retry),
        (Answer(204), Retry),
        (said(200, 0), Retry),
        (said(200, 0, ack=3), Retry),
        (said(200, 4), Hold),
        (Answer(200, {}, b"<html>"), Retry),
        (Answer(200, {}, b'{"acks": {"3": 1}}'), Retry),
        (Answer(200, {}, b'{"acks": {"3": "true"}}'), Retry),
        (Answer(200, {}, b'{"acks": {"3": null}}'), Retry),
        (Answer(200, {}, b'{"acks": [3]}'), Retry),
        (Answer(200, {}, b'{"acks": true}'), Retry),
        (Answer(200, {}, b'{"acks": {}}'), Retry),
        (Answer(200, {}, b'{"acks": {"3": true, "4": true}}'), Retry),  # 4 was not asked for
        (Answer(200, {}, b'{"acks": {"03": true}}'), Retry),
        (Answer(503, {}, b'{"acks": {"3": true}}'), Retry),
        (Answer(200, {}, b'{"acks": {"3": true}}' + b" " * (1 << 20)), Retry),
        (Failure("connect", "refused"), Retry),
        (Failure("timeout", "late", sent=True), Retry),
        (Failure("resolve", "no such host"), Hold),
        (Failure("tls", "expired"), Hold),
    ],
)
def test_p2_whatever_is_no_clear_answer_confirms_nothing(reply: Reply, verdict: type[Outcome]) -> None:
    (outcome,) = confirmed(reply, THIRD).values()
    assert isinstance(outcome, verdict)
    assert isinstance(outcome, Retry | Hold)
    assert outcome.reason


def test_p2_no_reply_at_all_confirms_or_rejects_but_a_clear_true() -> None:
    for reply in replies([b'{"acks":{"9":true}}', b'{"acks":{"3":false}}']):
        for outcome in confirmed(reply, THIRD).values():
            assert isinstance(outcome, Retry | Hold), reply
            assert outcome.reason.isprintable()


def test_an_id_that_is_missing_in_the_answer_harms_no_other() -> None:
    third, fourth = issue(0, 3, NOW), issue(0, 4, NOW + 1)
    found = confirmed(acks(_3=True), third, fourth)
    assert found[third] == Delivered()
    assert isinstance(found[fourth], Retry)


def test_a_token_that_lost_its_acknowledgement_says_so() -> None:
    (outcome,) = confirmed(said(400, 14, text="ACK is disabled"), THIRD).values()
    assert outcome == Hold(
        "HEC 14 ACK is disabled (HTTP 400): "
        "the token has indexer acknowledgement off: turn it on, or write ack: {enabled: false}"
    )


def test_the_reason_names_the_endpoint_when_there_are_several_and_never_the_token() -> None:
    echo = said(403, 4, text=f"Invalid token {TOKEN}")
    (outcome,) = confirmed(echo, issue(1, 3, NOW), endpoint=["http://a:1", "http://b:2/x"]).values()
    assert outcome == Hold(
        "HEC 4 Invalid token [redacted] (HTTP 403) from b:2: Splunk knows no such token; check `token`"
    )


# ---------------------------------------------------------------- no hope of an answer

SEVERAL = ["http://a:1", "http://b:2"]
LATE = 300.0


def unanswered(reply: Reply, seconds: float, **settings: Any) -> Mapping[Ticket, Outcome]:
    """What is said of a ticket after so many seconds."""
    return talk(hec(ack=True, **settings).confirm([THIRD], at(seconds)), lambda _: reply)[0]


@pytest.mark.parametrize(
    "reply", [Failure("connect", "refused"), Failure("resolve", "no such host"), Answer(502), said(503, 9)]
)
def test_p2_an_endpoint_that_is_gone_keeps_nothing_from_the_others_for_ever(reply: Reply) -> None:
    assert THIRD in unanswered(reply, LATE - 1, endpoint=SEVERAL)
    assert unanswered(reply, LATE, endpoint=SEVERAL) == {}, "not confirmed, and its time is up: sent again"
    assert THIRD in unanswered(reply, 100 * LATE), "with no other endpoint it waits"


@pytest.mark.parametrize("reply", [said(403, 4), Answer(404), said(400, 10)])
def test_p3_what_a_person_must_put_right_is_waited_for(reply: Reply) -> None:
    for endpoint in (URL, SEVERAL):
        (outcome,) = unanswered(reply, 100 * LATE, endpoint=endpoint).values()
        assert isinstance(outcome, Hold)


def test_a_token_that_lost_its_acknowledgement_goes_on_without() -> None:
    assert THIRD in unanswered(said(400, 14), LATE - 1)
    assert unanswered(said(400, 14), LATE) == {}


# ---------------------------------------------------------------- a collector that counts anew


def test_p2_ids_of_before_a_restart_are_not_asked_for() -> None:
    """Old 5, 6, 7 wait; the collector restarts and gives 0, 1, 2 ... 6: its `true` for 5 is not about the old one."""
    old = [issue(0, number, NOW + number) for number in (5, 6, 7)]
    new = [issue(0, number, NOW + 100 + number) for number in range(7)]
    found, asked = talk(ACK.confirm([*old, *new], at(10)), _all_indexed)
    assert [json.loads(request.body)["acks"] for request in asked] == [list(range(7))]
    assert found == dict.fromkeys(new, Delivered())


def test_the_same_id_given_twice_makes_two_tickets() -> None:
    outcomes = [drive(ACK.exchange(payload(), at(n)), said(200, 0, ack=0)) for n in range(2)]
    first, second = [outcome.ticket for outcome in outcomes if isinstance(outcome, Accepted)]
    assert first != second
    found, _ = talk(ACK.confirm([first, second], at(10)), _all_indexed)
    assert found == {second: Delivered()}


def test_p2_ids_of_several_collectors_in_turn_confirm_nothing_and_say_why() -> None:
    """Two nodes behind a balancer that is not sticky: 0, 0, 1, 1, 2, 2 ..."""
    tickets = [issue(0, n // 2, NOW + n) for n in range(8)]
    found, asked = talk(ACK.confirm(tickets, at(10)), _all_indexed)
    assert not asked
    assert found.keys() == set(tickets)
    (outcome,) = set(found.values())
    assert isinstance(outcome, Hold)
    assert "load balancer" in outcome.reason
    assert talk(ACK.confirm(tickets, at(LATE + 1)), _all_indexed) == ({}, []), "their time is up"


@given(st.lists(st.integers(0, 6), max_size=12))
def test_p2_an_id_is_asked_for_at_most_once_and_means_the_newest_payload(numbers: list[int]) -> None:
    tickets = [issue(0, number, NOW + n) for n, number in enumerate(numbers)]
    found, asked = talk(ACK.confirm(tickets, at(10)), _all_indexed)
    assert len(asked) <= 1
    for n, number in enumerate(numbers):
        if found.get(tickets[n]) == Delivered():
            assert number not in numbers[n + 1 :]


def test_what_is_not_taken_is_judged_as_without_acknowledgement() -> None:
    assert taken(Answer(400)) == Reject("HTTP 400")
    assert taken(Failure("reset", "gone", sent=True)) == Retry("reset: gone")
