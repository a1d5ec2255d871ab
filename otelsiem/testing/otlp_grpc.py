"""A strict, faithful fake of an OTLP/gRPC receiver, on a loopback socket behind a relay that can be cut.

    with FakeOtlpGrpc() as receiver:
        send_to(f"127.0.0.1:{receiver.port}")
        receiver.store.wait_for(3)

It refuses what docs/contracts (otlp) says a receiver refuses: what cannot be decoded (INVALID_ARGUMENT), what is over
its limit (RESOURCE_EXHAUSTED without RetryInfo), an unknown method (UNIMPLEMENTED), wrong credentials.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from concurrent import futures
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeAlias, assert_never

import grpc

from otelsiem.model.errors import MalformedError
from otelsiem.model.record import Batch, count
from otelsiem.otlp import answers
from otelsiem.otlp.decode import decode
from otelsiem.testing.otlp import Rejected, Script, Store, Taken
from otelsiem.testing.relay import Relay

__all__ = ["METHOD", "Cut", "FakeOtlpGrpc", "Hang", "Huge", "Rejected", "Status", "Taken"]

METHOD = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
RETRYABLE = frozenset({1, 4, 10, 11, 14, 15})


@dataclass(frozen=True, slots=True)
class Status:
    """An error. `delay` in seconds becomes a RetryInfo; None: without details."""

    code: int
    message: str = ""
    delay: float | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """Every connection ends with an RST, after the message was read."""


@dataclass(frozen=True, slots=True)
class Hang:
    """No answer until `release` or the end."""


@dataclass(frozen=True, slots=True)
class Huge:
    """A success whose answer is so many bytes large."""

    size: int = 5 << 20


@dataclass(frozen=True, slots=True)
class Ok:
    """A success."""


Step: TypeAlias = "Status | Cut | Hang | Huge | Ok"
Scripted: TypeAlias = "Step | Rejected | Taken[Step]"


class FakeOtlpGrpc:
    """The fake; a context manager. `credentials` of grpc make it speak TLS."""

    def __init__(
        self, credentials: Any = None, *, largest: int = 4 << 20, options: Sequence[tuple[str, Any]] = ()
    ) -> None:
        self.store = Store()
        self.script: Script[Scripted] = Script()
        self.authorization = ""  # the only value of that metadata that is let in; "" = anybody
        self.metadata: list[dict[str, str]] = []  # of every call
        self.peers: list[str] = []
        self.largest = largest
        self._released = threading.Event()
        self._server = grpc.server(
            futures.ThreadPoolExecutor(8),
            options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", largest), *options],
        )
        self._server.add_generic_rpc_handlers((_Handler(self),))
        address = "127.0.0.1:0"
        port = (
            self._server.add_insecure_port(address)
            if credentials is None
            else self._server.add_secure_port(address, credentials)
        )
        self.relay = Relay(port)

    @property
    def port(self) -> int:
        return self.relay.port

    def answers_with(self, steps: Iterable[Scripted]) -> None:
        """What the next requests get, one step each."""
        self.script.extend(steps)

    def down(self) -> None:
        """The port refuses connections from now on; open ones end."""
        self.relay.down()

    def up(self) -> None:
        """Listen again on the same port."""
        self.relay.up()

    def release(self) -> None:
        """End every `Hang` that is going on."""
        self._released.set()

    def __enter__(self) -> Self:
        self._server.start()
        self.relay.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
        self.relay.stop()
        self._server.stop(0).wait(5)

    def export(self, message: bytes, context: Any) -> bytes:
        """One call."""
        metadata = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        self.metadata.append(metadata)
        self.peers.append(context.peer())
        if self.authorization and metadata.get("authorization") != self.authorization:
            self._fail(context, Status(16, "unauthenticated"), b"")
        try:
            batch = decode(message)
        except MalformedError as error:
            self._fail(context, Status(3, str(error)), message)
        self.store.came(message)
        return self._scripted(batch, message, context)

    def _scripted(self, batch: Batch, message: bytes, context: Any) -> bytes:
        step = self.script.next() if count(batch) else None  # probes are answered as they are
        match step:
            case Rejected(records, said):
                self.store.take(batch, records)
                if records:
                    self.store.final(message, f"partial success: {records}")
                return answers.response(records, said)
            case Taken(then):
                self.store.take(batch)
                return self._do(then, message, context)
            case None | Ok():
                self.store.take(batch)
                return b""
            case _:
                return self._do(step, message, context)

    def _do(self, step: Step, message: bytes, context: Any) -> bytes:
        match step:
            case Status():
                self._fail(context, step, message)
            case Cut():
                self.relay.cut()
            case Hang():
                self._released.wait()
            case Huge(size):
                return answers.response(0, "x" * size)
            case Ok():
                pass
            case _:
                assert_never(step)
        return b""

    def _fail(self, context: Any, status: Status, message: bytes) -> None:
        if status.code not in RETRYABLE and not (status.code == 8 and status.delay is not None):
            self.store.final(message, f"gRPC {status.code}")
        if status.delay is not None:
            details = answers.status(status.code, status.message, status.delay)
            context.set_trailing_metadata((("grpc-status-details-bin", details),))
        code = next(each for each in grpc.StatusCode if each.value[0] == status.code)
        context.abort(code, status.message)


class _Handler(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in its stubs only
    """The one method of the service."""

    def __init__(self, fake: FakeOtlpGrpc) -> None:
        self._fake = fake

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        return grpc.unary_unary_rpc_method_handler(self._fake.export) if details.method == METHOD else None
