"""SDK log records as ours: every field, every kind of value, nothing shared."""

from __future__ import annotations

import enum
import numbers
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otelsiem.model.record import Record, Scope
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


@pytest.mark.parametrize(
    ("said", "made"),
    [
        ({"timestamp": 1.7e18}, Record(time=1_700_000_000_000_000_000)),
        ({"timestamp": "now"}, Record()),
        ({"timestamp": -5, "observed_timestamp": 2**70}, Record()),
        ({"trace_id": "4bf92f35", "span_id": -1}, Record()),
        ({"trace_id": 2**128, "span_id": 1}, Record(span_id="0000000000000001")),
        ({"trace_flags": "on"}, Record()),
        ({"severity_number": 99, "severity_text": 5}, Record(severity=24, severity_text="5")),
        ({"severity_number": "high", "event_name": 7}, Record(event="7")),
        ({"event_name": Rude()}, Record(event="<Rude>")),
    ],
)
def test_p4_a_field_that_is_none_of_its_kind_costs_neither_the_record_nor_its_batch(
    said: dict[str, Any], made: Record
) -> None:
    given = LogRecord(observed_timestamp=1)
    for name in ("timestamp", "observed_timestamp"):
        setattr(given, name, 0)
    for name, item in said.items():
        setattr(given, name, item)
    batch = convert.batch([ReadableLogRecord(given, RESOURCE)])
    assert batch[0].records == [made]
    assert encode(batch)


class Shade(str, enum.Enum):  # noqa: UP042 - whose text is not its value, other than a StrEnum's
    DARK = "dark"


class Level(enum.IntEnum):
    HIGH = 3


class Metre(float):
    def __float__(self) -> float:
        raise RuntimeError("no")


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("no")


class Octets(bytes):
    pass


class Counted:
    """As numpy's: a number that is no `int`."""

    def __int__(self) -> int:
        return 7


numbers.Integral.register(Counted)


def test_p6_a_kind_of_number_or_text_is_that_number_or_text() -> None:
    """`3 in range(2 ** 63)` walks through the range when 3 is an IntEnum: the caller would never come back."""
    given = (HTTPStatus.NOT_FOUND, Level.HIGH, Metre(1.5), Shade.DARK, Text("t"), Octets(b"o"), True, Counted())
    for item, plain in zip(given, (404, 3, 1.5, "dark", "t", b"o", True, 7), strict=True):
        assert (convert.value(item), type(convert.value(item))) == (plain, type(plain))
    assert convert.mapping({Shade.DARK: 1, Text("t"): 2, Level.HIGH: 3}) == {"dark": 1, "t": 2, "3": 3}


class Torn(dict[str, Any]):
    def items(self) -> Any:
        raise RuntimeError("no")

    copy = items


class TornList(list[Any]):
    def __iter__(self) -> Any:
        raise RuntimeError("no")


def test_p6_what_cannot_be_read_costs_nothing_beside_it() -> None:
    torn = {"a": 10**5000, "b": Torn(x=1), "c": TornList([1]), Rude(): 1, "d": [Torn(), 2]}
    assert convert.mapping(torn) == {"a": "<int>", "b": "<Torn>", "c": "<TornList>", "<Rude>": 1, "d": ["<Torn>", 2]}


def test_p6_values_that_hold_each_other_many_times_end() -> None:
    nodes: list[list[Any]] = [[] for _ in range(20)]
    for node in nodes:
        node += nodes
    laughs: Any = "ha"
    for _ in range(100):
        laughs = [laughs, laughs]
    made = convert.mapping({"nodes": nodes, "laughs": laughs, "next": ["whole"]})
    assert made["next"] == ["whole"]
    assert encode(convert.batch([ReadableLogRecord(LogRecord(body=nodes), RESOURCE)]))


def test_p6_a_mapping_that_changes_meanwhile_is_read_as_it_was() -> None:
    held: dict[Any, Any] = {"a": 1}

    class Adds:
        def __str__(self) -> str:
            held["b"] = 2
            return "adds"

    held["x"] = Adds()
    assert convert.value(held) == {"a": 1, "x": "adds"}


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
