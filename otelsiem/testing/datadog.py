"""A strict, faithful fake of Datadog's log intake and key check, on a loopback socket.

    with FakeDatadog() as datadog:
        send_to(datadog.url, key=datadog.key)
        datadog.wait_for(3)
    assert datadog.count_by("event_id") == {"a": 1, "b": 1, "c": 1}

It refuses what the real one refuses and does silently what the real one does silently (docs/contracts, datadog 12):
logs of the wrong age are answered 202 and dropped, large ones lose their attributes, nothing is deduplicated, and the
remappers take every attribute that has one of their names. `logs` holds what a person would find, in the order of
arrival. Every attribute that is not a method may be set while the server runs.
"""

from __future__ import annotations

import json
import threading
import time
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self, TypeAlias

from otelsiem.testing.datadog_log import Log, found
from otelsiem.testing.http import HttpServer, Respond, Seen, Step, page

__all__ = ["KEY", "SITE", "FakeDatadog", "Log", "Taken"]

KEY = "0123456789abcdef0123456789abcdef"  # the fake's own, known to everybody
SITE = "datadoghq.com"
PATH, CHECK = "/api/v2/logs", "/api/v1/validate"

LARGEST_BODY = 5_000_000  # bytes, uncompressed
LARGEST_LOG = 1_000_000
MOST_LOGS = 1000
PAST, FUTURE = 18 * 3600, 2 * 3600  # seconds


@dataclass(frozen=True, slots=True)
class Taken:
    """A step of a script: take the request as usual, but then do this instead of the usual answer."""

    then: Step


Scripted: TypeAlias = Step | Taken


class FakeDatadog:
    """The fake; a context manager."""

    def __init__(self, *, site: str = SITE, server: HttpServer | None = None) -> None:
        self.key = KEY
        self.site = site
        self.keys: dict[str, str] = {KEY: site}  # each with the site where it was made
        self.always: Scripted | None = None  # every POST of logs gets this, until set to None
        self.poison: Callable[[Mapping[str, Any]], bool] | None = None  # a log for which the whole request is a 400
        self.limited = 0  # seconds: 429 until it is 0 again
        self.clock: Callable[[], float] = time.time
        self.keep = True  # False: count logs without storing them, for load
        self.received = 0  # logs kept, stored or not
        self.dropped = 0  # logs that were answered 202 and are nowhere
        self.logs: list[Log] = []
        self.server = server or HttpServer()
        self.server.handler = self.answer
        self._script: deque[Scripted] = deque()
        self._changed = threading.Condition()

    @property
    def url(self) -> str:
        """Without a path."""
        return self.server.url

    @property
    def requests(self) -> list[Seen]:
        return self.server.requests

    def start(self) -> None:
        self.server.start()

    def stop(self) -> None:
        self.server.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def script(self, steps: Iterable[Scripted]) -> None:
        """What the next POSTs of logs get, one step each, before `always` and the faithful behaviour."""
        self._script.extend(steps)

    def wait_for(self, count: int, timeout: float = 10.0) -> list[Log]:
        """All logs once there are so many; raises TimeoutError with what is there."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.received >= count, timeout):
                raise TimeoutError(f"{self.received} logs came within {timeout} s, not {count}")
            return list(self.logs)

    def count_by(self, key: str | Callable[[Log], Any]) -> Counter[Any]:
        """Copies of each log, by an attribute or by a function."""
        with self._changed:
            return Counter(key(log) if callable(key) else log.attributes.get(key) for log in self.logs)

    def answer(self, request: Seen) -> Step:
        """The whole of the server: a request to what happens next."""
        if request.path == CHECK:
            refused = self._refused(request)
            return refused or (_said(200, {"valid": True}) if request.method == "GET" else _errors(405))
        if request.path != PATH:
            return page(404, "Not Found")
        if request.method != "POST":
            return _errors(405, "Method Not Allowed")
        step = self._script.popleft() if self._script else self.always
        if isinstance(step, Taken):
            self._take(request)
            return step.then
        return step or self._take(request)

    def _refused(self, request: Seen) -> Respond | None:
        key = request.headers.get("dd-api-key", "")
        if not key:
            return _errors(401, "Unauthorized")
        return None if self.keys.get(key) == self.site else _said(403, {"errors": ["Forbidden"]})

    def _take(self, request: Seen) -> Respond:
        if refused := self._refused(request):
            return refused
        if self.limited:
            limit = {"X-RateLimit-Limit": "100", "X-RateLimit-Period": "60", "X-RateLimit-Remaining": "0"}
            refusal = _errors(429, "Too many requests")
            return replace(refusal, headers={**refusal.headers, **limit, "X-RateLimit-Reset": str(self.limited)})
        body = _plain(request)
        if body is None:
            return _errors(400, "Bad Request", "the body does not have the encoding that the header names")
        if len(body) > LARGEST_BODY:
            return _errors(413, "Payload Too Large")
        items = _items(body)
        if items is None or any(self.poison(item) for item in items if self.poison):
            return _errors(400, "Bad Request", "the payload is malformed")
        if len(items) > MOST_LOGS:
            return _errors(400, "Bad Request", f"an array has at most {MOST_LOGS} logs")
        self._index(items)
        return _said(202, {})

    def _index(self, items: list[dict[str, Any]]) -> None:
        now = self.clock()
        logs = [found(_truncated(item), now) for item in items]
        kept = [log for log in logs if now - PAST <= log.timestamp / 1000 <= now + FUTURE]
        with self._changed:
            self.received += len(kept)
            self.dropped += len(logs) - len(kept)
            if self.keep:
                self.logs += kept
            self._changed.notify_all()


def _truncated(item: dict[str, Any]) -> dict[str, Any]:
    """What is left of a log that is too large: a text that is no JSON any more."""
    text = json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode()
    if len(text) <= LARGEST_LOG:
        return item
    outside: dict[str, Any] = {key: item[key] for key in ("ddsource", "ddtags", "service", "hostname") if key in item}
    return {**outside, "message": text[:LARGEST_LOG].decode("utf-8", "ignore")}


def _plain(request: Seen) -> bytes | None:
    encoding = request.headers.get("content-encoding", "identity").lower()
    try:
        if encoding in {"gzip", "deflate"}:
            unpacked = zlib.decompressobj(31 if encoding == "gzip" else zlib.MAX_WBITS)
            return unpacked.decompress(request.body, LARGEST_BODY + 1)
    except zlib.error:
        return None
    return request.body if encoding == "identity" else None


def _items(body: bytes) -> list[dict[str, Any]] | None:
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        return None
    items = read if isinstance(read, list) else [read]
    return items if all(isinstance(item, dict) for item in items) else None


def _errors(status: int, title: str = "", detail: str = "") -> Respond:
    return _said(status, {"errors": [{"status": str(status), "title": title, "detail": detail or title}]})


def _said(status: int, body: Mapping[str, Any]) -> Respond:
    return Respond(status, json.dumps(body).encode(), {"Content-Type": "application/json"})
