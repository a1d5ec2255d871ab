"""OTLP over gRPC: the bytes of `LogsService/Export` go to the door as they came, and the answer waits for it.

Guarantees: OK is sent after the door returned and never before (P1); whatever is not the sender's fault is
UNAVAILABLE with RetryInfo, so that the sender keeps its records; RESOURCE_EXHAUSTED never carries RetryInfo; a port
that another process has is an error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from otelsiem.door import Door, Form, Sender
from otelsiem.gateway.receivers.budget import Budget
from otelsiem.gateway.receivers.listen import Address, ListenError, bind, resolve
from otelsiem.gateway.receivers.refusal import Complaints, RefusalCounter, refuse
from otelsiem.model.errors import MissingExtraError
from otelsiem.otlp import answers

if TYPE_CHECKING:
    import grpc
    import grpc.aio

SERVICE = "opentelemetry.proto.collector.logs.v1.LogsService"
EXPORT = f"/{SERVICE}/Export"

Export = Callable[[bytes, "grpc.aio.ServicerContext[bytes, bytes]"], Awaitable[bytes]]


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
    ) -> None:
        self._door = door
        self._sender = sender
        self._metrics = metrics
        self._endpoint = Address.parse(endpoint)
        self._max_message = max_message
        self._budget = budget or Budget()
        self._complaints = Complaints()
        self._server: grpc.aio.Server | None = None
        self._health: Any = None  # grpc_health ships no types

    async def start(self) -> Address:
        """Listen; the address that was really bound. Health says NOT_SERVING until `set_serving(True)`."""
        server, self._health = _build(self._export, self._max_message)
        address = await resolve(self._endpoint)
        try:
            port = server.add_insecure_port(str(address))
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
        for name in ("", SERVICE):
            await self._health.set(name, status.SERVING if serving else status.NOT_SERVING)

    async def stop(self, grace: float) -> None:
        """Take no more, let what is in flight finish for `grace` seconds, then cancel it."""
        if self._server is None:
            return
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace)
        self._server = None

    async def _export(self, body: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        try:
            with self._budget.share() as share:
                share.take(len(body))
                taken = await self._door.take(body, Form.PROTOBUF, self._sender)
        except asyncio.CancelledError:  # the sender left, or the gateway stops: either way it hears no success
            self._metrics.refused(self._sender.receiver, "grpc", "gone")
            raise
        except Exception as error:  # noqa: BLE001 - whatever fails in us, the sender must be told to keep its data
            refusal = refuse(error)
            self._complaints.hear(error, refusal, self._sender.receiver, "grpc")
        else:
            return answers.response(taken.rejected, taken.message)
        self._metrics.refused(self._sender.receiver, "grpc", refusal.reason)
        details = answers.status(refusal.code, refusal.message, refusal.retry_after)
        context.set_trailing_metadata((("grpc-status-details-bin", details),))
        await context.abort(_status(refusal.code), refusal.message)
        raise AssertionError("abort raises")  # ruff does not see that it never returns


def _status(code: int) -> grpc.StatusCode:
    import grpc

    return next(status for status in grpc.StatusCode if status.value[0] == code)


def _build(export: Export, max_message: int) -> tuple[grpc.aio.Server, Any]:
    try:
        import grpc
        import grpc.aio
        from grpc_health.v1 import health, health_pb2_grpc
    except ImportError as error:
        raise MissingExtraError("The OTLP/gRPC receiver", "gateway", error.name or "grpcio") from error
    handler = grpc.unary_unary_rpc_method_handler(export)  # no (de)serializers: bytes in, bytes out

    server = grpc.aio.server(
        options=[
            ("grpc.so_reuseport", 0),  # else a second gateway takes the same port and half of its connections
            ("grpc.max_receive_message_length", max_message),  # counted after gunzip: gRPC cuts a bomb itself
            ("grpc.http2.lookahead_bytes", 4 << 20),  # measured: the window must hold a batch
            ("grpc.http2.max_pings_without_data", 0),  # senders keep idle connections open behind load balancers
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),  # else GOAWAY ENHANCE_YOUR_CALM
            ("grpc.keepalive_permit_without_calls", 1),
        ],
        compression=grpc.Compression.Gzip,  # used for a sender that accepts it and where it makes the answer smaller
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Export": handler}),))
    servicer = health.aio.HealthServicer()  # type: ignore[attr-defined]  # its stubs lack the aio half
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    return server, servicer
