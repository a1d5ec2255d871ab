"""OTLP over gRPC: the bytes of `LogsService/Export` go to the door as they came, and the answer waits for it.

Beside it, behind the same locks and limits, stand delivery receipts (`receipts.py`).

Guarantees: OK is sent after the door returned and never before (P1); whatever is not the sender's fault is
UNAVAILABLE with RetryInfo, so that the sender keeps its records; RESOURCE_EXHAUSTED never carries RetryInfo; who has
no valid token is refused before its message is read; a port that another process has is an error.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import unquote

from otelsiem.door import Door, Form, Sender
from otelsiem.gateway.locks import OPEN, Lock
from otelsiem.gateway.receivers.budget import Budget, Share
from otelsiem.gateway.receivers.certificates import Certificates
from otelsiem.gateway.receivers.guard import Guard, Keyrings, Visitor
from otelsiem.gateway.receivers.inflate import coding_of, inflate
from otelsiem.gateway.receivers.listen import Address, ListenError, bind, resolve
from otelsiem.gateway.receivers.receipts import GET_FATES, SUBMIT, Receipts
from otelsiem.gateway.receivers.receipts import SERVICE as RECEIPTS
from otelsiem.gateway.receivers.refusal import LATE, Complaints, Refusal, RefusalCounter, RefusedError, refuse
from otelsiem.model.errors import MalformedError, MissingExtraError
from otelsiem.otlp import answers

if TYPE_CHECKING:
    import grpc
    import grpc.aio

SERVICE = "opentelemetry.proto.collector.logs.v1.LogsService"
EXPORT = f"/{SERVICE}/Export"

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"
Metadata: TypeAlias = "Iterable[tuple[str, str | bytes]]"
Act: TypeAlias = Callable[[bytes, Context, Visitor], Awaitable[bytes]]
Serve: TypeAlias = "Callable[[str, Metadata], grpc.RpcMethodHandler[bytes, bytes] | None]"


class GrpcReceiver:
    """The gRPC half of the `otlp` receiver."""

    def __init__(
        self,
        door: Door,
        sender: Sender,
        metrics: RefusalCounter,
        *,
        endpoint: str = "0.0.0.0:4317",
        max_message: int = 16 << 20,
        budget: Budget | None = None,
        lock: Lock = OPEN,
        keyrings: Keyrings | None = None,
        receipts: Receipts | None = None,
    ) -> None:
        self._door = door
        self._receipts = receipts
        self._sender = sender
        self._guard = Guard(sender, lock, keyrings)
        self._certificates = Certificates(lock.tls) if lock.tls else None
        self._metrics = metrics
        self._endpoint = Address.parse(endpoint)
        self._max_message = max_message
        self._budget = budget or Budget()
        self._complaints = Complaints()
        self._methods: dict[str, Act] = {EXPORT: self._export}
        if receipts is not None:
            self._methods |= {SUBMIT: self._submit, GET_FATES: self._get_fates}
        self._server: grpc.aio.Server | None = None
        self._health: Any = None  # grpc_health ships no types

    async def start(self) -> Address:
        """Listen; the address that was really bound. Health says NOT_SERVING until `set_serving(True)`."""
        server, self._health = _build(self._serve, self._max_message)
        address = await resolve(self._endpoint)
        try:
            if self._certificates is None:
                port = server.add_insecure_port(str(address))
            else:
                port = server.add_secure_port(str(address), self._certificates.credentials())
        except RuntimeError as error:  # gRPC does not say why; our own attempt at the same port does
            await server.stop(None)
            bind(address).close()
            raise ListenError(f"cannot listen on {address}: {error}") from error
        await self.set_serving(False)
        await server.start()
        self._server = server
        return Address(address.host, port)

    async def set_serving(self, serving: bool) -> None:
        """What the health service answers from now on."""
        from grpc_health.v1 import health_pb2

        status = health_pb2.HealthCheckResponse
        for name in ("", SERVICE, *([RECEIPTS] if self._receipts else [])):
            await self._health.set(name, status.SERVING if serving else status.NOT_SERVING)

    async def stop(self, grace: float) -> None:
        """Take no more, let what is in flight finish for `grace` seconds, then cancel it."""
        if self._server is None:
            return
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace)
        self._server = None

    def _serve(self, method: str, metadata: Metadata) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """How one call is served, decided by its metadata before its message is read."""
        import grpc

        act = self._methods.get(method)
        if act is None:
            return None
        visitor = self._guard.admit(b", ".join(_values(metadata, "authorization")))

        async def serve(_: object, context: Context) -> bytes:
            assert isinstance(visitor, Visitor)
            return await self._answer(context, visitor, act)

        async def turn_away(_: object, context: Context) -> bytes:
            assert isinstance(visitor, Refusal)
            self._guard.turned_away(visitor, _peer(context))
            return await self._refuse(visitor, context)

        # As a stream: gRPC reads the message of a unary call before it calls us, however long that takes. The two are
        # the same on the wire. No (de)serializers: bytes in, bytes out.
        return grpc.stream_unary_rpc_method_handler(turn_away if isinstance(visitor, Refusal) else serve)

    async def _answer(self, context: Context, visitor: Visitor, act: Act) -> bytes:
        try:
            with self._budget.share() as share:
                body = await self._message(context, share)
                return await act(body, context, visitor)
        except asyncio.CancelledError:  # the sender left, or the gateway stops: either way it hears no success
            self._metrics.refused(self._sender.receiver, "grpc", "gone")
            raise
        except Exception as error:  # noqa: BLE001 - whatever fails in us, the sender must be told to keep its data
            refusal = refuse(error)
            self._complaints.hear(error, refusal, self._sender.receiver, "grpc")
        return await self._refuse(refusal, context)

    async def _export(self, body: bytes, context: Context, visitor: Visitor) -> bytes:
        taken = await visitor.bring(self._door, body, Form.PROTOBUF, self._said(context, visitor))
        return answers.response(taken.rejected, taken.message)

    async def _submit(self, body: bytes, context: Context, visitor: Visitor) -> bytes:
        assert self._receipts is not None
        sender = replace(self._said(context, visitor), curious=True)
        taken = await visitor.bring(self._door, body, Form.PROTOBUF, sender)
        return self._receipts.given(taken, sender.tenant)

    async def _get_fates(self, body: bytes, _: Context, visitor: Visitor) -> bytes:
        assert self._receipts is not None
        if visitor.holder is not None:
            visitor.holder.brought(size=len(body))
        return await self._receipts.told(body, visitor.sender.tenant)

    def _said(self, context: Context, visitor: Visitor) -> Sender:
        return self._guard.sender(visitor, lambda: _peer(context), lambda name: _text(context, name))

    async def _message(self, context: Context, share: Share) -> bytes:
        """The one message of the call, when it comes in time, inflated within bounds."""
        try:
            async with self._budget.arrival():
                message: Any = await context.read()
        except TimeoutError as error:
            raise RefusedError(LATE) from error
        if not isinstance(message, bytes):  # grpc.aio.EOF
            raise MalformedError("the call ended without a message")
        share.take(len(message))
        if not (coding := coding_of(message)):
            return message
        inflated = await inflate(message, coding, self._max_message, share)
        share.give(len(message))
        return inflated

    async def _refuse(self, refusal: Refusal, context: Context) -> bytes:
        self._metrics.refused(self._sender.receiver, "grpc", refusal.reason, refusal.token)
        details = answers.status(refusal.code, refusal.message, refusal.retry_after)
        context.set_trailing_metadata((("grpc-status-details-bin", details),))
        await context.abort(_status(refusal.code), refusal.message)
        raise AssertionError("abort raises")  # ruff does not see that it never returns


def _values(metadata: Metadata, name: str) -> list[bytes]:
    """What stands under a name; more than one value is as in HTTP a list."""
    return [value if isinstance(value, bytes) else value.encode() for key, value in metadata if key == name]


def _text(context: Context, name: str) -> str:
    metadata: Any = context.invocation_metadata()  # the stubs do not know that it is made of pairs
    return b", ".join(_values(metadata or (), name)).decode("utf-8", "replace")


def _peer(context: Context) -> str:
    """The other end of the connection, which may be a proxy: `ipv6:%5B::1%5D:4711` is `::1`."""
    kind, _, rest = unquote(context.peer()).partition(":")
    return rest.rpartition(":")[0].strip("[]") if kind in {"ipv4", "ipv6"} else kind


def _status(code: int) -> grpc.StatusCode:
    import grpc

    return next(status for status in grpc.StatusCode if status.value[0] == code)


def _build(serve: Serve, max_message: int) -> tuple[grpc.aio.Server, Any]:
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # else its core prints every failed handshake on stderr
    try:
        import grpc
        import grpc.aio
        from grpc_health.v1 import health, health_pb2_grpc
    except ImportError as error:
        raise MissingExtraError("The OTLP/gRPC receiver", "gateway", error.name or "grpcio") from error

    class Methods(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in its stubs only
        """Those of our services."""

        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
            return serve(details.method, details.invocation_metadata)

    server = grpc.aio.server(
        options=[
            ("grpc.so_reuseport", 0),  # else a second gateway takes the same port and half of its connections
            ("grpc.max_receive_message_length", max_message),
            ("grpc.per_message_decompression", 0),  # gRPC's own inflates a bomb whole, on the thread that serves all
            ("grpc.http2.lookahead_bytes", 4 << 20),  # measured: the window must hold a batch
            ("grpc.max_concurrent_streams", 64),  # of one connection; a client that has more waits by itself
            ("grpc.http2.max_pings_without_data", 0),  # senders keep idle connections open behind load balancers
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),  # else GOAWAY ENHANCE_YOUR_CALM
            ("grpc.keepalive_permit_without_calls", 1),
        ],
        compression=grpc.Compression.Gzip,  # used for a sender that accepts it and where it makes the answer smaller
    )
    server.add_generic_rpc_handlers((Methods(),))
    servicer = health.aio.HealthServicer()  # type: ignore[attr-defined]  # its stubs lack the aio half
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    return server, servicer
