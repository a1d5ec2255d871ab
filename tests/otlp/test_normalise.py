"""Event type and text from attributes, for senders whose logging library has no place for them."""

from __future__ import annotations

import pytest

from otelsiem.model.record import Group, Record, Scope, Value
from otelsiem.otlp.normalise import BODIES, EVENTS, normalise


def _normalised(record: Record) -> Record:
    normalise([Group({}, Scope(), [record])])
    return record


@pytest.mark.parametrize("name", EVENTS)
def test_an_empty_event_name_is_filled(name: str) -> None:
    record = _normalised(Record(attributes={name: "login", "x": 1}))
    assert (record.event, record.attributes) == ("login", {name: "login", "x": 1})


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("empty", [None, ""])
def test_an_empty_body_is_filled(name: str, empty: Value) -> None:
    record = _normalised(Record(body=empty, attributes={name: "hello"}))
    assert (record.body, record.attributes) == ("hello", {name: "hello"})


@pytest.mark.parametrize("body", ["text", 0, False, [], {}, b"", 0.0])
def test_a_body_and_an_event_that_are_there_stay(body: Value) -> None:
    record = _normalised(Record(event="e", body=body, attributes={"message": "m", "event.name": "n"}))
    assert record.event == "e"
    assert type(record.body) is type(body)
    assert record.body == body


def test_the_first_name_that_holds_text_wins() -> None:
    given: dict[str, Value] = {"msg": "4", "description": "3", "title": "2", "message": ""}
    assert _normalised(Record(attributes=given)).body == "2"
    assert _normalised(Record(attributes={"event.type": "b", "event_type": "a", "event.name": 5})).event == "a"


@pytest.mark.parametrize("prefix", ["metadata", "details", "context"])
def test_inside_is_looked_at_last(prefix: str) -> None:
    assert _normalised(Record(attributes={f"{prefix}.message": "dotted"})).body == "dotted"
    assert _normalised(Record(attributes={prefix: {"message": "nested"}})).body == "nested"
    assert _normalised(Record(attributes={prefix: {"message": "nested"}, "msg": "top"})).body == "top"


@pytest.mark.parametrize("empty", [None, ""])
def test_nothing_said_stays_empty(empty: Value) -> None:
    record = _normalised(Record(body=empty, attributes={"metadata": "text", "message": 7, "details": {"msg": None}}))
    assert (record.event, record.body) == ("", empty)
