"""Cutting lines into payloads: exact at the limits, one byte on either side of them."""

from __future__ import annotations

import pytest

from otelsiem.destinations._payloads import Lines, payloads
from otelsiem.model.destination import Limits
from otelsiem.model.record import Batch, Group, Record, Scope, records


def batch(*ids: str) -> Batch:
    return [Group({}, Scope(), [Record(id=id_) for id_ in ids])]


def write(part: Batch) -> Lines:
    return b"".join([record.id.encode() + b"\n" for record in records(part)]), ()


def keyed(part: Batch) -> Lines:
    return write(part)[0], [record.id[0] for record in records(part)]


@pytest.mark.parametrize(
    ("room", "made"), [(15, [[0, 1, 2]]), (14, [[0, 1], [2]]), (10, [[0, 1], [2]]), (9, [[0], [1], [2]])]
)
def test_bytes_count_to_the_last_newline(room: int, made: list[list[int]]) -> None:
    encoded = payloads(batch("aaaa", "bbbb", "cccc"), write, Limits(bytes=room))
    assert [list(p.indices) for p in encoded.payloads] == made
    assert b"".join(p.body for p in encoded.payloads) == b"aaaa\nbbbb\ncccc\n"
    assert [p.size for p in encoded.payloads] == [5 * len(part) for part in made]


@pytest.mark.parametrize(("most", "made"), [(3, [[0, 1, 2]]), (2, [[0, 1], [2]]), (1, [[0], [1], [2]])])
def test_records_count(most: int, made: list[list[int]]) -> None:
    encoded = payloads(batch("a", "b", "c"), write, Limits(records=most))
    assert [list(p.indices) for p in encoded.payloads] == made


def test_one_record_may_exceed_the_request_but_not_its_own_limit() -> None:
    whole = batch("a", "b" * 20, "c" * 30)
    encoded = payloads(whole, write, Limits(bytes=10, record_bytes=21))
    assert [list(p.indices) for p in encoded.payloads] == [[0], [1]]
    assert encoded.rejected == {2: "too large: 31 bytes, the limit for one event is 21"}


def test_keys_keep_apart_and_order_stays() -> None:
    encoded = payloads(batch("a1", "b1", "a2", "b2", "a3"), keyed, Limits(records=2))
    assert [(p.key, list(p.indices)) for p in encoded.payloads] == [("a", [0, 2]), ("a", [4]), ("b", [1, 3])]


def test_a_writer_that_fails_for_one_record_costs_that_one_only() -> None:
    def fragile(part: Batch) -> Lines:
        if any(record.id == "bad" for record in records(part)):
            raise TypeError("hidden-data")
        return keyed(part)

    encoded = payloads(batch("a", "bad", "c"), fragile, Limits())
    assert [list(p.indices) for p in encoded.payloads] == [[0], [2]]
    assert encoded.rejected == {1: "cannot be encoded: TypeError"}


def test_nothing_makes_no_payload() -> None:
    assert payloads([], write, Limits()).payloads == ()
    assert payloads([Group({}, Scope(), [])], write, Limits()).payloads == ()
