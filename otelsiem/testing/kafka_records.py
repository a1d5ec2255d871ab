"""Kafka's record batches (magic 2), read as strictly as a broker and its strictest consumer together would.

Guarantees: length, magic, CRC-32C, number of records and every offset must be as the protocol says, and nothing may
stand behind the last record; what is not raises BatchError with the code that a broker answers.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

CORRUPT, UNSUPPORTED_COMPRESSION = 2, 76

_HEAD = struct.Struct(">qiib")  # base offset, length, leader epoch, magic
_CRC = struct.Struct(">I")
_REST = struct.Struct(">hiqqqhii")  # attributes, last offset delta, times, producer, epoch, sequence, count
_AFTER_CRC = _HEAD.size + _CRC.size
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


class BatchError(Exception):
    """A batch that a broker refuses."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a batch."""

    time: int  # ms
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Who wrote it and in which order, and what."""

    producer: int  # -1: it is not idempotent
    epoch: int
    sequence: int
    codec: str
    size: int  # bytes as they came, compressed
    records: tuple[Record, ...]


def read(data: bytes) -> RecordBatch:
    """The one batch of a partition in a produce request. Raises BatchError."""
    if len(data) < _AFTER_CRC + _REST.size:
        raise BatchError(CORRUPT, "shorter than the head of a batch")
    _, length, _, magic = _HEAD.unpack_from(data)
    if magic != 2:
        raise BatchError(CORRUPT, f"magic {magic}, not 2")
    if length != len(data) - 12:
        raise BatchError(CORRUPT, f"says {length} bytes, there are {len(data) - 12}")
    if _CRC.unpack_from(data, _HEAD.size)[0] != crc32c(data[_AFTER_CRC:]):
        raise BatchError(CORRUPT, "the checksum is wrong")
    attributes, last, base, newest, producer, epoch, sequence, count = _REST.unpack_from(data, _AFTER_CRC)
    codec = CODECS[attributes & 7] if attributes & 7 < len(CODECS) else "unknown"
    body = _inflated(codec, data[_AFTER_CRC + _REST.size :])
    records = tuple(_records(body, count, base))
    if last != count - 1 or not records:
        raise BatchError(CORRUPT, f"{count} records, the last one numbered {last}")
    if newest != max(record.time for record in records):
        raise BatchError(CORRUPT, "the newest time is none of the records'")
    return RecordBatch(producer, epoch, sequence, codec, len(data), records)


def _inflated(codec: str, body: bytes) -> bytes:
    try:
        match codec:
            case "none":
                return body
            case "gzip":
                return zlib.decompress(body, 31)
            case "zstd":
                import zstandard

                return zstandard.ZstdDecompressor().decompressobj().decompress(body)
            case _:
                raise BatchError(UNSUPPORTED_COMPRESSION, f"this broker cannot read {codec}")
    except zlib.error:
        raise BatchError(CORRUPT, "not gzip") from None


def _records(body: bytes, count: int, base: int) -> Iterator[Record]:
    at = _At(body)
    for number in range(count):
        end = at.varint() + at.place
        at.take(1)  # attributes
        time = base + at.varint()
        if at.varint() != number:
            raise BatchError(CORRUPT, f"record {number} has another number")
        key, value = at.text(), at.text()
        headers = tuple([((at.text() or b"").decode(), at.text()) for _ in range(at.varint())])
        if at.place != end:
            raise BatchError(CORRUPT, f"record {number} is not as long as it says")
        yield Record(time, key, value, headers)
    if at.place != len(body):
        raise BatchError(CORRUPT, "bytes behind the last record")


class _At:
    """A place in a body."""

    def __init__(self, body: bytes) -> None:
        self._body, self.place = body, 0

    def take(self, size: int) -> bytes:
        if size < 0 or self.place + size > len(self._body):
            raise BatchError(CORRUPT, "a record ends in the middle")
        self.place += size
        return self._body[self.place - size : self.place]

    def varint(self) -> int:
        """Zigzag."""
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)
            shift += 7
            if shift > 63:
                raise BatchError(CORRUPT, "a number that does not end")

    def text(self) -> bytes | None:
        size = self.varint()
        return self.take(size) if size >= 0 else None


def crc32c(data: bytes) -> int:
    """Castagnoli's; about 100 ns a byte."""
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _row(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
    return byte


_TABLE = tuple([_row(byte) for byte in range(256)])
