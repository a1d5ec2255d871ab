"""When to ask for what was accepted, and what the answers mean: each test is a sentence of the module's promise."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.delivery.awaiting import Awaiting, Owed, Verdicts
from otelsiem.delivery.policy import Policy
from otelsiem.model.destination import Confirmation
from otelsiem.model.outcome import Accepted, Delivered, Hold, Outcome, Partial, Reject, Retry, Split, Ticket
from tests.examples import some

SECOND = 1_000_000_000
TERMS = Confirmation(interval=10.0, timeout=300.0, most=3)
START = 1000 * SECOND


def awaiting(*tickets: Ticket, at: int = START, terms: Confirmation = TERMS) -> Awaiting[str]:
    made: Awaiting[str] = Awaiting(terms, Policy())
    for ticket in tickets:
        assert not made.add(Owed(ticket, f"loan {ticket}", 5, 0, at))
    return made


def ask(made: Awaiting[str], answer: Mapping[Ticket, Outcome] | Retry | Hold, at: int) -> Verdicts[str]:
    made.question(at)
    if isinstance(answer, Retry | Hold):
        return made.failed(answer, at, 0.5)
    return made.judge(answer, at, 0.5)


def names(owed: object) -> list[Ticket]:
    assert isinstance(owed, list | tuple)
    return [one.ticket for one in owed]


def test_nothing_is_asked_before_something_was_accepted() -> None:
    made = awaiting()
    assert made.pause(START) == math.inf
    assert not made


def test_everything_is_asked_for_at_once_every_interval_in_the_order_it_was_given() -> None:
    made = awaiting("b", "a")
    assert made.pause(START) == 10
    made.add(Owed("c", "loan c", 5, 0, START + 9 * SECOND))
    assert made.pause(START + 9 * SECOND) == 1, "one more does not put it off"
    assert made.pause(START + 10 * SECOND) == 0
    assert made.question(START + 10 * SECOND) == ["b", "a", "c"]
    ask(made, {}, START + 12 * SECOND)
    assert made.pause(START + 12 * SECOND) == 10, "from the end of the last question"
    assert made.records == 15


def test_while_draining_it_is_asked_for_every_second() -> None:
    made = awaiting("a")
    assert made.pause(START, draining=True) == 1
    ask(made, Hold("token"), START)
    assert made.pause(START, draining=True) == 1, "a hold too: there is a deadline"
    quick = awaiting("a", terms=Confirmation(interval=0.1))
    assert quick.pause(START, draining=True) == 0.1


def test_p2_only_a_delivered_for_its_own_ticket_confirms() -> None:
    made = awaiting("a", "b", "c")
    found = ask(made, {"a": Delivered(), "x": Delivered()}, START)
    assert names(found.confirmed) == ["a"]
    assert found.confirmed[0].loan == "loan a"
    assert (found.lost, found.overdue, found.trouble) == ([], [], None)
    assert made.question(START) == ["b", "c"]
    assert made.records == 10


@pytest.mark.parametrize("verdict", [Reject("gone"), Split("gone")])
def test_what_the_peer_lost_goes_again_at_once(verdict: Outcome) -> None:
    made = awaiting("a", "b")
    assert names(ask(made, {"a": verdict}, START).lost) == ["a"]
    assert made.question(START) == ["b"]


@pytest.mark.parametrize("verdict", [None, Accepted("a"), Partial(delivered=[0])])
def test_what_an_answer_does_not_confirm_goes_again_once_its_time_is_up(verdict: Outcome | None) -> None:
    made = awaiting("a")
    answer: Mapping[Ticket, Outcome] = {} if verdict is None else {"a": verdict}
    assert not ask(made, answer, START + 299 * SECOND).overdue
    assert names(ask(made, answer, START + 300 * SECOND).overdue) == ["a"]
    assert not made


def test_the_question_counts_from_when_it_was_asked_not_answered() -> None:
    made = awaiting("a")
    made.question(START + 299 * SECOND)
    assert not made.judge({}, START + 310 * SECOND, 0.5).overdue


@pytest.mark.parametrize("trouble", [Retry("HTTP 503"), Hold("HTTP 403")])
def test_p3_while_it_cannot_be_asked_nothing_is_known(trouble: Retry | Hold) -> None:
    made = awaiting("a", "b")
    for day in range(1, 5):
        at = START + day * 86_400 * SECOND
        assert ask(made, trouble, at) == Verdicts(trouble=trouble)
        found = ask(made, {"a": trouble, "b": trouble}, at)
        assert (found.confirmed, found.lost, found.overdue, found.trouble) == ([], [], [], trouble)
    found = ask(made, {"a": trouble}, START + 9 * 86_400 * SECOND)
    assert names(found.overdue) == ["b"], "of this one the answer knew"
    assert made.question(START) == ["a"]


def test_a_hold_is_told_before_a_retry() -> None:
    made = awaiting("a", "b", "c")
    answer: Mapping[Ticket, Outcome] = {"a": Retry("x"), "b": Hold("y"), "c": Retry("z")}
    assert ask(made, answer, START).trouble == Hold("y")


def test_questions_that_cannot_be_asked_back_off() -> None:
    made = awaiting("a", terms=Confirmation(interval=1.0))
    pauses = []
    for _ in range(8):
        ask(made, Retry("HTTP 503"), START)
        pauses.append(made.pause(START))
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    ask(made, Retry("busy", after=90.0), START)
    assert made.pause(START) >= 90
    ask(made, {}, START)
    assert made.pause(START) == 1, "an answer ends it"
    ask(made, Hold("HTTP 401"), START)
    assert made.pause(START) == 30, "a hold is probed slowly"


def test_no_more_is_sent_while_too_many_are_unconfirmed() -> None:
    made = awaiting("a", "b")
    full = [made.full]
    made.add(Owed("c", "loan c", 5, 0, START))
    full.append(made.full)
    ask(made, {"b": Delivered()}, START)
    assert [*full, made.full] == [False, True, False]


def test_p2_a_ticket_given_again_brings_back_what_is_older() -> None:
    made = awaiting("7", "8")
    displaced = made.add(Owed("7", "another", 2, 0, START + SECOND))
    assert [one.loan for one in displaced] == ["loan 7", "loan 8"]
    assert (made.question(START), made.records) == (["7"], 2)
    assert ask(made, {"7": Delivered(), "8": Delivered()}, START).confirmed[0].loan == "another"


VERDICTS = st.sampled_from(
    [None, Delivered(), Reject("x"), Split("x"), Retry("x"), Hold("x"), Accepted("x"), Partial()]
)
STEPS = st.one_of(
    st.tuples(st.just("add"), st.integers(0, 5)),
    st.tuples(st.just("ask"), st.dictionaries(st.integers(0, 6), VERDICTS, max_size=7)),
    st.tuples(st.just("fail"), st.sampled_from([Retry("x"), Hold("x")])),
    st.tuples(st.just("wait"), st.integers(1, 400)),
)


@settings(max_examples=some(300), deadline=None)
@given(steps=st.lists(STEPS, max_size=60))
def test_p2_each_payload_comes_out_once_and_for_a_reason(steps: list[tuple[str, object]]) -> None:
    made = awaiting()
    now, number = START, 0
    inside: dict[Ticket, Owed[str]] = {}
    for what, value in steps:
        if what == "add":
            number += 1
            owed = Owed(str(value), f"loan {number}", number, 0, now)
            displaced = made.add(owed)
            assert list(displaced) == (list(inside.values()) if owed.ticket in inside else [])
            for one in displaced:
                del inside[one.ticket]
            inside[owed.ticket] = owed
        elif what == "wait":
            assert isinstance(value, int)
            now += value * SECOND
        elif what == "fail":
            assert isinstance(value, Retry | Hold)
            assert ask(made, value, now) == Verdicts(trouble=value)
        else:
            assert isinstance(value, dict)
            answer = {str(ticket): verdict for ticket, verdict in value.items() if verdict is not None}
            found = ask(made, answer, now)
            for one in found.confirmed:
                assert answer[one.ticket] == Delivered()
            for one in found.lost:
                assert isinstance(answer[one.ticket], Reject | Split)
            for one in found.overdue:
                assert isinstance(answer.get(one.ticket), Accepted | Partial | None)
                assert now - one.since >= 300 * SECOND
            for one in [*found.confirmed, *found.lost, *found.overdue]:
                assert inside.pop(one.ticket) is one
        assert made.question(now) == list(inside)
        assert made.records == sum(one.records for one in inside.values())
        assert bool(made) == (made.pause(now) < math.inf)
