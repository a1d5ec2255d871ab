"""The ASGI twin of `web.py`: the same paths, the same environment, and a lifespan that flushes when it is told to
(LIFE_LIFESPAN)."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import otelsiem
from otelsiem.auditing.api import default
from tests.life.apps import web as web  # which configures

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    asked = dict(parse_qsl(scope["query_string"].decode()))
    answer: dict[str, Any] = {"pid": os.getpid()}
    if scope["path"] == "/audit":
        otelsiem.audit("asked", name=asked["name"])
    elif scope["path"] == "/durable":
        answer["id"] = (await otelsiem.audit_durable("asked", name=asked["name"])).id
    elif scope["path"] == "/threads":
        answer["threads"] = sorted(thread.name for thread in threading.enumerate())
    body = json.dumps(answer).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        told = await receive()
        if told["type"] == "lifespan.shutdown" and os.environ.get("LIFE_LIFESPAN"):
            await asyncio.to_thread(default().close)
        await send({"type": f"{told['type']}.complete"})
        if told["type"] == "lifespan.shutdown":
            return
