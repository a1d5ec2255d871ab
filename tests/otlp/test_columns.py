"""Records read by columns are those that the walk reads one by one, from whatever bytes a sender may write."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from otelsiem.model.errors import MalformedError
from otelsiem.model.record import Record
from otelsiem.otlp import columns, decode, walk
from otelsiem.otlp.columns import MANY, WIDEST
from otelsiem.otlp.messages import DecodeError
from otelsiem.otlp.skeleton import Request
from tests.examples import some

MALFORMED = (DecodeError, UnicodeDecodeError)  # the latter of protobuf written in Python

# --- the wire, by hand ------------------------------------------------------------------------------------------------


def _varint(number: int, padding: int = 0) -> bytes:
    """`padding`: bytes more than needed, which protobuf allows."""
    said = bytearray()
    while number >= 0x80:
        said.append(number & 0x7F | 0x80)
        number >>= 7
    said.append(number)
    if padding:
        said[-1] |= 0x80
        said += b"\x80" * (padding - 1) + b"\0"
    return bytes(said)


def _field(number: int, payload: bytes, padding: int = 0) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(payload), padding) + payload


def _any(held: object) -> bytes:
    """An AnyValue as everybody writes it."""
    match held:
        case bool():
            return b"\x10" + _varint(held)
        case int():
            return b"\x18" + _varint(held & (1 << 64) - 1)
        case float():
            return b"\x21" + struct.pack("<d", held)
        case str():
            return _field(1, held.encode("utf-8", "surrogatepass"))
        case bytes():
            return _field(7, held)
        case list():
            return _field(5, b"".join(_field(1, _any(inner)) for inner in held))
        case dict():
            return _field(6, b"".join(_field(1, _pair(key, _any(inner))) for key, inner in held.items()))
        case _:
            return b""


def _pair(key: str, any_value: bytes) -> bytes:
    return _field(1, key.encode()) + _field(2, any_value)


def _request(bodies: Sequence[Sequence[bytes]], attributes: Sequence[Sequence[bytes]], event: str = "e") -> bytes:
    """Records of these AnyValues and KeyValues."""
    records = [
        b"".join([_field(5, piece) for piece in body] + [_field(6, pair) for pair in pairs])
        + (_field(12, event.encode()) if event else b"")
        for body, pairs in zip(bodies, attributes, strict=True)
    ]
    return _field(1, _field(2, b"".join(_field(2, record) for record in records)))


def _said(records: Sequence[Record | None]) -> list[str]:
    """With types, order and NaN."""
    return [repr(record) for record in records]


def _both(data: bytes) -> tuple[list[Record | None], list[Record]]:
    """By columns, and by the walk."""
    [resource_logs] = ExportLogsServiceRequest.FromString(data).resource_logs
    [skeleton] = Request.FromString(data).resource_logs
    messages = skeleton.scope_logs[0].log_records
    return columns.records(messages), walk.records(resource_logs.scope_logs[0].log_records)


def _decoded(data: bytes) -> list[Record]:
    """As a request of any size is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode, "SMALL", 0)
        return decode.decode(data)[0].records


def _column(pairs: Sequence[bytes]) -> list[Record | None]:
    """Records of one attribute each; they must have been read by columns, and as the walk does."""
    found, wanted = _both(_request([[]] * len(pairs), [[pair] for pair in pairs]))
    assert None not in found
    assert _said(found) == _said(wanted)
    return found


# --- one column -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 121, 122, 123, 124, 125, 126, 127, 128, 129, 16_379, 16_380, 16_383, 16_384])
def test_texts_of_every_length_of_length(size: int) -> None:
    column = _column([_pair("key", _any("x" * (size + n % 3))) for n in range(MANY)])
    assert [len(str(record.attributes["key"])) for record in column if record] == [size + n % 3 for n in range(MANY)]


@pytest.mark.parametrize("texts", [["a\0b", "c"], ["", "\0"], ["ä", "\U0001f600", "e"], ["\n\r\"'\\"]])
def test_texts_may_hold_anything(texts: list[str]) -> None:
    _column([_pair("key", _any(texts[n % len(texts)] + str(n))) for n in range(MANY)])


@pytest.mark.parametrize("number", [0, 1, 127, 128, 2**31, 2**63 - 1, -1, -(2**63)])
def test_numbers_of_every_length(number: int) -> None:
    column = _column([_pair("key", _any(number if n % 2 else n)) for n in range(MANY)])
    assert column[1] is not None
    assert column[1].attributes == {"key": number}


@pytest.mark.parametrize("held", [1.5, -0.0, math.inf, math.nan, True, b"\0\xff", None, [1, "a"], {"a": [True]}])
@pytest.mark.parametrize("other", ["text", 7, 2.5, None])
def test_columns_of_other_kinds_and_of_mixed_ones(held: object, other: object) -> None:
    _column([_pair("key", _any(held))] * MANY)
    _column([_pair("key", _any(other if n % 3 else held)) for n in range(MANY)])
    _column([_pair("key", _any(other if n % 3 == 0 else held)) for n in range(MANY)])
    _column([_pair("key", _any([held, n])) for n in range(MANY)])


def test_lists_and_maps_are_nobody_elses() -> None:
    found = _column([_pair("key", _any({"roles": ["admin"]}))] * MANY)
    assert len({id(record.attributes["key"]) for record in found if record}) == MANY


def test_equal_texts_are_one_object() -> None:
    found = _column([_pair("key", _any(f"said by {'many' if n % 2 else 'others'}")) for n in range(2 * MANY)])
    assert len({id(record.attributes["key"]) for record in found if record}) == 2


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        _field(1, b"key"),
        _field(2, _any("value before the key")) + _field(1, b"key"),
        _field(1, b"no") + _field(1, b"key") + _field(2, _any("the last key counts")),
        _field(1, b"key") + _field(2, _any("in two")) + _field(2, _any("pieces")),
        _field(1, b"key") + _field(2, _any(["in two"])) + _field(2, _any(["pieces"])),
        _field(1, b"key") + _field(2, _any("one kind") + _any(5)),
        _field(1, b"key") + _field(2, _any(5) + _any(6)),
        _field(1, b"key") + _field(2, _any("unknown field") + b"\xc2\x3e\x03abc"),
        _field(1, b"key") + _field(2, _any(5)) + b"\xc2\x3e\x03abc",
        _field(1, b"key", padding=1) + _field(2, _any("length with padding")),
        _field(1, b"key") + _field(2, _any("length with padding"), padding=2),
        _field(1, b"key") + _field(2, _field(1, b"length with padding", padding=1)),
        _field(1, b"key") + _field(2, b"\x18" + _varint(5, padding=1)),
        _field(1, b"key" * 50) + _field(2, _any("a long key")),
        _field(1, "schlüssel".encode()) + _field(2, _any("a key")),
        _field(1, b"") + _field(2, _any("no key")),
    ],
    ids=repr,
)
def test_what_is_written_otherwise_reads_the_same(odd: bytes) -> None:
    _column([odd] * MANY)
    for usual in ("text", 5):
        pairs = [[odd if n == 3 else _pair("key", _any(usual))] for n in range(MANY)]
        found, wanted = _both(_request([[]] * MANY, pairs))
        assert _said([record for record in found if record]) == _said(
            [one for record, one in zip(found, wanted, strict=True) if record]
        )
        assert _said(_decoded(_request([[]] * MANY, pairs))) == _said(wanted)


@pytest.mark.parametrize(
    "bad",
    [
        _field(1, b"key") + _field(2, _field(1, b"\xff")),
        _field(1, b"ke\xff") + _field(2, _any("value")),
        _field(1, b"key") + _field(2, b"\x18\x80"),  # a number without an end
        _field(1, b"key") + _field(2, b"\x18"),
        _field(1, b"key") + _field(2, b"\x18\x01\x02"),  # what follows the number is no field
        _field(1, b"key") + _field(2, b"\x21\0\0"),
        _field(1, b"key") + b"\x12\x05\x0a\x01x",
        b"\x0a\x09key",
        _field(1, b"key") + _field(2, _any({"inner": "\ud800"})),
    ],
    ids=repr,
)
@pytest.mark.parametrize("usual", ["text", 5, 1.5])
@pytest.mark.parametrize("place", [0, 3, MANY - 1])
def test_what_is_no_message_is_malformed(bad: bytes, usual: object, place: int) -> None:
    pairs = [[bad if n == place else _pair("key", _any(usual))] for n in range(MANY * 8)]
    data = _request([[_any("body")]] * len(pairs), pairs)
    with pytest.raises(MALFORMED):
        ExportLogsServiceRequest.FromString(data)
    with pytest.raises(MalformedError):
        _decoded(data)


# --- records ----------------------------------------------------------------------------------------------------------


def test_a_body_cut_within_a_field_is_malformed() -> None:
    with pytest.raises(MalformedError):
        _decoded(_request([[b"\x0a\x05ab", b"cde"]] * MANY, [[]] * MANY))


@pytest.mark.parametrize("levels", range(92, 101))
@pytest.mark.parametrize("where", ["body", "attribute"])
def test_what_protobuf_nests_too_deep_is_malformed_here_too(levels: int, where: str) -> None:
    """Groups of an unknown field: only protobuf counts them."""
    deep = _any("x") + b"\xc3\x3e" * levels + b"\xc4\x3e" * levels
    bodies = [[deep if where == "body" else _any("x")]] * MANY
    data = _request(bodies, [[_pair("key", deep if where == "attribute" else _any("x"))]] * MANY)
    try:
        ExportLogsServiceRequest.FromString(data)
    except DecodeError:
        with pytest.raises(MalformedError):
            _decoded(data)
    else:
        assert _decoded(data)[0].body == "x"


@pytest.mark.parametrize("long", [columns.LONGEST - 8, columns.LONGEST * 2])
def test_long_texts_read_the_same(long: int) -> None:
    _column([_pair("key", _any(chr(97 + n % 26) * (long + n))) for n in range(MANY)])


def test_those_of_many_keys_are_read_though_others_of_their_kind_are_few() -> None:
    pairs = [[_pair("many" if n < MANY else "few", _any(n))] for n in range(MANY + 5)]
    found, wanted = _both(_request([[]] * len(pairs), pairs))
    assert _said(found) == [*_said(wanted[:MANY]), *["None"] * 5]
    assert _said(_decoded(_request([[]] * len(pairs), pairs))) == _said(wanted)


def test_a_body_in_pieces_is_merged() -> None:
    bodies = [[_any([1]), _any([2])], [_any("a"), _any("b")], [], [_any("whole")]] * MANY
    found, wanted = _both(_request(bodies, [[]] * len(bodies)))
    assert _said(found) == _said(wanted)
    assert [record.body for record in wanted[:4]] == [[1, 2], "b", None, "whole"]


def test_records_of_too_few_of_a_kind_are_left_to_the_walk() -> None:
    pairs = [[_pair(f"key-{n // (MANY - 1)}", _any(n))] for n in range(3 * MANY)]
    found, _ = _both(_request([[]] * len(pairs), pairs))
    assert found == [None] * len(pairs)


def test_kinds_that_stand_in_a_row_are_read_apart() -> None:
    pairs = [[_pair(f"key-{n % 3}", _any(n)), _pair("other", _any(str(n)))][: 1 + n % 2] for n in range(12 * MANY)]
    found, wanted = _both(_request([[]] * len(pairs), pairs))
    assert None not in found
    assert _said(found) == _said(wanted)


@pytest.mark.parametrize("width", [0, 1, WIDEST - 1, WIDEST, WIDEST + 1, 300])
def test_records_of_any_width(width: int) -> None:
    pairs = [[_pair(f"key-{k}", _any(f"{n}")) for k in range(width)] for n in range(MANY)]
    found, wanted = _both(_request([[]] * MANY, pairs))
    assert None not in found
    assert _said(found) == _said(wanted)
    assert len({id(record.attributes) for record in found if record}) == MANY


def test_duplicate_keys_keep_the_first_place_and_the_last_value() -> None:
    pairs = [[_pair("a", _any(n)), _pair("b", _any("x")), _pair("a", _any(str(n)))] for n in range(MANY)]
    found, wanted = _both(_request([[]] * MANY, pairs))
    assert _said(found) == _said(wanted)
    assert found[5] is not None
    assert [*found[5].attributes.items()] == [("a", "5"), ("b", "x")]


@pytest.mark.parametrize("odd", [b"", bytes(16), bytes(8), b"\1" * 8, b"\2" * 16, b"\3" * 17])
def test_ids_severities_and_dropped_counts_of_some(odd: bytes) -> None:
    message = ExportLogsServiceRequest()
    records = message.resource_logs.add().scope_logs.add().log_records
    for n in range(MANY):
        usual = n % 5 > 0
        record = records.add(trace_id=b"\xab" * 16 if usual else odd, span_id=b"\xcd" * 8 if usual else odd, flags=n)
        record.severity_number = n if usual else (-n, 99)[n % 2]  # type: ignore[assignment] # proto3 enums are open
        record.dropped_attributes_count = n % 2
        record.time_unix_nano, record.observed_time_unix_nano, record.severity_text = 2**64 - 1 - n, n, f"S{n}"
        record.attributes.add(key="otel.dropped_attributes_count" if n % 5 == 1 else "key").value.int_value = 7
    found, wanted = _both(message.SerializeToString())
    assert _said([one or other for one, other in zip(found, wanted, strict=True)]) == _said(wanted)
    for record in records:
        record.attributes[0].key = "key"
    found, wanted = _both(message.SerializeToString())
    assert None not in found
    assert _said(found) == _said(wanted)


def test_a_number_that_is_cut_short_does_not_take_from_its_neighbour() -> None:
    """One holds two numbers, another half a one: together they are as many as there should be."""
    half, two = (_field(1, b"key") + _field(2, b"\x18" + end) for end in (b"\x81", b"\x01\x02"))
    usual = [_pair("key", _any(n)) for n in range(100, 100 + MANY)]
    data = _request([[]] * (MANY + 2), [[pair] for pair in [*usual, half, two]])
    with pytest.raises(DecodeError):
        columns.records(Request.FromString(data).resource_logs[0].scope_logs[0].log_records)


# --- anything ---------------------------------------------------------------------------------------------------------

_texts = st.text(max_size=6) | st.sampled_from(["x" * 126, "x" * 127, "x" * 128, "\0"])
_leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-(1 << 63), (1 << 63) - 1), st.floats(), _texts, st.binary(max_size=4)
)
_values = st.one_of(_leaves, st.lists(_leaves, max_size=2), st.dictionaries(_texts, _leaves, max_size=2))
_odd: st.SearchStrategy[Callable[[str, bytes], bytes]] = st.sampled_from(
    [
        lambda key, held: _field(2, held) + _field(1, key.encode()),
        lambda key, held: _pair(key, held) + b"\xc2\x3e\x03abc",
        lambda key, held: _field(1, key.encode(), padding=1) + _field(2, held, padding=1),
        lambda key, held: _pair(key, held) + _field(2, held),
        lambda key, held: _pair(key, held + b"\xc2\x3e\x03abc"),
        lambda key, held: _field(1, key.encode()),
        lambda key, held: _pair(key, held)[:-1],
    ]
)


@st.composite
def _requests(draw: st.DrawFn) -> bytes:
    """Many records of a few shapes, some of whose values or messages are not what the others of the column are."""
    shapes = draw(st.lists(st.lists(_texts, max_size=3), min_size=1, max_size=3))
    pools = [draw(st.lists(kind, min_size=1, max_size=4)) for kind in (_texts, st.integers(-5, 300), _values)]
    count = draw(st.integers(1, 4)) * MANY
    kinds = draw(st.lists(st.integers(0, len(shapes) - 1), min_size=count, max_size=count))
    picks = draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    pairs = []
    for n, (kind, pick) in enumerate(zip(kinds, picks, strict=True)):
        pools_of = [pools[k % 3] for k, _ in enumerate(shapes[kind])]
        held = [pool[(pick * n) % len(pool)] for pool in pools_of]
        pairs.append([_pair(key, _any(one)) for key, one in zip(shapes[kind], held, strict=True)])
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, count - 1))
        if pairs[place]:
            pairs[place][0] = draw(_odd)(shapes[kinds[place]][0], _any(draw(_values)))
    bodies = [[_any(one)] for one in draw(st.lists(_values, min_size=1, max_size=4))] + [
        [],
        [b"\x0a\x01a", b"\x0a\x01b"],
    ]
    return _request(
        [bodies[pick * n % len(bodies)] for n, pick in enumerate(picks)], pairs, draw(st.sampled_from(["", "e"]))
    )


@settings(max_examples=some(400), deadline=None)
@given(_requests())
def test_columns_agree_with_the_walk(data: bytes) -> None:
    try:
        ExportLogsServiceRequest.FromString(data)
    except MALFORMED:
        with pytest.raises(MalformedError):
            _decoded(data)
        return
    found, wanted = _both(data)
    assert _said([one or other for one, other in zip(found, wanted, strict=True)]) == _said(wanted)
    assert _said(_decoded(data)) == _said(wanted)


@pytest.mark.parametrize("event", ["", "e"])
def test_a_sample_tells_whether_columns_are_worth_it(event: str) -> None:
    def alike(keys: Callable[[int], str], count: int) -> bool:
        data = _request([[]] * count, [[_pair(keys(n), _any(n))] for n in range(count)], event)
        return columns.alike(Request.FromString(data).resource_logs[0].scope_logs[0].log_records)

    assert alike(lambda _: "key", MANY)
    assert not alike(lambda _: "key", MANY - 1)
    assert alike(lambda n: f"key-{n % 4}", 4 * MANY)
    assert not alike(lambda n: f"key-{n % 4}", 4 * MANY - 1)
    assert not alike(partial("key-{}".format), 40 * MANY)
