"""Ids and times of records: stable over resends, distinct within a request, kept when the sender gave them."""

from __future__ import annotations

from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.model.record import Batch, Group, Record, Scope, Value, cut, records
from otelsiem.otlp.ids import Stamp, stamp
from tests.examples import some

NOW = 1_767_225_600_123_456_789


def _batch(*held: Record) -> Batch:
    middle = len(held) // 2
    return [Group({}, Scope(), list(part)) for part in (held[:middle], held[middle:]) if part]


def _stamped(*held: Record, request: bytes = b"request", token: str = "t", now: int = NOW) -> list[Record]:
    batch = _batch(*held)
    stamp(batch, request, token, now)
    return list(records(batch))


def _ids(times: list[int], request: bytes = b"request", token: str = "t", now: int = NOW) -> list[str]:
    return [
        r.id for r in _stamped(*[Record(time=t, attributes={}) for t in times], request=request, token=token, now=now)
    ]


times = st.lists(
    st.one_of(st.just(0), st.just(NOW), st.integers(0, (1 << 64) - 1), st.integers(0, 1 << 80)), max_size=40
)


@settings(max_examples=some(200), deadline=None)
@given(times, st.binary(max_size=20), st.text(max_size=5))
def test_p1_a_resend_repeats_its_ids_and_no_two_records_share_one(held: list[int], request: bytes, token: str) -> None:
    ids = _ids(held, request, token)
    assert _ids(held, request, token, now=NOW + 10**12) == ids
    assert len(set(ids)) == len(held)


@settings(max_examples=some(100), deadline=None)
@given(times, st.binary(max_size=20))
def test_ids_are_uuidv7_of_the_records_millisecond(held: list[int], request: bytes) -> None:
    for time, text in zip(held, _ids(held, request), strict=True):
        uuid = UUID(text)
        assert (str(uuid), uuid.version, uuid.variant) == (text, 7, "specified in RFC 4122")
        assert uuid.int >> 80 == (time // 1_000_000) & (1 << 48) - 1


@pytest.mark.parametrize("request_bytes", [bytes([n]) for n in range(8)])
def test_the_free_bits_are_those_of_the_digest(request_bytes: bytes) -> None:
    (text,) = _ids([NOW], request_bytes, "name")
    digest = int.from_bytes(sha256(b"name\0" + request_bytes).digest()[:16], "big")
    uuid = UUID(text)
    assert uuid.int >> 64 & 0xFFF == digest & 0xFFF
    assert uuid.int >> 48 & 0x3FFF == digest >> 12 & 0x3FFF
    assert uuid.int & (1 << 48) - 1 == (digest >> 26 & (1 << 47) - 1) + 1


def test_another_request_or_token_gives_other_ids() -> None:
    held = [NOW] * 50
    seen = {*_ids(held), *_ids(held, request=b"other"), *_ids(held, token="u"), *_ids(held, b"trequest", "")}
    assert len(seen) == 200


def test_token_and_request_cannot_trade_bytes() -> None:
    assert _ids([NOW], b"bc", "a") != _ids([NOW], b"c", "ab")


def test_a_token_of_any_text_is_taken() -> None:
    assert _ids([NOW], token="\ud800é") != _ids([NOW], token="?é")


def test_pieces_give_the_ids_of_the_whole() -> None:
    whole = _ids([NOW] * 10)
    batch = _batch(*[Record(time=NOW, attributes={}) for _ in range(10)])
    pieces = Stamp(b"request", "t", NOW)
    for start in range(0, 10, 3):
        pieces.put(cut(batch, start, start + 3))
    assert [r.id for r in records(batch)] == whole


@pytest.mark.parametrize("name", ["audit.record.id", "log.record.uid", "event_id"])
def test_the_senders_id_wins(name: str) -> None:
    (record,) = _stamped(Record(attributes={name: "01JB", "other": "x"}))
    assert record.id == "01JB"
    assert record.attributes == {name: "01JB", "other": "x"}


def test_the_first_of_the_senders_names_that_holds_text_wins() -> None:
    given: dict[str, Value] = {"event_id": "third", "log.record.uid": "second", "audit.record.id": "first"}
    assert _stamped(Record(attributes=given))[0].id == "first"
    assert _stamped(Record(attributes=given | {"audit.record.id": ""}))[0].id == "second"
    assert _stamped(Record(attributes=given | {"audit.record.id": None, "log.record.uid": 5}))[0].id == "third"


@pytest.mark.parametrize("value", ["", None, 5, True, b"id", ["id"], {"id": "id"}])
def test_an_id_that_is_no_text_is_no_id(value: Value) -> None:
    (record,) = _stamped(Record(time=NOW, attributes={"audit.record.id": value}))
    assert [record.id] == _ids([NOW])


def test_duplicate_ids_of_the_sender_are_kept_as_they_are() -> None:
    held = _stamped(*[Record(attributes={"event_id": "same"}) for _ in range(3)])
    assert [r.id for r in held] == ["same"] * 3


def test_a_neighbours_own_id_changes_nobody_elses() -> None:
    plain = _ids([NOW] * 3)
    mixed = _stamped(
        Record(time=NOW, attributes={}), Record(time=NOW, attributes={"event_id": "x"}), Record(time=NOW, attributes={})
    )
    assert [r.id for r in mixed] == [plain[0], "x", plain[2]]


def test_observed_is_set_only_when_absent() -> None:
    first, second = _stamped(Record(attributes={}), Record(observed=7, attributes={}))
    assert (first.observed, second.observed) == (NOW, 7)
    assert (first.time, second.time) == (0, 0)


def test_without_a_time_the_senders_observed_time_gives_the_millisecond() -> None:
    observed, neither = _stamped(Record(observed=NOW, attributes={}), Record(attributes={}))
    assert UUID(observed.id).int >> 80 == NOW // 1_000_000
    assert UUID(neither.id).int >> 80 == 0


@pytest.mark.parametrize("moment", [1, 999_999, 9_223_372_036_854_775_807, (1 << 64) - 1, 1 << 90])
def test_any_time_gives_a_valid_id(moment: int) -> None:
    (text,) = _ids([moment])
    assert UUID(text).version == 7
    assert len(text) == 36


def test_an_attribute_says_when_if_the_timestamp_does_not() -> None:
    said: dict[str, Value] = {"timestamp": "2026-01-01T00:00:00.123456789Z"}
    empty, full = _stamped(Record(attributes=dict(said)), Record(time=5, attributes=dict(said)))
    assert (empty.time, full.time) == (1767225600_123456789, 5)
    assert empty.attributes == said
    assert UUID(empty.id).int >> 80 == 1767225600123
