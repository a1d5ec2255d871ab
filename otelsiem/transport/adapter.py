"""Calls of a classic adapter: methods that are async run on one private loop, the others in the courier's own thread.

Guarantees: `perform` never raises, whatever the methods do; every event of a call gets one fate. An async method ends
at the deadline; one that is not cannot be ended by anybody, so between two events the deadline is looked at.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any

import msgspec

from otelsiem.adapter import OperatorError, PermanentError, RetryError, SiemAdapter
from otelsiem.model.adapter import AdapterSettings, CallRequest, Fate
from otelsiem.model.exchange import Answer, Failure, Reply, Request
from otelsiem.transport.call import Call, Calls, WireError

CLOSING = 2.0  # seconds that `close` waits for what is under way, and for the adapter's own `close`

_DELIVERED = Fate("delivered")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class AdapterTransport:
    """One adapter of one exporter."""

    def __init__(self, settings: AdapterSettings) -> None:
        self._settings = settings
        self._calls = Calls()
        self._lock = threading.Lock()  # of making the adapter, and of the loop
        self._turn = threading.Lock()  # of methods that are not async, unless they may run at once
        self._adapter: SiemAdapter | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def perform(self, request: Request) -> Reply:
        if not isinstance(request, CallRequest):
            return Failure("protocol", f"an adapter cannot carry a {type(request).__name__}")
        call = self._calls.begin(monotonic() + self._settings.timeout, self._settings.name)
        try:
            call.remaining(None)
            fates = self._health(call) if request.call == "health" else self._send(request.events, call)
            return Answer(200, {}, _encode(fates))
        except WireError as error:
            return Failure(error.kind, error.detail, call.sent)
        except BaseException as error:  # noqa: BLE001 - another's code may raise anything, SystemExit too
            return Failure("protocol", f"{call.peer}: {_said(error)}", call.sent)
        finally:
            self._calls.end(call)

    def interrupt(self) -> None:
        self._calls.stop()

    def close(self) -> None:
        self._calls.stop()
        idle = self._calls.wait_idle(CLOSING)
        with self._lock:
            adapter, self._adapter = self._adapter, None
            loop, self._loop = self._loop, None
        if adapter is not None and idle:
            with suppress(Exception):
                found = adapter.close()
                if inspect.isawaitable(found):
                    loop = loop or self._running()
                    asyncio.run_coroutine_threadsafe(_awaited(found), loop).result(CLOSING)
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)
        if self._thread is not None:
            self._thread.join(CLOSING)

    # --- calls

    def _health(self, call: Call) -> list[Fate]:
        try:
            adapter = self._made()
        except Exception as error:  # noqa: BLE001 - another's code
            return [_unmade(error)]
        try:
            well = self._call(adapter, adapter.health_check, (), call)
        except WireError:
            raise
        except Exception as error:  # noqa: BLE001 - another's code
            return [_fate("health_check", error)]
        return [_DELIVERED if well else Fate("again", f"health_check returned {well!r:.40}")]

    def _send(self, body: bytes, call: Call) -> list[Fate]:
        lines = body.split(b"\n")[:-1]
        try:
            adapter = self._made()
        except Exception as error:  # noqa: BLE001 - another's code
            return [_unmade(error)] * len(lines)
        fates: list[Fate | None] = [None] * len(lines)
        formatted: list[Any] = []
        for n, line in enumerate(lines):
            try:
                formatted.append(self._call(adapter, adapter.format_event, (_decode(line),), call))
            except WireError:
                raise
            except Exception as error:  # noqa: BLE001 - another's code
                fates[n] = Fate("rejected", f"format_event raised {_said(error)}")
        if type(adapter).send_batch is SiemAdapter.send_batch:
            found = self._one_by_one(adapter, formatted, call)
        else:
            found = self._together(adapter, formatted, call) if formatted else iter(())
        return [fate or next(found) for fate in fates]

    def _one_by_one(self, adapter: SiemAdapter, events: Sequence[Any], call: Call) -> Iterator[Fate]:
        stopped: Fate | None = None  # why the rest is not tried: it would fail the same way
        for event in events:
            if stopped is not None:
                yield stopped
                continue
            try:
                found = self._call(adapter, adapter.send_event, (event,), call)
            except WireError as error:  # the deadline, or an interrupt: the one under way may have been delivered
                yield (stopped := Fate("again", f"{error.kind}: {error.detail}"))
            except Exception as error:  # noqa: BLE001 - another's code
                fate = _fate("send_event", error)
                stopped = fate if fate.kind == "held" or isinstance(error, OSError | RetryError) else None
                yield fate
            else:
                yield _DELIVERED if found else Fate("again", _falsy("send_event", found))

    def _together(self, adapter: SiemAdapter, events: Sequence[Any], call: Call) -> Iterator[Fate]:
        try:
            found = self._call(adapter, adapter.send_batch, (list(events),), call)
        except WireError:
            raise
        except Exception as error:  # noqa: BLE001 - another's code
            return iter([_fate("send_batch", error)] * len(events))
        return iter(_of_batch(found, len(events)))

    # --- methods, async or not

    def _call(self, adapter: SiemAdapter, method: Callable[..., Any], given: tuple[Any, ...], call: Call) -> Any:
        call.remaining(None)
        if inspect.iscoroutinefunction(method):
            call.sent |= method.__name__.startswith("send")
            return self._awaited(method(*given), call)
        with self._alone(adapter, call):
            call.sent |= method.__name__.startswith("send")
            found = method(*given)
        return self._awaited(found, call) if inspect.isawaitable(found) else found

    @contextmanager
    def _alone(self, adapter: SiemAdapter, call: Call) -> Iterator[None]:
        if adapter.thread_safe:
            yield
            return
        if not self._turn.acquire(timeout=call.remaining(None)):
            raise WireError("timeout", f"{call.peer}: the deadline passed while another call was under way")
        try:
            call.remaining(None)
            yield
        finally:
            self._turn.release()

    def _awaited(self, awaitable: Any, call: Call) -> Any:
        future = asyncio.run_coroutine_threadsafe(_awaited(awaitable), self._running())

        def wake() -> None:
            future.cancel()

        try:
            return future.result(call.remaining(wake))
        except TimeoutError:
            if future.done():
                raise  # the method's own
            future.cancel()
            raise call.late() from None
        except CancelledError:
            raise WireError("reset", f"{call.peer}: interrupted") from None

    def _made(self) -> SiemAdapter:
        with self._lock:
            if self._adapter is None:
                self._adapter = self._settings.make()
            return self._adapter

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                name = f"otelsiem-{self._settings.name}"
                self._thread = threading.Thread(target=_run, args=(self._loop,), name=name, daemon=True)
                self._thread.start()
            return self._loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _awaited(awaitable: Any) -> Any:
    return await awaitable


def _of_batch(found: object, events: int) -> list[Fate]:
    """What `send_batch` said, for each event."""
    if isinstance(found, Sequence) and not isinstance(found, str | bytes) and len(found) == events:
        return [_DELIVERED if one else Fate("again", _falsy("send_batch", one)) for one in found]
    if found is True or (type(found) is int and found == events):
        return [_DELIVERED] * events
    if not found:
        return [Fate("again", _falsy("send_batch", found))] * events
    said = f"send_batch returned a {type(found).__name__} for {events} events: return True, or a list of True and False"
    return [Fate("held", said)] * events


def _unmade(error: Exception) -> Fate:
    return Fate("held", f"the adapter cannot be made: {_said(error)}")


def _fate(method: str, error: Exception) -> Fate:
    match error:
        case PermanentError():
            return Fate("rejected", str(error) or f"{method} raised PermanentError")
        case OperatorError():
            return Fate("held", str(error) or f"{method} raised OperatorError")
        case NotImplementedError():
            return Fate("held", _said(error))
        case RetryError():
            return Fate("again", str(error) or f"{method} raised RetryError", error.after)
        case _:
            return Fate("again", f"{method} raised {_said(error)}")


def _falsy(method: str, value: object) -> str:
    return f"{method} returned {value!r:.40}: it returns True for what is delivered"


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
