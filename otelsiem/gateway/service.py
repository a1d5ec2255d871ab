"""The running gateway: opens everything in order, waits for a signal, drains and closes in the reverse order.

Guarantees: nothing listens before the journal and every cursor is there; a start that fails closes what it opened;
SIGTERM stops intake first, then delivers what can go within the deadline, and leaves the rest in the journal. SIGHUP
reads the configuration again, one reload at a time: what is wrong is told, and what ran goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import time
from collections.abc import Callable, Collection, Sequence

from otelsiem import __version__
from otelsiem.admin.app import AdminApi
from otelsiem.admin.operations import Reloaded
from otelsiem.admin.token import create as create_token
from otelsiem.door import JournalDoor, Sender
from otelsiem.exporter import Exporter
from otelsiem.gateway.deliveries import Deliveries
from otelsiem.gateway.listening import Listening, Open
from otelsiem.gateway.memory import keep_memory
from otelsiem.gateway.operations import GatewayOperations
from otelsiem.gateway.pace import keep_pace
from otelsiem.gateway.places import prepare
from otelsiem.gateway.plan import Listener, Plan
from otelsiem.gateway.receivers.budget import Budget
from otelsiem.gateway.receivers.grpc import GrpcReceiver
from otelsiem.gateway.receivers.guard import Keyrings
from otelsiem.gateway.receivers.http import HttpReceiver
from otelsiem.gateway.receivers.receipts import Receipts
from otelsiem.gateway.reload import Works, reload
from otelsiem.gateway.seal import keep as keep_seal
from otelsiem.gateway.watch import watch
from otelsiem.model.errors import ConfigError, OtelsiemError
from otelsiem.tally import MetricsTally
from otelsiem.telemetry.metrics import Metrics

log = logging.getLogger("otelsiem.gateway")

COLLECT = 50_000  # containers between collections: records make no cycles, and looking for some cost 5 % (measured)


class Service:
    """One gateway in this process.

    `load` reads the configuration again, for a reload. `forget`: exporters that are gone and whose pending records a
    person gives up.
    """

    def __init__(self, plan: Plan, load: Callable[[], Plan] | None = None, forget: Collection[str] = ()) -> None:
        self.plan = plan
        self.started = self.draining = False
        self.reloaded: Reloaded | None = None
        self._load, self._forget = load, forget
        self._works: Works | None = None
        self._stop, self._again = asyncio.Event(), asyncio.Event()

    @property
    def exporters(self) -> Sequence[tuple[Exporter, MetricsTally]]:
        return [(one.exporter, one.tally) for one in self._works.deliveries.running] if self._works else []

    @property
    def shut(self) -> Sequence[str]:
        """Why receivers do not listen that should."""
        return list(self._works.listening.shut.values()) if self._works else []

    async def run(self) -> None:
        """Start, serve until a signal, drain, stop."""
        keep_pace(self.plan.deliveries)
        _all_descriptors()
        keep_memory()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop)
        if self._load is not None:
            loop.add_signal_handler(signal.SIGHUP, self._asked_to_reload)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # one that came earlier is heard now
        async with contextlib.AsyncExitStack() as stack:
            works, metrics = await self._start(stack)
            while not self._stop.is_set():
                await self._again.wait()
                self._again.clear()
                if self._load is not None and not self._stop.is_set():
                    await self._reload(self._load, works, metrics)
            log.info("msg=%r deadline=%gs", "stopping: intake ends, delivery drains", self.plan.drain)
        log.info("msg=%r", "stopped")

    def _asked_to_stop(self) -> None:
        if self._stop.is_set():  # asked twice: whoever asks is in a hurry, and the journal has everything
            for exporter, _ in self.exporters:
                exporter.abandon()
        self.draining = True
        self._stop.set()
        self._again.set()

    def _asked_to_reload(self) -> None:
        """Asked while one is under way: once more after it, however often. Asked while it stops: no more."""
        self._again.set()

    async def _reload(self, load: Callable[[], Plan], works: Works, metrics: Metrics) -> None:
        problems: Sequence[str] = []
        try:
            log.info("msg=%r", "reloading: the configuration is read again")
            plan = await asyncio.to_thread(load)
            keep_pace(self.plan.deliveries, plan.deliveries)
            log.info("msg=%r", f"reloaded: {await reload(works, self.plan, plan)}")
            self.plan = plan
        except ConfigError as error:
            problems = [str(problem) for problem in error.problems]
        except (OtelsiemError, OSError) as error:
            problems = [str(error)]
        except Exception as error:  # whatever it is, what runs must go on
            log.exception("msg=%r", "a reload failed in our own code")
            problems = [f"a fault of otelsiem's own: {type(error).__name__}"]
        finally:
            keep_pace(self.plan.deliveries)
        for problem in problems:
            log.error("msg=%r", problem)
        if problems:
            log.error("msg=%r problems=%d", "not reloaded: the running configuration goes on", len(problems))
        self.reloaded = Reloaded(time.time_ns(), tuple(problems))
        metrics.reloaded(ok=not problems)

    async def _start(self, stack: contextlib.AsyncExitStack) -> tuple[Works, Metrics]:
        """Each part is closed by the stack in the reverse order, also when a later one fails to open."""
        plan = self.plan
        journal = await asyncio.to_thread(plan.open_journal)
        stack.push_async_callback(asyncio.to_thread, journal.close)
        seal = await asyncio.to_thread(keep_seal, plan.directory, new=not journal.stats().pipelines)
        metrics = Metrics(journal.stats)
        stack.callback(metrics.close)
        operations = GatewayOperations(self, journal)
        admin = AdminApi(operations, metrics, create_token(plan.directory), endpoint=plan.admin)
        address = await admin.start()
        stack.push_async_callback(admin.stop, 1.0)
        await asyncio.to_thread(prepare, journal, plan.deliveries, self._forget)  # cursors before the first record
        deliveries = Deliveries(journal, metrics)
        stack.push_async_callback(lambda: deliveries.stop(self.plan.drain))
        door = JournalDoor(journal, plan.routes, metrics, host=socket.gethostname())
        door.open()
        stack.push_async_callback(asyncio.to_thread, door.close)
        receipts = Receipts(operations.fates_of, seal)
        budget = Budget()
        memory = asyncio.create_task(budget.watch())
        stack.callback(memory.cancel)
        keyrings = Keyrings()
        listening = Listening(lambda listener: _listen(listener, door, metrics, budget, keyrings, receipts))
        stack.push_async_callback(listening.stop)
        works = self._works = Works(journal, door, listening, deliveries, self._stop.is_set)
        for listener in plan.listeners:
            await listening.open(listener)
        for delivery in plan.deliveries:  # couriers start last
            deliveries.start(deliveries.make(delivery))
        self.started = True
        gc.freeze()  # what the start made stays: no collection need look at it again
        gc.set_threshold(COLLECT)
        watching = asyncio.create_task(watch(journal, listening.serve, lambda: self.plan, lambda: self.draining))
        stack.callback(watching.cancel)
        pending = sum(counts.pending for counts in journal.stats().exporters)
        said = ", ".join([*listening.said, f"admin http://{address}", f"journal {plan.journal_name}"])
        log.info("msg=%r pending=%d", f"otelsiem {__version__} is ready: {said}", pending)
        return works, metrics


def _all_descriptors() -> None:
    """As many as this process may have: the usual 1,024 are a crowd's for the asking, and then SIEMs get none."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows has no such limit
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # where it may not, it goes on with what it has
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _listen(  # noqa: PLR0917 - a listener, and what all listeners share
    listener: Listener, door: JournalDoor, metrics: Metrics, budget: Budget, keyrings: Keyrings, receipts: Receipts
) -> Open:
    """Both halves of a listener, or none."""
    made = Open(listener)
    try:
        if listener.grpc:
            sender = Sender(listener.receiver, "grpc")
            receiver: GrpcReceiver | HttpReceiver = GrpcReceiver(
                door,
                sender,
                metrics,
                endpoint=listener.grpc,
                max_message=listener.max_message,
                budget=budget,
                lock=listener.grpc_lock,
                keyrings=keyrings,
                receipts=receipts,
            )
            made.said.append(f"OTLP/gRPC {await receiver.start()}{listener.grpc_lock}")
            made.receivers.append(receiver)
        if listener.http:
            sender = Sender(listener.receiver, "http")
            receiver = HttpReceiver(
                door,
                sender,
                metrics,
                endpoint=listener.http,
                max_request_body_size=listener.max_body,
                budget=budget,
                lock=listener.http_lock,
                keyrings=keyrings,
            )
            made.said.append(f"OTLP/HTTP {await receiver.start()}{listener.http_lock}")
            made.receivers.append(receiver)
    except BaseException:
        await made.stop(0.0)
        raise
    return made
