"""A destination as an exporter of the OpenTelemetry SDK, for its `BatchLogRecordProcessor`.

    SiemLogExporter(SplunkHec(endpoint=…, token=…))                            # direct
    SiemLogExporter(SplunkHec(endpoint=…, token=…), journal="audit-journal/")  # journaled

Direct: `export` returns SUCCESS when the destination has every record, FAILURE when it has not within `timeout`; what
is left is kept in memory and delivered when that is possible, as long as the process lives. Journaled: `export` returns
when the records are on disk, and couriers deliver them: across restarts, `kill -9`, an outage of ten hours.

Guarantees: nothing of the host's records is changed or kept; what is never delivered is said in the log, never hidden;
a forked child has a journal of its own and touches nothing of its parent's.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from weakref import WeakSet

from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult

from otelsiem import adoption
from otelsiem.auditing import life
from otelsiem.journal.gate import GATE
from otelsiem.journal.memory import MemoryJournal
from otelsiem.model.destination import Destination, Moment
from otelsiem.model.errors import OtelsiemError
from otelsiem.model.mark import mark
from otelsiem.model.processor import Aside, Processor
from otelsiem.model.record import Batch, count
from otelsiem.otlp.ids import stamp
from otelsiem.outbox import NotTakenError, Outbox, Outlet, kind
from otelsiem.sdk import convert
from otelsiem.sdk.complaint import complain, told_when_disabled
from otelsiem.sdk.limits import look
from otelsiem.voice import is_own

log = logging.getLogger("otelsiem.sdk")

TIMEOUT = 10.0  # seconds, as OTEL_EXPORTER_OTLP_TIMEOUT has it
CLOSING = 5.0

_journaled: WeakSet[SiemLogExporter] = WeakSet()


class SiemLogExporter(LogRecordExporter):
    """`processors`: severity, stamp or mask for routes that have no `AuditLogRecordProcessor` before them.

    `name`: of the exporter in the journal, in metrics and in the log; unset, the type of the destination. Two that
    share a directory and deliver to different places need different ones.
    """

    def __init__(
        self,
        destination: Destination | Outlet,
        *,
        journal: str | Path | None = None,
        timeout: float = TIMEOUT,
        processors: Sequence[Processor] = (),
        name: str = "",
    ) -> None:
        self._outlet = destination if isinstance(destination, Outlet) else Outlet(destination)
        self._name, self._mark = name or kind(self._outlet.destination), mark(self._outlet.destination)
        self._directory = Path(journal).absolute() if journal is not None else None
        self._timeout, self._processors = timeout, tuple(processors)
        self._lock = threading.Lock()
        self._outbox: Outbox | None = None
        self._pid = 0
        self._shut = False
        self._stand_apart()
        life.mind(self)
        told_when_disabled()

    def export(self, batch: Sequence[Any]) -> LogRecordExportResult:
        """Called by one thread at a time; never raises."""
        with contextlib.suppress(Exception):  # that is left: a handler of the host's log that raises
            return self._tried(batch)
        return LogRecordExportResult.FAILURE

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Journaled: what was exported is on disk already. Direct: whether everything has been delivered."""
        outbox = self._outbox if self._pid == os.getpid() else None
        if outbox is None or self._directory is not None:
            return True
        with contextlib.suppress(Exception):  # whatever it is, it is not delivered
            return outbox.flush(timeout_millis / 1000)
        return False

    def shutdown(self, timeout_millis: float = CLOSING * 1000) -> None:
        """Deliver what goes at once, then let go. What is journaled stays for the next life."""
        with self._lock:
            outbox, self._shut = None if self._shut else self._outbox, True
        if outbox is None or self._pid != os.getpid():
            return
        try:
            left = outbox.close(timeout_millis / 1000)
        except Exception:  # noqa: BLE001 - the host's shutdown goes on
            complain("close", "the exporter did not shut down in order", failed=True)
            return
        if left and self._directory is None:
            complain("left", f"LOST: {left} records not delivered at shutdown, and there is no journal")

    def flush(self, timeout: float) -> None:
        """Deliver what goes at once (`auditing/life.py`)."""
        outbox = self._outbox if self._pid == os.getpid() else None
        if outbox is not None and self._directory is None and not self._shut:
            outbox.settle(timeout)

    def close(self, timeout: float) -> None:
        """The process ends. Not the end of this: a provider that was made before us is shut down after us, and brings
        what it still has. What is journaled goes too, as far as it can: nobody may come for long."""
        outbox = self._outbox if self._pid == os.getpid() else None
        if outbox is not None and not self._shut:
            outbox.settle(timeout)

    def forked(self) -> None:
        """In a child just forked: journal, threads and the lock are the parent's."""
        if self._outbox is not None:
            life.leave(self._outbox)
        self._outbox, self._lock = None, threading.Lock()

    def inherit(self) -> None:
        """After `forked`: nothing waits here."""

    def _tried(self, batch: Sequence[Any]) -> LogRecordExportResult:
        try:
            return self._export(self._prepared(batch))
        except NotTakenError as why:
            log.error("records=%d msg=%r", len(batch), f"LOST: {why}")  # noqa: TRY400 - the sentence says it all
        except Exception:  # the SDK would log it and go on: so do we, with the number of records
            log.exception("records=%d msg=%r", len(batch), "LOST: the exporter failed")
        return LogRecordExportResult.FAILURE

    def _prepared(self, readable: Sequence[Any]) -> Batch:
        theirs = [one for one in readable if not _own(one)]
        for one in theirs:
            inner = one.log_record
            look(inner.event_name or "", inner.attributes or {}, one.dropped_attributes, getattr(one, "limits", None))
        batch = convert.batch(theirs)
        stamp(batch, os.urandom(16), "", time.time_ns())
        at, aside = Moment(time.time_ns()), Aside()
        for processor in self._processors:
            batch = processor.process(batch, at, aside)
        if refused := len(aside.refused):
            log.error("records=%d msg=%r", refused, f"refused: {aside.refused[0].reason}")
        return batch

    def _export(self, batch: Batch) -> LogRecordExportResult:
        if not count(batch):
            return LogRecordExportResult.SUCCESS
        deadline = time.monotonic() + self._timeout
        outbox = self._opened()
        outbox.post(batch, self._timeout)
        if self._directory is not None or outbox.flush(max(deadline - time.monotonic(), 0.0)):
            return LogRecordExportResult.SUCCESS
        why = next(iter({**outbox.troubles(), **outbox.holds()}.values()), "no answer yet")
        log.warning("records=%d reason=%r msg=%r", count(batch), why, "not delivered yet; kept in memory")
        return LogRecordExportResult.FAILURE

    def _opened(self) -> Outbox:
        with self._lock:
            if self._shut:
                raise NotTakenError("the exporter is shut down")
            if self._outbox is not None and self._pid != os.getpid():
                life.leave(self._outbox)  # forked, and nobody has told us
                self._outbox = None
            if self._outbox is None:
                with GATE.opening():
                    self._outbox, self._pid = self._new_outbox(), os.getpid()
                life.begin()
            return self._outbox

    def _new_outbox(self) -> Outbox:
        outlets = {self._name: self._outlet}
        if self._directory is None:
            return Outbox(MemoryJournal(), outlets)
        return adoption.outbox(self._directory, outlets)

    def _stand_apart(self) -> None:
        """Two of one name in one directory would deliver each other's records."""
        if self._directory is None:
            return
        here = self._directory.resolve()
        for other in list(_journaled):
            same = not other._shut and other._name == self._name
            if same and other._directory and other._directory.resolve() == here and other._mark != self._mark:
                raise OtelsiemError(
                    f"two exporters are called {self._name!r}, keep their records in {self._directory} and deliver to"
                    " different places: give one of them another name=, or another journal="
                )
        _journaled.add(self)


def _own(readable: Any) -> bool:
    """What our own loggers say must not come back to us."""
    scope = readable.instrumentation_scope
    return scope is not None and is_own(str(scope.name))
