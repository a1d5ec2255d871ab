"""A strict, faithful fake of Splunk's HTTP Event Collector, on a loopback socket.

    with FakeHec() as splunk:
        send_to(splunk.url, token=splunk.token)
        splunk.wait_for(3)
    assert splunk.count_by("id") == {"a": 1, "b": 1, "c": 1}

It refuses what the real one refuses and reproduces what the real one does silently; what that is, and how it is known,
stands in docs/contracts (splunk-hec). Nothing is deduplicated: `events` holds every copy in the order of arrival, so a
test counts duplicates and losses. Every attribute that is not a method may be set while the server runs.
"""

from __future__ import annotations

import base64
import binascii
import json
import threading
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar

from otelsiem.testing.hec_ack import Acks, is_channel
from otelsiem.testing.hec_codes import CODES, coded, said
from otelsiem.testing.hec_envelope import Event, Poison, Suspicion, Verdict, event, read
from otelsiem.testing.http import HttpServer, Respond, Seen, Step, page

__all__ = ["CODES", "TOKEN", "Event", "FakeHec", "Indexed", "Poison", "Token", "coded"]

TOKEN = "11111111-2222-3333-4444-555555555555"  # noqa: S105 - the fake's own, known to everybody

_EVENT = frozenset({f"/services/collector{tail}" for tail in ("", "/event", "/event/1.0")})
_RAW = frozenset({"/services/collector/raw", "/services/collector/raw/1.0"})
_ACK = frozenset({"/services/collector/ack", "/services/collector/ack/1.0"})
_HEALTH = frozenset({"/services/collector/health", "/services/collector/health/1.0"})

ENTERPRISE_BODY = 838_860_800  # limits.conf [http_input] max_content_length
CLOUD_BODY = 5_242_880  # the largest that is sure to pass


@dataclass(frozen=True, slots=True)
class Token:
    """What one token may do."""

    enabled: bool = True
    indexes: frozenset[str] | None = None  # None: any
    index: str = "main"  # where events without an index go
    ack: bool = False


@dataclass(frozen=True, slots=True)
class Indexed:
    """A step of a script: index the request as usual, but then do this instead of the usual answer.

    `Indexed(Reset())` is the lost answer, which no client can tell from a lost request.
    """

    then: Step


Scripted: TypeAlias = Step | Indexed

T = TypeVar("T")


class FakeHec:
    """The fake; a context manager."""

    def __init__(self, *, ack: bool = False, cloud: bool = False, server: HttpServer | None = None) -> None:
        self.token = TOKEN
        self.tokens: dict[str, Token] = {TOKEN: Token(ack=ack)}
        self.cloud = cloud
        self.max_content_length = CLOUD_BODY if cloud else ENTERPRISE_BODY  # after decompression
        self.poison: Suspicion | None = None  # asked for every envelope
        self.capacity = 0  # 24 or 25: taken, but near capacity; 26 or 27: nothing is taken
        self.health = 17
        self.always: Scripted | None = None  # every POST of events gets this, until set to None
        self.ack_always: Step | None = None  # every question for acknowledgements gets this, until set to None
        self.retry_after = ""  # a Retry-After header on every answer that is not 2xx
        self.latency = 0.0  # seconds before every answer
        self.keep = True  # False: count events without storing them, for load
        self.received = 0  # events indexed, stored or not
        self.events: list[Event] = []
        self.acks = Acks()
        self.server = server or HttpServer()
        self.server.handler = self.answer
        self._script: deque[Scripted] = deque()
        self._ack_script: deque[Step] = deque()
        self._changed = threading.Condition()

    # --- running it

    @property
    def url(self) -> str:
        """Without a path: the real endpoint is `url + "/services/collector/event"`."""
        return self.server.url

    @property
    def requests(self) -> list[Seen]:
        return self.server.requests

    def start(self) -> None:
        self.server.start()

    def stop(self) -> None:
        self.server.stop()

    def down(self) -> None:
        """The port refuses connections from now on; open ones end."""
        self.server.down()

    def up(self) -> None:
        """Listen again on the same port."""
        self.server.up()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # --- telling it what to do

    def script(self, steps: Iterable[Scripted]) -> None:
        """What the next POSTs of events get, one step each, before `always` and the faithful behaviour."""
        self._script.extend(steps)

    def ack_script(self, steps: Iterable[Step]) -> None:
        """The same for questions for acknowledgements."""
        self._ack_script.extend(steps)

    def disable(self, token: str = TOKEN, *, enabled: bool = False) -> None:
        self.tokens[token] = replace(self.tokens[token], enabled=enabled)

    # --- asking what it has

    def wait_for(self, count: int, timeout: float = 10.0) -> list[Event]:
        """All events once there are so many; raises TimeoutError with what is there."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.received >= count, timeout):
                raise TimeoutError(f"{self.received} events came within {timeout} s, not {count}")
            return list(self.events)

    def count_by(self, key: str | Callable[[Event], Any] = "id") -> Counter[Any]:
        """Copies of each event, by a key of `event` (else of `fields`), or by a function."""
        pick = key if callable(key) else lambda event: _value(event, key)
        with self._changed:
            return Counter(pick(event) for event in self.events)

    # --- answering

    def answer(self, request: Seen) -> Step:
        """What this collector does with a request, whoever read it from a socket."""
        step = self._route(request)
        if not isinstance(step, Respond):
            return step
        headers = dict(step.headers)
        if self.retry_after and step.status >= 300:
            headers.setdefault("Retry-After", self.retry_after)
        return replace(step, headers=headers, delay=step.delay + self.latency)

    def _route(self, request: Seen) -> Step:
        path, health = request.path, request.path in _HEALTH
        if not health and path not in _EVENT | _RAW | _ACK:
            return _not_found(404)
        if request.method == "OPTIONS":
            return Respond(200, b"", {"Allow": "GET,HEAD,OPTIONS" if health else "POST,OPTIONS"})
        if health:
            return coded(self.health) if request.method in ("GET", "HEAD") else _not_found(405)
        if request.method != "POST":
            return _not_found(405)
        if path in _ACK:
            return _next(self._ack_script, self.ack_always) or self._acknowledge(request)
        return self._scripted(request)

    def _scripted(self, request: Seen) -> Step:
        step = _next(self._script, self.always)
        if step is None:
            return self._collect(request)
        if isinstance(step, Indexed):
            self._collect(request)
            return step.then
        return step

    def _collect(self, request: Seen) -> Respond:
        token = self._authorised(request)
        if isinstance(token, Respond):
            return token
        encoding = request.headers.get("content-encoding", "identity").lower()
        if encoding not in ("identity", "gzip"):
            return page(415, "Unsupported Media Type")
        channel = self._channel(request, self.tokens[token])
        if isinstance(channel, Respond):
            return channel
        body = _inflated(request.body, self.max_content_length) if encoding == "gzip" else request.body
        if body is None:
            return coded(6)
        if len(body) > self.max_content_length:
            return coded(6, number=0) if self.cloud else page(413, "Request Entity Too Large")
        if full := self._full(token, channel):
            return coded(full)
        return self._index(body, request, token, channel)

    def _full(self, token: str, channel: str) -> int:
        """The code when there is no room, and nothing is taken."""
        if self.capacity in (26, 27):
            return self.capacity
        return 27 if self.tokens[token].ack and self.acks.full(channel) else 0

    def _index(self, body: bytes, request: Seen, name: str, channel: str) -> Respond:
        token = self.tokens[name]
        text = body.decode("utf-8", errors="replace")
        if request.path in _RAW:
            query = request.query
            known = {key: query[key] for key in ("host", "source", "sourcetype", "index") if key in query}
            envelopes, verdict = [{**known, "event": line} for line in text.splitlines() if line.strip()], Verdict()
            verdict = verdict if envelopes else Verdict(5)
        else:
            envelopes, verdict = read(text, token.indexes, self.poison)
        taken = [event(envelope, token.index, name, channel) for envelope in envelopes] if self.keep else []
        with self._changed:
            self.received += len(envelopes)
            self.events += taken
            self._changed.notify_all()
        # With a prefix indexed, even a 400 carries the ackId of that prefix.
        ack = self.acks.issue(channel) if token.ack and (envelopes or verdict.code == 0) else None
        return self._answer(verdict, ack)

    def _answer(self, verdict: Verdict, ack: int | None) -> Respond:
        poison = verdict.poison
        if poison is not None:
            if poison.code is None:
                return Respond(poison.status)
            return coded(poison.code, number=verdict.number, ack=ack, status=poison.status)
        if verdict.code == 0 and self.capacity:
            return coded(self.capacity, ack=ack)
        return coded(verdict.code, number=verdict.number, ack=ack)

    def _acknowledge(self, request: Seen) -> Respond:
        token = self._authorised(request)
        if isinstance(token, Respond):
            return token
        if not self.tokens[token].ack:
            return coded(14)
        channel = self._channel(request, self.tokens[token])
        if isinstance(channel, Respond):
            return channel
        numbers = _asked(request.body)
        return coded(6) if numbers is None else said(200, {"acks": self.acks.ask(channel, numbers)})

    def _authorised(self, request: Seen) -> str | Respond:
        """The token, or the refusal."""
        header = request.headers.get("authorization", "")
        if not header:
            return coded(16 if "token" in request.query else 2)
        kind, _, value = header.partition(" ")
        if kind == "Basic":
            value = _password(value)
        elif kind != "Splunk" or not value:
            return coded(3)
        token = self.tokens.get(value.strip())
        if token is None:
            return coded(4)
        return value.strip() if token.enabled else coded(1)

    def _channel(self, request: Seen, token: Token) -> str | Respond:
        """The channel ("" when there is none and none is needed), or the refusal."""
        channel = request.headers.get("x-splunk-request-channel") or request.query.get("channel", "")
        if channel:
            return channel if is_channel(channel) else coded(11)
        if token.ack:
            return coded(28 if self.cloud else 10)
        return ""


def _next(script: deque[T], otherwise: T | None) -> T | None:
    try:
        return script.popleft()
    except IndexError:
        return otherwise


def _value(event: Event, key: str) -> Any:
    inside = event.event if isinstance(event.event, dict) else {}
    return inside.get(key, event.fields.get(key))


def _not_found(status: int) -> Respond:
    return said(status, {"text": "The requested URL was not found on this server.", "code": 404})


def _password(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _inflated(body: bytes, limit: int) -> bytes | None:
    """The text, one byte more than the limit at most; None when it is not gzip."""
    parts: list[bytes] = []
    room = limit + 1
    try:
        while body and room > 0:
            member = zlib.decompressobj(31)
            parts.append(member.decompress(body, room))
            room -= len(parts[-1])
            if not member.eof and room > 0:
                return None
            body = member.unused_data
    except zlib.error:
        return None
    return b"".join(parts)


def _asked(body: bytes) -> list[int] | None:
    try:
        numbers = json.loads(body)["acks"]
    except (ValueError, KeyError, TypeError):
        return None
    return numbers if isinstance(numbers, list) and all(type(n) is int for n in numbers) else None
