"""A strict receiver of webhooks on a loopback socket: it checks signatures and credentials as careful receivers do.

    with FakeWebhook(scheme="github", secrets=["s3cret"]) as receiver:
        send_to(receiver.url)
        receiver.wait_for(3)
    assert receiver.count_by("event_id") == {"a": 1, "b": 1, "c": 1}

Signatures are verified from the words of the ones who thought of them (docs/contracts, webhook 4), apart from our code
that signs. What real receivers do silently it does, too: a message id that was seen before is answered with success and
ignored. Every attribute that is not a method may be set while the server runs.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import threading
import time
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeAlias

from otelsiem.testing.http import HttpServer, Respond, Seen, Step

__all__ = ["FakeWebhook", "Taken", "signed"]

TOLERANCE = 300  # seconds: what Stripe, Slack and Standard Webhooks recommend


@dataclass(frozen=True, slots=True)
class Taken:
    """A step of a script: take the request as usual, but then do this instead of the usual answer."""

    then: Step


Scripted: TypeAlias = Step | Taken


class FakeWebhook:
    """The fake; a context manager. `shape`: array, lines or single; `wrap`: the key around an array or a record."""

    def __init__(
        self,
        *,
        scheme: str = "",
        secrets: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        shape: str = "array",
        wrap: str | None = None,
        server: HttpServer | None = None,
    ) -> None:
        self.scheme, self.secrets = scheme, list(secrets)
        self.headers = {name.lower(): value for name, value in (headers or {}).items()}  # 401 without them
        self.shape, self.wrap = shape, wrap
        self.refuses: Callable[[Any], bool] | None = None  # records that it does not take
        self.partial = False  # True: the others are taken, and the answer names the refused; False: 400 for all of them
        self.says_no = ""  # an error: answered 200 {"ok": false, "error": …}, and nothing is taken
        self.most_bytes = 1 << 30  # 413 above
        self.always: Scripted | None = None
        self.clock: Callable[[], float] = time.time
        self.received = 0
        self.ignored = 0  # requests whose message id was seen before
        self.records: list[Any] = []
        self.server = server or HttpServer()
        self.server.handler = self.answer
        self._ids: set[str] = set()
        self._script: deque[Scripted] = deque()
        self._changed = threading.Condition()

    @property
    def url(self) -> str:
        return f"{self.server.url}/hook"

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
        """What the next requests with a body get, one step each, before `always` and the faithful behaviour."""
        self._script.extend(steps)

    def wait_for(self, count: int, timeout: float = 10.0) -> list[Any]:
        """All records once there are so many; raises TimeoutError with what is there."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.received >= count, timeout):
                raise TimeoutError(f"{self.received} records came within {timeout} s, not {count}")
            return list(self.records)

    def count_by(self, key: str | Callable[[Any], Any]) -> Counter[Any]:
        """Copies of each record, by a key or by a function."""
        with self._changed:
            return Counter(key(one) if callable(key) else one.get(key) for one in self.records)

    def answer(self, request: Seen) -> Step:
        """The whole of the server: a request to what happens next."""
        if request.path != "/hook":
            return _said(404, {"error": "no_service"})
        if request.method in {"HEAD", "GET", "OPTIONS"}:
            return Respond(405, b"", {"Allow": "POST"})
        step = self._script.popleft() if self._script else self.always
        if isinstance(step, Taken):
            self._take(request)
            return step.then
        return step or self._take(request)

    def _take(self, request: Seen) -> Respond:
        if any(request.headers.get(name) != value for name, value in self.headers.items()):
            return _said(401, {"error": "unauthorized"})
        if self.scheme and not signed(request, self.scheme, self.secrets, self.clock()):
            return _said(401, {"error": "invalid signature"})
        if self.says_no:
            return _said(200, {"ok": False, "error": self.says_no})
        body = _plain(request)
        if body is None:
            return _said(415, {"error": "unknown encoding"})
        if len(body) > self.most_bytes:
            return _said(413, {"error": "too large"})
        records = self._read(body)
        if records is None:
            return _said(400, {"error": "invalid_payload"})
        if self._seen(request.headers.get("webhook-id") or request.headers.get("idempotency-key", "")):
            return _said(200, {"ok": True})
        return self._keep(records)

    def _keep(self, records: list[Any]) -> Respond:
        refused = [n for n, one in enumerate(records) if self.refuses is not None and self.refuses(one)]
        if refused and not self.partial:
            return _said(400, {"error": "invalid_record"})
        with self._changed:
            kept = [one for n, one in enumerate(records) if n not in refused]
            self.received += len(kept)
            self.records += kept
            self._changed.notify_all()
        errors = [{"index": n, "message": "not taken"} for n in refused]
        return _said(200, {"ok": not errors, "errors": errors} if errors else {"ok": True})

    def _seen(self, id_: str) -> bool:
        with self._changed:
            if id_ and id_ in self._ids:
                self.ignored += 1
                return True
            self._ids.add(id_)
            return False

    def _read(self, body: bytes) -> list[Any] | None:
        try:
            if self.shape == "lines":
                return [json.loads(line) for line in body.decode().split("\n") if line]
            read = json.loads(body)
            if self.wrap is not None:
                read = read[self.wrap] if list(read) == [self.wrap] else None
        except (ValueError, TypeError):
            return None
        if self.shape == "single":
            return None if read is None else [read]
        return read if isinstance(read, list) else None


def signed(request: Seen, scheme: str, secrets: Sequence[str], now: float) -> bool:
    """Whether one of the secrets made the signature of this request, lately."""
    headers, body = request.headers, request.body
    match scheme:
        case "github":
            given = [headers.get("x-hub-signature-256", "")]
            wanted = ["sha256=" + _hex(secret.encode(), body) for secret in secrets]
            return _any(given, wanted)
        case "stripe":
            pairs = [part.partition("=") for part in headers.get("stripe-signature", "").split(",")]
            stamp = next((value for name, _, value in pairs if name == "t"), "")
            given = [value for name, _, value in pairs if name == "v1"]
            wanted = [_hex(secret.encode(), f"{stamp}.".encode() + body) for secret in secrets]
            return _recent(stamp, now) and _any(given, wanted)
        case "slack":
            stamp = headers.get("x-slack-request-timestamp", "")
            wanted = ["v0=" + _hex(secret.encode(), f"v0:{stamp}:".encode() + body) for secret in secrets]
            return _recent(stamp, now) and _any([headers.get("x-slack-signature", "")], wanted)
        case "standard":
            id_, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
            content = f"{id_}.{stamp}.".encode() + body
            keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in secrets]
            wanted = ["v1," + base64.b64encode(binascii.unhexlify(_hex(key, content))).decode() for key in keys]
            unforgeable = bool(id_) and "." not in id_
            return unforgeable and _recent(stamp, now) and _any(headers.get("webhook-signature", "").split(), wanted)
    raise ValueError(f"no scheme {scheme!r} is known")


def _hex(key: bytes, content: bytes) -> str:
    return hmac.new(key, content, hashlib.sha256).hexdigest()


def _any(given: Iterable[str], wanted: Iterable[str]) -> bool:
    made = list(wanted)
    return any(hmac.compare_digest(one.encode(), other.encode()) for one in given for other in made)


def _recent(stamp: str, now: float) -> bool:
    return stamp.isdecimal() and abs(now - int(stamp)) <= TOLERANCE


def _plain(request: Seen) -> bytes | None:
    encoding = request.headers.get("content-encoding", "identity").lower()
    try:
        if encoding == "gzip":
            return zlib.decompress(request.body, 31)
    except zlib.error:
        return None
    return request.body if encoding == "identity" else None


def _said(status: int, body: Mapping[str, Any]) -> Respond:
    return Respond(status, json.dumps(body).encode(), {"Content-Type": "application/json"})
