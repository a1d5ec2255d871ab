"""What goes into a blob comes out of it, whichever codec wrote it and however small ones were merged."""

from __future__ import annotations

import os
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.journal import codec
from otelsiem.journal.codec import LARGEST, SMALL, merge, pack, seal, unpack, unseal
from otelsiem.model.errors import JournalError, MissingExtraError
from otelsiem.model.record import Batch, Group, Record, Scope, count, records

values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
batches = st.lists(
    st.builds(
        Group,
        st.dictionaries(st.text(max_size=5), values, max_size=2),
        st.builds(Scope, st.text(max_size=5)),
        st.lists(st.builds(Record, id=st.text(max_size=9), body=values), min_size=1, max_size=5),
        st.text(max_size=5),
    ),
    min_size=1,
    max_size=20,
)


@settings(deadline=None)
@given(st.lists(batches, min_size=1, max_size=5))
def test_merged_batches_come_back_in_order(some: list[Batch]) -> None:
    pieces = [piece for batch in some for piece in pack(batch)]
    assert all(piece.small for piece in pieces)
    whole = merge(pieces)
    assert unpack(whole.body) == whole.batch == [group for batch in some for group in batch]
    assert whole.records == sum(count(batch) for batch in some)


def bulky(records_: int, size: int) -> Batch:
    """Text that does not compress."""
    made = [Record(id=str(n), body=os.urandom(size // 2).hex()) for n in range(records_)]
    return [Group({}, Scope(), made)]


def test_sizes_decide_who_compresses() -> None:
    assert pack([]) == []
    assert pack([Group({}, Scope(), [])]) == []
    (small,) = pack(bulky(1, SMALL - 100))
    (large,) = pack(bulky(1, SMALL + 100))
    assert small.small
    assert not large.small
    assert unpack(large.body) == large.batch


def test_large_batches_become_several_entries() -> None:
    batch = bulky(50, 100_000)
    pieces = pack(batch)
    assert len(pieces) >= 5
    assert all(piece.size <= LARGEST for piece in pieces)
    assert [r.id for piece in pieces for r in records(unpack(piece.body))] == [str(n) for n in range(50)]
    (alone,) = pack(bulky(1, 3 * LARGEST))
    assert unpack(alone.body) == alone.batch, "a record above the size goes alone"


def test_uneven_records_are_split_too() -> None:
    batch = bulky(1, 2 * LARGEST) + bulky(30, 100)
    assert sum(piece.records for piece in pack(batch)) == 31


def test_without_zstd_zlib_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    group = bulky(20, 2000)[0]
    with_zstd = seal(group)
    assert with_zstd[1] == codec.ZSTD
    monkeypatch.setattr(codec._tools, "compressor", None)
    monkeypatch.setattr(codec._tools, "decompressor", None)
    with_zlib = seal(group)
    assert with_zlib[1] == codec.ZLIB
    assert unseal(with_zlib) == group
    with pytest.raises(MissingExtraError, match="zstandard"):
        unseal(with_zstd)


@pytest.mark.parametrize("cut", [2, 3, 40])
def test_a_torn_blob_is_an_error_with_a_sentence(cut: int) -> None:
    blob = seal(bulky(20, 2000)[0])
    with pytest.raises(JournalError, match="cannot be read"):
        unpack(blob[:cut])


def test_unknown_formats_are_refused() -> None:
    body = msgspec.msgpack.encode([])
    with pytest.raises(JournalError, match="has format 9"):
        unpack(bytes((9, 0)) + body)
    with pytest.raises(JournalError, match="codec 77"):
        unpack(bytes((1, 77)) + body)
    with pytest.raises(JournalError, match="cannot be read"):
        unpack(b"")
