"""OTLP over HTTP: POST /v1/logs, protobuf or JSON, as a plain ASGI app.

Guarantees: 200 is sent after the door returned and never before (P1); an answer has the request's type; memory is
bounded per request and over all of them; whatever is not the sender's fault is 503 with Retry-After, because OTLP
senders drop their records on 408, 500 and every other status but 429, 502, 503 and 504. Who has no valid token is
refused before the body is read.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from otelsiem.door import Door, Form, Sender, Taken
from otelsiem.gateway.locks import OPEN, Lock
from otelsiem.gateway.receivers.body import Body, GoneError, Receive, too_large
from otelsiem.gateway.receivers.budget import Budget, BusyError, Share
from otelsiem.gateway.receivers.certificates import Certificates
from otelsiem.gateway.receivers.guard import Guard, Keyrings, Visitor
from otelsiem.gateway.receivers.inflate import CODINGS, inflate
from otelsiem.gateway.receivers.listen import Address, WebServer
from otelsiem.gateway.receivers.refusal import (
    INVALID_ARGUMENT,
    LATE,
    NOT_FOUND,
    STOPPING,
    UNIMPLEMENTED,
    Complaints,
    Refusal,
    RefusalCounter,
    RefusedError,
    refuse,
)
from otelsiem.model.errors import TooLargeError
from otelsiem.otlp import answers

Scope: TypeAlias = Mapping[str, Any]  # ASGI's own shapes: dicts by specification
Send: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[None]]
Header: TypeAlias = tuple[bytes, bytes]

FORMS = {"application/x-protobuf": Form.PROTOBUF, "application/json": Form.JSON}
TYPES = {Form.PROTOBUF: b"application/x-protobuf", Form.JSON: b"application/json"}
RECEIPT = b"x-otelsiem-receipt"
HEARD = 1 << 20  # bytes: a sender that is still writing when there is no room hears why, if it ends soon


class HttpReceiver:
    """The HTTP half of the `otlp` receiver."""

    def __init__(
        self,
        door: Door,
        sender: Sender,
        metrics: RefusalCounter,
        *,
        endpoint: str = "0.0.0.0:4318",
        path: str = "/v1/logs",
        max_request_body_size: int = 20 << 20,
        budget: Budget | None = None,
        read_seconds: float = 30.0,
        lock: Lock = OPEN,
        keyrings: Keyrings | None = None,
    ) -> None:
        self._door = door
        self._sender = sender
        self._guard = Guard(sender, lock, keyrings)
        self._metrics = metrics
        self._path = path
        self._limit = max_request_body_size
        self._budget = budget or Budget()
        self._read_seconds = read_seconds
        self._complaints = Complaints()
        tls = Certificates(lock.tls).context() if lock.tls else None
        self._server = WebServer(self, endpoint, malformed=lambda: self._count("not_http"), tls=tls)

    async def start(self) -> Address:
        """Listen; the address that was really bound."""
        return await self._server.start()

    async def stop(self, grace: float) -> None:
        """Take no more, let what is in flight finish for `grace` seconds, then tell the rest to come back."""
        await self._server.stop(grace)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        form = FORMS.get(_media_type(headers))
        try:
            taken = await self._take(scope, headers, form, receive)
        except GoneError:
            self._count("gone")
        except asyncio.CancelledError:  # uvicorn would say 500 here, on which a sender drops its records
            await self._refuse(STOPPING, form, send)
        except Exception as error:  # noqa: BLE001 - whatever fails in us, the sender must be told to keep its data
            refusal = refuse(error)
            self._complaints.hear(error, refusal, self._sender.receiver, "http")
            await self._refuse(refusal, form, send)
        else:
            body, more = _success(taken, form, headers)
            await _answer(send, 200, TYPES[form or Form.PROTOBUF], body, more)

    async def _take(self, scope: Scope, headers: Mapping[bytes, bytes], form: Form | None, receive: Receive) -> Taken:
        with self._budget.share() as share:
            visitor = self._greet(scope, headers)
            refusal = visitor if isinstance(visitor, Refusal) else self._gate(scope, headers, form)
            body = await self._read(headers, refusal, receive, share)
            assert form is not None  # _gate refused every other
            assert isinstance(visitor, Visitor)  # _read raised the refusal
            sender = self._guard.sender(visitor, lambda: _peer(scope), lambda name: _text(headers, name))
            return await visitor.bring(self._door, body, form, sender)

    def _greet(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Visitor | Refusal:
        if scope["path"] != self._path:
            return Refusal("path", f"there is nothing here; logs go to POST {self._path}", 404, NOT_FOUND)
        visitor = self._guard.admit(headers.get(b"authorization", b""))
        if isinstance(visitor, Refusal):
            self._guard.turned_away(visitor, _peer(scope))
        return visitor

    async def _read(
        self, headers: Mapping[bytes, bytes], refusal: Refusal | None, receive: Receive, share: Share
    ) -> bytes:
        coding, unreadable = _coding(headers)
        refusal = refusal or unreadable or self._declared(headers)
        body = Body(receive)
        try:
            async with self._budget.arrival(self._read_seconds):
                raw = await self._whole(body, headers, refusal, share)
        except TimeoutError as error:
            raise RefusedError(_closing(refusal or LATE)) from error
        if not coding:
            return raw
        inflated = await inflate(raw, coding, self._limit, share)
        share.give(len(raw))
        return inflated

    async def _whole(self, body: Body, headers: Mapping[bytes, bytes], refusal: Refusal | None, share: Share) -> bytes:
        if refusal is None:
            try:
                return await body.read(self._limit, share)
            except (TooLargeError, BusyError) as error:
                refusal = refuse(error)
        share.give(share.held)
        if b"expect" not in headers:  # who expects 100 waits for our word before it sends the body
            await body.drain(HEARD if refusal.reason == "busy" else 4 * self._limit)
        raise RefusedError(refusal if body.ended else _closing(refusal))

    def _gate(self, scope: Scope, headers: Mapping[bytes, bytes], form: Form | None) -> Refusal | None:
        if scope["method"] != "POST":
            message = f"only POST is understood at {self._path}"
            return Refusal("method", message, 405, UNIMPLEMENTED, headers=((b"allow", b"POST"),))
        if form is None:
            got = _media_type(headers) or "none"
            message = f"Content-Type {got[:100]!r}: send application/x-protobuf or application/json"
            return Refusal("content_type", message, 415, INVALID_ARGUMENT)
        return None

    def _declared(self, headers: Mapping[bytes, bytes]) -> Refusal | None:
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and (len(length) > 18 or int(length) > self._limit):
            return refuse(too_large(self._limit))
        return None

    async def _refuse(self, refusal: Refusal, form: Form | None, send: Send) -> None:
        self._count(refusal.reason, refusal.token)
        kind = form or Form.JSON
        if kind is Form.JSON:
            body = answers.status_json(refusal.code, refusal.message, refusal.retry_after)
        else:
            body = answers.status(refusal.code, refusal.message, refusal.retry_after)
        headers = list(refusal.headers)
        if refusal.retry_after is not None:
            headers.append((b"retry-after", str(math.ceil(refusal.retry_after)).encode()))
        await _answer(send, refusal.status, TYPES[kind], body, headers)

    def _count(self, reason: str, token: str = "") -> None:
        self._metrics.refused(self._sender.receiver, "http", reason, token)


def _headers(scope: Scope) -> Mapping[bytes, bytes]:
    """Header lines of one name joined as RFC 9110 5.2 says; names come in lower case."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        headers[name] = headers[name] + b", " + value if name in headers else value
    return headers


def _text(headers: Mapping[bytes, bytes], name: str) -> str:
    return headers.get(name.encode(), b"").decode("latin-1")


def _peer(scope: Scope) -> str:
    """The other end of the connection, which may be a proxy."""
    return str(scope["client"][0]) if scope.get("client") else ""


def _media_type(headers: Mapping[bytes, bytes]) -> str:
    """Without its parameters: a charset says nothing, as both types have one encoding only."""
    return headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()


def _coding(headers: Mapping[bytes, bytes]) -> tuple[str, Refusal | None]:
    """The one coding to undo, "" for none; or why the body cannot be read."""
    text = headers.get(b"content-encoding", b"").decode("latin-1").strip().lower()
    if text in {"", "identity"}:
        return "", None
    coding = "gzip" if text == "x-gzip" else text  # RFC 9110 8.4.1.3: the same thing
    if coding in CODINGS:
        return coding, None
    message = f"Content-Encoding {text[:100]!r}: send none, or one of {', '.join(CODINGS)}"
    accept = (b"accept-encoding", ", ".join(CODINGS).encode())  # RFC 9110 12.5.3
    return "", Refusal("content_encoding", message, 415, INVALID_ARGUMENT, headers=(accept,))


def _closing(refusal: Refusal) -> Refusal:
    """The same, and the connection ends: who is still writing the body must not go on for ever."""
    return replace(refusal, headers=(*refusal.headers, (b"connection", b"close")))


def _success(taken: Taken, form: Form | None, headers: Mapping[bytes, bytes]) -> tuple[bytes, list[Header]]:
    make = answers.response_json if form is Form.JSON else answers.response
    more = []
    if headers.get(RECEIPT, b"").strip() == b"1":
        receipt = ",".join(f"{position.pipeline}/{position.first}" for position in taken.positions)
        more.append((RECEIPT, receipt.encode()))
    return make(taken.rejected, taken.message), more


async def _answer(send: Send, status: int, kind: bytes, body: bytes, more: Iterable[Header] = ()) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
