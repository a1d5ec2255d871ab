"""ASGI applications (FastAPI, Starlette, Django, any): who asked from where on every event, and requests as events.

    app.add_middleware(AuditMiddleware, trusted_proxies=1)

Events made while a request is answered carry its address, id, method and path. Who acts is said where it is found
out, in a dependency or an endpoint, sync or async: `bind_request(actor=…)`. Requests that may change something and
those that were not allowed are events themselves (`audits` decides otherwise).

Guarantees: messages, scope and exceptions pass untouched, websockets and lifespan too; a response is not delayed or
collected; nothing that goes wrong in here reaches the application or the client. An answer that was broken off is never
a success: an exception makes it a failure, else the outcome is unknown, as when the client went away.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, TypeAlias

from otelsiem.auditing.log import AuditLog
from otelsiem.integrations._request import Door, Rule, Visit
from otelsiem.model.errors import OtelsiemError
from otelsiem.model.record import Value

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

RELAY = "starlette.middleware.base"  # BaseHTTPMiddleware, since 0.42, ends an answer that broke, and raises after that
AFTERWARDS = "starlette.background"
LATEST = 1.0  # seconds from a relayed end until the request is told, if background tasks take longer


class AuditMiddleware:
    """`trusted_proxies`: how many of yours a request passes. `audits`: which requests are events."""

    def __init__(
        self,
        app: App,
        *,
        trusted_proxies: int = 0,
        audits: Rule | None = None,
        request_id_header: str = "x-request-id",
        log: AuditLog | None = None,
    ) -> None:
        if not callable(app):
            raise OtelsiemError(f"app={app!r}: it is an ASGI application")
        self._app = app
        self._door = Door("asgi", trusted_proxies, audits, request_id_header, log)
        self._wanted = frozenset([name.encode("latin-1", "replace") for name in self._door.headers])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Called by the server."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        root = str(scope.get("root_path") or "")  # routers lengthen it
        visit = self._door.begin(self._facts(scope))
        try:
            if scope["type"] == "websocket":
                await self._app(scope, receive, send)
            else:
                await self._answered(scope, receive, _Watch(send, visit, lambda: self._route(scope, root)))
        finally:
            visit.end()

    async def _answered(self, scope: Scope, receive: Receive, watch: _Watch) -> None:
        try:
            await self._app(scope, watch.heard(receive), watch)
        except asyncio.CancelledError:  # the server gave it up: it did not fail
            raise
        except BaseException as error:
            if not watch.broken:
                watch.failed(_one(error))
            raise
        finally:
            watch.over()

    def _facts(self, scope: Scope) -> dict[str, Value]:
        headers: dict[str, list[str]] = {}
        with self._door.hook.harmless("the headers of a request could not be read"):
            for name, value in scope.get("headers") or ():
                if name in self._wanted:  # in small letters, says the specification
                    headers.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
        peer = scope.get("client")
        return self._door.facts(
            scope.get("method"),
            scope.get("path"),
            (peer[0], peer[1]) if isinstance(peer, Sequence) and len(peer) == 2 else ("", 0),
            lambda name: ", ".join(headers.get(name, ())),
        )

    def _route(self, scope: Scope, root: str) -> str:
        with self._door.hook.harmless("the route of a request could not be read"):
            route = scope.get("route")
            path = getattr(route, "path", None)
            if isinstance(path, str):  # a mount that nothing within it answered for has its own path in root_path
                mounted = "" if hasattr(route, "routes") else str(scope.get("root_path") or "")
                return mounted.removeprefix(root) + path
        return ""


class _Watch:
    """`send`, with an eye on the status. `broken`: the client has gone, which is no failure of the application."""

    def __init__(self, send: Send, visit: Visit, route: Callable[[], str]) -> None:
        self._send, self._visit, self._route = send, visit, route
        self._status = 0
        self._ended = self._left = False
        self._latest: asyncio.TimerHandle | None = None
        self.broken = False

    def heard(self, receive: Receive) -> Receive:
        """`receive`, with an ear for a client that goes before its answer has ended: a relay ends it all the same."""

        async def hear() -> Message:
            message = await receive()
            if message.get("type") == "http.disconnect" and not self._ended:
                self._left = True
            return message

        return hear

    async def __call__(self, message: Message) -> None:
        kind = message.get("type")
        if kind == "http.response.start":
            self._status = message.get("status", 0)
        elif kind == "http.response.pathsend" or (kind == "http.response.body" and not message.get("more_body", False)):
            self._end()
        try:
            await self._send(message)
        except BaseException:
            self.broken = True
            raise

    def failed(self, error: BaseException) -> None:
        if self._ended and _passed(error.__traceback__, AFTERWARDS):
            return
        self._visit.failed(error)
        self._status = self._status or 500

    def over(self) -> None:
        if self._latest is not None:
            self._latest.cancel()
        self._visit.route = self._route()
        self._visit.answered(self._status, ended=self._ended)

    def _end(self) -> None:
        """Told at once: what comes after it, a background task, is not the request. A relay may still say otherwise."""
        self._ended = True
        if not _relayed(sys._getframe(2)):
            self.over()
            return
        self._ended = not self._left
        self._visit.took = time.perf_counter() - self._visit.began
        with suppress(RuntimeError):  # not asyncio's loop: when the application returns
            self._latest = asyncio.get_running_loop().call_later(LATEST, self.over)


def _relayed(sender: FrameType | None) -> bool:
    """Whether who sends this passes on what another task said."""
    while sender is not None:
        if sender.f_globals.get("__name__") == RELAY:
            return True
        sender = sender.f_back
    return False


def _passed(trace: TracebackType | None, module: str) -> bool:
    """Whether an exception came through it."""
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__") == module:
            return True
        trace = trace.tb_next
    return False


def _one(error: BaseException) -> BaseException:
    """What went wrong, out of the groups that task groups put around it."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
