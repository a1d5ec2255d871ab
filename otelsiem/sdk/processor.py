"""The processor that an application puts before its exporters: maps severity, stamps the constitutional hash.

    provider.add_log_record_processor(AuditLogRecordProcessor(BatchLogRecordProcessor(SplunkHecExporter(…))))
    provider.add_log_record_processor(AuditLogRecordProcessor(AuditLog(SplunkHec(…), journal="audit-journal/")))

Guarantees: it works on a copy, so whatever else the host has on its provider sees its record byte for byte as it was;
an exception in here, or in what comes after, never reaches the caller of `emit`; who acts, for which tenant and in
which trace is read at emit time, in the caller's thread, where it is known.
"""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, TypeAlias

from opentelemetry._logs import SeverityNumber
from opentelemetry.context import get_current
from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

from otelsiem.auditing import life
from otelsiem.auditing.baggage import carried
from otelsiem.auditing.context import known
from otelsiem.auditing.log import AuditLog
from otelsiem.model.destination import Moment
from otelsiem.model.errors import OtelsiemError
from otelsiem.model.processor import Aside
from otelsiem.model.record import Group, Record, Scope, Value
from otelsiem.otlp.ids import stamp
from otelsiem.processors.constitution import Constitution
from otelsiem.processors.severity import Severity
from otelsiem.sdk.complaint import complain, told_when_disabled
from otelsiem.sdk.emitted import emitted
from otelsiem.sdk.later import later
from otelsiem.sdk.limits import look
from otelsiem.sdk.twin import copied, twin
from otelsiem.voice import is_own

_Left: TypeAlias = tuple[Any, dict[str, Value], Any, Mapping[str, Value]]  # limits, attributes, severity, who acts

_NUMBERS = {number.value: number for number in SeverityNumber}


class AuditLogRecordProcessor(LogRecordProcessor):
    """`next`: where records go on to: a processor of the SDK, or an `AuditLog`, which then has the only queue.

    `constitution`: the hash of the rules in force, or the processor itself. An `AuditLog` has its own.
    """

    def __init__(
        self,
        next: LogRecordProcessor | AuditLog,  # noqa: A002 - what it is
        *,
        severity: Severity | None = None,
        constitution: Constitution | str | None = None,
    ) -> None:
        if isinstance(next, AuditLog) and (severity is not None or constitution is not None):
            raise OtelsiemError("an AuditLog maps and stamps by itself: give severity= and constitution= to it")
        self._next: LogRecordProcessor | AuditLog = next
        rules = Constitution(hash=constitution) if isinstance(constitution, str) else constitution
        self._severity, self._constitution = severity or Severity(), rules
        self._waits = type(next) is BatchLogRecordProcessor  # its thread is the first to read a record
        self._foreign: Any = None  # the scope that was last seen not to be ours
        self._begun = False
        if not isinstance(next, AuditLog):
            life.mind(self, first=True)
        told_when_disabled()

    def on_emit(self, log_record: Any) -> None:
        next_ = self._next
        if isinstance(next_, AuditLog):
            self._taken(next_, log_record)
        else:
            self._passed(next_, log_record)

    def shutdown(self) -> None:
        """The provider ends: an AuditLog, which may have other sources, is only flushed."""
        try:
            if isinstance(self._next, AuditLog):
                self._next.flush()
            else:
                self._next.shutdown()
        except Exception:  # noqa: BLE001 - whatever it is, the host's call goes on
            complain("shutdown", "what comes after AuditLogRecordProcessor did not shut down", failed=True)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        try:
            if isinstance(self._next, AuditLog):
                return self._next.flush(timeout_millis / 1000)
            return self._next.force_flush(timeout_millis)
        except Exception:  # noqa: BLE001 - as above
            complain("flush", "what comes after AuditLogRecordProcessor did not flush", failed=True)
            return False

    # --- the life of the process (`auditing/life.py`): a child of multiprocessing ends without the provider's knowledge

    def flush(self, timeout: float) -> None:
        self.force_flush(int(timeout * 1000))

    close = flush

    def forked(self) -> None:
        self._begun = False

    def inherit(self) -> None:
        """Nothing waits here."""

    # --- into the queue of an AuditLog

    def _taken(self, log: AuditLog, log_record: Any) -> None:
        try:
            scope = log_record.instrumentation_scope
            if scope is self._foreign or not self._is_ours(scope):
                log.take(emitted(log_record, known(), get_current()))
        except Exception:  # noqa: BLE001 - as above
            log.lose(1, "a record of the SDK could not be taken", failed=True)

    # --- to another processor

    def _passed(self, next_: LogRecordProcessor, log_record: Any) -> None:
        try:
            if not self._begun:
                self._begun = True
                life.begin()
            made = self._made(log_record)
        except Exception:  # noqa: BLE001 - whatever it is, the host's call goes on and its record too
            complain("prepare", "a record could not be prepared; it goes on as it is", failed=True)
            made = (log_record,)
        for one in made:
            try:
                next_.on_emit(one)
            except Exception:  # noqa: BLE001 - as above
                complain("next", "what comes after AuditLogRecordProcessor failed", failed=True)

    def _is_ours(self, scope: Any) -> bool:
        """What we say about a record would be a record, and so on."""
        if scope is not None and is_own(str(scope.name)):
            return True
        self._foreign = scope
        return False

    def _made(self, log_record: Any) -> Sequence[Any]:
        """The copy, and the record about a constitution that is not in force, if that is so."""
        if (scope := log_record.instrumentation_scope) is not self._foreign and self._is_ours(scope):
            return ()
        context = get_current()
        who = {**carried(context), **known()} if context else known()
        if self._waits and (late := self._later(log_record, who)) is not None:
            return (late,)
        mine, attributes = copied(log_record)
        inner = mine.log_record
        limits = getattr(log_record, "limits", None)
        dropped = log_record.dropped_attributes
        seen = self._judged(inner, attributes, inner.severity_number, who, limits=limits, dropped=dropped)
        rules = self._constitution
        made = [mine] if rules is None or rules.stamped(seen) else [mine, *_strangers(rules, seen, mine)]
        inner.severity_number = _NUMBERS.get(seen.severity)
        return made

    def _later(self, log_record: Any, who: Mapping[str, Value]) -> Any:
        """The copy for a BatchLogRecordProcessor: its thread judges it. None: there is something that cannot wait."""
        inner = log_record.log_record
        bounded = inner.attributes
        held = getattr(bounded, "_dict", None)
        if held is None or bounded.dropped:
            return None
        rules = self._constitution
        if rules is not None and not (rules.alone(held) and (not who or rules.alone(who))):
            return None
        outer = log_record.__dict__.copy()
        # the limits, and not the record itself, whose context may be large
        late = later(inner, self._finish, (outer.get("limits"), held.copy(), inner.severity_number, who))
        if late is None:
            return None
        outer["log_record"] = late
        return twin(type(log_record), outer)

    def _finish(self, fields: dict[str, Any], left: _Left) -> None:
        """Judge a record that was emitted before; its own thread is gone, so an exception has no other place to go."""
        limits, held, number, who = left
        attributes = held.copy()
        try:
            seen = self._judged(SimpleNamespace(**fields), attributes, number, who, limits=limits)
            if self._constitution is not None:
                self._constitution.stamped(seen)
            number = _NUMBERS.get(seen.severity)
        except Exception:  # noqa: BLE001 - whatever it is, the record goes on
            complain("prepare", "a record could not be prepared; it goes on as it is", failed=True)
            attributes = held
        fields["severity_number"], fields["attributes"] = number, attributes

    def _judged(
        self,
        inner: Any,
        attributes: dict[str, Value],
        number: Any,
        who: Mapping[str, Value],
        *,
        limits: Any,
        dropped: int = 0,
    ) -> Record:
        """What our rules say of it; `attributes` are added to."""
        for key, value in who.items():
            if attributes.get(key) is None:
                attributes[key] = value
        look(inner.event_name or "", attributes, dropped, limits)
        seen = Record(
            severity=number.value if number is not None else 0,
            severity_text=inner.severity_text or "",
            event=inner.event_name or "",
            time=inner.timestamp or inner.observed_timestamp or 0,
            attributes=attributes,
        )
        self._severity.judge(seen, {})
        return seen


def _strangers(rules: Constitution, seen: Record, mine: Any) -> list[Any]:
    """The record about a hash that the record brought, if that is not in force; the record is marked.

    The record gets its id here, not in the exporter: the one about it tells it, and takes its own from it.
    """
    now = time.time_ns()
    batch = [Group({}, Scope(), [seen])]
    stamp(batch, os.urandom(16), "", now)
    seen.attributes["audit.record.id"] = seen.id
    judged = rules.process(batch, Moment(now), Aside())
    return [_like(mine, one) for group in judged for one in group.records if one is not seen]


def _like(mine: Any, record: Record) -> Any:
    """A record of ours in the clothes of the SDK."""
    made = copy.copy(mine)
    inner = made.log_record = copy.copy(mine.log_record)
    inner.severity_number, inner.severity_text = _NUMBERS.get(record.severity), None
    inner.event_name, inner.body = record.event, record.body
    inner.attributes = {"audit.record.id": record.id, **record.attributes}
    return made
