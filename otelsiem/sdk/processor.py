"""The processor that an application puts before its exporters: maps severity, stamps the constitutional hash.

    provider.add_log_record_processor(AuditLogRecordProcessor(BatchLogRecordProcessor(SplunkHecExporter(…))))

Guarantees: it works on a copy, so whatever else the host has on its provider sees its record byte for byte as it was;
an exception in here, or in what comes after, never reaches the caller of `emit`; who acts, for which tenant and in
which trace is read at emit time, in the caller's thread, where it is known.
"""

from __future__ import annotations

import copy
import logging
import time
from typing import Any

from opentelemetry import baggage
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LogRecordProcessor

from otelsiem.audit.context import bound
from otelsiem.audit.moment import BAGGAGE
from otelsiem.model.destination import Moment
from otelsiem.model.processor import Aside, Processor
from otelsiem.model.record import Group, Record, Scope, Value
from otelsiem.processors.constitution import Constitution
from otelsiem.processors.severity import Severity

log = logging.getLogger("otelsiem.sdk")

OWN = "otelsiem"  # our own loggers: what they say must not come back to us
COMPLAIN_AGAIN = 60.0  # seconds between complaints of one kind
LIMIT = "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT"

_NUMBERS = {number.value: number for number in SeverityNumber}


class AuditLogRecordProcessor(LogRecordProcessor):
    """`next`: where the record goes on to. `constitution`: the hash of the rules in force, or the processor itself."""

    def __init__(
        self,
        next: LogRecordProcessor,  # noqa: A002 - what it is
        *,
        severity: Severity | None = None,
        constitution: Constitution | str | None = None,
    ) -> None:
        self._next = next
        rules = Constitution(hash=constitution) if isinstance(constitution, str) else constitution
        self._processors: tuple[Processor, ...] = (severity or Severity(), *([rules] if rules else ()))
        self._complained: dict[str, float] = {}

    def on_emit(self, log_record: Any) -> None:
        try:
            made = self._made(log_record)
        except Exception:  # noqa: BLE001 - whatever it is, the host's call goes on and its record too
            self._complain("prepare", "a record could not be prepared; it goes on as it is", failed=True)
            made = [log_record]
        for one in made:
            try:
                self._next.on_emit(one)
            except Exception:  # noqa: BLE001 - as above
                self._complain("next", "what comes after AuditLogRecordProcessor failed", failed=True)

    def shutdown(self) -> None:
        self._next.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._next.force_flush(timeout_millis)

    def _made(self, log_record: Any) -> list[Any]:
        """The copy, and the record about a constitution that is not in force, if that is so."""
        scope = log_record.instrumentation_scope
        if scope is not None and (scope.name == OWN or str(scope.name).startswith(f"{OWN}.")):
            return []  # else what we say about a record would be a record, and so on
        mine, attributes = _copied(log_record)
        if log_record.dropped_attributes:
            self._complain("dropped", f"the SDK dropped attributes of a record: raise {LIMIT} (128 by default)")
        for key, value in {**_carried(), **bound.get()}.items():
            attributes.setdefault(key, value)
        inner = mine.log_record
        number = inner.severity_number
        seen = Record(
            severity=number.value if number is not None else 0,
            severity_text=inner.severity_text or "",
            event=inner.event_name or "",
            time=inner.timestamp or inner.observed_timestamp or 0,
            attributes=attributes,
        )
        return [mine, *self._judged(seen, mine)]

    def _judged(self, seen: Record, mine: Any) -> list[Any]:
        batch = [Group({}, Scope(), [seen])]
        at = Moment(time.time_ns())
        for processor in self._processors:
            batch = processor.process(batch, at, Aside())
        mine.log_record.severity_number = _NUMBERS.get(seen.severity)
        return [_like(mine, one) for group in batch for one in group.records if one is not seen]

    def _complain(self, kind: str, said: str, *, failed: bool = False) -> None:
        now = time.monotonic()
        if now >= self._complained.get(kind, 0.0):
            self._complained[kind] = now + COMPLAIN_AGAIN
            log.error("msg=%r", said, exc_info=failed)


def _copied(log_record: Any) -> tuple[Any, dict[str, Value]]:
    """A copy that shares nothing changeable, and its attributes to be added to (beyond the SDK's limit, if need be)."""
    mine = copy.copy(log_record)
    mine.log_record = copy.copy(log_record.log_record)
    held = mine.log_record.attributes
    inner = getattr(held, "_dict", None)
    if inner is None:
        attributes: dict[str, Value] = dict(held or {})
        mine.log_record.attributes = attributes
        return mine, attributes
    attributes = dict(inner)
    bounded = mine.log_record.attributes = copy.copy(held)  # keeps how many were dropped
    bounded._dict = attributes
    return mine, attributes


def _like(mine: Any, record: Record) -> Any:
    """A record of ours in the clothes of the SDK."""
    made = copy.copy(mine)
    inner = made.log_record = copy.copy(mine.log_record)
    inner.severity_number, inner.severity_text = _NUMBERS.get(record.severity), None
    inner.event_name, inner.body = record.event, record.body
    inner.attributes = {"audit.record.id": record.id, **record.attributes}
    return made


def _carried() -> dict[str, Value]:
    """What came with the request from whoever called the host."""
    found = baggage.get_all()
    return {key: str(found[key]) for key in BAGGAGE if key in found} if found else {}
