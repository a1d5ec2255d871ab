"""The running gateway: opens everything in order, waits for a signal, drains and closes in the reverse order.

Guarantees: nothing listens before the journal and every cursor is there; a start that fails closes what it opened;
SIGTERM stops intake first, then delivers what can go within the deadline, and leaves the rest in the journal.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
import time
from collections.abc import Iterable, Sequence

from otelsiem import __version__
from otelsiem.admin.app import AdminApi
from otelsiem.admin.token import create as create_token
from otelsiem.door import JournalDoor, Sender
from otelsiem.exporter import Exporter
from otelsiem.gateway.operations import GatewayOperations
from otelsiem.gateway.plan import Listener, Plan
from otelsiem.gateway.receivers.budget import Budget
from otelsiem.gateway.receivers.grpc import GrpcReceiver
from otelsiem.gateway.receivers.http import HttpReceiver
from otelsiem.gateway.tally import MetricsTally
from otelsiem.journal.journal import Journal
from otelsiem.telemetry.metrics import Metrics

log = logging.getLogger("otelsiem.gateway")

SWITCH_INTERVAL = 0.0005  # measured: halves the senders' p99 beside busy couriers, at no CPU
COLLECT = 50_000  # containers between collections: records make no cycles, and looking for some cost 5 % (measured)
WATCH = 1.0  # seconds between looks at the journal's readiness
GRACE = 5.0  # seconds for requests in flight when intake stops


class Service:
    """One gateway in this process."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.started = self.draining = False
        self.listening: list[str] = []
        self._exporters: list[tuple[Exporter, MetricsTally]] = []
        self._receivers: list[GrpcReceiver | HttpReceiver] = []
        self._signal = asyncio.Event()

    @property
    def exporters(self) -> Sequence[tuple[Exporter, MetricsTally]]:
        return self._exporters

    async def run(self) -> None:
        """Start, serve until a signal, drain, stop."""
        sys.setswitchinterval(SWITCH_INTERVAL)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop)
        async with contextlib.AsyncExitStack() as stack:
            await self._start(stack)
            await self._signal.wait()
            self.draining = True
            log.info("msg=%r deadline=%gs", "stopping: intake ends, delivery drains", self.plan.drain)
        log.info("msg=%r", "stopped")

    def _asked_to_stop(self) -> None:
        if self._signal.is_set():  # asked twice: whoever asks is in a hurry, and the journal has everything
            for exporter, _ in self._exporters:
                exporter.abandon()
        self._signal.set()

    async def _start(self, stack: contextlib.AsyncExitStack) -> None:
        """Each part is closed by the stack in the reverse order, also when a later one fails to open."""
        plan = self.plan
        journal = await asyncio.to_thread(plan.open_journal)
        stack.push_async_callback(asyncio.to_thread, journal.close)
        metrics = Metrics(journal.stats)
        stack.callback(metrics.close)
        operations = GatewayOperations(self, journal)
        admin = AdminApi(operations, metrics, create_token(plan.directory), endpoint=plan.admin)
        address = await admin.start()
        stack.push_async_callback(admin.stop, 1.0)
        await asyncio.to_thread(self._prepare, journal, metrics)
        stack.push_async_callback(self._stop_exporters)
        door = JournalDoor(journal, plan.routes, metrics, host=socket.gethostname())
        door.open()
        stack.push_async_callback(asyncio.to_thread, door.close)
        stack.push_async_callback(self._stop_receivers)
        budget = Budget()
        for listener in plan.listeners:
            await self._listen(listener, door, metrics, budget)
        for exporter, _ in self._exporters:
            exporter.start()
        self.started = True
        gc.freeze()  # what the start made stays: no collection need look at it again
        gc.set_threshold(COLLECT)
        watch = asyncio.create_task(self._watch(journal))
        stack.callback(watch.cancel)
        pending = sum(counts.pending for counts in journal.stats().exporters)
        said = ", ".join([*self.listening, f"admin http://{address}", f"journal {plan.journal_name}"])
        log.info("msg=%r pending=%d", f"otelsiem {__version__} is ready: {said}", pending)

    def _prepare(self, journal: Journal, metrics: Metrics) -> None:
        """Cursors are durable before the door takes a record; couriers start last."""
        for delivery in self.plan.deliveries:
            cursor = journal.attach(delivery.pipeline, delivery.settings.name, delivery.start_at)
            tally = MetricsTally(metrics, delivery.settings.name)
            exporter = Exporter(delivery.settings, delivery.destination, journal, cursor, tally)
            self._exporters.append((exporter, tally))

    async def _listen(self, listener: Listener, door: JournalDoor, metrics: Metrics, budget: Budget) -> None:
        if listener.grpc:
            sender = Sender(listener.receiver, "grpc")
            receiver: GrpcReceiver | HttpReceiver = GrpcReceiver(
                door, sender, metrics, endpoint=listener.grpc, max_message=listener.max_message, budget=budget
            )
            self.listening.append(f"OTLP/gRPC {await receiver.start()}")
            self._receivers.append(receiver)
        if listener.http:
            sender = Sender(listener.receiver, "http")
            receiver = HttpReceiver(
                door, sender, metrics, endpoint=listener.http, max_request_body_size=listener.max_body, budget=budget
            )
            self.listening.append(f"OTLP/HTTP {await receiver.start()}")
            self._receivers.append(receiver)

    async def _watch(self, journal: Journal) -> None:
        """The gRPC health service says what /ready says."""
        was: bool | None = None
        while True:
            stats = await asyncio.to_thread(journal.stats)
            serving = stats.ready and not stats.full and not self.draining
            if serving is not was:
                was = serving
                for receiver in _grpc(self._receivers):
                    await receiver.set_serving(serving)
            await asyncio.sleep(WATCH)

    async def _stop_receivers(self) -> None:
        await asyncio.gather(*[receiver.stop(GRACE) for receiver in self._receivers])

    async def _stop_exporters(self) -> None:
        deadline = time.monotonic() + self.plan.drain
        exporters = [exporter for exporter, _ in self._exporters]
        for exporter in exporters:
            exporter.drain()
        busy = exporters
        while busy and time.monotonic() < deadline:
            busy = [exporter for exporter in busy if not exporter.drained()]
            await asyncio.sleep(0.02)
        await asyncio.gather(*[asyncio.to_thread(exporter.stop, deadline) for exporter in exporters])
        for exporter in exporters:
            if left := exporter.journal.counts(exporter.cursor).pending:
                log.warning("exporter=%s pending=%d msg=%r", exporter.name, left, "not drained; the journal keeps them")


def _grpc(receivers: Iterable[GrpcReceiver | HttpReceiver]) -> Iterable[GrpcReceiver]:
    return (receiver for receiver in receivers if isinstance(receiver, GrpcReceiver))
