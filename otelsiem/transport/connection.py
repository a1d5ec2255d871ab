"""A connection that keeps a request's total deadline: write and read share one, and no byte restarts it.

It also notes how far a request got: that decides whether it may be sent again without a duplicate. The socket never
blocks; waiting is done beside it, so that an answer costs one wait and a request that fits the socket none.

Proof that a kept connection was closed before the request came (`Call.untouched`): the peer's FIN arrived, no RST
before it, and the count of bytes that its kernel has acknowledged (Linux, TCP_INFO) did not move since before the
request. A FIN carries an acknowledgement of all that had arrived before it. An RST carries none that counts: a peer
that read the request, worked on it and reset within the delayed-acknowledgement time looks untouched, so after an RST
nothing is proven.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import struct
from functools import partial
from typing import TypeAlias

from otelsiem.transport.call import Call, WireError
from otelsiem.transport.tls import fault

_PIECE = 65536  # bytes read at once
_TOGETHER = 65536  # head and body up to this size leave in one piece; copying costs less than a second call
_RECORD = 16384  # bytes of a TLS record: it arrives whole or not at all
_READ, _WRITE = 0x1, 0x4  # POLLIN and POLLOUT; Windows has neither name
_TCP_INFO = getattr(socket, "TCP_INFO", None)  # Linux
_ESTABLISHED = 1  # linux/tcp_states.h
_COUNTS = struct.Struct("=B119xQQ")  # struct tcp_info, linux/tcp.h: tcpi_state; _bytes_acked, _bytes_received (4.1)


_Counts: TypeAlias = tuple[int, int, int]  # what the kernel knows of a connection: state, bytes acked, bytes received


class Connection:
    """A connected socket, plain or TLS; used by one call at a time."""

    def __init__(self, sock: socket.socket, key: str = "") -> None:
        self.key = key  # of the target it leads to
        self.since = 0.0  # when it became idle
        sock.setblocking(False)
        self._sock = sock
        self._tls = sock if isinstance(sock, ssl.SSLSocket) else None
        self._watch = Watch(sock)
        self._wake = partial(shut, sock)
        self._call: Call | None = None
        self._came = 0  # bytes read from a plain socket
        self._looked: _Counts | None = None  # by `has_ended`; nothing was sent since

    def begin(self, call: Call) -> None:
        """Serve this call from now on."""
        if self._call is not None:
            call.reused = True
            counts = self._looked or _counts(self._sock)
            call.acked = counts[1] if counts is not None else -1
        self._call, self._looked = call, None

    def write(self, head: bytes, body: bytes = b"") -> bool:
        """Hand over a request. False: the peer takes no more, but may have answered before it hung up (413)."""
        call = self._current()
        done, size = 0, len(head) + len(body)
        before = len(head) if body else 0  # a request without a body is all head: its first byte counts as sent
        while done < size:
            call.remaining(self._wake)
            try:
                done += self._push(head, body, done)
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._await(_WRITE)
                continue
            except ssl.SSLWantReadError:
                self._await(_READ)
                continue
            except OSError as error:
                call.reset |= not isinstance(error, BrokenPipeError)
                return False
            # Only now: a send that failed gave the kernel nothing or, in TLS, part of a record, which nobody can read.
            call.sent |= done > before
        return True

    def read(self) -> bytes:
        """What has come, or b"" at the end of the connection."""
        call = self._current()
        while True:
            if self._tls is None or not self._tls.pending():
                self._await(_READ)
            try:
                data = self._sock.recv(_PIECE)
                break
            except (BlockingIOError, ssl.SSLWantReadError):
                continue
            except ssl.SSLWantWriteError:
                self._await(_WRITE)
            except ssl.SSLError as error:  # TLS 1.3 servers refuse a client's certificate only after the handshake
                call.remaining(None)
                raise WireError("tls", f"{call.peer}: {fault(error)}") from None
            except OSError as error:
                call.remaining(None)  # raises when it was an interrupt that ended the connection
                call.reset = True
                raise WireError("reset", f"{call.peer}: {why(error)}") from None
        if data:
            self._came += len(data)
            call.replied = True
        else:
            self._ended(call)
        return data

    def close(self) -> None:
        self._sock.close()

    def has_ended(self) -> bool:
        """True of an idle connection that the peer has closed, or on which it says what nobody asked."""
        self._looked = counts = _counts(self._sock)
        if counts is None or self._tls is not None:  # in TLS the kernel's bytes are not ours
            return self._watch.ready(_READ, 0)
        return counts[0] != _ESTABLISHED or counts[2] != self._came

    def _push(self, head: bytes, body: bytes, done: int) -> int:
        if self._tls is not None and done:  # OpenSSL hides whether it was an RST (no proof then) or an RST after a FIN
            number = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                raise OSError(number, os.strerror(number))  # EPIPE makes it a BrokenPipeError
        if done >= len(head):
            return self._sock.send(memoryview(body)[done - len(head) :])
        if self._tls is not None:  # the first record alone: what follows may be long, `sent` is known by then
            return self._sock.send((head + body[: max(_RECORD - len(head), 0)])[done:][:_RECORD])
        if len(body) <= _TOGETHER:
            return self._sock.send((head + body)[done:])
        return self._sock.sendmsg([memoryview(head)[done:], body])

    def _await(self, event: int) -> None:
        call = self._current()
        if not self._watch.ready(event, call.remaining(self._wake)):
            raise call.late()

    def _current(self) -> Call:
        assert self._call is not None, "a connection is used before begin"
        return self._call

    def _ended(self, call: Call) -> None:
        call.remaining(None)
        counts = _counts(self._sock)
        call.untouched = not call.reset and call.acked >= 0 and counts is not None and counts[1] == call.acked


class Watch:
    """Whether a socket can be read or written, waiting for it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._poll = select.poll() if hasattr(select, "poll") else None  # select() cannot watch descriptors above 1023
        self._event = 0

    def ready(self, event: int, seconds: float) -> bool:
        """Also when it has ended; False when the time is up."""
        if self._sock.fileno() < 0:
            return True
        if self._poll is None:
            read, write = ([self._sock], []) if event == _READ else ([], [self._sock])
            return any(select.select(read, write, [], seconds))
        if event != self._event:
            self._poll.register(self._sock, event)
            self._event = event
        return bool(self._poll.poll(seconds * 1000 + 1 if seconds else 0))  # never early, or the wait would spin


def shut(sock: socket.socket) -> None:
    """End what another thread does on this socket; the thread that owns it closes it."""
    with contextlib.suppress(OSError):
        # Not SSLSocket.shutdown: that one takes the TLS object away from under the other thread.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def why(error: OSError) -> str:
    """The system's words for it, without what it was about."""
    return (error.strerror or type(error).__name__).lower()


def _counts(sock: socket.socket) -> _Counts | None:
    """None where the kernel does not tell. Unlike a poll this does not give the interpreter to another thread."""
    if _TCP_INFO is None:
        return None
    try:
        state, acked, received = _COUNTS.unpack(sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _COUNTS.size))
    except (OSError, struct.error):
        return None
    return state, acked, received
