"""Layouts write what the general way writes, whatever comes; and senders who invent shapes cannot fill the memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.formats import hec
from otelsiem.formats.hec import FEW, Style, envelopes
from otelsiem.formats.layout import LONGEST_KEYS, MOST_KEYS, Layout, Layouts, layout
from otelsiem.formats.template import Template
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group, Record, Scope
from tests.examples import some
from tests.formats import strategies

AT = Moment(now=1_767_225_601_000_000_001, host="here")
NOON = 1_735_732_800_123_456_789
STYLES = (
    Style(),
    Style(schema="event"),
    Style(host=Template("{host.name|none}"), index=Template("i-{tenant.id}"), fields=("user.id", "port", "tenant.id")),
    Style(source=Template("{resource.service.name}-{event}"), sourcetype=Template("{severity}")),
)


class NoLayouts(Layouts[Layout]):
    def get(self, signature: tuple[Any, ...], said: tuple[str, ...]) -> Layout | None:
        return None


def written(batch: Batch, style: Style) -> bytes:
    return msgspec.json.Encoder().encode_lines(envelopes(batch, AT, style))


def generally(batch: Batch, style: Style) -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hec, "_LAYOUTS", NoLayouts(1, layout))
        return written(batch, style)


def only_layouts(batch: Batch, style: Style) -> bytes:
    """Written with the general way shut."""

    def shut(*_: object) -> None:
        raise AssertionError("this record has no layout")

    batch = [Group(g.resource, g.scope, g.records * FEW, g.schema_url) for g in batch]  # groups of few have none
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hec, "document", shut)
        return written(batch, style)


def nearly_plain() -> st.SearchStrategy[Batch]:
    """Records most of which have a layout, in groups whose resource says some of the same."""
    value = (
        st.text("ab\"é\\\n", min_size=1, max_size=5) | st.sampled_from(["success", "failure", "unknown", "denied", ""])
        | st.integers(-5, 2**63) | st.booleans() | st.floats()
        | st.lists(st.sampled_from(["a", "", 1, None, 0.5]), max_size=2)
    )  # fmt: skip
    names = st.sampled_from([k for k in strategies.KNOWN if "tactic" not in k and "technique" not in k]) | st.text(
        'ab."\n'
    )
    record = st.builds(
        Record,
        id=st.sampled_from(["id", "0198", ""]),
        time=st.integers(0, 2**64 - 1) | st.sampled_from([0, -1, 1, 999_999_999, 10**9, NOON, 2**63]),
        observed=st.sampled_from([0, 1, NOON]),
        severity=st.integers(-1, 25),
        severity_text=st.sampled_from(["", "INFO"]),
        event=st.sampled_from(["", "login", "a b"]),
        body=st.sampled_from([None, "", "text", 5]),
        attributes=st.dictionaries(names, value, max_size=6),
        trace_id=st.sampled_from(["", "0" * 31 + "1"]),
        span_id=st.sampled_from(["", "0" * 15 + "1"]),
        flags=st.integers(0, 1),
    )
    resource = st.dictionaries(st.sampled_from([*strategies.KNOWN, "host.name"]), value, max_size=3)
    return st.lists(st.builds(Group, resource, st.just(Scope("s")), st.lists(record, max_size=6)), max_size=2)


@given(nearly_plain() | strategies.batches, st.sampled_from(STYLES))
@settings(deadline=None, max_examples=some(400))
def test_the_bytes_are_those_of_the_general_way(batch: Batch, style: Style) -> None:
    assert written(batch, style) == generally(batch, style)


RECORD = Record(
    id="0198", time=NOON, observed=NOON, severity=17, event="login", body="Failed", trace_id="a" * 32, span_id="b" * 16
)
USUAL: dict[str, Any] = {"user.id": "u", "tenant.id": "t", "client.address": "1.2.3.4", "audit.outcome": "failure"}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"attempts": 0, "mfa": False, "risk.score": 0.5},
        {"user.roles": ["admin", "ops"], "n": [], "m": [1, True]},
        {"audit.target.id": "t-1"},
        {"audit.target.name": "db", "audit.target.type": "host", "n": 1},
        {"user.name": "alice", "user.email": "a@example.com", "gen_ai.agent.id": "a", "audit.correlation.id": "c"},
        {"server_id": "s", "organization.id": "o"},
    ],
)
@pytest.mark.parametrize(
    "resource", [{}, {"service.name": "p", "tenant.id": "r", "agent.id": "ra", "correlation_id": "c"}]
)
def test_usual_records_have_a_layout(style: Style, more: dict[str, Any], resource: dict[str, Any]) -> None:
    batch = [Group(resource, Scope("s", "1"), [msgspec.structs.replace(RECORD, attributes=USUAL | more)])]
    assert only_layouts(batch, style) == generally(batch, style) * FEW


@pytest.mark.parametrize(
    "more",
    [
        {"n": float("nan")},
        {"n": float("inf")},
        {"n": ""},
        {"n": None},
        {"n": [1.5]},
        {"n": [None]},
        {"n": {"a": 1}},
        {"tenant.id": ["t"]},
        {"user.name": 0},
        {"tenant.id": 7},
        {"audit.target.name": 0, "audit.target.id": "t"},
        {"audit.outcome": "denied"},
        {"audit.outcome": True},
        {"message": "m"},
        {"threat.tactic.id": "T"},
        {'a"b': 1},
        {"a\nb": 1},
        {"a\\b": 1},
        {"k" * (LONGEST_KEYS + 1): 1},
        {f"k{n}": n for n in range(MOST_KEYS + 1)},
    ],
)
@pytest.mark.parametrize("style", STYLES)
def test_unusual_records_go_the_general_way_among_usual_ones(style: Style, more: dict[str, Any]) -> None:
    usual, unusual = (msgspec.structs.replace(RECORD, attributes=a) for a in (USUAL, USUAL | more))
    batch = [Group({"service.name": "p"}, Scope(), [usual, unusual, usual])]
    assert written(batch, style) == generally(batch, style)
    with pytest.raises(AssertionError, match="no layout"):
        only_layouts(batch, style)


def test_a_shape_whose_types_change_is_written_right_at_each_record() -> None:
    values: list[Any] = ["t", 7, "t", 1.5, None, "", "t", float("nan"), True, "t"]
    batch = [Group({}, Scope(), [msgspec.structs.replace(RECORD, attributes={"tenant.id": v, "n": v}) for v in values])]
    for style in STYLES:
        assert written(batch, style) == generally(batch, style)


def signature(n: int) -> tuple[Any, ...]:
    return (f"key-{n}", str)


def test_a_flood_of_shapes_is_bounded_and_does_not_push_out_what_is_in_use() -> None:
    layouts = Layouts(8, layout)
    used = layouts.get(signature(0), ())
    assert used is not None
    for n in range(1, 5000):
        layouts.get(signature(n), ())
        assert layouts.get(signature(0), ()) is used
        assert len(layouts) <= 8


def test_a_full_house_still_lets_newcomers_in() -> None:
    layouts = Layouts(2, layout)
    for n in range(2):
        layouts.get(signature(n), ())
    asked = [layouts.get(signature(9), ()) for _ in range(100)]
    assert asked[0] is None
    assert asked[-1] is not None


def test_what_a_resource_says_belongs_to_the_layout() -> None:
    first = Group({"tenant.id": "r"}, Scope(), [msgspec.structs.replace(RECORD, attributes={"n": 1})])
    second = Group({}, Scope(), first.records)
    for style in (Style(), replace(Style(), schema="event")):
        batch = [first, second]
        assert only_layouts(batch, style) == b"".join([generally([group], style) * FEW for group in batch])


@pytest.mark.parametrize("severity", [-1, 0, 1, 24, 25])
def test_a_severity_outside_the_scale_reads_as_its_nearest_end(severity: int) -> None:
    batch = [Group({}, Scope(), [msgspec.structs.replace(RECORD, severity=severity)] * FEW)]
    for style in STYLES:
        assert written(batch, style) == generally(batch, style)


@pytest.mark.parametrize("varied", ["{severity}", "{user.id}", "{attr.user.id}", "{event}{severity}"])
def test_records_of_one_event_keep_their_own_places(varied: str) -> None:
    """Places that depend on the event alone are found once for it; this one depends on more."""
    made = [msgspec.structs.replace(RECORD, severity=n, attributes={"user.id": f"u{n}"}) for n in (9, 17, 9, 17)]
    lines = written([Group({}, Scope(), made)], Style(sourcetype=Template(varied))).splitlines()
    first, second, *again = [msgspec.json.decode(line)["sourcetype"] for line in lines]
    assert first != second
    assert again == [first, second]


def test_places_of_another_group_are_its_own() -> None:
    groups = [Group({"host.name": name, "service.name": name}, Scope(), [RECORD]) for name in ("a", "b")]
    lines = written(groups, Style(source=Template("{resource.service.name}:{event}"))).splitlines()
    assert [(e["host"], e["source"]) for e in map(msgspec.json.decode, lines)] == [("a", "a:login"), ("b", "b:login")]
