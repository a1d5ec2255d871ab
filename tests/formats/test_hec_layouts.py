"""Plans write what the general way writes, whatever comes; and senders who invent shapes cannot fill the memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otelsiem.formats import hec
from otelsiem.formats._hec import lines as _hec_lines
from otelsiem.formats._hec.lines import plan
from otelsiem.formats.hec import Style, body, envelopes, indexes, lines
from otelsiem.formats.layout import LONGEST_KEYS, MOST_KEYS, Layouts
from otelsiem.formats.template import Template
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group, Record, Scope, Value
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


FEW = 3  # copies of a record: lines are made for several at once


@pytest.fixture(autouse=True)
def _own_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for every shape: what other tests asked for fills the one of the process."""
    monkeypatch.setattr(_hec_lines, "PLANS", Layouts(1 << 20, plan))


def written(batch: Batch, style: Style) -> bytes:
    found = lines(batch, AT, style)
    assert body(batch, AT, style) == b"".join([line + b"\n" for line in found])
    return body(batch, AT, style)


def generally(batch: Batch, style: Style) -> bytes:
    return msgspec.json.Encoder().encode_lines(envelopes(batch, AT, style))


def only_layouts(batch: Batch, style: Style) -> bytes:
    """Written with the general way shut."""

    def shut(*_: object) -> None:
        raise AssertionError("this record has no layout")

    batch = [Group(g.resource, g.scope, g.records * FEW, g.schema_url) for g in batch]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hec, "document", shut)
        return written(batch, style)


VALUE: st.SearchStrategy[Value] = (
    st.text("ab\"é\\\n", min_size=1, max_size=5) | st.sampled_from(["success", "failure", "unknown", "denied", ""])
    | st.integers(-5, 2**63) | st.booleans() | st.floats()
    | st.lists(st.sampled_from(["a", "", 1, None, 0.5]), max_size=2)
)  # fmt: skip
NAMES = st.sampled_from([k for k in strategies.KNOWN if "tactic" not in k and "technique" not in k]) | st.text('ab."\n')
RECORDS = st.builds(
    Record,
    id=st.sampled_from(["id", "0198", ""]),
    time=st.integers(0, 2**64 - 1) | st.sampled_from([0, -1, 1, 999_999_999, 10**9, NOON, 2**63]),
    observed=st.sampled_from([0, 1, NOON]),
    severity=st.integers(-1, 25),
    severity_text=st.sampled_from(["", "INFO"]),
    event=st.sampled_from(["", "login", "a b"]),
    body=st.sampled_from([None, "", "text", 5]),
    attributes=st.dictionaries(NAMES, VALUE, max_size=6),
    trace_id=st.sampled_from(["", "0" * 31 + "1"]),
    span_id=st.sampled_from(["", "0" * 15 + "1"]),
    flags=st.integers(0, 1),
)


def nearly_plain() -> st.SearchStrategy[Batch]:
    """Records most of which have a plan, in groups whose resource says some of the same."""
    resource = st.dictionaries(st.sampled_from([*strategies.KNOWN, "host.name"]), VALUE, max_size=3)
    return st.lists(st.builds(Group, resource, st.just(Scope("s")), st.lists(RECORDS, max_size=6)), max_size=2)


def with_attributes(record: Record, attributes: dict[str, Any]) -> Record:
    return msgspec.structs.replace(record, attributes=attributes)


SLOW = settings(deadline=None, max_examples=some(400), suppress_health_check=[HealthCheck.function_scoped_fixture])


@SLOW
@given(nearly_plain() | strategies.batches, st.sampled_from(STYLES))
def test_the_bytes_are_those_of_the_general_way(batch: Batch, style: Style) -> None:
    assert written(batch, style) == generally(batch, style)


@SLOW
@given(st.data(), st.sampled_from(STYLES))
def test_the_bytes_of_records_of_one_shape(data: st.DataObject, style: Style) -> None:
    """Many values for the same keys: what is planned from the first must hold for all."""
    shape = data.draw(st.lists(NAMES, max_size=6, unique=True))
    shared = st.fixed_dictionaries(dict.fromkeys(shape, VALUE))
    made = data.draw(st.lists(st.builds(with_attributes, RECORDS, shared), min_size=1, max_size=6))
    resource: dict[str, Value] = data.draw(st.dictionaries(st.sampled_from(strategies.KNOWN), VALUE, max_size=3))
    batch = [Group(resource, Scope("s"), made)]
    assert written(batch, style) == generally(batch, style)


@SLOW
@given(nearly_plain(), st.sampled_from(STYLES))
def test_indexes_are_those_of_the_envelopes(batch: Batch, style: Style) -> None:
    assert indexes(batch, style) == [one.index or "" for one in envelopes(batch, AT, style)]


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
        {"audit.target.name": "db", "audit.target.id": "t-1"},
        {"user.name": "alice", "user.email": "a@example.com", "gen_ai.agent.id": "a", "audit.correlation.id": "c"},
        {"server_id": "s", "organization.id": "o"},
        {'a"b': 1},
        {"a\nb": 1},
        {"a\\b": "\u2028\x00\x7f"},
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


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "other", [{"event": "logout"}, {"severity_text": "WARN"}, {"flags": 1}, {"severity": 9}, {"trace_id": "c" * 32}]
)
def test_what_one_record_in_the_middle_says_is_its_own(other: dict[str, Any], style: Style) -> None:
    """What all records say alike is written as one text for all of them."""
    usual = msgspec.structs.replace(RECORD, severity_text="ERROR", flags=3, attributes=USUAL)
    batch = [Group({}, Scope(), [usual, msgspec.structs.replace(usual, **other), usual])]
    assert only_layouts(batch, style) == generally(batch, style) * FEW


def keys_of(keys: Sequence[str], _types: Sequence[type], _said: Sequence[Any]) -> list[str]:
    return [*keys]


def test_a_flood_of_shapes_is_bounded_and_does_not_push_out_what_is_in_use() -> None:
    layouts = Layouts(8, keys_of)
    used = layouts.get(signature(0), ())
    assert used is not None
    for n in range(1, 5000):
        layouts.get(signature(n), ())
        assert layouts.get(signature(0), ()) is used
        assert len(layouts) <= 8


def test_a_full_house_still_lets_newcomers_in() -> None:
    layouts = Layouts(2, keys_of)
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


@pytest.mark.parametrize("service", ["a", "b"])
def test_groups_that_say_the_same_are_written_together(service: str) -> None:
    """A lease is made of requests: its groups are many, and each has a resource of its own."""
    made = [msgspec.structs.replace(RECORD, id=str(n), attributes=USUAL) for n in range(4)]
    groups = [Group({"service.name": name}, Scope("s"), part) for name, part in (("a", made[:3]), (service, made[3:]))]
    assert written(groups, Style()) == generally(groups, Style())


def test_places_of_another_group_are_its_own() -> None:
    groups = [Group({"host.name": name, "service.name": name}, Scope(), [RECORD]) for name in ("a", "b")]
    lines = written(groups, Style(source=Template("{resource.service.name}:{event}"))).splitlines()
    assert [(e["host"], e["source"]) for e in map(msgspec.json.decode, lines)] == [("a", "a:login"), ("b", "b:login")]
