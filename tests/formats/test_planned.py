"""What is written together reads as if each record had been written by itself, in the same order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.formats import _columns, console, ecs, ocsf, rfc3164, rfc5424
from otelsiem.formats._columns import alike
from otelsiem.formats.header import Style
from otelsiem.model.record import Batch, Group, Record, Scope, Value, count
from tests.examples import some
from tests.golden.cases import AT

NOON = 1_735_732_800_123_456_789
FORMATS: dict[str, Callable[[Batch], list[bytes]]] = {
    "ecs": lambda batch: ecs.lines(batch, AT, ecs.Style()),
    "ocsf": lambda batch: ocsf.lines(batch, AT, ocsf.Style()),
    "ocsf_1.3.0": lambda batch: ocsf.lines(batch, AT, ocsf.Style(version="1.3.0")),
    "rfc5424": lambda batch: rfc5424.lines(batch, AT, Style()),
    "rfc3164": lambda batch: rfc3164.lines(batch, AT, Style()),
    "console": lambda batch: console.lines(batch, AT, color=False).split(b"\n")[:-1],
    "colours": lambda batch: console.lines(batch, AT, color=True).split(b"\n")[:-1],
}

# Few of each, so that neighbours are often alike and sometimes not.
texts = st.sampled_from(["a", "b c", 'q"', "", "é", "x" * 90, "\x1b[1m", "\\", "]", "=", "\n"])
values: dict[str, st.SearchStrategy[Any]] = {
    "user.name": texts,
    "user.email": texts | st.just("a@example.com"),
    "tenant.id": texts,
    "client.address": st.sampled_from(["192.0.2.1", "db-1", "192.0.2.2", "x" * 300]),
    "audit.outcome": st.sampled_from(["success", "failure", "denied", ""]),
    "audit.action": texts,
    "tries": st.sampled_from([0, 1, True, 2**40, 0.5]),
    "roles": st.sampled_from([["a"], ["a", None], []]),
    "message": texts,
    "note": texts,
}
attributes = st.sets(st.sampled_from(sorted(values)), max_size=4).flatmap(
    lambda keys: st.fixed_dictionaries({key: values[key] for key in sorted(keys)})
)
record = st.builds(
    Record,
    id=st.sampled_from(["id", "other", 'i"d', ""]),
    time=st.sampled_from([0, 5, NOON, NOON + 1, NOON + 10**9, 2**63]),
    observed=st.sampled_from([0, NOON]),
    severity=st.sampled_from([0, 9, 17, 25, -1]),
    severity_text=st.sampled_from(["", "INFO"]),
    event=st.sampled_from(["authentication_failure", "tool_call", "b c", ""]),
    body=st.sampled_from([None, {"a": 1}, "x" * 600, 7]) | texts,
    attributes=attributes,
    trace_id=st.sampled_from(["", "0" * 31 + "1"]),
    span_id=st.sampled_from(["", "0" * 15 + "1"]),
    flags=st.integers(0, 1),
)
group = st.builds(
    Group,
    st.sampled_from([{}, {"service.name": "s", "tenant.id": "t-1"}, {"service.name": "s", "n": 1}, {"agent_id": 5}]),
    st.builds(Scope, st.sampled_from(["", "n"])),
    st.lists(record, max_size=8),
)


@pytest.mark.parametrize("name", FORMATS)
@settings(deadline=None, max_examples=some(60))
@given(batch=st.lists(group, max_size=4))
def test_together_is_as_each_alone(name: str, batch: Batch) -> None:
    write = FORMATS[name]
    alone = [
        line for part in batch for one in part.records for line in write([Group(part.resource, part.scope, [one])])
    ]
    assert write(batch) == alone


@pytest.mark.parametrize("name", FORMATS)
@settings(deadline=None, max_examples=some(30))
@given(shape=attributes, data=st.data())
def test_together_is_as_the_general_way(name: str, shape: dict[str, Any], data: st.DataObject) -> None:
    """Records of one shape: nothing of one may show in the line of another."""
    made = data.draw(
        st.lists(
            st.builds(
                Record, id=st.sampled_from(["a", "b"]), time=st.sampled_from([NOON, NOON + 1]), body=texts | st.none(),
                attributes=st.fixed_dictionaries({key: values[key] for key in shape}),
            ),
            min_size=1, max_size=6,
        )
    )  # fmt: skip
    batch = [Group({"service.name": "s"}, Scope("n"), made)]
    assert FORMATS[name](batch) == generally(name, batch)


def _two(key: str, one: Value) -> dict[str, Value]:
    return {"a": "b", key: one}


def generally(name: str, batch: Batch) -> list[bytes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_columns.Together, "__call__", lambda _self, records: [None] * len(records))
        return FORMATS[name](batch)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("key", ["audit.outcome", "outcome", "user.name", "note", "client.address", "title"])
def test_a_value_that_is_unlike_its_neighbours_is_told_as_it_would_be_alone(name: str, key: str) -> None:
    said = [
        "success",
        "failure",
        "unknown",
        "denied",
        "Failure",
        "",
        "a b",
        'q"',
        "x" * 300,
        "\x1b",
        "é",
        "192.0.2.1",
        "=",
    ]
    made = [Record(id="a", time=NOON, body=one, attributes=_two(key, one)) for one in said]
    for batch in ([Group({}, Scope(), made)], [Group({}, Scope(), made[:3])], [Group({}, Scope(), made[6:9])]):
        assert FORMATS[name](batch) == generally(name, batch)


def test_groups_that_say_the_same_are_written_together_and_stay_in_order() -> None:
    said: list[dict[str, Value]] = [{"service.name": name} for name in "abab"]
    batch = [
        Group({**one}, Scope(), [Record(id=f"{n}-{m}", time=NOON) for m in range(2)]) for n, one in enumerate(said)
    ]
    lines = FORMATS["ecs"](batch)
    assert len(lines) == count(batch)
    assert [f'"id":"{n}-{m}"'.encode() in lines[2 * n + m] for n in range(4) for m in range(2)] == [True] * 8


@pytest.mark.parametrize(
    ("few", "same"),
    [
        ([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], True),
        ([{"a": 1, "b": "x"}, {"b": "y", "a": 2}], False),
        ([{"a": 1}, {"a": True}], False),
        ([{"a": 1, "b": 1}, {"a": 1}, {"b": 1}], False),
        ([{}, {}], True),
        ([{}, {"a": 1}], False),
    ],
)
def test_records_are_alike_when_keys_order_and_types_are(few: list[dict[str, Any]], same: bool) -> None:
    assert (alike([Record(attributes=one) for one in few]) is not None) == same
