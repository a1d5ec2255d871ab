"""HTTP/1.1 requests over kept connections: one total deadline each, a size limit on replies, every fault a Failure.

Guarantees: no redirect is followed, no cookie kept outside a session, no proxy taken from the environment, nothing
logged. `sent` is False only when no byte of the body can have left. A request that meets a kept connection which the
peer had closed is sent once more, silently, and only when nothing of it can have been processed (see `connection.py`).

Framing is ours (`head.py`, `response.py`): it is strict, costs a fraction of a general one in pure Python, and lets a
head and its body leave in one piece (measured in ADR 1).
"""

from __future__ import annotations

import time
from functools import lru_cache
from time import monotonic
from typing import TYPE_CHECKING

from otelsiem.model.destination import HttpSettings
from otelsiem.model.exchange import Answer, Failure, HttpRequest, Reply, Request, SigV4
from otelsiem.transport.call import Call, Calls, WireError
from otelsiem.transport.connect import Connector
from otelsiem.transport.cookies import Cookies
from otelsiem.transport.head import request_head, request_lines
from otelsiem.transport.pool import Pool
from otelsiem.transport.response import Response
from otelsiem.transport.target import Target, target
from otelsiem.transport.tls import Trust
from otelsiem.transport.via import Via

if TYPE_CHECKING:
    from otelsiem.transport.credentials.aws import Signer

REFUSED = frozenset({401, 403})
CLOSING = 2.0  # seconds that `close` waits for interrupted requests to return


class HttpTransport:
    """A pool of connections with these settings."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._calls = Calls()
        self._cookies = Cookies()
        self._lines = lru_cache(maxsize=64)(request_lines)  # a destination's requests differ in little but their length
        self._trust = Trust(settings.tls)
        self._via = Via(settings.proxy) if settings.proxy else None
        self._pool = Pool(Connector(self._trust, self._via), settings)
        self._signers: dict[SigV4, Signer] = {}

    def perform(self, request: Request) -> Reply:
        if not isinstance(request, HttpRequest):
            return Failure("protocol", f"HTTP cannot carry a {type(request).__name__}")
        try:
            where = target(request.url)
        except ValueError:
            return Failure("protocol", "the URL cannot be used: it needs http: or https:, a host and plain characters")
        deadline = monotonic() + self._settings.timeout
        if request.auth is not None:
            return self._sign_and_send(request, request.auth, where, deadline)
        return self._send(request, where, deadline)

    def interrupt(self) -> None:
        self._calls.stop()

    def close(self) -> None:
        self._calls.stop()
        # A socket is closed by the thread that uses it: closing it here could hit a descriptor already given away.
        if self._calls.wait_idle(CLOSING):
            self._pool.close()

    def _sign_and_send(self, request: HttpRequest, auth: SigV4, where: Target, deadline: float) -> Reply:
        """With a signature; refused once for what another signature could mend, with another."""
        signer = self._signer(auth)
        call = self._calls.begin(deadline, where.peer)  # while credentials are looked for
        try:
            ours, known = signer.sign(request, where, call)
            reply = self._send(ours, where, deadline)
            if isinstance(reply, Answer) and reply.status in REFUSED and signer.reconsider(reply, known, call):
                ours, _ = signer.sign(request, where, call)
                reply = self._send(ours, where, deadline)
            return reply
        except WireError as error:
            return Failure(error.kind, error.detail)
        except Exception as error:  # noqa: BLE001 - as in `_attempt`
            return Failure("credentials", f"{where.peer}: cannot be signed: unexpected {type(error).__name__}")
        finally:
            self._calls.end(call)

    def _send(self, request: HttpRequest, where: Target, deadline: float) -> Reply:
        try:
            head = self._head(request, where)
        except ValueError:  # its words could quote the header
            return Failure("protocol", f"{where.peer}: a header of the request is not valid HTTP")
        reply, repeatable = self._attempt(request, head, where, deadline)
        if repeatable:
            reply, _ = self._attempt(request, head, where, deadline)
        return reply

    def _attempt(self, request: HttpRequest, head: bytes, where: Target, deadline: float) -> tuple[Reply, bool]:
        """The reply, and whether the request may be sent once more."""
        call = self._calls.begin(deadline, where.peer)
        try:
            return self._exchange(request, head, where, call), False
        except WireError as error:
            if error.kind == "tls":
                self._trust.forget()
            return Failure(error.kind, error.detail, call.sent), error.kind == "reset" and call.repeatable
        except Exception as error:  # noqa: BLE001 - the promise of `perform` is a value, whatever a library raises
            return Failure("protocol", f"{call.peer}: unexpected {type(error).__name__}", call.sent), False
        finally:
            self._calls.end(call)

    def _exchange(self, request: HttpRequest, head: bytes, where: Target, call: Call) -> Answer:
        connection = self._pool.take(where, call)
        keep = False
        try:
            whole = connection.write(head, request.body)
            response = Response(connection.read, call.peer, self._settings.max_reply)
            told = response.head(bodiless=request.method == "HEAD")
            body = response.body(told)
            keep = whole and told.keeps and response.over
        finally:
            self._pool.give_back(connection, keep=keep)
        if self._via is not None and told.status == 407:
            raise self._via.refusal(told.status, where)
        if request.session and told.cookies:
            self._cookies.keep(request.session, where, told.cookies, time.time())
        return Answer(told.status, told.headers, body)

    def _signer(self, auth: SigV4) -> Signer:
        from otelsiem.transport.credentials.aws import Signer  # here: nobody else pays for it

        return self._signers.get(auth) or self._signers.setdefault(auth, Signer(auth))

    def _head(self, request: HttpRequest, where: Target) -> bytes:
        headers, path = request.headers, where.path
        if self._via is not None and not where.encrypted:  # else the proxy reads nothing but CONNECT
            headers, path = {**headers, **self._via.headers}, where.absolute
        if request.session and (cookie := self._cookies.header(request.session, where, time.time())):
            own = next((value for name, value in headers.items() if name.lower() == "cookie"), "")
            headers = {name: value for name, value in headers.items() if name.lower() != "cookie"}
            headers["cookie"] = f"{own}; {cookie}" if own else cookie
        close = not self._settings.idle_connections
        lines_of = self._lines if request.auth is None else request_lines  # no two signatures are the same
        lines = lines_of(request.method, path, where.authority, tuple(headers.items()), close=close)
        return request_head(lines, request.method, len(request.body))
