"""The table of event types keeps to the vocabularies that others publish. (ECS and OCSF: `tests/formats`.)"""

from __future__ import annotations

import pytest

from otelsiem.model.event import ALIASES, EVENTS, decision, known

# Splunk CIM 6: the tags that put an event into a data model
MODELS = [
    {"alert"}, {"authentication"}, {"change"}, {"data", "access"}, {"ids", "attack"}, {"malware", "attack"},
    {"performance"}, {"web"},
]  # fmt: skip
SCHEMAS = {"AlertEvent", "AuditEvent", "Authentication"}  # those of Sentinel's ASIM that audit events can be


@pytest.mark.parametrize("name", EVENTS)
def test_tags_are_those_of_one_data_model_and_schemas_exist(name: str) -> None:
    row = EVENTS[name]
    assert not row.cim or set(row.cim) in MODELS
    assert row.asim in {"", *SCHEMAS}
    assert row.outcome in {"", "success", "failure"}


@pytest.mark.parametrize("name", EVENTS)
def test_what_is_an_alert_is_one_everywhere(name: str) -> None:
    row = EVENTS[name]
    alert = row.ecs_kind == "alert"
    assert alert <= (row.ocsf_class == 2004)
    assert alert <= (row.asim == "AlertEvent")
    assert alert <= (set(row.cim) in ({"alert"}, {"ids", "attack"}))
    assert (row.technique is not None) <= alert


def test_techniques_name_a_tactic_and_their_framework() -> None:
    found = [row.technique for row in EVENTS.values() if row.technique]
    assert {technique.framework for technique in found} == {"MITRE ATT&CK", "MITRE ATLAS"}
    for technique in found:
        assert technique.technique.startswith("AML.T") == (technique.framework == "MITRE ATLAS")
        assert technique.tactic.removeprefix("AML.").startswith("TA")


def test_aliases_lead_to_rows_and_say_what_was_decided() -> None:
    assert all(known(alias) is EVENTS[row.name] for alias, row in ALIASES.items())
    assert (decision("POLICY-DENIED"), decision("auth_failed"), decision("x")) == ("deny", "", "")
