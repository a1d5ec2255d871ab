"""Lines that are written as one text are those of the normalised events, byte for byte, whatever comes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otelsiem.formats import _json_lines
from otelsiem.formats._json_lines import plan
from otelsiem.formats.json import Style, events, lines
from otelsiem.formats.layout import Layouts
from otelsiem.model.record import Batch, Group, Record, Scope
from tests.examples import some
from tests.formats import strategies
from tests.formats.test_hec_layouts import AT, NAMES, RECORD, RECORDS, USUAL, VALUE, nearly_plain, with_attributes

SLOW = settings(deadline=None, max_examples=some(300), suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def _own_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for every shape: what other tests asked for fills the one of the process."""
    monkeypatch.setattr(_json_lines, "PLANS", Layouts(1 << 20, plan))


def generally(batch: Batch) -> list[bytes]:
    return [msgspec.json.encode(event) for event in events(batch, AT, Style().product)]


@SLOW
@given(nearly_plain() | strategies.batches)
def test_the_bytes_are_those_of_the_events(batch: Batch) -> None:
    assert lines(batch, AT, Style()) == generally(batch)


@SLOW
@given(st.data())
def test_the_bytes_of_records_of_one_shape(data: st.DataObject) -> None:
    """Many values for the same keys: what is planned from the first must hold for all."""
    shape = data.draw(st.lists(NAMES, max_size=6, unique=True))
    shared = st.fixed_dictionaries(dict.fromkeys(shape, VALUE))
    made = data.draw(st.lists(st.builds(with_attributes, RECORDS, shared), min_size=1, max_size=6))
    batch = [Group({"tenant.id": "r"}, Scope("s"), made)]
    assert lines(batch, AT, Style()) == generally(batch)


@pytest.mark.parametrize(
    "more", [{}, {"n": 0, "mfa": False, "risk.score": 0.5}, {"tenant.id": 7}, {"user.roles": ["a"]}, {'a"b': "\\"}]
)
def test_usual_records_have_a_plan(more: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def shut(*_: object) -> None:
        raise AssertionError("this record has no plan")

    made = [msgspec.structs.replace(RECORD, id=str(n), attributes=USUAL | more) for n in range(3)]
    batch = [Group({"service.name": "p", "agent.id": "a"}, Scope("s", "1"), made)]
    expected = generally(batch)
    monkeypatch.setattr(_json_lines, "document", shut)
    assert lines(batch, AT, Style()) == expected


def test_a_resource_that_says_no_text_is_written_the_general_way() -> None:
    made = [Record(id="x", time=RECORD.time, attributes={"n": 1})] * 2
    batch = [Group({"tenant.id": 7}, Scope(), made), Group({"tenant.id": "7"}, Scope(), made)]
    assert lines(batch, AT, Style()) == generally(batch)
