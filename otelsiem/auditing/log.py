"""An audit log: one call takes an event, here and now, and a thread sees to it that every SIEM gets it.

    log = AuditLog(SplunkHec(endpoint=…, token=…), journal="audit-journal/")
    log.audit("authentication_failure", outcome="failure", severity="high", actor="u-7", reason="wrong password")

Guarantees: `audit` costs the caller microseconds, takes no lock, waits for nothing and raises nothing, whatever it is
given; what changes after the call does not change the record. With `durable=True` it returns when the record is on
disk, and raises if it is not. What a full queue means is chosen, never silent.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NoReturn, Unpack, overload

from opentelemetry.context import get_current

from otelsiem.auditing import life, report
from otelsiem.auditing.audited import P, R, audited
from otelsiem.auditing.context import known
from otelsiem.auditing.moment import Happened, Left, TypedEvent
from otelsiem.auditing.receipt import Receipt
from otelsiem.auditing.report import Health, Metrics
from otelsiem.auditing.setup import MAX_QUEUE, Settings, Setup, checked, outlet
from otelsiem.auditing.worker import Queue, Worker
from otelsiem.journal import family
from otelsiem.model.destination import Destination
from otelsiem.model.errors import OtelsiemError
from otelsiem.outbox import NotTakenError, Outbox, Outlet
from otelsiem.sdk.convert import PLAIN, mapping

log = logging.getLogger("otelsiem.audit")

COMPLAIN_AGAIN = 60.0  # seconds between complaints of one kind
DURABLE = 30.0  # seconds that a caller waits for the disk
CLOSING = 5.0
ROOM = 0.01  # seconds between looks for room in the queue, with on_full="block"


class AuditLog:
    """Takes events until `close`. Positional destinations are named by their type; `exporters` names them itself."""

    _setup: Setup | None
    _worker: Worker | None
    _ending: Worker | None  # closed, or just being closed
    _queue: Queue
    _most: int  # events in the queue
    _lock: threading.RLock  # a signal's handler may audit in the middle of what holds it
    _beginning: threading.Lock  # held by who starts the thread

    def __init__(self, *destinations: Destination | Outlet, **settings: Unpack[Settings]) -> None:
        self._set(checked(destinations, settings))

    @classmethod
    def unset(cls) -> AuditLog:
        """One that keeps what it is told until it is `set_up`."""
        made = cls.__new__(cls)
        made._set(None)
        return made

    def set_up(self, setup: Setup) -> None:
        """From now on. What is still undelivered under an earlier setup without a journal goes with that."""
        with self._lock:
            worker, self._worker, self._setup = self._worker, None, setup
            self._most, self._closed = setup.max_queue, False
        if worker is not None:
            self._told_of(worker.close(CLOSING))  # what is queued goes on with the new setup
        self._signals(setup)
        if self._queue or (setup.journal is not None and family.directories(setup.journal)):
            self._begin()  # else not before the first event: this may be a master that only forks

    # --- events in -----------------------------------------------------------------------------------------------

    @overload
    def audit(
        self,
        event: str | TypedEvent,
        /,
        *,
        outcome: str = "",
        severity: str | int = "",
        message: str = "",
        tenant: str | None = "",
        durable: Literal[False] = False,
        **attributes: Any,
    ) -> None: ...

    @overload
    def audit(
        self,
        event: str | TypedEvent,
        /,
        *,
        outcome: str = "",
        severity: str | int = "",
        message: str = "",
        tenant: str | None = "",
        durable: Literal[True],
        **attributes: Any,
    ) -> Receipt: ...

    @overload
    def audit(
        self,
        event: str | TypedEvent,
        /,
        *,
        outcome: str = "",
        severity: str | int = "",
        message: str = "",
        tenant: str | None = "",
        durable: bool,
        **attributes: Any,
    ) -> Receipt | None: ...

    def audit(self, event: str | TypedEvent, /, **given: Any) -> Receipt | None:
        """Take one event: `audit("authentication_failure", outcome="failure", severity="high", actor="u-7", …)`.

        `outcome=`, `severity=`, `message=`, `tenant=` say what they say; `actor=`, `session=`, … are spelled as for
        `bind`; all else is an attribute of its name. `durable=True` returns a Receipt when it is on disk, or raises
        NotTakenError; without, nothing is raised.
        """
        if "durable" in given and given.pop("durable"):
            return self._journaled().post([_seen(event, given)], DURABLE)
        try:
            queue = self._queue
            for value in given.values():
                if type(value) not in PLAIN:
                    given = mapping(given)
                    break
            one = Happened(time.time_ns(), event, given, known(), get_current())
            if len(queue) < self._most:
                queue.append(one)
                if self._worker is None:
                    self._begin()
            else:
                self._overflow(one)
        except Exception:  # noqa: BLE001 - P6: whatever it is, the host's call goes on
            self.lose(1, "an event could not be taken", failed=True)
        return None

    async def audit_durable(
        self,
        event: str | TypedEvent,
        /,
        *,
        outcome: str = "",
        severity: str | int = "",
        message: str = "",
        tenant: str = "",
        **attributes: Any,
    ) -> Receipt:
        """`audit(…, durable=True)` for coroutines: the loop goes on while the disk works."""
        named = {"outcome": outcome, "severity": severity, "message": message, "tenant": tenant}
        one = _seen(event, {**attributes, **named})
        return await self._journaled().posted([one], DURABLE)

    def audited(
        self,
        event: str,
        /,
        *,
        arguments: Sequence[str] = (),
        severity: str | int = "",
        tenant: str = "",
        **attributes: Any,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """An event for every call of the function: outcome, duration, type of exception, and the `arguments` named."""
        return audited(self.audit, event, arguments, {**attributes, "severity": severity, "tenant": tenant})

    def take(self, one: Left) -> None:
        """What somebody else has looked at, as `AuditLogRecordProcessor` does. It may raise; `lose` then says so."""
        if len(self._queue) < self._most:
            self._queue.append(one)
            if self._worker is None:
                self._begin()
        else:
            self._overflow(one)

    def lose(self, number: int, why: str, *, failed: bool = False) -> None:
        """Count events that could not be taken, and say so now and then. `failed`: with the exception of the moment."""
        self._lost_at(number)
        self._complain("lose", f"LOST: {why}", failed=failed)

    # --- exporters -----------------------------------------------------------------------------------------------

    def add(self, name: str, destination: Destination | Outlet) -> None:
        """Deliver there too, what comes from now on."""
        self._outbox().add(name, outlet(destination))

    def remove(self, name: str, *, forget: bool = False) -> None:
        """Deliver there no more. With records pending it is refused, unless they are given up."""
        self._outbox().remove(name, forget=forget)

    def pause(self, name: str) -> None:
        """Its records wait until `resume`."""
        self._outbox().pause(name)

    def resume(self, name: str) -> None:
        """Go on."""
        self._outbox().resume(name)

    # --- how it is -----------------------------------------------------------------------------------------------

    def metrics(self) -> Metrics:
        """Numbers, now."""
        worker = self._worker
        return report.metrics(worker.opened if worker else None, len(self._queue), self._dropped, self._lost)

    def health(self) -> Health:
        """Whether a person is needed, and for what."""
        worker = self._worker
        outbox = worker.opened if worker else None
        return report.health(outbox, self._most, self.metrics(), worker.why_not if worker else "")

    # --- the end -------------------------------------------------------------------------------------------------

    def flush(self, timeout: float = 30.0) -> bool:
        """Wait until all events so far are delivered where exporters run; False when time ran out."""
        worker = self._worker
        return worker.flush(timeout) if worker is not None else not self._queue

    def close(self, timeout: float = CLOSING) -> int:
        """Take no more; write what is queued, deliver what goes within `timeout`; how many records are left.

        With a journal what is left is on disk, and goes when it is opened next. Without one it is lost, and said so.
        """
        with self._lock:
            self._closed, self._most = True, 0
            worker, self._worker = self._worker, None
            before, self._ending = self._ending, worker or self._ending
        if worker is None:
            if before is not None:
                before.join(timeout)  # another thread closes, or we are a signal's handler in the middle of that
            left = 0 if life.passed_on() else len(self._queue)
            self._queue.clear()
            if left:
                self.lose(left, "otelsiem.configure was never called" if self._setup is None else "not written")
            return left
        left = worker.close(timeout)
        left += sum([1 for one in list(self._queue) if not isinstance(one, threading.Event)])
        self._told_of(left)
        return left

    # --- inside --------------------------------------------------------------------------------------------------

    def __reduce__(self) -> NoReturn:
        """Asked for by pickle and copy, also for whatever holds one."""
        raise TypeError(
            "an AuditLog cannot be pickled or copied: its queue, thread and journal are this process's own. Leave it"
            " out of what is sent or copied; call otelsiem.configure(…) in each process, and otelsiem.audit in there"
        )

    def _set(self, setup: Setup | None) -> None:
        self._queue, self._most = deque(), setup.max_queue if setup is not None else MAX_QUEUE
        self._setup, self._worker, self._closed = setup, None, False
        self._ending = None
        self._lock, self._beginning = threading.RLock(), threading.Lock()
        self._dropped = self._lost = 0
        self._complained: dict[str, float] = {}
        life.mind(self)
        self._signals(setup)

    @staticmethod
    def _signals(setup: Setup | None) -> None:
        if setup is not None and setup.flush_on_sigterm:
            life.flush_on_sigterm()

    def forked(self) -> None:
        """In a child just forked: what was queued is the parent's; threads, journal and locks are too."""
        if self._worker is not None:
            life.leave(self._worker)
        self._worker, self._ending, self._lock = None, None, threading.RLock()
        self._beginning = threading.Lock()
        self._dropped = self._lost = 0
        if not life.inherits():
            self._queue = deque()

    def inherit(self) -> None:
        """After `forked`, when threads may begin: go on with what was inherited."""
        if self._queue:
            self._begin()

    def _begin(self, *, wait: bool = False) -> None:
        """Start the thread, which opens the journal, in the process that first has something to write.

        Without `wait` whoever begins just now does it: another thread, or this one, stopped in the middle of it by a
        signal's handler or a destructor that audits.
        """
        if not self._beginning.acquire(timeout=DURABLE if wait else 0):
            return
        try:
            setup = self._setup
            if setup is None or self._worker is not None or life.awaits_fork():
                return
            made = Worker(setup, self._queue, self._lost_at)
            with self._lock:
                if self._closed:
                    return
                worker = self._worker = made
        finally:
            self._beginning.release()
        try:
            worker.start()  # not under the lock: with gevent's threads another greenlet may want it meanwhile
            life.begin()
        except RuntimeError as why:  # the interpreter ends (since 3.12), or there are too many
            self._worker = None
            self._complain("thread", f"no thread can begin, events wait in the queue: {why}")

    def _outbox(self) -> Outbox:
        return self._running().outbox(DURABLE)

    def _running(self) -> Worker:
        self._begin(wait=True)
        if self._worker is None:
            raise OtelsiemError(self._why_not())
        return self._worker

    def _why_not(self) -> str:
        if self._closed:
            return "closed"
        if self._setup is None:
            return "nothing is configured: call otelsiem.configure first"
        if life.awaits_fork():
            return "the master of uWSGI cannot wait for the disk: audit durably in a worker, or start with --lazy-apps"
        return "no thread can begin"

    def _journaled(self) -> Worker:
        self._on_disk()
        try:
            return self._running()
        except OtelsiemError as why:
            raise NotTakenError(f"not taken: {why}") from why

    def _on_disk(self) -> None:
        if self._setup is not None and self._setup.journal is None:
            raise NotTakenError("not taken: there is no journal on disk; configure with journal='audit-journal/'")

    def _overflow(self, one: Left) -> None:
        setup = self._setup
        if self._closed or setup is None or setup.on_full == "drop_newest":
            why = "the audit log is closed" if self._closed else f"the queue is full ({self._most} events)"
            self._drop(why)
        elif setup.on_full == "spill":
            self._journaled().post([one], DURABLE)
        elif self._wait_for_room():
            self._queue.append(one)
        else:
            self._drop("the audit log was closed")

    def _wait_for_room(self) -> bool:
        """False: it was closed meanwhile."""
        self._begin()
        while len(self._queue) >= self._most and self._worker is not None:
            self._worker.hurry()
            time.sleep(ROOM)
        return not self._closed

    def _drop(self, why: str) -> None:
        with self._lock:
            self._dropped += 1
        self._complain("drop", f"LOST: {why}")

    def _lost_at(self, number: int) -> None:
        with self._lock:
            self._lost += number

    def _told_of(self, left: int) -> None:
        if left and (self._setup is None or self._setup.journal is None):
            log.error("records=%d msg=%r", left, "LOST: not delivered at the end, and there is no journal")

    def _complain(self, kind: str, said: str, *, failed: bool = False) -> None:
        now = time.monotonic()
        if now >= self._complained.get(kind, 0.0):
            self._complained[kind] = now + COMPLAIN_AGAIN
            log.error("dropped=%d lost=%d msg=%r", self._dropped, self._lost, said, exc_info=failed)


def _seen(event: str | TypedEvent, given: Mapping[str, Any]) -> Happened:
    """What `audit` writes down, where no microsecond counts."""
    return Happened(time.time_ns(), event, mapping(given), known(), get_current())
