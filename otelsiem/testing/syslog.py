"""A strict syslog receiver on loopback sockets, with the manners and the silent losses of real ones.

    with SyslogServer(lambda: Rsyslog()) as server:
        send_to(server.port)
    assert [message.data["audit@32473"]["id"] for message in server.messages] == [...]

`acts` says what becomes of the connections, one after the other, the last for all that follow: `Serve` reads, `Reset`
sends an RST after so many records, `HalfClose` ends its own direction, `BlackHole` never reads, `Hello` speaks first.
What no strict receiver takes is in `refused`, never in `messages`. Guarantees: every connection has a thread of its
own, and `stop` ends them all.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeAlias

from otelsiem.testing.syslog_message import MalformedMessageError, Message, read
from otelsiem.testing.syslog_stream import CloseError, Receiver, Rsyslog
from otelsiem.transport.tls import Connected

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: close() sends an RST


@dataclass(frozen=True)
class Serve:
    """Reads until the peer ends, or ends itself after so many records (0 = never)."""

    records: int = 0


@dataclass(frozen=True)
class Reset:
    """Sends an RST after so many records, at once with 0; what it had not read is lost."""

    records: int = 0


@dataclass(frozen=True)
class HalfClose:
    """Ends its own direction at once and reads on, as a process does whose handler has gone."""


@dataclass(frozen=True)
class BlackHole:
    """Accepts and never reads."""


@dataclass(frozen=True)
class Hello:
    """Says this first, as another service does."""

    text: bytes = b"220 mail.example.com ESMTP\r\n"


Act: TypeAlias = Serve | Reset | HalfClose | BlackHole | Hello


class SyslogServer:
    """The receiver; a context manager."""

    def __init__(
        self,
        receiver: Callable[[], Receiver] = Rsyslog,
        *,
        tls: ssl.SSLContext | None = None,
        acts: Sequence[Act] = (),
        reader: Callable[[bytes], Message] = read,
        udp: bool = False,
        buffer: int = 0,  # bytes that its kernel takes while nobody reads; 0 = the system's default
    ) -> None:
        self.messages: list[Message] = []
        self.refused: list[tuple[bytes, str]] = []
        self.closed: list[str] = []  # why it ended connections
        self.connections = 0
        self.handshakes = 0
        self.port = 0
        self.acts = list(acts)
        self._receiver, self._reader, self._tls, self._udp, self._buffer = receiver, reader, tls, udp, buffer
        self._listener: socket.socket | None = None
        self._open: dict[socket.socket, threading.Thread] = {}
        self._changed = threading.Condition()
        self._down = threading.Event()
        self._acceptor: threading.Thread | None = None

    def up(self) -> None:
        """Listen, on the same port as before if there was one."""
        assert self._listener is None, "the server is up"
        if self._udp:
            self._listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._listener.bind(("127.0.0.1", self.port))
        else:
            self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if self._buffer:
                self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer)
            self._listener.bind(("127.0.0.1", self.port))
            self._listener.listen(64)
        self.port = self._listener.getsockname()[1]
        self._down.clear()
        target = self._datagrams if self._udp else self._accept
        self._acceptor = threading.Thread(target=target, args=(self._listener,), daemon=True)
        self._acceptor.start()

    def down(self, *, reset: bool = False) -> None:
        """Stop listening and end every connection."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        self._down.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        if self._udp:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker, contextlib.suppress(OSError):
                waker.sendto(b"", ("127.0.0.1", self.port))
        if self._acceptor is not None:
            self._acceptor.join(5)
        listener.close()
        self.drop(reset=reset)

    def drop(self, *, reset: bool = False) -> None:
        """End every open connection; go on listening."""
        with self._changed:
            living = dict(self._open)
        for sock in living:
            with contextlib.suppress(OSError):
                if reset:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                socket.socket.shutdown(sock, socket.SHUT_RD if reset else socket.SHUT_RDWR)
        for thread in living.values():
            thread.join(5)

    def ids(self, element: str = "audit@32473") -> list[str]:
        """The record ids that arrived, in order, duplicates too."""
        with self._changed:
            return [message.data.get(element, {}).get("id", "") for message in self.messages]

    def wait_for(self, so: Callable[[], bool], what: str, timeout: float = 20.0) -> None:
        """Until it is so; raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(so, timeout):
                raise TimeoutError(f"not within {timeout} s: {what}; {len(self.messages)} messages came")

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    def _accept(self, listener: socket.socket) -> None:
        while not self._down.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with self._changed:
                act = self.acts[min(self.connections, len(self.acts) - 1)] if self.acts else Serve()
                self.connections += 1
                thread = threading.Thread(target=self._serve, args=(sock, act), daemon=True)
                self._open[sock] = thread
                thread.start()
                self._changed.notify_all()

    def _serve(self, plain: socket.socket, act: Act) -> None:
        sock = plain
        try:
            if isinstance(act, Reset) and not act.records:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                return
            if self._tls is not None:
                sock = self._encrypted(plain)
            self._act(sock, act)
        except OSError as error:
            with self._changed:
                self.closed.append(str(error))
        finally:
            sock.close()
            plain.close()
            with self._changed:
                self._open.pop(plain, None)
                self._open.pop(sock, None)
                self._changed.notify_all()

    def _encrypted(self, plain: socket.socket) -> socket.socket:
        assert self._tls is not None
        self._tls.sslsocket_class = Connected
        sock = self._tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        with self._changed:
            self._open.pop(plain, None)
            self._open[sock] = threading.current_thread()
        try:
            sock.do_handshake()
        except BaseException:
            with self._changed:
                self._open.pop(sock, None)
            sock.close()
            raise
        with self._changed:
            self.handshakes += 1
        return sock

    def _act(self, sock: socket.socket, act: Act) -> None:
        match act:
            case BlackHole():
                self._down.wait(60)
            case Hello(text):
                sock.sendall(text)
                self._read(sock, 0)
            case HalfClose():
                socket.socket.shutdown(sock, socket.SHUT_WR)
                self._read(sock, 0)
            case Reset(records):
                self._read(sock, records)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            case Serve(records):
                self._read(sock, records)

    def _read(self, sock: socket.socket, most: int) -> None:
        """Reads records; `most` of them, the rest of what has come is lost."""
        receiver, count = self._receiver(), 0
        while data := sock.recv(65_536):
            try:
                records = receiver.feed(data)
            except CloseError as close:
                self._take(close.records)
                with self._changed:
                    self.closed.append(str(close))
                return
            if most:
                records = records[: most - count]
            self._take(records)
            count += len(records)
            if most and count >= most:
                return

    def _datagrams(self, listener: socket.socket) -> None:
        while not self._down.is_set():
            try:
                data = listener.recv(65_536)
            except OSError:
                return
            if data:
                self._take([data])

    def _take(self, records: Sequence[bytes]) -> None:
        with self._changed:
            for record in records:
                try:
                    self.messages.append(self._reader(record))
                except MalformedMessageError as error:
                    self.refused.append((record, str(error)))
            self._changed.notify_all()
