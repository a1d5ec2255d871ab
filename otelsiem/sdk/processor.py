"""The processor that an application puts before its exporters: maps severity, stamps the constitutional hash.

    provider.add_log_record_processor(AuditLogRecordProcessor(BatchLogRecordProcessor(SplunkHecExporter(…))))

Guarantees: it works on a copy, so whatever else the host has on its provider sees its record byte for byte as it was;
an exception in here, or in what comes after, never reaches the caller of `emit`; who acts, for which tenant and in
which trace is read at emit time, in the caller's thread, where it is known.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any

from opentelemetry import baggage
from opentelemetry._logs import SeverityNumber
from opentelemetry.context import get_current
from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

from otelsiem.auditing import life
from otelsiem.auditing.context import known
from otelsiem.auditing.moment import BAGGAGE
from otelsiem.model.destination import Moment
from otelsiem.model.processor import Aside
from otelsiem.model.record import Group, Record, Scope, Value
from otelsiem.processors.constitution import Constitution
from otelsiem.processors.severity import Severity
from otelsiem.sdk.complaint import complain, told_when_disabled
from otelsiem.sdk.later import later
from otelsiem.sdk.limits import look

OWN = "otelsiem"  # our own loggers: what they say must not come back to us

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
        self._severity, self._constitution = severity or Severity(), rules
        self._waits = type(next) is BatchLogRecordProcessor  # its thread is the first to read a record
        self._begun = False
        life.mind(self, first=True)
        told_when_disabled()

    def on_emit(self, log_record: Any) -> None:
        try:
            if not self._begun:
                self._begun = True
                life.begin()
            made = self._made(log_record)
        except Exception:  # noqa: BLE001 - whatever it is, the host's call goes on and its record too
            complain("prepare", "a record could not be prepared; it goes on as it is", failed=True)
            made = [log_record]
        for one in made:
            try:
                self._next.on_emit(one)
            except Exception:  # noqa: BLE001 - as above
                complain("next", "what comes after AuditLogRecordProcessor failed", failed=True)

    def shutdown(self) -> None:
        try:
            self._next.shutdown()
        except Exception:  # noqa: BLE001 - as above
            complain("shutdown", "what comes after AuditLogRecordProcessor did not shut down", failed=True)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        try:
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

    def _made(self, log_record: Any) -> list[Any]:
        """The copy, and the record about a constitution that is not in force, if that is so."""
        scope = log_record.instrumentation_scope
        if scope is not None and (scope.name == OWN or str(scope.name).startswith(f"{OWN}.")):
            return []  # else what we say about a record would be a record, and so on
        who = _who()
        if self._waits and (late := self._later(log_record, who)) is not None:
            return [late]
        mine, attributes = _copied(log_record)
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
        rules = self._constitution
        if (
            held is None
            or bounded.dropped
            or (rules is not None and not (rules.alone(held) and (not who or rules.alone(who))))
        ):
            return None
        limits = getattr(log_record, "limits", None)  # and not the record itself, whose context may be large
        finish = partial(self._finish, limits, dict(held), inner.severity_number, who)
        if (late := later(inner, finish)) is None:
            return None
        mine = _taken_over(log_record)
        mine.log_record = late
        return mine

    def _finish(
        self, limits: Any, held: dict[str, Value], number: Any, who: Mapping[str, Value], fields: dict[str, Any]
    ) -> None:
        """Judge a record that was emitted before; its own thread is gone, so an exception has no other place to go."""
        attributes = dict(held)
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
            attributes.setdefault(key, value)
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
    """The record about a hash that the record brought, if that is not in force; the record is marked."""
    batch = rules.process([Group({}, Scope(), [seen])], Moment(time.time_ns()), Aside())
    return [_like(mine, one) for group in batch for one in group.records if one is not seen]


def _copied(log_record: Any) -> tuple[Any, dict[str, Value]]:
    """A copy that shares nothing changeable, and its attributes to be added to (beyond the SDK's limit, if need be)."""
    mine = _taken_over(log_record)
    mine.log_record = _taken_over(log_record.log_record)
    held = mine.log_record.attributes
    inner = getattr(held, "_dict", None)
    if inner is None:
        attributes: dict[str, Value] = dict(held or {})
        mine.log_record.attributes = attributes
        return mine, attributes
    attributes = dict(inner)
    if not held.dropped:
        mine.log_record.attributes = attributes
        return mine, attributes
    bounded = mine.log_record.attributes = _taken_over(held)  # keeps how many were dropped
    bounded._dict = attributes
    return mine, attributes


def _taken_over(one: Any) -> Any:
    """A copy that shares its fields; `copy.copy` goes through the protocol of pickle, which costs ten times that."""
    if not hasattr(one, "__dict__"):
        return copy.copy(one)
    made: Any = object.__new__(type(one))
    made.__dict__.update(one.__dict__)
    return made


def _like(mine: Any, record: Record) -> Any:
    """A record of ours in the clothes of the SDK."""
    made = copy.copy(mine)
    inner = made.log_record = copy.copy(mine.log_record)
    inner.severity_number, inner.severity_text = _NUMBERS.get(record.severity), None
    inner.event_name, inner.body = record.event, record.body
    inner.attributes = {"audit.record.id": record.id, **record.attributes}
    return made


def _who() -> Mapping[str, Value]:
    """Who acts, for whom: as it is known here and now."""
    carried, bound = _carried(), known()
    return {**carried, **bound} if carried else bound


def _carried() -> dict[str, Value]:
    """What came with the request from whoever called the host."""
    if not (context := get_current()):
        return {}
    found = baggage.get_all(context)
    return {key: str(found[key]) for key in BAGGAGE if key in found} if found else {}
