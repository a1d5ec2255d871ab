"""A strict, faithful fake of Elasticsearch, and of OpenSearch, on a loopback socket.

    with FakeElasticsearch() as cluster:
        cluster.users["gw"] = Login("secret", Access(("logs-*",)))
        send_to(cluster.url)
        cluster.wait_for(3)
    assert cluster.count_by(lambda document: document.source["event"]["id"]) == {"a": 1, "b": 1, "c": 1}

It refuses what the real ones refuse and reproduces what they do silently; what that is, and how it is known, stands in
docs/contracts (elasticsearch). Without users and keys it has no security. Every attribute that is not a method may be
set while the server runs.
"""

from __future__ import annotations

import base64
import binascii
import threading
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Any, Self, TypeAlias
from urllib.parse import unquote

from otelsiem.testing import elasticsearch_words as words
from otelsiem.testing.elasticsearch_access import Access, Login
from otelsiem.testing.elasticsearch_bulk import inflated, read
from otelsiem.testing.elasticsearch_index import Stored
from otelsiem.testing.elasticsearch_manage import Manage
from otelsiem.testing.elasticsearch_store import Store
from otelsiem.testing.elasticsearch_words import Wrong, filtered, said
from otelsiem.testing.http import HttpServer, Respond, Seen, Step

__all__ = ["Access", "FakeElasticsearch", "Indexed", "Login", "Stored"]

_BULK = frozenset({"pipeline", "timeout", "refresh", "routing", "filter_path", "pretty", "human", "error_trace"})
_TYPES = frozenset({"application/json", "application/x-ndjson"})
MAX_CONTENT = 100 << 20


@dataclass(frozen=True, slots=True)
class Indexed:
    """A step of a script: index the request as usual, but then do this instead of the usual answer.

    `Indexed(Reset())` is the lost answer, which no client can tell from a lost request.
    """

    then: Step


Scripted: TypeAlias = Step | Indexed


class FakeElasticsearch:
    """The fake; a context manager."""

    def __init__(
        self, *, opensearch: bool = False, server: HttpServer | None = None, store: Store | None = None
    ) -> None:
        self.opensearch = opensearch
        self.users: dict[str, Login] = {}
        self.api_keys: dict[str, Login] = {}  # by id; OpenSearch has none
        self.tokens: dict[str, Access] = {}
        self.max_content_length = MAX_CONTENT  # after decompression
        self.busy = False  # every bulk request is refused as a whole with 429
        self.busy_items: Callable[[dict[str, Any]], bool] | None = None  # these items are refused with 429
        self.broken_items: Callable[[dict[str, Any]], bool] | None = None  # these items fail with 500
        self.always: Scripted | None = None  # every bulk request gets this, until set to None
        self.latency = 0.0  # seconds before every answer
        self.store = store or Store(opensearch=opensearch)  # nodes of one cluster share it
        self.manage = Manage(opensearch=opensearch, store=self.store)
        self.server = server or HttpServer()
        self.server.handler = self.answer
        self._script: deque[Scripted] = deque()
        self._changed = threading.Condition()

    # --- running it

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def requests(self) -> list[Seen]:
        return self.server.requests

    @property
    def bulks(self) -> list[Seen]:
        """The bulk requests among them."""
        return [request for request in self.requests if request.path.endswith("/_bulk")]

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
        """What the next bulk requests get, one step each, before `always` and the faithful behaviour."""
        self._script.extend(steps)

    # --- asking what it has

    def documents(self, index: str = "*") -> list[Stored]:
        """Every document of these indices and data streams, in the order of arrival."""
        return [document for document in self.store.documents if fnmatchcase(document.index, index)]

    def wait_for(self, count: int, timeout: float = 10.0) -> list[Stored]:
        """All documents once there are so many; raises TimeoutError with what is there."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.store.documents) >= count, timeout):
                raise TimeoutError(f"{len(self.store.documents)} documents came within {timeout} s, not {count}")
            return list(self.store.documents)

    def count_by(self, key: Callable[[Stored], Hashable]) -> Counter[Hashable]:
        """Copies of each document by what a function says of it."""
        with self._changed:
            return Counter(map(key, self.store.documents))

    # --- answering

    def answer(self, request: Seen) -> Step:
        """What this cluster does with a request, whoever read it from a socket."""
        step = self._route(request)
        if not isinstance(step, Respond):
            return step
        headers = dict(step.headers)
        if not self.opensearch and step.status < 300:
            headers |= words.ELASTIC
        return replace(step, headers=headers, delay=step.delay + self.latency)

    def _route(self, request: Seen) -> Step:
        path = unquote(request.path)
        bulk = path == "/_bulk" or (path.endswith("/_bulk") and path.count("/") == 2)
        if bulk and (step := self._next()) is not None:
            if isinstance(step, Indexed):
                self._bulk(request, path)
                return step.then
            return step
        if bulk:
            return self._bulk(request, path)
        access = self._authenticated(request)
        if isinstance(access, Respond):
            return access
        return self.manage.answer(request, path, access)

    def _next(self) -> Scripted | None:
        try:
            return self._script.popleft()
        except IndexError:
            return self.always

    def _bulk(self, request: Seen, path: str) -> Step:
        access = self._authenticated(request)
        if isinstance(access, Respond):
            return access
        if request.method not in ("POST", "PUT"):
            return said(405, {"error": f"Incorrect HTTP method for uri [{path}], allowed: [POST, PUT]", "status": 405})
        refused = self._refused(request, path)
        if refused is not None:
            return refused
        body = request.body
        if request.headers.get("content-encoding", "identity").lower() == "gzip":
            unpacked = inflated(body, self.max_content_length)
            if unpacked is None:
                return _wrong(Wrong(400, "parse_exception", "Not in GZIP format"))
            body = unpacked
        if len(body) > self.max_content_length:
            return Respond(413, b"", close=True)
        actions = read(body, path.removesuffix("/_bulk").strip("/"))
        if isinstance(actions, Wrong):
            return _wrong(actions)
        if self.busy:
            return _wrong(words.busy(opensearch=self.opensearch))
        query = request.query
        with self._changed:
            items = []
            for action in actions:
                wrong = self._denied(action.index, access) or self._in_trouble(action.source or {})
                item = self.store.take(action, query, wrong)
                items.append({action.op: item})
            self._changed.notify_all()
        errors = any("error" in item for one in items for item in one.values())
        return said(200, filtered({"took": 3, "errors": errors, "items": items}, query.get("filter_path", "")))

    def _refused(self, request: Seen, path: str) -> Respond | None:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if request.body and kind not in _TYPES:
            reason = f"Content-Type header [{kind}] is not supported"
            return said(406, {"error": reason, "status": 406})
        known = _BULK if self.opensearch else _BULK | {"require_data_stream", "include_source_on_error"}
        if unknown := sorted(request.query.keys() - known):
            return _wrong(words.unrecognised(path, unknown))
        return None

    def _in_trouble(self, source: dict[str, Any]) -> Wrong | None:
        if self.busy_items is not None and self.busy_items(source):
            return words.busy(opensearch=self.opensearch)
        if self.broken_items is not None and self.broken_items(source):
            return Wrong(500, "ingest_processor_exception", "java.lang.IllegalStateException: it broke")
        return None

    def _denied(self, index: str, access: Access) -> Wrong | None:
        return None if access.writes(index) else words.forbidden(index, "user [gw] with effective roles [audit]")

    # --- who is it

    def _authenticated(self, request: Seen) -> Access | Respond:
        """What the sender may do, or the refusal."""
        if not (self.users or self.api_keys or self.tokens):
            return Access()
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        found: Access | None = None
        why = f"missing authentication credentials for REST request [{request.target}]"
        match kind.lower():
            case "basic":
                name, _, secret = _text(value).partition(":")
                login = self.users.get(name)
                found = login.access if login is not None and login.secret == secret else None
                why = f"unable to authenticate user [{name}] for REST request [{request.target}]"
            case "apikey" if not self.opensearch:
                name, colon, secret = _text(value).partition(":")  # encoded twice: no colon is found
                login = self.api_keys.get(name) if colon else None
                found = login.access if login is not None and login.secret == secret else None
                why = "unable to authenticate with provided credentials and anonymous access is not allowed (API key)"
            case "bearer":
                found = self.tokens.get(value)
                why = "unable to authenticate with provided credentials and anonymous access is not allowed"
        if found is not None:
            return found
        if self.opensearch:
            return Respond(401, b"Unauthorized", {"WWW-Authenticate": 'Basic realm="OpenSearch Security"'})
        return said(401, words.unauthenticated(why).body, {"WWW-Authenticate": 'Basic realm="security", ApiKey'})


def _wrong(wrong: Wrong) -> Respond:
    return said(wrong.status, wrong.body)


def _text(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
