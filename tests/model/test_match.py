"""Which records an exporter takes, and by which rule it leaves the others out."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from otelsiem.model.match import Match, unmatched
from otelsiem.model.record import Group, Record, Scope


def match(**settings: Any) -> Match:
    return Match.model_validate(settings)


def record(event: str = "tool_call", severity: int = 9, **attributes: Any) -> Record:
    return Record(event=event, severity=severity, attributes={k.replace("__", "."): v for k, v in attributes.items()})


def taken(condition: Match, one: Record, resource: dict[str, Any] | None = None) -> bool:
    return condition.compile()(one, resource or {})


@pytest.mark.parametrize(
    ("settings", "one", "wanted"),
    [
        ({"events": "auth*"}, record("AUTHENTICATION-failure"), True),
        ({"events": ["auth*", "tool_call"]}, record("policy_decision"), False),
        ({"events": []}, record(), False),
        ({"min_severity": "error"}, record(severity=17), True),
        ({"min_severity": "error"}, record(severity=16), False),
        ({"min_severity": 21}, record(severity=21), True),
        ({"tenants": "acme-*"}, record(tenant__id="acme-eu"), True),
        ({"tenants": "acme-*"}, record(tenant__id="other"), False),
        ({"tenants": "acme-*"}, record(), False),
        ({"attributes": {"audit.outcome": "failure"}}, record(audit__outcome="failure"), True),
        ({"attributes": {"attempts": [3, 4]}}, record(attempts=4), True),
        ({"attributes": {"attempts": 1}}, record(attempts=True), False),
        ({"any": [{"events": "x"}, {"min_severity": "low"}]}, record(severity=10), True),
        ({"all": [{"events": "x"}, {"min_severity": "low"}]}, record(severity=10), False),
        ({"not": {"events": "tool_*"}}, record(), False),
        ({}, record(), True),
    ],
)
def test_what_is_taken(settings: dict[str, Any], one: Record, wanted: bool) -> None:
    assert taken(match(**settings), one) is wanted


def test_a_resource_stands_in_for_its_records() -> None:
    condition = match(tenants="acme")
    assert taken(condition, record(), {"tenant.id": "acme"})
    assert not taken(condition, record(tenant__id="other"), {"tenant.id": "acme"}), "the record's own word counts"


def test_p2_what_is_left_out_has_the_first_rule_that_does_not_hold() -> None:
    rules = match(
        events="auth*",
        min_severity="high",
        attributes={"audit.outcome": "failure", "zone": "dmz"},
        **{"not": {"tenants": "test-*"}},
    ).rules()
    fit = {"audit__outcome": "failure", "zone": "dmz"}
    groups = [
        Group({}, Scope(), [record("authentication_failure", 17, **fit), record("x", 1)]),
        Group({}, Scope(), []),
        Group(
            {"tenant.id": "test-1"},
            Scope(),
            [
                record("auth", 9, **fit),
                record("auth", 17, zone="dmz"),
                record("auth", 17, audit__outcome="failure", zone="lan"),
                record("auth", 17, **fit),
            ],
        ),
    ]
    assert unmatched(rules, groups) == {
        1: "match.events",
        2: "match.min_severity",
        3: "match.attributes.audit.outcome",
        4: "match.attributes.zone",
        5: "match.not",
    }
    assert unmatched((), groups) == {}


@pytest.mark.parametrize("settings", [{"min_severity": "loud"}, {"min_severity": 25}, {"event": "x"}, {"any": {}}])
def test_what_cannot_be_meant_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        match(**settings)
