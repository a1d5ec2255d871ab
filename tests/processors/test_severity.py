"""The severity processor, rule by rule (schema §3), and what holds for any record."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from pydantic import ValidationError

from otelsiem.model.destination import Moment
from otelsiem.model.event import ALIASES, EVENTS, decision, known
from otelsiem.model.match import canonical
from otelsiem.model.processor import Aside
from otelsiem.model.record import Group, Record, Scope, Value
from otelsiem.processors.severity import Severity
from tests.examples import some

AT = Moment(now=5)


def _judged(record: Record, processor: Severity | None = None, resource: dict[str, Value] | None = None) -> int:
    """By itself, as an application does it, and in a batch: it is the same."""
    aside, alone = Aside(), structs.replace(record)
    (processor or Severity()).judge(alone, resource or {})
    batch = [Group(resource or {}, Scope(), [record])]
    assert (processor or Severity()).process(batch, AT, aside) == batch
    assert aside == Aside()
    assert alone == record
    return record.severity


def test_nothing_known_is_info() -> None:
    assert _judged(Record(attributes={})) == 9


@pytest.mark.parametrize("number", range(1, 25))
def test_a_number_of_the_sender_stays_when_no_rule_raises_it(number: int) -> None:
    assert _judged(Record(severity=number, attributes={"user.id": "u"})) == number


@pytest.mark.parametrize(("number", "read"), [(-5, 9), (25, 24), (1000, 24)])
def test_numbers_off_the_scale_come_back_to_it(number: int, read: int) -> None:
    assert _judged(Record(severity=number, attributes={})) == read


@pytest.mark.parametrize("name", ["audit.level", "severity", "level", "log.level"])
@pytest.mark.parametrize("number", [0, 5, 21])
def test_a_level_word_sets_the_number_up_and_down(name: str, number: int) -> None:
    assert _judged(Record(severity=number, severity_text="FATAL", attributes={name: " High "})) == 17


def test_the_first_level_word_wins_and_what_is_no_word_is_passed_over() -> None:
    assert _judged(Record(attributes={"severity": "critical", "audit.level": "low"})) == 10
    assert _judged(Record(severity=13, attributes={"severity": "purple", "level": 7, "log.level": "debug"})) == 5
    assert _judged(Record(severity=13, attributes={"severity": "purple", "level": ["error"]})) == 13


def test_the_severity_text_counts_only_without_a_number_and_stays() -> None:
    record = Record(severity_text="Critical", attributes={})
    assert _judged(record) == 21
    assert record.severity_text == "Critical"
    assert _judged(Record(severity=9, severity_text="CRITICAL", attributes={})) == 9


@pytest.mark.parametrize("attributes", [{"details": {"severity": "high"}}, {"metadata.level": "high"}])
def test_words_inside_count_last_and_only_without_a_number(attributes: dict[str, Value]) -> None:
    assert _judged(Record(attributes=dict(attributes))) == 17
    assert _judged(Record(severity=9, attributes=dict(attributes))) == 9
    assert _judged(Record(severity_text="low", attributes=dict(attributes))) == 10


@pytest.mark.parametrize("name", EVENTS)
def test_a_known_event_is_at_least_its_default(name: str) -> None:
    default = EVENTS[name].severity
    spelled = name.upper().replace("_", ".")
    for number in (1, 9, 24):
        assert _judged(Record(severity=number, event=spelled, attributes={})) == max(number, default)
    assert _judged(Record(event=name, attributes={})) == default


@pytest.mark.parametrize("event", ["authentication_failure", "POLICY-DENIED", "x", "x" * 200])
@pytest.mark.parametrize("ended", ["success", "failure", " Error", "odd", "", "x" * 200, 5, None])
@pytest.mark.parametrize("level", [{}, {"level": "high"}, {"audit.level": "odd"}, {"log.level": "low"}])
@pytest.mark.parametrize("number", [0, 9, 17, 24, 99])
def test_an_ordinary_record_is_judged_by_itself_as_in_a_batch(
    event: str, ended: Value, level: dict[str, Value], number: int
) -> None:
    for _ in range(2):  # what is remembered says the same
        _judged(Record(severity=number, event=event, attributes={"audit.outcome": ended, **level}))


def test_a_level_word_does_not_go_below_the_event() -> None:
    assert _judged(Record(event="error", attributes={"level": "debug"})) == 17
    assert _judged(Record(event="security_decision", attributes={"level": "info"})) == 13


@pytest.mark.parametrize(
    ("event", "number"), [("AUTH_FAILED", 13), ("auth.success", 9), ("POLICY_DENIED", 13), ("Access Denied", 13)]
)
def test_names_of_other_systems_count_as_ours(event: str, number: int) -> None:
    assert _judged(Record(event=event, attributes={})) == number


@pytest.mark.parametrize(
    ("attributes", "number"),
    [
        ({"audit.outcome": "failure"}, 13), ({"audit.outcome": "success"}, 9), ({"audit.outcome": "unknown"}, 9),
        ({"outcome": "failed"}, 13), ({"status": "denied"}, 13), ({"decision": "deny"}, 13), ({"decision": "allow"}, 9),
        ({"audit.outcome": "error"}, 17), ({"outcome": "Error"}, 17), ({"status": "error"}, 17),
        ({"status": "ok"}, 9), ({"status": 500}, 9), ({"status": ["error"]}, 9), ({"outcome": None}, 9),
        ({"audit.outcome": "success", "status": "error"}, 9),
    ],
)  # fmt: skip
def test_how_it_ended_raises(attributes: dict[str, Value], number: int) -> None:
    assert _judged(Record(severity=9, attributes=dict(attributes))) == number
    assert _judged(Record(severity=21, attributes=dict(attributes))) == 21


def test_a_users_rule_decides_alone_and_the_first_that_matches() -> None:
    mine = Severity.model_validate(
        {
            "rules": [
                {"match": {"events": "error"}, "set": "low"},
                {"match": {"events": "err*"}, "set": 21},
                {"match": {"attributes": {"env": "lab"}}, "set": "debug"},
            ]
        }
    )
    assert _judged(Record(severity=24, event="ERROR", attributes={"level": "critical", "status": "error"}), mine) == 10
    assert _judged(Record(event="errata", attributes={}), mine) == 21
    assert _judged(Record(event="tool_call", attributes={}), mine, {"env": "lab"}) == 5
    assert _judged(Record(event="tenant_violation", attributes={}), mine) == 17  # none matches: the defaults judge


@pytest.mark.parametrize(
    "wrong",
    [
        {"rules": [{"match": {}, "set": "purple"}]}, {"rules": [{"match": {}, "set": 25}]}, {"rules": [{"set": 5}]},
        {"rules": [{"match": {}, "set": 0}]}, {"rule": []}, {"rules": [{"match": {}, "set": 5, "level": 1}]},
    ],
)  # fmt: skip
def test_a_wrong_rule_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Severity.model_validate(wrong)


said = st.sampled_from(["error", "HIGH", "denied", "ok", "trace", "success", ""])
words = st.one_of(st.none(), st.booleans(), st.integers(), said)
levels = ["audit.level", "severity", "level", "details.level", "metadata"]
names = st.sampled_from([*levels, "audit.outcome", "outcome", "status", "decision"])


@settings(max_examples=some(300), deadline=None)
@given(
    st.integers(0, 24),
    st.one_of(st.text(max_size=5), st.sampled_from([*EVENTS, *ALIASES])),
    st.dictionaries(names, st.one_of(words, st.lists(words), st.dictionaries(names, words))),
)
def test_any_record_ends_on_the_scale_and_a_second_pass_changes_nothing(
    number: int, event: str, attributes: dict[str, Value]
) -> None:
    record = Record(severity=number, event=event, attributes=dict(attributes))
    once = _judged(record)
    assert 1 <= once <= 24
    assert _judged(record) == once
    assert record.attributes == attributes
    if not {"audit.level", "severity", "level"} & attributes.keys():
        assert once >= number


def test_event_names_compare_in_any_spelling() -> None:
    assert known(" Rate-Limit.Exceeded ") == EVENTS["rate_limit_exceeded"] == known("RATE_LIMIT EXCEEDED")
    assert known("no such event") is None
    assert known("") is None
    assert (decision("Policy-Denied"), decision("policy_decision"), decision("")) == ("deny", "", "")


def test_the_event_table_is_written_as_names_compare() -> None:
    assert all(name == canonical(name) == row.name and 1 <= row.severity <= 24 for name, row in EVENTS.items())
    assert all(name == canonical(name) and alias.name in EVENTS for name, alias in ALIASES.items())
    assert not EVENTS.keys() & ALIASES.keys()
