"""A connection that keeps a request's total deadline: write and read share one, and no byte restarts it.

httpcore's own timeouts begin anew with every byte, so a peer that drips one byte a second is never cut. This stream
ignores them and asks the call that it serves. It also notes how far a request got: that decides whether it may
be sent again without a duplicate.

Proof that a kept connection was closed before the request came (`Call.untouched`): the peer's FIN arrived, no RST
before it, and the count of bytes that its kernel has acknowledged (Linux, TCP_INFO) did not move since before the
request. A FIN carries an acknowledgement of all that had arrived before it. An RST carries none that counts: a peer
that read the request, worked on it and reset within the delayed-acknowledgement time looks untouched, so after an RST
nothing is proven.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
from functools import partial

import httpcore

from otelsiem.transport.call import Call, WireError
from otelsiem.transport.tls import fault

_TLS_ALERT = b"\x15\x03"  # RFC 8446 5.1: content type alert, version 3.x: how a TLS port answers plain HTTP
_HTTP = b"HTTP/"
_TCP_INFO = getattr(socket, "TCP_INFO", None)  # Linux
_ACKED_AT = 120  # struct tcp_info, linux/tcp.h: __u64 tcpi_bytes_acked, since Linux 4.1


class Connection(httpcore.NetworkStream):
    """A connected socket, plain or TLS; used by one call at a time."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._wake = partial(shut, sock)
        self._call: Call | None = None

    def begin(self, call: Call) -> None:
        """Serve this call from now on."""
        if self._call is not None:
            call.reused = True
            call.acked = _acked(self._sock)
        self._call = call

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        del timeout
        call = self._current()
        view = memoryview(buffer)
        while view:
            self._sock.settimeout(call.remaining(self._wake))
            try:
                taken = self._sock.send(view)
            except TimeoutError:
                raise call.late() from None
            except OSError as error:
                call.reset |= not isinstance(error, BrokenPipeError)  # TLS hides which it was: no proof then
                # httpcore goes on to read: a server may answer (413) before it has read all, and then hang up.
                raise httpcore.WriteError from None
            # Only now: a send that failed gave the kernel nothing or, in TLS, part of a record, which nobody can read.
            call.sent |= call.in_body
            view = view[taken:]

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        del timeout
        call = self._current()
        self._sock.settimeout(call.remaining(self._wake))
        try:
            data = self._sock.recv(max_bytes)
        except TimeoutError:
            raise call.late() from None
        except ssl.SSLError as error:  # TLS 1.3 servers refuse a client's certificate only after the handshake
            call.remaining(None)
            raise WireError("tls", f"{call.peer}: {fault(error)}") from None
        except OSError as error:
            call.remaining(None)  # raises when it was an interrupt that ended the connection
            call.reset = True
            raise WireError("reset", f"{call.peer}: {why(error)}") from None
        self._note(call, data)
        return data

    def close(self) -> None:
        self._sock.close()

    def has_ended(self) -> bool:
        """True of an idle connection that the peer has closed, or on which it says what nobody asked."""
        return _readable(self._sock)

    def _current(self) -> Call:
        assert self._call is not None, "a connection is used before begin"
        return self._call

    def _note(self, call: Call, data: bytes) -> None:
        if not data:
            call.remaining(None)
            call.ended = True
            call.untouched = not call.reset and call.acked >= 0 and _acked(self._sock) == call.acked
        elif not call.replied:
            call.replied = True
            if data.startswith(_TLS_ALERT):
                raise WireError("protocol", f"{call.peer}: the peer speaks TLS here: the URL should begin with https:")
            if not data.startswith(_HTTP[: len(data)]):  # h11 would wait for the end of a head that never comes
                raise WireError("protocol", f"{call.peer}: the answer is not HTTP")


def shut(sock: socket.socket) -> None:
    """End what another thread does on this socket; the thread that owns it closes it."""
    with contextlib.suppress(OSError):
        # Not SSLSocket.shutdown: that one takes the TLS object away from under the other thread.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def why(error: OSError) -> str:
    """The system's words for it, without what it was about."""
    return (error.strerror or type(error).__name__).lower()


def _acked(sock: socket.socket) -> int:
    if _TCP_INFO is None:
        return -1
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 192)
        acked: int = struct.unpack_from("=Q", info, _ACKED_AT)[0]
    except (OSError, struct.error):
        return -1
    return acked


def _readable(sock: socket.socket) -> bool:
    if sock.fileno() < 0:
        return True
    if hasattr(select, "poll"):  # select() cannot watch a descriptor above 1023
        poll = select.poll()
        poll.register(sock.fileno(), select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([sock], [], [], 0)[0])
