"""What the scripted server can be told to do, and its HTTP/1.1: bytes to requests, answers to bytes."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit

HTML = "text/html; charset=UTF-8"


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as the server read it. Header names are lower-case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""
    connection: int = 0  # counts the connections of this server from 1

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The last value of each name."""
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}


@dataclass(frozen=True, slots=True)
class Respond:
    """An answer, and how it is written."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    chunked: bool = False  # the body in chunks of at most 1,000 bytes
    drip: float = 0.0  # seconds between the bytes of the body
    delay: float = 0.0  # seconds before the first byte
    continues: int = 0  # answers "100 Continue" before this one
    close: bool = False  # close afterwards, and say so
    hangup: bool = False  # close afterwards without having said so
    cut: int | None = None  # send only so many bytes of head and body, then close


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is thrown away: the client sees an RST."""


@dataclass(frozen=True, slots=True)
class Hangup:
    """The connection is closed without an answer."""


@dataclass(frozen=True, slots=True)
class Hang:
    """Nothing happens until `server.release()` or the end; then the connection is closed."""


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes that need not be HTTP, then the end of the connection."""

    data: bytes


Step: TypeAlias = Respond | Reset | Hangup | Hang | Raw


def page(status: int, text: str, headers: Mapping[str, str] | None = None) -> Respond:
    """An HTML error page, as a proxy in between would send it."""
    body = f"<!doctype html><html><head><title>{text}</title></head><body><h1>{status} {text}</h1></body></html>"
    return Respond(status, body.encode(), {"Content-Type": HTML, **(headers or {})})


class GoneError(Exception):
    """The client closed the connection, or sent what is not HTTP."""


class Reader:
    """The bytes of one connection as requests."""

    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream
        self._buffer = bytearray()

    def head(self, connection: int) -> Seen:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            self._more()
        lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        try:
            method, target, _ = lines[0].split(" ")
        except ValueError:
            raise GoneError from None
        pairs = [line.partition(":") for line in lines[1:]]
        return Seen(method, target, {name.lower(): value.strip() for name, _, value in pairs}, b"", connection)

    def body(self, head: Seen) -> bytes:
        if head.headers.get("expect", "").lower() == "100-continue":
            self.stream.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if head.headers.get("transfer-encoding", "").lower() == "chunked":
            return b"".join(iter(self._chunk, b""))
        return self._exactly(int(head.headers.get("content-length", "0")))

    def _chunk(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            self._more()
        size = int(bytes(self._buffer[:end]).partition(b";")[0], 16)
        del self._buffer[: end + 2]
        data = self._exactly(size)
        self._exactly(2)
        return data

    def _exactly(self, size: int) -> bytes:
        if len(self._buffer) >= size:
            data = bytes(self._buffer[:size])
            del self._buffer[:size]
            return data
        whole = bytearray(size)  # read in place: a body is copied once
        have = len(self._buffer)
        whole[:have] = self._buffer
        self._buffer.clear()
        view = memoryview(whole)
        while have < size:
            got = self.stream.recv_into(view[have:])
            if not got:
                raise GoneError
            have += got
        return bytes(whole)

    def _more(self) -> None:
        data = self.stream.recv(65536)
        if not data:
            raise GoneError
        self._buffer += data


def written(reply: Respond, close: bool, *, bodiless: bool) -> tuple[bytes, bytes]:
    """Head and body as they go on the wire."""
    names = {name.lower() for name in reply.headers}
    lines = [f"HTTP/1.1 {reply.status} {_phrase(reply.status)}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    body = reply.body
    if reply.chunked:
        lines.append("Transfer-Encoding: chunked")
        body = b"".join(_chunk(body[n : n + 1000]) for n in range(0, len(body), 1000)) + b"0\r\n\r\n"
    elif "content-length" not in names and reply.status not in (204, 304):
        lines.append(f"Content-Length: {len(body)}")
    if close:
        lines.append("Connection: close")
    head = "HTTP/1.1 100 Continue\r\n\r\n" * reply.continues + "\r\n".join(lines) + "\r\n\r\n"
    return head.encode("latin-1"), b"" if bodiless else body


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
