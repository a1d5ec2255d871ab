"""A scripted HTTP/1.1 server on a loopback socket, for tests of whatever sends HTTP.

    with HttpServer(lambda request: Respond(503, b"busy")) as server:
        send_to(server.url)
    assert server.requests[0].body == b"..."

The handler sees each request and returns what happens next: a `Respond`, or a fault (`Reset`, `Hangup`, `Hang`). A
fault that must strike before the body is read comes from `early`, which sees the head alone. `Script` makes a handler
of a list. Guarantees: every connection has a thread of its own; `stop` ends them all; `down` and `up` close and reopen
the same port; no dependency beyond the standard library.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self, TypeAlias, assert_never

from otelsiem.testing.http_wire import GoneError, Hang, Hangup, Raw, Reader, Reset, Respond, Seen, Step, page, written

__all__ = [
    "Early",
    "Handler",
    "Hang",
    "Hangup",
    "HttpServer",
    "Raw",
    "Reset",
    "Respond",
    "Script",
    "Seen",
    "Step",
    "page",
]

Handler: TypeAlias = Callable[[Seen], Step]
Early: TypeAlias = Callable[[Seen], Step | None]

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: close() sends an RST


class Script:
    """A handler that takes one step of a list per request, and the `rest` for every request after them."""

    def __init__(self, steps: Iterable[Step], rest: Step | Handler | None = None) -> None:
        self._steps = deque(steps)
        self._rest: Step | Handler = Respond() if rest is None else rest

    def __call__(self, request: Seen) -> Step:
        try:
            return self._steps.popleft()
        except IndexError:
            return self._rest(request) if callable(self._rest) else self._rest


class HttpServer:
    """The server; a context manager. `keep=False` remembers no requests: for load, where they would fill memory."""

    def __init__(
        self,
        handler: Handler | None = None,
        *,
        early: Early | None = None,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        keep: bool = True,
    ) -> None:
        self.handler: Handler = handler or (lambda _: Respond())
        self.early = early
        self.requests: list[Seen] = []
        self.count = 0  # requests seen, kept or not
        self.connections = 0  # accepted since the start
        self.host = host
        self.port = port  # 0 until started
        self._tls = tls
        self._keep = keep
        self._listener: socket.socket | None = None
        self._open: dict[socket.socket, threading.Thread] = {}
        self._changed = threading.Condition()
        self._released = threading.Event()
        self._down = threading.Event()
        self._acceptor: threading.Thread | None = None

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}"

    def start(self) -> None:
        """Listen; the port is known afterwards."""
        self.up()

    def up(self) -> None:
        """Listen, on the same port as before if there was one."""
        assert self._listener is None, "the server is up"
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listener = socket.create_server((self.host, self.port), family=family, backlog=128)
        self.port = self._listener.getsockname()[1]
        self._down.clear()
        self._acceptor = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        self._acceptor.start()

    def down(self) -> None:
        """Stop listening and end every connection: clients see the port refuse."""
        if self._listener is None:
            return
        listener, self._listener = self._listener, None
        self._down.set()  # before `release`: a Hang looks at them in the other order
        _shut(listener)
        if self._acceptor is not None:
            self._acceptor.join(5)
        listener.close()
        self.release()
        self.drop()

    def stop(self) -> None:
        self.down()

    def drop(self) -> None:
        """End every open connection, idle ones too; go on listening."""
        with self._changed:
            living = dict(self._open)
        for connection in living:
            _shut(connection)
        for thread in living.values():
            if thread is not threading.current_thread():
                thread.join(5)

    def release(self) -> None:
        """End every `Hang` that is going on."""
        released, self._released = self._released, threading.Event()
        released.set()

    def wait_for(self, count: int, timeout: float = 5.0) -> None:
        """Until so many requests were read; raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.count >= count, timeout):
                raise TimeoutError(f"{self.count} requests came within {timeout} s, not {count}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._changed:
                self.connections += 1
                args = (connection, self.connections)
                thread = threading.Thread(target=self._serve, args=args, daemon=True)
                self._open[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        stream = connection
        try:
            stream = connection if self._tls is None else self._encrypt(connection)
            self._converse(Reader(stream), number)
        except (OSError, GoneError):
            pass  # the client went away, or `down` ended the connection
        finally:
            with contextlib.suppress(OSError):
                stream.close()
            with self._changed:  # after the close: `drop` promises that what it no longer finds is closed
                self._open.pop(connection, None)
                self._open.pop(stream, None)

    def _encrypt(self, connection: socket.socket) -> socket.socket:
        assert self._tls is not None
        stream = self._tls.wrap_socket(connection, server_side=True)
        with self._changed:  # wrapping took the descriptor over
            self._open[stream] = self._open.pop(connection)
        return stream

    def _converse(self, reader: Reader, number: int) -> None:
        while True:
            head = reader.head(number)
            step = self.early(head) if self.early is not None else None
            if step is None:
                request = Seen(head.method, head.target, head.headers, reader.body(head), number)
                self._note(request)
                step = self.handler(request)
            else:
                self._note(head)
            if not self._take(step, head, reader.stream):
                return

    def _note(self, request: Seen) -> None:
        with self._changed:
            self.count += 1
            if self._keep:
                self.requests.append(request)
            self._changed.notify_all()

    def _take(self, step: Step, head: Seen, stream: socket.socket) -> bool:
        """Do it; False when the connection is over."""
        match step:
            case Respond():
                return self._answer(step, head, stream)
            case Raw():
                stream.sendall(step.data)
            case Reset():
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            case Hangup():
                pass
            case Hang():
                released = self._released
                if not self._down.is_set():
                    released.wait()
            case _:
                assert_never(step)
        stream.close()
        return False

    def _answer(self, reply: Respond, head: Seen, stream: socket.socket) -> bool:
        if reply.delay:
            self._down.wait(reply.delay)
        close = reply.close or head.headers.get("connection", "").lower() == "close"
        start, body = written(reply, close, bodiless=head.method == "HEAD")
        if reply.cut is not None:
            stream.sendall((start + body)[: reply.cut])
            return False
        if reply.drip:
            stream.sendall(start)
            for n in range(len(body)):
                stream.sendall(body[n : n + 1])
                if self._down.wait(reply.drip):
                    return False
        else:
            stream.sendall(start + body)
        return not (close or reply.hangup)


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
