"""A TCP relay on a loopback socket: stands before a server of any protocol, and cuts its connections when told to.

    with Relay(server_port) as relay:
        send_to(relay.port)
        relay.cut()

Guarantees: `down` and `up` close and reopen the same port; `cut` ends every open connection with an RST; `stop` ends
all of it. Bytes pass unchanged, TLS too.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from types import TracebackType
from typing import Self

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: close() sends an RST


class Relay:
    """The relay; a context manager."""

    def __init__(self, target: int, host: str = "127.0.0.1") -> None:
        self.host, self.port = host, 0
        self.connections = 0  # accepted since the start
        self._target = target
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._acceptor: threading.Thread | None = None
        self._open: set[_Pair] = set()

    def up(self) -> None:
        """Listen, on the same port as before if there was one."""
        assert self._listener is None, "the relay is up"
        self._listener = socket.create_server((self.host, self.port), backlog=128)
        self.port = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        self._acceptor.start()

    def down(self) -> None:
        """Stop listening and end every connection: clients see the port refuse."""
        if self._listener is None:
            return
        listener, self._listener = self._listener, None
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        if self._acceptor is not None:
            self._acceptor.join(5)
        listener.close()
        self.cut()

    def cut(self) -> None:
        """End every open connection with an RST; go on listening."""
        with self._lock:
            ended, self._open = self._open, set()
        for one in ended:
            one.cut()

    def stop(self) -> None:
        self.down()

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                server = socket.create_connection((self.host, self._target), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            pair = _Pair(client, server)
            with self._lock:
                self._open.add(pair)
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(pair, source, sink), daemon=True).start()

    def _pump(self, pair: _Pair, source: socket.socket, sink: socket.socket) -> None:
        if pair.pump(source, sink):
            with self._lock:
                self._open.discard(pair)


class _Pair:
    """Two connected sockets; both are closed when both directions have ended, by the thread that ends last."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self._sockets = (client, server)
        self._lock = threading.Lock()
        self._living = 2
        self._cut = False

    def cut(self) -> None:
        """End both with an RST."""
        self._cut = True
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RD)  # wakes its pump, which closes it

    def pump(self, source: socket.socket, sink: socket.socket) -> bool:
        """All that comes on one to the other; True when that ended the pair."""
        with contextlib.suppress(OSError):
            while (data := source.recv(65536)) and not self._cut:  # what comes after SHUT_RD can still be read
                sink.sendall(data)
        if not self._cut:
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_WR)
        with self._lock:
            self._living -= 1
            if self._living:
                return False
        for one in self._sockets:
            one.close()
        return True
