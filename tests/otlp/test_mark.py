"""Whose records they are, and what the gateway writes on them."""

from __future__ import annotations

import pytest

from otelsiem.model.record import Group, Record, Scope, Value
from otelsiem.otlp.mark import mark, own


def owned(resource: dict[str, Value], **attributes: Value) -> Record:
    group = Group(resource, Scope(), [Record(attributes={k.replace("__", "."): v for k, v in attributes.items()})])
    own([group], "acme")
    assert group.resource["tenant.id"] == "acme"
    assert group.records[0].attributes["tenant.id"] == "acme"
    return group.records[0]


@pytest.mark.parametrize("name", ["tenant.id", "tenant_id", "audit.tenant.id", "organization.id"])
@pytest.mark.parametrize("said", ["evil", 7, ["acme"]])
def test_every_spelling_of_a_claim_gives_way_and_is_kept(name: str, said: Value) -> None:
    record = owned({}, **{name: said})
    assert record.attributes[name] == "acme"
    assert record.attributes["audit.tenant.claimed"] == said
    assert owned({name: said}).attributes["audit.tenant.claimed"] == said


def test_the_records_own_claim_is_kept_rather_than_that_of_its_resource() -> None:
    assert owned({"tenant.id": "one"}, tenant_id="two").attributes["audit.tenant.claimed"] == "two"
    assert owned({"tenant.id": "one"}, tenant_id="acme").attributes["audit.tenant.claimed"] == "one"


def test_who_claims_nothing_else_gets_no_claim() -> None:
    for resource in ({}, {"tenant.id": "acme"}):
        assert owned({**resource}, tenant_id="acme").attributes == {"tenant.id": "acme", "tenant_id": "acme"}
    assert owned({}).attributes == {"tenant.id": "acme"}


def test_a_resource_of_several_groups_tells_its_claim_to_each() -> None:
    shared: dict[str, Value] = {"tenant.id": "evil"}
    groups = [Group(shared, Scope(), [Record(attributes={})]) for _ in range(2)]
    own(groups, "acme")
    assert [group.records[0].attributes["audit.tenant.claimed"] for group in groups] == ["evil", "evil"]
    assert shared == {"tenant.id": "evil"}


def test_marks_are_written_on_every_record_over_what_it_said() -> None:
    group = Group({}, Scope(), [Record(attributes={"a": 1, "otelsiem.peer.address": "forged"}), Record(attributes={})])
    mark([group], (("otelsiem.peer.address", "192.0.2.1"),))
    assert [record.attributes["otelsiem.peer.address"] for record in group.records] == ["192.0.2.1"] * 2
