"""Where a server listens: `Address`, sockets of our own, and uvicorn run on one of them.

Guarantees: a port that is taken is an error that names it, never a second gateway that silently shares it; signals,
access logs and logging set-up stay the host's; after `stop` no connection is left open.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import math
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from otelsiem.model.errors import MissingExtraError, OtelsiemError

if TYPE_CHECKING:
    import uvicorn
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEADER_BYTES = 64 << 10  # of one request; httptools itself has no limit
MAX_HEADERS = 200  # each costs a microsecond or two, so a flood of short ones is told by its number
HEADER_SECONDS = 30.0  # from the connection to the end of its first request's headers; uvicorn itself waits for ever
KEEP_ALIVE_SECONDS = 75  # longer than the pause of a batching sender, else its next request meets a closed connection


App: TypeAlias = Any  # an ASGI application; uvicorn does not export its types


class ListenError(OtelsiemError):
    """An address cannot be listened on; the message says which and why."""


class Address(NamedTuple):
    """Host and port, as people write them."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """From `host:port` or `[v6]:port`; an empty host means every interface, as in Go and the Collector."""
        host, colon, port = text.rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise ListenError(f"{text!r} is not an address: write an IPv6 host in brackets, [::1]:4317")
        if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65535:
            raise ListenError(f"{text!r} is not an address: write host:port, for instance 0.0.0.0:4317")
        return cls(host or "0.0.0.0", int(port))  # noqa: S104 - the user left the host out, which means all of them

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by name or number."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def resolve(address: Address) -> Address:
    """The one numeric address to bind. IPv4 wins, as with the Collector: `localhost` is one socket, not two halves."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise ListenError(f"cannot listen on {address}: the host is not known ({error})") from error
    found.sort(key=lambda info: info[0] != socket.AF_INET)
    return Address(str(found[0][4][0]), address.port)


def bind(address: Address) -> socket.socket:
    """A socket bound to a numeric address, not shared with anybody."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # a restart need not wait for TIME_WAIT; on Windows the option would share the port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(1024)  # two sockets may be bound with SO_REUSEADDR, only one may listen: ask now
    except OSError as error:
        sock.close()
        raise ListenError(why_not(address, error)) from error
    sock.setblocking(False)
    return sock


def why_not(address: Address, error: OSError) -> str:
    """Why an address cannot be had, in words."""
    match error.errno:
        case errno.EADDRINUSE:
            why = f"port {address.port} is in use by another process; stop it or set another endpoint"
        case errno.EACCES | errno.EPERM:
            why = f"this user may not listen on port {address.port}"
        case errno.EADDRNOTAVAIL:
            why = f"no interface of this machine has the address {address.host}"
        case _:
            why = error.strerror or str(error)
    return f"cannot listen on {address}: {why}"


class WebServer:
    """An ASGI app served by uvicorn on a socket of ours."""

    def __init__(
        self,
        app: App,
        endpoint: str,
        malformed: Callable[[], None] = lambda: None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._app = app
        self._tls = tls
        self._malformed = malformed  # told of what is not even HTTP, for which the app is never called
        self._endpoint = Address.parse(endpoint)
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> Address:
        """Listen; the address that was really bound."""
        listening = asyncio.Event()
        server = _server(self._app, self._malformed, listening, self._tls)
        sock = bind(await resolve(self._endpoint))
        bound = Address(*sock.getsockname()[:2])
        self._server = server
        self._task = asyncio.create_task(server.serve([sock]), name=f"http {bound}")
        up = asyncio.create_task(listening.wait())
        await asyncio.wait({up, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if not up.done():
            up.cancel()
            sock.close()
            await self._task  # raises what kept it from starting
        return bound

    async def stop(self, grace: float) -> None:
        """Take no more, let what is in flight finish for `grace` seconds, then close every connection."""
        if self._server is None or self._task is None:
            return
        self._server.config.timeout_graceful_shutdown = max(1, math.ceil(grace))
        self._server.should_exit = True
        await self._task
        if tasks := self._server.server_state.tasks:  # cancelled just now: let each say so to its sender
            await asyncio.wait(tasks, timeout=1.0)
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()
        self._server = self._task = None


def _server(
    app: App, malformed: Callable[[], None], listening: asyncio.Event, tls: ssl.SSLContext | None
) -> uvicorn.Server:
    try:
        import httptools  # noqa: F401 - asked for here, so that its absence is one clear sentence
        import uvicorn
    except ImportError as error:
        raise MissingExtraError("An HTTP server", "gateway", error.name or "uvicorn") from error

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:  # the service owns the process's signals
            yield

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            listening.set()

    config = uvicorn.Config(
        app,
        http=_protocol(malformed),
        ws="none",
        loop="none",  # it runs on the loop that is running
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    config.load()
    config.ssl = tls  # its own options only make contexts from files, once
    return Server(config)


def _protocol(malformed: Callable[[], None]) -> type[HttpToolsProtocol]:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    class Guarded(HttpToolsProtocol):
        """uvicorn's protocol, with a bound on the size of a request's headers and on the wait for them."""

        _header_bytes = 0
        _impatience: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._impatience = self.loop.call_later(HEADER_SECONDS, transport.abort)

        def connection_lost(self, exc: Exception | None) -> None:
            self._patient()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            if self.cycle is not None and not self.cycle.response_complete:
                raise ValueError("a request before the last one was answered")  # no sender of OTLP pipelines
            self._header_bytes = 0
            super().on_message_begin()

        def on_url(self, url: bytes) -> None:
            self._count(len(url))
            super().on_url(url)

        def on_header(self, name: bytes, value: bytes) -> None:
            self._count(len(name) + len(value))
            if len(self.headers) >= MAX_HEADERS:
                raise ValueError(f"over {MAX_HEADERS} headers")
            super().on_header(name, value)

        def on_headers_complete(self) -> None:
            self._patient()
            super().on_headers_complete()

        def send_400_response(self, msg: str) -> None:
            malformed()
            super().send_400_response(msg)

        def _count(self, size: int) -> None:
            self._header_bytes += size
            if self._header_bytes > MAX_HEADER_BYTES:
                raise ValueError(f"headers over {MAX_HEADER_BYTES} bytes")  # httptools turns it into a 400

        def _patient(self) -> None:
            if self._impatience is not None:
                self._impatience.cancel()
                self._impatience = None

    return Guarded
