"""gRPC calls over kept channels: one total deadline each, a size limit on replies, every fault a Failure.

Guarantees: no proxy is taken from the environment and no service config from DNS; files of `tls` that changed are used
from the next call on; whatever a peer answered is an Answer, its status among the headers. What gRPC reports as
UNAVAILABLE without having had a connection is looked into (`grpc_diagnosis.py`), so that a certificate that is not
accepted is told from a peer that is away. `sent` is False only when there was no connection at all.
"""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from time import monotonic
from typing import Any

from otelsiem.model.destination import GrpcSettings
from otelsiem.model.errors import MissingExtraError
from otelsiem.model.exchange import Answer, Failure, GrpcRequest, Reply, Request
from otelsiem.transport.call import Call, Calls, WireError
from otelsiem.transport.grpc_channel import Channels, core
from otelsiem.transport.grpc_diagnosis import Diagnosis
from otelsiem.transport.target import Target, target

CLOSING = 2.0  # seconds that `close` waits for interrupted calls to return
_GRACE = 2.0  # seconds beyond its deadline that gRPC gets to report it
_UNAVAILABLE, _DEADLINE, _EXHAUSTED, _CANCELLED = 14, 4, 8, 1

# What gRPC's core says when a call never had a connection (pick_first.cc, round_robin.cc, the resolvers). A peer may
# say the same of a peer of its own: the diagnosis then finds nothing wrong, and its words are an answer.
_UNCONNECTED = (
    "failed to connect to all addresses", "connections to all backends failing", "errors resolving",
    "DNS resolution failed", "empty address list",
)  # fmt: skip
# And when a connection ended under a call (chttp2_transport.cc, tcp_posix.cc).
_BROKEN = (
    "Stream removed", "Socket closed", "recvmsg:", "sendmsg:", "Connection reset", "Broken pipe", "keepalive watchdog",
    "ping timeout",
)  # fmt: skip
_TOO_LARGE = "CLIENT: Received message larger than max"  # message_size_filter.cc; a server's begins with SERVER


class GrpcTransport:
    """The channels of one exporter."""

    def __init__(self, settings: GrpcSettings) -> None:
        self._settings = settings
        self._calls = Calls()
        self._channels = Channels(settings)
        self._diagnosis = Diagnosis(settings.tls)

    def perform(self, request: Request) -> Reply:
        if not isinstance(request, GrpcRequest):
            return Failure("protocol", f"gRPC cannot carry a {type(request).__name__}")
        try:
            where = target(request.url)
        except ValueError:
            return Failure("protocol", "the address cannot be used: it needs a host, a port and plain characters")
        call = self._calls.begin(monotonic() + self._settings.timeout, where.peer)
        try:
            return self._attempt(request, where, call)
        except WireError as error:
            return Failure(error.kind, error.detail, call.sent)
        except MissingExtraError as error:
            return Failure("missing", str(error))
        except Exception as error:  # noqa: BLE001 - the promise of `perform` is a value, whatever a library raises
            return Failure("protocol", f"{call.peer}: unexpected {type(error).__name__}", call.sent)
        finally:
            self._calls.end(call)

    def interrupt(self) -> None:
        self._calls.stop()

    def close(self) -> None:
        self._calls.stop()
        self._calls.wait_idle(CLOSING)
        self._channels.close()

    def _attempt(self, request: GrpcRequest, where: Target, call: Call) -> Reply:
        grpc = core()
        with self._channels.borrowed(where) as kept:
            invoke = kept.channel.unary_unary(request.method)
            gzip = grpc.Compression.Gzip if request.compression == "gzip" else grpc.Compression.NoCompression
            left = call.remaining(None)
            future = invoke.future(
                request.message, timeout=left, metadata=[*request.metadata.items()], compression=gzip
            )
            call.sent = True
            with suppress(WireError):  # interrupted meanwhile: cancelling is the answer
                call.remaining(future.cancel)
            try:
                reply, unconnected = self._outcome(grpc, future, call, left)
            except WireError as error:
                if error.kind == "reset":  # measured: a third of the calls right after it would still take the dead one
                    self._channels.renew(where, kept)
                raise
            if unconnected:
                self._channels.renew(where, kept)  # gRPC would go on failing from memory for a while
        return self._diagnosed(reply, where, call) if unconnected else reply

    def _outcome(self, grpc: Any, future: Any, call: Call, left: float) -> tuple[Reply, bool]:
        if self._calls.stopped:
            future.cancel()
        try:
            body: bytes = future.result(left + _GRACE)
        except grpc.FutureTimeoutError:
            future.cancel()
            raise call.late() from None
        except grpc.FutureCancelledError:
            raise WireError("reset", f"{call.peer}: interrupted") from None
        except grpc.RpcError as error:
            return self._failed(error, call)
        return Answer(200, {"grpc-status": "0"}, body), False

    def _failed(self, error: Any, call: Call) -> tuple[Reply, bool]:
        code, details = int(error.code().value[0]), error.details() or ""
        if code == _DEADLINE and call.deadline <= monotonic() + 0.01:
            raise call.late()
        if code == _EXHAUSTED and _TOO_LARGE in details:
            most = self._settings.max_reply
            raise WireError("oversize", f"{call.peer}: the answer is larger than {most} bytes")
        if code == _CANCELLED and self._calls.stopped:
            raise WireError("reset", f"{call.peer}: interrupted")
        answer = Answer(200, _headers(code, details, error.trailing_metadata() or ()))
        if code != _UNAVAILABLE:
            return answer, False
        if details.startswith(_UNCONNECTED):
            return answer, True
        if any(word in details for word in _BROKEN):
            raise WireError("reset", f"{call.peer}: the connection ended before the answer")
        return answer, False

    def _diagnosed(self, reply: Reply, where: Target, call: Call) -> Reply:
        try:
            self._diagnosis.look(where, call)
        except WireError as error:
            if error.kind == "tls":
                self._diagnosis.forget()
            return Failure(error.kind, error.detail, sent=False)
        return reply


def _headers(code: int, details: str, trailing: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in trailing:
        if isinstance(value, bytes):
            found[key] = b64encode(value).decode("ascii")
        elif key not in found:
            found[key] = value
    return found | {"grpc-status": str(code), "grpc-message": details}
