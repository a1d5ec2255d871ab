"""`_id`: the same record always has the same, and two records that share an id of their sender's are kept apart."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelsiem.destinations._bulk_id import ids
from otelsiem.model.record import Group, Record, Scope
from otelsiem.otlp.ids import SENDERS, stamp
from tests.destinations.bulk import NOW, id_of


def made(record: Record, **resource: Any) -> str:
    (id_,) = ids(Group(resource, Scope(), [record]))
    return id_


def test_an_id_that_the_door_made_is_used_as_it_is() -> None:
    records = [Record(time=NOW), Record(), Record(time=2**63)]
    stamp([Group({}, Scope(), records)], b"request", "token", NOW)
    assert [made(record) for record in records] == [record.id for record in records]


@pytest.mark.parametrize("name", SENDERS)
def test_an_id_that_its_sender_chose_is_a_hash_of_what_it_stands_for(name: str) -> None:
    record = Record(time=NOW, body="logged in", attributes={name: "chosen"})
    stamp([Group({}, Scope(), [record])], b"request", "token", NOW)
    assert record.id == "chosen"
    first = made(record)
    assert len(first) == 43
    again = Record(time=NOW, body="logged in", attributes={name: "chosen", "attempt": 2}, id="chosen", observed=NOW + 5)
    assert made(again) == first, "a resend has another time of observation"
    different = [
        Record("chosen", NOW + 1, body="logged in", attributes={name: "chosen"}),
        Record("chosen", NOW, body="logged out", attributes={name: "chosen"}),
        Record("chosen", NOW, body={"a": 1}, attributes={name: "chosen"}),
        Record("other", NOW, body="logged in", attributes={name: "other"}),
        Record("chosen", NOW, body="logged in", attributes={name: "chosen", "tenant.id": "t-1"}),
    ]
    assert len({first, *map(made, different)}) == 6


def test_an_id_that_looks_like_ours_and_was_chosen_is_hashed_too() -> None:
    chosen = id_of(1)
    assert made(Record(chosen, NOW, attributes={"log.record.uid": chosen})) != chosen
    assert made(Record("a-name", NOW)) != "a-name", "a processor may have taken the attribute away"


def test_the_tenant_of_the_resource_counts() -> None:
    record = Record("1", NOW, attributes={"event_id": "1"})
    assert made(record) != made(record, **{"tenant.id": "t-1"}) != made(record, tenant_id="t-2")


def test_records_together_have_the_ids_that_each_has_alone() -> None:
    ours, other = id_of(1), id_of(2)
    few = [Record(ours), Record(f"{ours}\n{other}"), Record(), Record("x" * 36), Record(other)]
    for some in ([few[0], few[4]], few, few[:2], few[1:3], [few[0], few[2]]):
        assert ids(Group({}, Scope(), some)) == [made(record) for record in some]
    assert made(few[1]) not in (few[1].id, ours), "what is not one of ours is not used, whatever is in it"


def test_a_record_without_an_id_has_none() -> None:
    assert made(Record()) == ""


SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text()
BODIES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(st.text(min_size=1), BODIES)
def test_any_id_and_any_body_give_one_that_json_need_not_escape(id_: str, body: Any) -> None:
    try:
        found = made(Record(id_, NOW, body=body))
    except UnicodeEncodeError:
        return  # the record is refused by its encoder
    assert found.isascii()
    assert found.replace("-", "").replace("_", "").isalnum()
