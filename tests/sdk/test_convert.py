"""SDK log records as ours: every field, every kind of value, nothing shared."""

from __future__ import annotations

import enum
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otelsiem.model.record import Scope
from otelsiem.otlp.decode import decode
from otelsiem.otlp.encode import encode
from otelsiem.sdk import convert
from tests.sdk.provider import RESOURCE


def readable(**fields: Any) -> ReadableLogRecord:
    scope = InstrumentationScope("shop.login", "2.0", "https://example.com/schema", {"team": "iam"})
    return ReadableLogRecord(LogRecord(**fields), RESOURCE, scope)


def test_every_field_arrives() -> None:
    with TracerProvider().get_tracer("t").start_as_current_span("s") as span:
        one = readable(
            timestamp=1_700_000_000_000_000_001,
            observed_timestamp=1_700_000_000_000_000_002,
            severity_number=SeverityNumber.WARN2,
            severity_text="WARNING",
            body={"a": [1, "x", None, {"b": b"\x00"}]},
            attributes={"user.id": "u-7", "n": 3, "f": 0.5, "t": True, "list": ["a", "b"]},
            event_name="login",
        )
        context = span.get_span_context()
    (group,) = convert.batch([one])
    assert group.resource == {"service.name": "shop", "service.version": "1.2", "host.name": "web-1"}
    assert group.scope == Scope("shop.login", "2.0", {"team": "iam"}, "https://example.com/schema")
    (made,) = group.records
    assert (made.time, made.observed) == (1_700_000_000_000_000_001, 1_700_000_000_000_000_002)
    assert (made.severity, made.severity_text, made.event) == (14, "WARNING", "login")
    assert made.body == {"a": [1, "x", None, {"b": b"\x00"}]}
    assert made.attributes == {"user.id": "u-7", "n": 3, "f": 0.5, "t": True, "list": ["a", "b"]}
    assert made.trace_id == trace.format_trace_id(context.trace_id)
    assert made.span_id == trace.format_span_id(context.span_id)
    assert made.flags == int(context.trace_flags)


def test_what_is_not_there_is_the_default() -> None:
    (group,) = convert.batch([ReadableLogRecord(LogRecord(), RESOURCE)])
    made = group.records[0]
    assert (made.time, made.severity, made.severity_text, made.event, made.body) == (0, 0, "", "", None)
    assert (made.trace_id, made.span_id, made.flags, made.attributes) == ("", "", 0, {})
    assert made.observed > 0  # the SDK sets it
    assert group.scope == Scope()


def test_records_of_one_scope_stand_in_one_group_in_order() -> None:
    first, second = InstrumentationScope("a"), InstrumentationScope("b")
    made = convert.batch(
        [ReadableLogRecord(LogRecord(body=str(n)), RESOURCE, second if n == 2 else first) for n in range(4)]
    )
    assert [[record.body for record in group.records] for group in made] == [["0", "1"], ["2"], ["3"]]


def test_nothing_is_shared_with_the_host() -> None:
    inner = {"k": ["v"]}
    one = readable(body=inner, attributes={})
    made = convert.batch([one])[0].records[0]
    inner["k"].append("later")
    assert made.body == {"k": ["v"]}


class Colour(enum.Enum):
    RED = "red"


class Rude:
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_what_otlp_has_no_kind_for_becomes_text() -> None:
    assert convert.value(2**70) == str(2**70)
    assert convert.value(Colour.RED) == "Colour.RED"
    assert convert.value(Rude()) == "<Rude>"
    assert convert.value(bytearray(b"x")) == b"x"
    assert convert.mapping({1: {2}}) == {"1": [2]}


def test_a_value_within_itself_ends() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert encode(convert.batch([ReadableLogRecord(LogRecord(body=loop), RESOURCE)]))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.binary(max_size=9) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_p6_any_value_is_one_that_can_travel(item: Any) -> None:
    try:
        packed = encode(convert.batch([ReadableLogRecord(LogRecord(body=item), RESOURCE)]))
    except UnicodeEncodeError:
        assert "\\ud" in ascii(item)  # half of a surrogate pair: the journal refuses it by name
        return
    decode(packed)
