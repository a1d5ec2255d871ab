"""Inflating the body of a request: gzip, deflate, zstd, in slices whose output is counted.

Guarantees: never more than a slice beyond the limit is ever made (a bomb is cut, not weighed); a body that is
damaged, ends early or goes on after its end is malformed; what takes long runs on a thread, so that one large body
stalls nobody else, one at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from typing import Any, Protocol

from otelsiem.gateway.receivers.budget import Share
from otelsiem.model.errors import MalformedError, MissingExtraError, TooLargeError

try:
    import zstandard
except ImportError as missing:
    raise MissingExtraError("The OTLP/HTTP receiver", "gateway", "zstandard") from missing

_gunzip: Any = zlib  # Any: isal ships no types
with contextlib.suppress(ImportError):  # no wheel for this platform: zlib reads the same bytes, at three times the cost
    from isal import isal_zlib as _gunzip

CODINGS = ("gzip", "deflate", "zstd")
QUICK = 256 << 10  # what is inflated on the event loop: well below a millisecond
SLICE = 4 << 20  # what a thread inflates before the bytes held are counted again
FED = 256 << 10  # what a gzip member is given at once
MOST_BLOCKS = 1 << 16  # of one zstd body, 128 KiB each at most: 20 MiB are 160 of them
MOST_MEMBERS = 1000  # of one gzip body: each costs a decompressor, and 20 bytes make one


class Inflater(Protocol):
    """A compressed body being read."""

    def read(self, size: int) -> bytes:
        """Up to `size` more bytes, b"" at the end. Raises MalformedError."""


async def inflate(body: bytes, coding: str, limit: int, share: Share) -> bytes:
    """The body as it was before its coding. The share holds the output; the caller's hold on `body` is its own."""
    inflater = inflater_for(body, coding)
    pieces: list[bytes] = []
    size = 0
    while True:
        want = min(QUICK - size if size < QUICK else SLICE, limit + 1 - size)
        if size < QUICK:
            piece = inflater.read(want)
        else:
            async with share.inflating:
                piece = await asyncio.to_thread(inflater.read, want)
        if not piece:
            return b"".join(pieces)
        size += len(piece)
        if size > limit:
            raise TooLargeError(f"the request inflates to more than {limit} bytes, the limit here")
        share.take(len(piece))
        pieces.append(piece)


def coding_of(body: bytes) -> str:
    """How a gRPC message is compressed, by how it begins: an OTLP request can begin like neither of these.

    0x1F is a wire type that does not exist, 0x78 a field that no OTLP request has.
    """
    if body[:2] == b"\x1f\x8b":  # RFC 1952 2.3.1
        return "gzip"
    return "deflate" if body[:1] == b"\x78" and int.from_bytes(body[:2], "big") % 31 == 0 else ""  # RFC 1950 2.2


def inflater_for(body: bytes, coding: str) -> Inflater:
    """The reader for one of CODINGS."""
    match coding:
        case "gzip":
            return _Gzip(body)
        case "deflate":
            return _Deflate(body)
        case "zstd":
            return _Zstd(body)
        case _:
            raise ValueError(f"{coding!r} is not one of {CODINGS}")


class _Gzip:
    """RFC 1952: one or more members, each with its own checksum."""

    def __init__(self, body: bytes) -> None:
        self._body = memoryview(body)
        self._fed: bytes | memoryview = b""  # of the body, what the member has not consumed yet
        self._members = 0
        self._member = self._open()

    def _open(self) -> Any:
        self._members += 1
        if self._members > MOST_MEMBERS:
            raise MalformedError(f"the gzip body has more than {MOST_MEMBERS} members")
        return _gunzip.decompressobj(16 + zlib.MAX_WBITS)

    def _feed(self) -> bool:
        """Whether there is input; in pieces, because a decompressor copies what it leaves over."""
        if not self._fed:
            self._fed, self._body = self._body[:FED], self._body[FED:]
        return len(self._fed) > 0

    def read(self, size: int) -> bytes:
        while True:
            more = self._feed()
            if self._member.eof:
                if not more:
                    return b""
                self._member = self._open()
            try:
                piece: bytes = self._member.decompress(self._fed, size)
            except _gunzip.error as error:
                raise MalformedError(f"the body is not valid gzip: {error}") from error
            self._fed = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if piece:
                return piece
            if not more and not self._member.eof:
                raise MalformedError("the gzip body ends before its end")


class _Deflate:
    """`deflate` is zlib's format (RFC 9110 8.4.1.2); some senders leave its two-byte head out, so both are read."""

    def __init__(self, body: bytes) -> None:
        self._rest = body
        headed = len(body) >= 2 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
        self._stream: Any = zlib.decompressobj(zlib.MAX_WBITS if headed else -zlib.MAX_WBITS)

    def read(self, size: int) -> bytes:
        if self._stream.eof:
            return b""
        try:
            piece: bytes = self._stream.decompress(self._rest, size)
        except zlib.error as error:
            raise MalformedError(f"the body is not valid deflate: {error}") from error
        self._rest = self._stream.unconsumed_tail
        if self._stream.eof and self._stream.unused_data:
            raise MalformedError("the deflate body goes on after its end")
        if not piece and not self._stream.eof and not self._rest:
            raise MalformedError("the deflate body ends before its end")
        return piece


class _Zstd:
    """RFC 8878: one or more frames; a window over 8 MiB is refused (its 3.1.1.1.2), because it is memory."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        reader = zstandard.ZstdDecompressor(max_window_size=8 << 20)
        self._stream = reader.stream_reader(body, read_across_frames=True)

    def read(self, size: int) -> bytes:
        try:
            piece = self._stream.read(size)
            if not piece and not _whole(self._body):  # the reader takes an early end for the end
                raise MalformedError("the zstd body ends before its end")
        except zstandard.ZstdError as error:
            raise MalformedError(f"the body is not valid zstd: {error}") from error
        return piece


def _whole(body: bytes) -> bool:
    """Whether the body ends where a frame ends, by walking its blocks."""
    at = blocks = 0
    while at < len(body):
        if int.from_bytes(body[at : at + 4], "little") & 0xFFFFFFF0 == 0x184D2A50:  # a skippable frame, RFC 8878 3.1.2
            at += 8 + int.from_bytes(body[at + 4 : at + 8], "little")
            continue
        head = body[at : at + 18]  # the longest frame header there is
        at += zstandard.frame_header_size(head)
        last = False
        while not last and at < len(body):
            block = int.from_bytes(body[at : at + 3], "little")
            last = bool(block & 1)
            at += 3 + (1 if block >> 1 & 3 == 1 else block >> 3)  # a run of one byte is stored as that byte
            blocks += 1
        if not last or blocks > MOST_BLOCKS:
            return False
        at += 4 if zstandard.get_frame_parameters(head).has_checksum else 0
    return at == len(body) > 0
