"""A strict, faithful fake of an OTLP/HTTP receiver, on a loopback socket.

    with FakeOtlpHttp() as receiver:
        send_to(receiver.url + "/v1/logs")
        receiver.store.wait_for(3)

It refuses what docs/contracts (otlp) says a receiver refuses, answers in the request's encoding, and reproduces what
receivers do silently: snake_case names in JSON are unknown and their data is dropped, ids of a wrong length are absent.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import replace
from types import TracebackType
from typing import Self, TypeAlias

from otelsiem.model.errors import MalformedError
from otelsiem.model.record import Batch, count
from otelsiem.otlp import answers
from otelsiem.otlp.decode import decode
from otelsiem.otlp.json import decode_json
from otelsiem.testing.http import HttpServer, Respond, Seen, Step
from otelsiem.testing.otlp import Rejected, Script, Store, Taken

__all__ = ["PATH", "FakeOtlpHttp", "Rejected", "Taken"]

PATH = "/v1/logs"
PROTOBUF, JSON = "application/x-protobuf", "application/json"
LARGEST = 20 << 20  # bytes after decompression: the Collector's max_request_body_size
RETRYABLE = frozenset({429, 502, 503, 504})

Scripted: TypeAlias = "Step | Rejected | Taken[Step]"


class _RefusedError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class FakeOtlpHttp:
    """The fake; a context manager. Every attribute that is not a method may be set while it runs."""

    def __init__(self, server: HttpServer | None = None) -> None:
        self.store = Store()
        self.script: Script[Scripted] = Script()
        self.authorization = ""  # the only value of that header that is let in; "" = anybody
        self.encodings = {"identity", "gzip", "zstd", "deflate"}
        self.largest = LARGEST
        self.path = PATH
        self.server = server or HttpServer()
        self.server.handler = self.answer

    @property
    def url(self) -> str:
        """Without a path."""
        return self.server.url

    @property
    def requests(self) -> list[Seen]:
        return self.server.requests

    def answers_with(self, steps: Iterable[Scripted]) -> None:
        """What the next requests with the right path get, one step each."""
        self.script.extend(steps)

    def down(self) -> None:
        """The port refuses connections from now on; open ones end."""
        self.server.down()

    def up(self) -> None:
        """Listen again on the same port."""
        self.server.up()

    def __enter__(self) -> Self:
        self.server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.stop()

    def answer(self, request: Seen) -> Step:
        """What this receiver does with a request."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            batch, plain = self._read(request, kind)
        except _RefusedError as refused:
            self.store.final(request.body, f"HTTP {refused.status}")
            return self._error(refused.status, refused.message, kind)
        self.store.came(plain)
        return self._scripted(batch, plain, kind)

    def _scripted(self, batch: Batch, plain: bytes, kind: str) -> Step:
        step = self.script.next() if count(batch) else None  # probes are answered as they are
        match step:
            case None:
                self.store.take(batch)
                return self._success(kind)
            case Rejected(records, message):
                self.store.take(batch, records)
                if records:
                    self.store.final(plain, f"partial success: {records}")
                return self._success(kind, records, message)
            case Taken(then):
                self.store.take(batch)
                return self._typed(then, kind)
            case _:
                if isinstance(step, Respond) and step.status >= 300 and step.status not in RETRYABLE:
                    self.store.final(plain, f"HTTP {step.status}")
                return self._typed(step, kind)

    def _read(self, request: Seen, kind: str) -> tuple[Batch, bytes]:
        if request.path != self.path:
            raise _RefusedError(404, "not found")
        if request.method != "POST":
            raise _RefusedError(405, "only POST is taken")
        if kind not in (PROTOBUF, JSON):
            raise _RefusedError(415, "unsupported media type, supported: [application/json, application/x-protobuf]")
        if self.authorization and request.headers.get("authorization") != self.authorization:
            raise _RefusedError(401, "unauthenticated")
        plain = self._inflated(request)
        if len(plain) > self.largest:
            raise _RefusedError(413, "request body too large")
        try:
            return (decode_json(plain or b"{}") if kind == JSON else decode(plain)), plain
        except MalformedError as error:
            raise _RefusedError(400, str(error)) from None

    def _inflated(self, request: Seen) -> bytes:
        encoding = request.headers.get("content-encoding", "identity").lower()
        if encoding not in self.encodings:
            raise _RefusedError(400, f"unsupported Content-Encoding: {encoding}")
        try:
            if encoding == "zstd":
                import zstandard

                return zstandard.ZstdDecompressor().decompress(request.body, max_output_size=self.largest + 1)
            if encoding == "identity":
                return request.body
            work = zlib.decompressobj(31 if encoding == "gzip" else 15)
            plain = work.decompress(request.body, self.largest + 1)
        except Exception as error:  # noqa: BLE001 - zlib.error and zstandard's have no common base
            raise _RefusedError(400, f"cannot be decompressed: {type(error).__name__}") from None
        if not work.eof and len(plain) <= self.largest:
            raise _RefusedError(400, "the compressed body ends in the middle")
        return plain

    def _success(self, kind: str, rejected: int = 0, message: str = "") -> Respond:
        body = answers.response_json(rejected, message) if kind == JSON else answers.response(rejected, message)
        return Respond(200, body, {"Content-Type": kind})

    def _error(self, status: int, message: str, kind: str) -> Respond:
        body = answers.status_json(0, message) if kind == JSON else answers.status(0, message)
        return Respond(status, body, {"Content-Type": kind if kind == JSON else PROTOBUF})

    def _typed(self, step: Step, kind: str) -> Step:
        """A scripted answer without a body of its own gets one in the request's encoding."""
        if not isinstance(step, Respond) or step.body or any(name.lower() == "content-type" for name in step.headers):
            return step
        if step.status < 300:
            return step  # 200 with nothing in it is a full success
        filled = self._error(step.status, f"scripted {step.status}", kind)
        return replace(step, body=filled.body, headers={**filled.headers, **step.headers})
