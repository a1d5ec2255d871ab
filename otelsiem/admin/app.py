"""The admin API: health, metrics, and orders to the running gateway, as a plain ASGI app.

Guarantees: orders need the token; a web page in a browser on this machine can neither read nor order anything (Host
is checked against DNS rebinding, there is no CORS); every refusal is a JSON sentence; nothing here blocks the loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Protocol, TypeAlias

from otelsiem.admin import render
from otelsiem.admin.ask import Ask, AskError, Reply, Scope, ask_of, host_of, is_number, json_of, number_of, order_of
from otelsiem.admin.operations import Operations
from otelsiem.admin.token import AdminToken
from otelsiem.gateway.receivers.body import Body, GoneError, Receive
from otelsiem.gateway.receivers.budget import Budget
from otelsiem.gateway.receivers.listen import Address, WebServer, is_loopback
from otelsiem.model.errors import JournalError, TooLargeError

MAX_BODY = 1 << 20
READ_SECONDS = 10.0
MOST_LETTERS = 1000  # of one page; each may be as large as a record

Send: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[None]]

_log = logging.getLogger("otelsiem.admin")


class Page(Protocol):
    """The part of Metrics that the admin API needs."""

    def page(self, accept: str = "") -> tuple[bytes, str]: ...


Route: TypeAlias = Callable[[Ask], Reply]  # runs in a thread: it may block


class AdminApi:
    """Serves the routes on an address of its own."""

    def __init__(
        self,
        operations: Operations,
        metrics: Page,
        token: AdminToken,
        *,
        endpoint: str = "127.0.0.1:8000",
        hosts: Collection[str] = (),
    ) -> None:
        self._operations = operations
        self._metrics = metrics
        self._token = token
        self._bound = Address.parse(endpoint)
        self._hosts = frozenset(host.lower() for host in hosts)
        self._budget = Budget(16 << 20)
        self._server = WebServer(self, endpoint)
        self._open: Mapping[str, tuple[str, Route]] = {
            "/health": ("GET", self._health),
            "/ready": ("GET", self._ready),
            "/metrics": ("GET", self._page),
        }
        self._guarded: Mapping[str, tuple[str, Route]] = {
            "/api/v1/dead-letters": ("GET", self._dead_letters),
            "/api/v1/dead-letters/replay": ("POST", self._replay),
            "/api/v1/dead-letters/purge": ("POST", self._purge),
            "/api/v1/fates": ("GET", self._fates),
            "/api/v1/status": ("GET", self._status),
        }

    async def start(self) -> Address:
        """Listen; the address that was really bound."""
        return await self._server.start()

    async def stop(self, grace: float) -> None:
        """Take no more, let what is in flight finish for `grace` seconds."""
        await self._server.stop(grace)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            reply = await self._reply(scope, receive)
        except GoneError:
            return
        except AskError as error:
            reply = error.reply
        except JournalError as error:
            reply = Reply(409, json_of({"error": str(error)}))
        except asyncio.CancelledError:  # uvicorn would log it as a fault of ours
            reply = Reply(503, json_of({"error": "the gateway is stopping"}))
        except Exception:  # noqa: BLE001 - an answer of ours, not uvicorn's; it is logged with its traceback
            _log.exception("an admin request failed")
            reply = Reply(500, json_of({"error": "the gateway failed to do this; the reason is in its log"}))
        await _send(send, reply)

    async def _reply(self, scope: Scope, receive: Receive) -> Reply:
        ask = ask_of(scope)
        self._check_host(ask.headers.get(b"host", b""))
        guarded = ask.path.startswith("/api/")
        if guarded and not self._token.matches(ask.headers.get(b"authorization", b"")):
            sentence = "send Authorization: Bearer with the token in admin.token, in the journal's directory"
            raise AskError(401, sentence, (b"www-authenticate", b"Bearer"))
        found = (self._guarded if guarded else self._open).get(ask.path)
        if found is None:
            raise AskError(404, "there is nothing here")
        method, route = found
        if ask.method != method:
            raise AskError(405, f"only {method} is understood here", (b"allow", method.encode()))
        if method == "POST":
            ask = await self._with_body(ask, receive)
        return await asyncio.to_thread(route, ask)

    def _check_host(self, header: bytes) -> None:
        """A page of an attacker whose name resolves to this machine says that name here (DNS rebinding)."""
        host = host_of(header)
        known = is_loopback(host) or host == self._bound.host or host in self._hosts
        if not known and not (is_number(host) and not self._bound.loopback):
            raise AskError(421, "this host name is not one of the gateway's; use its address")

    async def _with_body(self, ask: Ask, receive: Receive) -> Ask:
        try:
            async with asyncio.timeout(READ_SECONDS):
                with self._budget.share() as share:
                    body = await Body(receive).read(MAX_BODY, share)
        except TimeoutError as error:
            raise AskError(408, "the body did not arrive in time", (b"connection", b"close")) from error
        except TooLargeError as error:
            raise AskError(413, str(error), (b"connection", b"close")) from error
        return Ask(ask.method, ask.path, ask.query, ask.headers, body)

    # routes

    def _health(self, _: Ask) -> Reply:
        return Reply(200, json_of({"status": "ok"}))

    def _ready(self, _: Ask) -> Reply:
        reasons = list(self._operations.ready())
        return Reply(503 if reasons else 200, json_of({"ready": not reasons, "reasons": reasons}))

    def _page(self, ask: Ask) -> Reply:
        body, kind = self._metrics.page(ask.headers.get(b"accept", b"").decode("latin-1"))
        return Reply(200, body, kind)

    def _status(self, _: Ask) -> Reply:
        return Reply(200, json_of(render.status(self._operations.status())))

    def _dead_letters(self, ask: Ask) -> Reply:
        limit = number_of(ask.query, "limit", default=100, least=1, most=MOST_LETTERS)
        offset = number_of(ask.query, "offset", default=0)
        found = self._operations.dead_letters(ask.query.get("exporter", ""), limit + 1, offset)
        letters = [render.dead_letter(letter) for letter in found[:limit]]
        return Reply(200, json_of({"dead_letters": letters, "more": len(found) > limit}))

    def _replay(self, ask: Ask) -> Reply:
        return Reply(200, json_of({"replayed": self._operations.replay(*order_of(ask.body))}))

    def _purge(self, ask: Ask) -> Reply:
        return Reply(200, json_of({"purged": self._operations.purge(*order_of(ask.body))}))

    def _fates(self, ask: Ask) -> Reply:
        pipeline = ask.query.get("pipeline", "")
        if not pipeline:
            raise AskError(400, "say which record: ?pipeline=logs&position=12")
        found = self._operations.fates(pipeline, number_of(ask.query, "position"))
        return Reply(200, json_of({"fates": render.fates(found)}))


async def _send(send: Send, reply: Reply) -> None:
    headers = [
        (b"content-type", reply.kind.encode("latin-1")),
        (b"content-length", str(len(reply.body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *reply.headers,
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
