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

import logging
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult

from otelsiem.journal import family
from otelsiem.journal.journal import Journal
from otelsiem.journal.memory import MemoryJournal
from otelsiem.model.destination import Destination, Moment
from otelsiem.model.processor import Aside, Processor
from otelsiem.model.record import Batch, count
from otelsiem.otlp.ids import stamp
from otelsiem.outbox import NotTakenError, Outbox, Outlet
from otelsiem.sdk import convert
from otelsiem.sdk.processor import OWN

log = logging.getLogger("otelsiem.sdk")

NAME = "sdk"  # of its one exporter
TIMEOUT = 10.0  # seconds, as OTEL_EXPORTER_OTLP_TIMEOUT has it
MOST_MIB, FLOOR_MIB = 1024, 64
CLOSING = 5.0


class SiemLogExporter(LogRecordExporter):
    """`processors`: severity, stamp or mask for routes that have no `AuditLogRecordProcessor` before them."""

    def __init__(
        self,
        destination: Destination | Outlet,
        *,
        journal: str | Path | None = None,
        timeout: float = TIMEOUT,
        processors: Sequence[Processor] = (),
    ) -> None:
        self._outlet = destination if isinstance(destination, Outlet) else Outlet(destination)
        self._directory = Path(journal) if journal is not None else None
        self._timeout, self._processors = timeout, tuple(processors)
        self._lock = threading.Lock()
        self._outbox: Outbox | None = None
        self._pid = 0
        self._inherited: list[Outbox] = []  # of the process that we were forked from: never to be closed here
        self._shut = False

    def export(self, batch: Sequence[Any]) -> LogRecordExportResult:
        """Called by one thread at a time; never raises."""
        try:
            return self._export(self._prepared(batch))
        except NotTakenError as why:
            log.error("records=%d msg=%r", len(batch), f"LOST: {why}")  # noqa: TRY400 - the sentence says it all
        except Exception:  # the SDK would log it and go on: so do we, with the number of records
            log.exception("records=%d msg=%r", len(batch), "LOST: the exporter failed")
        return LogRecordExportResult.FAILURE

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Journaled: what was exported is on disk already. Direct: whether everything has been delivered."""
        outbox = self._outbox if self._pid == os.getpid() else None
        return outbox is None or self._directory is not None or outbox.flush(timeout_millis / 1000)

    def shutdown(self, timeout_millis: float = CLOSING * 1000) -> None:
        """Deliver what goes at once, then let go. What is journaled stays for the next life."""
        with self._lock:
            if self._shut:
                return
            self._shut = True
            if self._outbox is None or self._pid != os.getpid():
                return
            left = self._outbox.close(timeout_millis / 1000)
        if left and self._directory is None:
            log.error("records=%d msg=%r", left, "LOST: not delivered at shutdown, and there is no journal")

    def _prepared(self, readable: Sequence[Any]) -> Batch:
        batch = convert.batch([one for one in readable if not _own(one)])
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
            if self._outbox is None or self._pid != os.getpid():
                if self._outbox is not None:
                    self._inherited.append(self._outbox)
                self._outbox, self._pid = Outbox(self._journal(), {NAME: self._outlet}), os.getpid()
            return self._outbox

    def _journal(self) -> Journal:
        if self._directory is None:
            return MemoryJournal()
        return family.claim(self._directory, MOST_MIB, FLOOR_MIB)


def _own(readable: Any) -> bool:
    """What our own loggers say must not come back to us."""
    scope = readable.instrumentation_scope
    return scope is not None and (scope.name == OWN or str(scope.name).startswith(f"{OWN}."))
