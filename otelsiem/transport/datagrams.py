"""Datagrams to one peer, each a message (RFC 5426). Whoever sends this way has consented to their loss.

What can be known is used: where a host says that nobody listens (ICMP, which a connected socket is told of), that is a
fault, and the payload goes again later. Names are looked up anew after a fault.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from functools import partial

from otelsiem.transport.call import Call, WireError
from otelsiem.transport.connection import Watch, shut, why
from otelsiem.transport.resolve import Address

DOUBT = 0.2  # seconds to wait for an ICMP, once one has come

_READ, _WRITE = 0x1, 0x4


class Datagrams:
    """A connected UDP socket. Used by one call at a time."""

    def __init__(self, addresses: Sequence[Address], peer: str, *, doubtful: bool) -> None:
        self._peer = peer
        self._doubtful = doubtful  # the last one met a fault
        family, where = addresses[0]
        self._sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._sock.setblocking(False)
            self._sock.connect(where)
        except OSError as error:
            self._sock.close()
            raise WireError("connect", f"{peer}: {why(error)}") from None
        self._watch = Watch(self._sock)

    def write(self, frames: Sequence[bytes], call: Call) -> None:
        """Hand over each of them. Raises WireError."""
        self._refused()
        for frame in frames:
            self._push(frame, call)
            call.sent = True
        if frames and self._doubtful:
            self._watch.ready(_READ, min(DOUBT, call.remaining(partial(shut, self._sock))))
        self._refused()
        self._doubtful = False

    def close(self) -> None:
        self._sock.close()

    def _push(self, frame: bytes, call: Call) -> None:
        while True:
            try:
                self._sock.send(frame)
                return
            except BlockingIOError:
                if not self._watch.ready(_WRITE, call.remaining(partial(shut, self._sock))):
                    raise call.late() from None
            except OSError as error:
                raise self._fault(error) from None

    def _refused(self) -> None:
        """What came back for datagrams sent before."""
        number = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise self._fault(OSError(number, errno.errorcode.get(number, "")))

    def _fault(self, error: OSError) -> WireError:
        if error.errno == errno.ECONNREFUSED:
            return WireError("connect", f"{self._peer}: nobody listens there (ICMP port unreachable)")
        if error.errno == errno.EMSGSIZE:
            return WireError("oversize", f"{self._peer}: the message is larger than a datagram can be")
        return WireError("connect", f"{self._peer}: {why(error)}")
