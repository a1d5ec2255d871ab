"""One response from the bytes of a connection: heads, then the body as its framing says (RFC 9112 6 and 7).

Guarantees: however the bytes are cut into pieces, the same answer or the same refusal; a body is read to the end that
its head promised and no further; what cannot be read in one way only is a WireError of kind "protocol", a connection
that ended too soon one of kind "reset", more than the limit one of kind "oversize".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NoReturn

from otelsiem.transport.call import WireError
from otelsiem.transport.head import CHUNKED, CLOSE, LONGEST, Head, MalformedHeadError, fields, response_head

_BEGIN = b"HTTP/"
_TLS_ALERT = b"\x15\x03"  # RFC 8446 5.1: content type alert, version 3.x: how a TLS port answers plain HTTP
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\x00\r\n]*)?")  # RFC 9112 7.1; extensions mean nothing to us
_LINE = 4096  # bytes of a chunk's size with its extensions


class Response:
    """The answer to one request, read with `read`, which returns b"" at the end of the connection."""

    def __init__(self, read: Callable[[], bytes], peer: str, limit: int) -> None:
        self._read = read
        self._peer = peer  # for messages
        self._limit = limit  # bytes of a body
        self._data = b""
        self._at = 0  # what stands before it was consumed
        self._status = 0

    def head(self, *, bodiless: bool) -> Head:
        """The final head; interim ones (100 Continue) are passed over. `bodiless`: its answers never have a body."""
        while True:
            self._begins()
            try:
                head = response_head(self._until(b"\r\n\r\n", LONGEST), bodiless=bodiless)
            except MalformedHeadError as error:
                self._refuse(str(error))
            if head.status == 101:  # RFC 9110 15.2.2: only upon an Upgrade, which is never asked for
                self._refuse("it switches protocols")
            if head.status >= 200:
                self._status = head.status
                return head

    def body(self, head: Head) -> bytes:
        """What follows the head."""
        if head.length == CHUNKED:
            return self._chunks()
        if head.length == CLOSE:
            return self._rest()
        self._spend(head.length)
        return self._exactly(head.length) if head.length else b""

    @property
    def over(self) -> bool:
        """Nothing came after it. What did would be taken for the answer to the next request."""
        return self._at == len(self._data)

    def _begins(self) -> None:
        """Whatever does not speak HTTP need not end a line: say so at its first bytes."""
        while True:
            begin = self._data[self._at : self._at + len(_BEGIN)]
            if begin.startswith(_TLS_ALERT):
                raise WireError("protocol", f"{self._peer}: the peer speaks TLS here: the URL should begin with https:")
            if not _BEGIN.startswith(begin):
                self._refuse("it does not begin with HTTP/")
            if len(begin) == len(_BEGIN):
                return
            self._more()

    def _chunks(self) -> bytes:
        chunks: list[bytes] = []
        total = 0
        while size := self._size():
            total += size
            self._spend(total)
            chunks.append(self._exactly(size))
            if self._exactly(2) != b"\r\n":
                self._refuse("a chunk does not end where it said")
        left = LONGEST
        while line := self._until(b"\r\n", left):  # trailers: read, and left
            left -= len(line) + 2
            try:
                fields([line.decode("latin-1")], [])
            except MalformedHeadError as error:
                self._refuse(str(error))
        return b"".join(chunks)

    def _size(self) -> int:
        found = _CHUNK.fullmatch(self._until(b"\r\n", _LINE))
        if found is None:
            self._refuse("the size of a chunk is no number")
        return int(found[1], 16)

    def _rest(self) -> bytes:
        pieces = [self._data[self._at :]]
        total = len(pieces[0])
        self._at = len(self._data)
        while piece := self._read():
            total += len(piece)
            self._spend(total)
            pieces.append(piece)
        self._spend(total)
        return b"".join(pieces)

    def _exactly(self, size: int) -> bytes:
        at = self._at
        if len(self._data) - at >= size:  # nearly always: a short answer comes in one piece
            self._at = at + size
            return self._data[at : at + size]
        pieces = [self._data[at:]]
        missing = size - len(pieces[0])
        while missing > 0:
            self._data, self._at = b"", 0
            self._more()
            pieces.append(self._data[:missing])
            self._at = len(pieces[-1])
            missing -= self._at
        return b"".join(pieces)

    def _until(self, end: bytes, most: int) -> bytes:
        """The bytes before `end`, which is consumed too."""
        while (found := self._data.find(end, self._at)) < 0:
            came = len(self._data) - self._at
            if came > most:
                self._refuse(f"a head or a line is longer than {most >> 10} KiB")
            if self._data.count(b"\n", self._at) != self._data.count(b"\r\n", self._at):
                self._refuse("a line ends with a bare LF")
            self._more()
        if found - self._at > most:
            self._refuse(f"a head or a line is longer than {most >> 10} KiB")
        taken = self._data[self._at : found]
        self._at = found + len(end)
        return taken

    def _more(self) -> None:
        piece = self._read()
        if not piece:
            raise WireError("reset", f"{self._peer}: the connection ended before the answer was complete")
        self._data = self._data[self._at :] + piece if self._at < len(self._data) else piece
        self._at = 0

    def _spend(self, size: int) -> None:
        if size > self._limit:
            raise WireError("oversize", f"{self._peer}: the answer ({self._status}) is over the size limit")

    def _refuse(self, why: str) -> NoReturn:
        raise WireError("protocol", f"{self._peer}: the answer is not HTTP: {why}")
