"""ASGI applications (FastAPI, Starlette, Django, any): who asked from where on every event, and requests as events.

    app.add_middleware(AuditMiddleware, trusted_proxies=1)

Events made while a request is answered carry its address, id, method and path. Who acts is said where it is found
out, in a dependency or an endpoint, sync or async: `bind_request(actor=…)`. Requests that may change something and
those that were not allowed are events themselves (`audits` decides otherwise).

Guarantees: messages, scope and exceptions pass untouched, websockets and lifespan too; a response is not delayed or
collected; nothing that goes wrong in here reaches the application or the client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
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
            await self._app(scope, receive, watch)
        except asyncio.CancelledError:  # the server gave it up: it did not fail
            raise
        except BaseException as error:
            if not watch.broken:
                watch.failed(error)
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
        self.broken = False

    async def __call__(self, message: Message) -> None:
        kind = message.get("type")
        if kind == "http.response.start":
            self._status = message.get("status", 0)
        elif kind == "http.response.body" and not message.get("more_body", False):
            self.over()  # what comes after it, a background task, is not the request
        try:
            await self._send(message)
        except BaseException:
            self.broken = True
            raise

    def failed(self, error: BaseException) -> None:
        self._visit.failed(error)
        self._status = self._status or 500

    def over(self) -> None:
        self._visit.route = self._route()
        self._visit.answered(self._status)
