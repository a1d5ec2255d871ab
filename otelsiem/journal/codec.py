"""Batches ⇄ the blobs that a journal keeps: a version byte, a codec byte, then msgpack of the groups.

A small pack can be merged with others without being decoded: their groups stand one after the other behind one
header. Whatever a codec byte of this version says can be read back, whichever packages wrote it.
"""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from otelsiem.model.errors import JournalError, MissingExtraError
from otelsiem.model.record import Batch, Group, count, cut

if TYPE_CHECKING:
    import zstandard
else:
    try:
        import zstandard
    except ImportError:  # the library without the gateway extra: zlib is slower and always there
        zstandard = None

VERSION = 1
RAW, ZSTD, ZLIB = 0, 1, 2

SMALL = 16 << 10  # packed bytes: up to here the writer merges, above it the caller compresses
TINY = 1 << 10  # packed bytes: below it a frame of its own saves nothing (479 → 407 B for 4.2 µs)
LARGEST = 1 << 20  # packed bytes of one entry: what one turn of decoding may take

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Group]).decode
_ARRAY32 = struct.Struct(">BI")


class _Tools(threading.local):
    """zstandard's objects must not be shared between threads."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=1) if zstandard else None
        self.decompressor = zstandard.ZstdDecompressor() if zstandard else None


_tools = _Tools()


@dataclass(slots=True)
class Piece:
    """Records that will stand in one entry. `body` is the finished blob, or, when `small`, the groups alone."""

    batch: Batch
    records: int
    size: int  # packed, before compression
    body: bytes
    small: bool


def pack(batch: Batch) -> list[Piece]:
    """The batch as pieces for the writer; compression of large ones happens here, in the caller's thread."""
    records = count(batch)
    if not records:
        return []
    packed = _encode(batch)
    size = len(packed)
    if size > LARGEST and records > 1:
        return _halves(batch, records, size)
    if size <= SMALL:
        return [Piece(batch, records, size, packed[_header(packed) :], small=True)]
    return [Piece(batch, records, size, _seal(packed), small=False)]


def _halves(batch: Batch, records: int, size: int) -> list[Piece]:
    step = max(records * LARGEST // (size + LARGEST), 1)
    return [piece for at in range(0, records, step) for piece in pack(cut(batch, at, min(at + step, records)))]


def merge(pieces: Sequence[Piece]) -> Piece:
    """Small pieces as one finished entry."""
    batch = [group for piece in pieces for group in piece.batch]
    packed = _ARRAY32.pack(0xDD, len(batch)) + b"".join([piece.body for piece in pieces])
    return Piece(batch, sum([piece.records for piece in pieces]), len(packed), _seal(packed), small=False)


def seal(group: Group) -> bytes:
    """One group as a blob, for a record that is kept by itself."""
    return _seal(_encode([group]))


def unpack(blob: bytes) -> Batch:
    """What a blob holds. JournalError when it is torn or was written by a newer version."""
    if len(blob) < 2:
        raise JournalError("an entry of the journal cannot be read: it is empty")
    version, codec = blob[:2]
    if version != VERSION:
        raise JournalError(
            f"an entry has format {version}, this otelsiem reads {VERSION}: use the version that wrote it"
        )
    try:
        return _decode(_open(codec, memoryview(blob)[2:]))
    except _UNREADABLE as error:
        raise JournalError(f"an entry of the journal cannot be read: {error}") from error


def unseal(blob: bytes) -> Group:
    """The group of a record that is kept by itself."""
    return unpack(blob)[0]


# Damaged bytes may claim any size and any depth, and of text msgspec lets Python's own error through.
_UNREADABLE: tuple[type[Exception], ...] = (
    msgspec.DecodeError,
    zlib.error,
    UnicodeDecodeError,
    MemoryError,
    RecursionError,
)
if zstandard:
    _UNREADABLE = (*_UNREADABLE, zstandard.ZstdError)


def _header(packed: bytes) -> int:
    """The length of a msgpack array's header."""
    return {0xDC: 3, 0xDD: 5}.get(packed[0], 1)


def _seal(packed: bytes) -> bytes:
    if len(packed) < TINY:
        return bytes((VERSION, RAW)) + packed
    if (compressor := _tools.compressor) is not None:
        return bytes((VERSION, ZSTD)) + compressor.compress(packed)
    return bytes((VERSION, ZLIB)) + zlib.compress(packed, 1)


def _open(codec: int, body: memoryview) -> bytes | memoryview:
    if codec == RAW:
        return body
    if codec == ZLIB:
        return zlib.decompress(body)
    if codec != ZSTD:
        raise JournalError(f"an entry has codec {codec}, which this otelsiem does not know")
    if (decompressor := _tools.decompressor) is None:
        raise MissingExtraError("a journal compressed with zstd", "gateway", "zstandard")
    return decompressor.decompress(body)
