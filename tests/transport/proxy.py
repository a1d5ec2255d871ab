"""A small honest HTTP proxy on a loopback socket: tunnels (CONNECT), absolute requests, Basic credentials."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from otelsiem.testing.http_wire import GoneError, Reader, Seen

_HOP = ("proxy-authorization", "proxy-connection", "connection")  # RFC 9110 7.6.1: for the proxy alone


class Proxy:
    """The proxy; a context manager. `status`: what it answers instead of doing its work; 0: it answers nothing."""

    def __init__(self, *, authorization: str = "", status: int | None = None, early: bytes = b"") -> None:
        self.asked: list[Seen] = []  # heads that it read
        self.authorization = authorization
        self.status = status
        self._early = early  # said behind the answer to a CONNECT
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def url(self, credentials: str = "") -> str:
        return f"http://{credentials}@127.0.0.1:{self.port}" if credentials else f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for one in (self._listener, *self._open):
            one.close()

    def _start(self, work: object, *args: object) -> None:
        assert callable(work)
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        reader = Reader(client)
        with contextlib.suppress(OSError, GoneError):
            head = reader.head(1)
            self.asked.append(head)
            refusal = self._refusal(head)
            if refusal is None:
                self._connect(head, client) if head.method == "CONNECT" else self._forward(head, reader)
            elif refusal:
                page = b"<h1>no</h1>"
                client.sendall(b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n%b" % (refusal, len(page), page))
            else:
                client.recv(1)  # until the end
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

    def _refusal(self, head: Seen) -> int | None:
        wrong = self.authorization and head.headers.get("proxy-authorization") != self.authorization
        return 407 if wrong else self.status

    def _connect(self, head: Seen, client: socket.socket) -> None:
        host, _, port = head.target.rpartition(":")
        origin = self._dial(host.strip("[]"), int(port))
        client.sendall(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n" + self._early)
        self._start(_pump, origin, client)
        _pump(client, origin)

    def _forward(self, head: Seen, reader: Reader) -> None:
        url = urlsplit(head.target)
        origin = self._dial(url.hostname or "", url.port or 80)
        lines = [f"{head.method} {url.path}{'?' * bool(url.query)}{url.query} HTTP/1.1", "connection: close"]
        lines += [f"{name}: {value}" for name, value in head.headers.items() if name not in _HOP]
        origin.sendall("\r\n".join([*lines, "", ""]).encode() + reader.body(head))
        _pump(origin, reader.stream)

    def _dial(self, host: str, port: int) -> socket.socket:
        origin = socket.create_connection((host, port))
        self._open.append(origin)
        return origin


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
