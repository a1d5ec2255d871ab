"""Inflating: whatever was compressed comes back, whatever was not is malformed, and nothing outgrows its limit."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.gateway.receivers import inflate as module
from otelsiem.gateway.receivers.budget import Budget, BusyError
from otelsiem.gateway.receivers.inflate import CODINGS, MOST_MEMBERS, inflate
from otelsiem.model.errors import MalformedError, TooLargeError
from tests.examples import some

LIMIT = 4 << 20


def raw_deflate(data: bytes) -> bytes:
    made = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return made.compress(data) + made.flush()


def streamed_zstd(data: bytes) -> bytes:
    made = zstandard.ZstdCompressor(write_checksum=True).compressobj()  # no content size in the head
    return made.compress(data) + made.flush()


DEFLATE: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "gzip in members": ("gzip", lambda data: gzip.compress(data[:7]) + gzip.compress(data[7:])),
    "deflate": ("deflate", zlib.compress),
    "deflate without head": ("deflate", raw_deflate),
    "zstd": ("zstd", zstandard.compress),
    "zstd streamed": ("zstd", streamed_zstd),
    "zstd in frames": ("zstd", lambda data: zstandard.compress(data[:7]) + streamed_zstd(data[7:])),
    "zstd with a skippable frame": ("zstd", lambda d: b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc" + zstandard.compress(d)),
}

DATA = st.one_of(st.binary(max_size=3000), st.builds(bytes, st.integers(0, 2 << 20)))


def run(body: bytes, coding: str, limit: int = LIMIT, budget: Budget | None = None) -> bytes:
    budget = budget or Budget()

    async def main() -> bytes:
        with budget.share() as share:
            data = await inflate(body, coding, limit, share)
            assert share.held == len(data)
        return data

    try:
        return asyncio.run(main())
    finally:
        assert budget.used == 0


@pytest.mark.parametrize("way", DEFLATE)
@settings(deadline=None, max_examples=some(25))
@given(data=DATA)
def test_round_trip(way: str, data: bytes) -> None:
    coding, deflate = DEFLATE[way]
    assert run(deflate(data), coding) == data


@pytest.mark.parametrize("way", [way for way in DEFLATE if way != "gzip in members"])
@settings(deadline=None, max_examples=some(25))
@given(data=st.binary(min_size=1, max_size=3000), keep=st.floats(0, 1, exclude_max=True))
def test_a_body_cut_anywhere_is_malformed(way: str, data: bytes, keep: float) -> None:
    coding, deflate = DEFLATE[way]
    whole = deflate(data)
    cut = whole[: int(keep * len(whole))]
    if way == "zstd in frames" and cut == zstandard.compress(data[:7]):
        return  # the first frame is whole in itself
    if way == "zstd with a skippable frame" and len(cut) == 11:
        return
    with pytest.raises(MalformedError):
        run(cut, coding)


@pytest.mark.parametrize("coding", CODINGS)
@settings(deadline=None, max_examples=some(50))
@given(noise=st.binary(max_size=200))
def test_noise_is_malformed_or_data_but_nothing_else(coding: str, noise: bytes) -> None:
    try:
        assert isinstance(run(noise, coding, 10_000), bytes)
    except (MalformedError, TooLargeError):
        return


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd"])
def test_one_byte_over_the_limit(coding: str) -> None:
    deflate = DEFLATE[coding][1]
    for size in (1000, 256 << 10, 1 << 20):
        assert len(run(deflate(bytes(size)), coding, size)) == size
        with pytest.raises(TooLargeError):
            run(deflate(bytes(size + 1)), coding, size)


def bomb(size: int) -> bytes:
    """Deflated once and repeated: behind a full flush the next block is the same."""
    piece, count = bytes(1 << 20), size >> 20
    made = zlib.compressobj(9, wbits=-15)
    block = made.compress(piece) + made.flush(zlib.Z_FULL_FLUSH)
    check = 0
    for _ in range(count):
        check = zlib.crc32(piece, check)
    start, end = gzip.compress(b"")[:10], zlib.compressobj(9, wbits=-15).flush()
    return start + block * count + end + check.to_bytes(4, "little") + (size % (1 << 32)).to_bytes(4, "little")


def test_a_gibibyte_of_zeros_is_cut_in_small_memory() -> None:
    body = bomb(1 << 30)
    assert len(body) < 2 << 20
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError):
            run(body, "gzip", LIMIT)
        assert tracemalloc.get_traced_memory()[1] < 4 * LIMIT
    finally:
        tracemalloc.stop()


def test_a_zstd_window_larger_than_we_hold_is_malformed() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27)
    made = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    with pytest.raises(MalformedError, match="zstd"):
        run(made.compress(bytes(1 << 20)) + made.flush(), "zstd")


def test_too_many_members_are_malformed() -> None:
    with pytest.raises(MalformedError, match="members"):
        run(gzip.compress(b"") * (MOST_MEMBERS + 1), "gzip")
    assert run(gzip.compress(b"x") * 100, "gzip") == b"x" * 100


def test_the_budget_ends_it() -> None:
    with pytest.raises(BusyError):
        run(gzip.compress(bytes(1 << 20)), "gzip", budget=Budget(300_000))


def test_zlib_reads_the_same_where_isal_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_gunzip", zlib)
    body = bytes(1 << 20)
    assert run(gzip.compress(body[:9]) + gzip.compress(body[9:]), "gzip") == body
    with pytest.raises(MalformedError):
        run(gzip.compress(body)[:-1], "gzip")


async def test_what_is_large_leaves_the_loop_free() -> None:
    """While a large body inflates, other things on the loop have their turns."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    with Budget().share() as share:
        await inflate(gzip.compress(bytes(16 << 20)), "gzip", 20 << 20, share)
    task.cancel()
    assert turns > 3  # one per slice at least
