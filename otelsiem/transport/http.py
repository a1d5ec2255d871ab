"""HTTP requests over kept connections: one total deadline each, a size limit on replies, every fault a Failure.

Guarantees: no redirect is followed, no cookie kept, no proxy taken from the environment, nothing logged. `sent` is
False only when no byte of the body can have left. A request that meets a kept connection which the peer had closed is
sent once more, silently, and only when nothing of it can have been processed (see `connection.py`).

This sits on httpcore, not on httpx.Client: the client above it logs the URL of every request at INFO (ours may carry a
channel or a key), and costs twice the CPU of a request (measured, 200 KB body: 267 against 129 µs, http.client 85).
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from time import monotonic

import httpcore

from otelsiem.model.destination import HttpSettings
from otelsiem.model.exchange import Answer, Failure, HttpRequest, Reply, Request
from otelsiem.transport.call import Call, Calls, WireError
from otelsiem.transport.connect import Connector
from otelsiem.transport.connection import why
from otelsiem.transport.pool import Pool
from otelsiem.transport.target import Target, target
from otelsiem.transport.tls import client_context

CLOSING = 2.0  # seconds that `close` waits for interrupted requests to return


class HttpTransport:
    """A pool of connections with these settings."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._calls = Calls()
        self._context: ssl.SSLContext | None = None
        self._context_lock = threading.Lock()
        self._pool = Pool(Connector(self._trusted), settings.connections)

    def perform(self, request: Request) -> Reply:
        if not isinstance(request, HttpRequest):
            return Failure("protocol", f"HTTP cannot carry a {type(request).__name__}")
        try:
            where = target(request.url)
        except ValueError:
            return Failure("protocol", "the URL cannot be used: it needs http: or https:, a host and plain characters")
        deadline = monotonic() + self._settings.timeout
        reply, repeatable = self._attempt(request, where, deadline)
        if repeatable:
            reply, _ = self._attempt(request, where, deadline)
        return reply

    def interrupt(self) -> None:
        self._calls.stop()

    def close(self) -> None:
        self._calls.stop()
        # A socket is closed by the thread that uses it: closing it here could hit a descriptor already given away.
        if self._calls.wait_idle(CLOSING):
            self._pool.close()

    def _attempt(self, request: HttpRequest, where: Target, deadline: float) -> tuple[Reply, bool]:
        """The reply, and whether the request may be sent once more."""
        call = self._calls.begin(deadline, where.peer, bodiless=not request.body)
        try:
            return self._exchange(request, where, call), False
        except WireError as error:
            if error.kind == "tls":
                self._context = None  # an operator may replace the CA file: read it again next time
            return Failure(error.kind, error.detail, call.sent), error.kind == "reset" and call.repeatable
        except httpcore.RemoteProtocolError:
            return self._misspoken(call)
        except (httpcore.LocalProtocolError, UnicodeError):  # h11's text quotes the header
            return Failure("protocol", f"{call.peer}: a header of the request is not valid HTTP", call.sent), False
        except Exception as error:  # noqa: BLE001 - the promise of `perform` is a value, whatever a library raises
            return Failure("protocol", f"{call.peer}: unexpected {type(error).__name__}", call.sent), False
        finally:
            self._calls.end(call)

    def _exchange(self, request: HttpRequest, where: Target, call: Call) -> Answer:
        content = _body(request.body, call)
        message = httpcore.Request(request.method, where.url, headers=_head(request, where), content=content)
        kept = self._pool.take(where, call)
        try:
            response = kept.http.handle_request(message)
            try:
                body = self._read(response, call)
            finally:
                response.close()
        finally:
            self._pool.give_back(kept)
        return Answer(response.status, _headers(response.headers), body)

    def _read(self, response: httpcore.Response, call: Call) -> bytes:
        chunks: list[bytes] = []
        size = 0
        for chunk in response.iter_stream():
            size += len(chunk)
            if size > self._settings.max_reply:
                raise WireError("oversize", f"{call.peer}: the answer ({response.status}) is over the size limit")
            chunks.append(chunk)
        return b"".join(chunks)

    def _misspoken(self, call: Call) -> tuple[Reply, bool]:
        if call.ended:  # cut off, not misspoken
            detail = f"{call.peer}: the connection ended before the answer was complete"
            return Failure("reset", detail, call.sent), call.repeatable
        return Failure("protocol", f"{call.peer}: the answer is not HTTP", call.sent), False

    def _trusted(self) -> ssl.SSLContext:
        with self._context_lock:
            context = self._context
            if context is None:
                try:
                    context = client_context(self._settings.tls.ca_file, verify=self._settings.tls.verify)
                except OSError as error:  # ssl.SSLError is one
                    raise WireError("tls", f"the ca_file cannot be used: {why(error)}") from None
                self._context = context
            return context


def _head(request: HttpRequest, where: Target) -> list[tuple[bytes, bytes]]:
    head = [(name.encode("ascii"), value.encode("utf-8")) for name, value in request.headers.items()]
    names = {name.lower() for name in request.headers}
    if "host" not in names:
        head.insert(0, (b"host", where.header))
    if request.body or request.method in ("POST", "PUT", "PATCH"):  # RFC 9110 8.6
        head.append((b"content-length", b"%d" % len(request.body)))
    if "accept-encoding" not in names:  # RFC 9110 12.5.3: without it a server may choose any coding
        head.append((b"accept-encoding", b"identity"))
    return head


def _body(body: bytes, call: Call) -> Iterator[bytes]:
    """httpcore asks for it once the head is written."""
    if body:
        call.in_body = True
        yield body


def _headers(pairs: list[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw, value in pairs:
        name, text = raw.decode("latin-1").lower(), value.decode("latin-1")
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return headers
