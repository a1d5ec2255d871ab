"""OTel-native documents: every attribute under its own name, names that are legal, the four keys under OTel's names."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.formats.otel_native import Style, documents, fit, lines
from otelsiem.formats.speaker import Product
from otelsiem.model.destination import Moment
from otelsiem.model.record import Group, Record, Scope
from tests.examples import some
from tests.golden.cases import AT, CASES

NOW = 1_767_225_600_123_456_789


def written(record: Record, resource: dict[str, Any] | None = None, scope: Scope | None = None, **style: Any) -> Any:
    [line] = lines([Group(resource or {}, scope or Scope(), [record])], Moment(NOW, host="here"), Style(**style))
    assert b"\n" not in line
    return json.loads(line)


def test_a_record_with_everything() -> None:
    record = Record("i-1", NOW, NOW + 1, 17, "ERR", "login", "failed", {"user.id": "u", "n": 1}, "a" * 32, "b" * 16, 1)
    group = Group({"service.name": "auth"}, Scope("lib", "1", {"k": 1}, "https://s"), [record], "https://r")
    [line] = lines([group], Moment(NOW), Style())
    assert json.loads(line) == {
        "@timestamp": "2026-01-01T00:00:00.123456789Z",
        "observed_timestamp": "2026-01-01T00:00:00.123456790Z",
        "severity_text": "ERR",
        "severity_number": 17,
        "event_name": "login",
        "trace_id": "a" * 32,
        "span_id": "b" * 16,
        "trace_flags": 1,
        "attributes": {"user.id": "u", "n": 1, "audit.record.id": "i-1"},
        "resource": {"schema_url": "https://r", "attributes": {"service.name": "auth"}},
        "scope": {"name": "lib", "version": "1", "schema_url": "https://s", "attributes": {"k": 1}},
        "body": {"text": "failed"},
    }


def test_what_is_absent_is_not_there() -> None:
    assert written(Record()) == {
        "@timestamp": "2026-01-01T00:00:00.123456789Z",
        "resource": {"attributes": {"host.name": "here"}},
    }


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ("text", {"text": "text"}),
        ({"a": 1}, {"structured": {"a": 1}}),
        ([1, {"a": 2}], {"structured": {"value": [1, {"a": 2}]}}),
        (7, {"text": 7}),
        (math.nan, {"text": "NaN"}),
        (b"\x00", {"text": "AA=="}),
    ],
)
def test_a_body_has_one_of_two_places(body: Any, made: Any) -> None:
    assert written(Record(body=body))["body"] == made


@pytest.mark.parametrize("ns", [0, 1, 999_999_999, NOW, 2**63 - 1, 2**64 - 1])
def test_times_keep_nine_digits(ns: int) -> None:
    stamp = written(Record(time=ns))["@timestamp"]
    fraction = f"{ns or NOW:09}"[-9:]
    assert stamp.partition(".")[2] == f"{fraction}Z"


@pytest.mark.parametrize(
    ("attributes", "name", "value"),
    [
        ({"tenant_id": "t"}, "tenant.id", "t"),
        ({"agent.id": "a"}, "gen_ai.agent.id", "a"),
        ({"metadata": {"correlation_id": "c"}}, "audit.correlation.id", "c"),
        ({"details.constitutional_hash": "h"}, "audit.constitutional_hash", "h"),
        ({"tenant.id": "", "tenant_id": "t"}, "tenant_id", "t"),
    ],
)
def test_the_four_keys_have_otels_names_beside_their_own(attributes: dict[str, Any], name: str, value: str) -> None:
    found = written(Record(attributes=attributes))["attributes"]
    assert found[name] == value
    assert {key: found[key] for key in attributes} == attributes


def test_the_resource_may_say_them_for_all() -> None:
    found = written(Record(), {"tenant_id": "t", "agent_id": "a"})["resource"]["attributes"]
    assert (found["tenant.id"], found["gen_ai.agent.id"], found["tenant_id"]) == ("t", "a", "t")


def test_settings_say_who_speaks() -> None:
    found = written(Record(), {"service.name": "theirs"}, product=Product("v", "p", "1"))["resource"]["attributes"]
    assert found == {"service.namespace": "v", "service.name": "p", "service.version": "1", "host.name": "here"}


@pytest.mark.parametrize(
    ("key", "made"),
    [("", "_"), (".", "_._"), ("a..b", "a._.b"), (".a", "_.a"), ("a.", "a._"), (" ", "_"), ("a b", "a b")],
)
def test_names_without_empty_parts(key: str, made: str) -> None:
    assert fit(key) == made
    assert written(Record(attributes={key: 1}))["attributes"] == {made: 1}


def test_no_name_takes_anothers() -> None:
    assert written(Record(attributes={"": 1, "_": 2, ".": 3, "_._": 4}))["attributes"] == {
        "_": 2, "__": 1, "_._": 4, "_.__": 3,
    }  # fmt: skip


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.text(max_size=8) | st.sampled_from(["tenant_id", "metadata", "a..b", "audit.record.id"]), VALUES)
)
@settings(deadline=None, max_examples=some(300))
def test_nothing_is_lost_and_every_name_is_legal(attributes: dict[str, Any]) -> None:
    try:
        found = written(Record(id="i", attributes=attributes)).get("attributes", {})
    except UnicodeEncodeError:
        return  # refused by its encoder
    assert all(part.strip() for key in found for part in key.split("."))
    values = list(found.values())
    for key, value in attributes.items():
        assert _plain(value) in values, key
    assert len(found) >= len(attributes)
    assert found["audit.record.id"] == _plain(attributes.get("audit.record.id", "i"))


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def test_records_are_not_changed_and_lines_are_documents() -> None:
    for case in CASES.values():
        before = repr(case)
        assert len(documents(case, AT, Style())) == len(lines(case, AT, Style())) == 1
        assert repr(case) == before
