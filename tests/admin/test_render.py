"""Whatever a record holds is shown as JSON."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from otelsiem.admin.render import moment, record, value
from otelsiem.model.record import Record

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(VALUES)
def test_every_value_is_json(any_value: object) -> None:
    shown = json.dumps(value(any_value), allow_nan=False)
    json.loads(shown)


@given(VALUES.filter(lambda v: v is not None), st.integers(0, 2**64 - 1))
def test_every_record_is_json(body: Any, time: int) -> None:
    shown = record(Record("id", time, body=body, attributes={"a": body}))
    assert json.loads(json.dumps(shown, allow_nan=False))["id"] == "id"


@given(st.integers(1, 253_402_300_799 * 10**9))
def test_moments_are_exact(ns: int) -> None:
    text = moment(ns)
    whole = datetime.fromisoformat(text[:19] + "+00:00")
    assert int(whole.timestamp()) * 10**9 + int(text[20:29]) == ns


def test_moments_that_are_none() -> None:
    assert moment(0) == ""
    assert moment(2**64 - 1) == "2554-07-21T23:34:33.709551615Z"
