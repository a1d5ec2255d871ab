"""A connection to a peer that only listens: written to, watched for its end, asked how much of it has arrived.

Guarantees: before anything is written it is looked at, since a peer that has gone is heard by reading (an end, a
reset, a TLS alert) and not by writing; bytes have `stood` only when the peer's kernel had acknowledged them and the
connection was seen alive `after` seconds later. Back-pressure is how such a peer says "slower": a write goes on as long
as it takes anything, because ending it would send all of it again.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections import deque
from collections.abc import Sequence
from functools import partial

from otelsiem.model.destination import SocketSettings
from otelsiem.transport.call import Call, WireError
from otelsiem.transport.connection import Watch, shut, why
from otelsiem.transport.sent import unacknowledged, watch
from otelsiem.transport.tls import fault

PIECE = 1 << 18  # bytes of one write
UNTOLD = 3.0  # times as long must a connection live on where the kernel tells nothing
LOOK = 0.1  # seconds between looks at the send queue while it is not empty

_READ, _WRITE = 0x1, 0x4  # POLLIN, POLLOUT
_TLS_RECORD = (0x15, 0x16)  # alert, handshake: what a TLS server says to somebody who does not speak it


class Line:
    """One connection. Used by one call at a time; times are of `time.monotonic`."""

    def __init__(self, number: int, sock: socket.socket, peer: str, settings: SocketSettings) -> None:
        self.number, self.peer = number, peer
        self.end = 0  # bytes handed to the kernel
        self.stood = -1
        self.ended: WireError | None = None
        watch(sock, settings.dead_after)
        sock.setblocking(False)
        self._sock, self._settings = sock, settings
        self._watch = Watch(sock)
        self._wake = partial(shut, sock)
        self._seen: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])  # when, and bytes acknowledged by then
        self._acknowledged = 0

    def write(self, frames: Sequence[bytes], call: Call) -> None:
        """Hand over all of it. Raises WireError."""
        for frame in frames:
            view = memoryview(frame)
            while view:
                call.deadline = time.monotonic() + self._settings.dead_after  # each byte taken begins the time anew
                call.remaining(self._wake)  # raises when it was an interrupt
                sent = self._push(view, call)
                call.sent |= sent > 0
                self.end += sent
                view = view[sent:]

    def look(self) -> bool:
        """Whether it lives; takes down what has been acknowledged, and what has stood."""
        if self.ended is not None:
            return False
        waiting = unacknowledged(self._sock)  # first this: what had gone by now is what must be seen alive after it
        if (ended := self._heard()) is not None:
            self.ended = ended
            return False
        now, after = time.monotonic(), self._settings.after
        acknowledged = self.end - waiting if waiting is not None else self.end
        if acknowledged > self._acknowledged:
            self._acknowledged = acknowledged
            self._seen.append((now, acknowledged))
        patience = after if waiting is not None else after * UNTOLD
        while self._seen and self._seen[0][0] <= now - patience:
            self.stood = self._seen.popleft()[1]
        return True

    def stand(self, through: int, until: float, call: Call) -> None:
        """Until so many bytes have stood, or the time is over. Raises WireError when the connection ends before."""
        while self.look():
            now = time.monotonic()
            if self.stood >= through or now >= until:
                return
            pause = self._seen[0][0] + self._settings.after - now if self._seen else LOOK
            if self._acknowledged < self.end:
                pause = min(pause, LOOK)  # the kernel wakes nobody when the queue is empty
            self._watch.ready(_READ, min(max(pause, 0.001), until - now, call.remaining(self._wake)))
        assert self.ended is not None, "it has ended"
        raise self.ended

    def goodbye(self, until: float) -> None:
        """Say that nothing more comes, and let the peer take what is under way (close_notify, then FIN)."""
        with contextlib.suppress(OSError, ValueError):
            self._sock.settimeout(max(until - time.monotonic(), 0.01))
            if isinstance(self._sock, ssl.SSLSocket):
                with contextlib.suppress(OSError, ValueError):
                    self._sock.unwrap()  # rsyslog logs an error about a connection that ends without it
            socket.socket.shutdown(self._sock, socket.SHUT_WR)
            while (left := until - time.monotonic()) > 0:
                self._sock.settimeout(left)
                if not socket.socket.recv(self._sock, 4096):
                    break
        self.close()

    def close(self) -> None:
        self._sock.close()

    def _push(self, view: memoryview, call: Call) -> int:
        while True:
            try:
                return self._sock.send(view[:PIECE])
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._await(_WRITE, call)
            except ssl.SSLWantReadError:
                self._await(_READ, call)
            except OSError as error:
                call.remaining(None)  # raises when it was an interrupt
                self.ended = self._heard() or self._broken(error)
                raise self.ended from None

    def _await(self, event: int, call: Call) -> None:
        """Until the kernel takes more; it may take none for long while the peer reads, until a third is free."""
        waiting = unacknowledged(self._sock)
        while not self._watch.ready(event, min(call.remaining(self._wake), self._settings.dead_after / 4)):
            if (now := unacknowledged(self._sock)) != waiting:
                waiting, call.deadline = now, time.monotonic() + self._settings.dead_after
            elif time.monotonic() >= call.deadline:
                self.ended = WireError(
                    "timeout", f"{self.peer}: it has taken nothing for {self._settings.dead_after:g} s"
                )
                raise self.ended

    def _heard(self) -> WireError | None:
        """What reading says: nothing, as it should be, or why the connection is over."""
        try:
            data = self._sock.recv(64)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None  # in TLS it may have read a session ticket meanwhile
        except OSError as error:
            return self._broken(error)
        if not data:
            return WireError("reset", f"{self.peer}: it has ended the connection")
        if data[0] in _TLS_RECORD and not isinstance(self._sock, ssl.SSLSocket):
            return WireError("tls", f"{self.peer}: it speaks TLS on this port: leave out tls.insecure")
        return WireError("protocol", f"{self.peer}: it answers, which no syslog receiver does: is it another service?")

    def _broken(self, error: OSError) -> WireError:
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return WireError("tls", f"{self.peer}: {fault(error)}")
        if isinstance(error, ssl.SSLError):
            return WireError("reset", f"{self.peer}: it has ended the connection")
        if isinstance(error, TimeoutError):  # ETIMEDOUT
            return WireError("timeout", f"{self.peer}: no acknowledgement for {self._settings.dead_after:g} s")
        return WireError("reset", f"{self.peer}: {why(error)}")
