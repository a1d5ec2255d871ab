"""What one call of `audit`, or one `emit`, leaves behind: all that has to be looked at there and then, as it was.

Turning it into a record is done later and elsewhere, so a call costs what it takes to look (ADR 9).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Protocol, TypeAlias, cast, runtime_checkable

import msgspec
from opentelemetry import trace
from opentelemetry.context import Context

from otelsiem.auditing.baggage import carried
from otelsiem.auditing.context import NAMES
from otelsiem.model import severity as levels
from otelsiem.model.record import Batch, Group, Record, Scope, Value
from otelsiem.otlp.ids import stamp
from otelsiem.sdk import emitted
from otelsiem.sdk.convert import mapping, value
from otelsiem.sdk.emitted import Emitted

_NUMBERS = range(25)  # of OpenTelemetry; 0 = not said
_BINDABLE = frozenset(NAMES.values())


@runtime_checkable
class TypedEvent(Protocol):
    """An event of a known family: `otelsiem.auditing.events` has them."""

    @property
    def event(self) -> str: ...

    @property
    def severity(self) -> str: ...

    @property
    def message(self) -> str: ...

    def attributes(self) -> Mapping[str, Any]: ...


class Happened(msgspec.Struct, gc=False):
    """One call. `gc=False`: nothing that it holds can hold it, and the caller's collections come half as often."""

    time: int
    event: str | TypedEvent
    given: Mapping[str, Any]  # by name
    bound: Mapping[str, Value]
    context: Context


SAID = frozenset({"outcome", "severity", "message", "tenant"})
"""What of the names given is no attribute. Told apart here: parameters of these names cost each call 0.3 µs."""

Left: TypeAlias = Happened | Emitted
"""What waits to become a record: a call of `audit`, or what the SDK emitted."""


def batch(left: Sequence[Left], resource: Mapping[str, Value], scope: Scope, now: int) -> Batch:
    """Records of these in their order, with their ids. A call's resource is ours, an emitted record's is the SDK's."""
    made: Batch = []
    for by_sdk, run in groupby(left, _is_emitted):
        if by_sdk:
            made += emitted.batch(cast("Iterator[Emitted]", run))
        else:
            made.append(Group(dict(resource), scope, [_record(one) for one in cast("Iterator[Happened]", run)]))
    stamp(made, os.urandom(16), "", now)  # what it is made of is random here: nobody sends a call again
    return made


def name(one: Left) -> str:
    """What a log says of it."""
    if isinstance(one, Emitted):
        return str(one.event_name or "")
    return one.event if isinstance(one.event, str) else type(one.event).__name__


def _is_emitted(one: Left) -> bool:
    return type(one) is Emitted


def _record(one: Happened) -> Record:
    time, event, given = one.time, one.event, one.given
    severity, message = given.get("severity") or "", given.get("message") or ""
    attributes = {**carried(one.context), **one.bound}
    if type(event) is not str and isinstance(event, TypedEvent):
        severity, message = severity or event.severity, message or event.message
        _add(attributes, event.attributes())
        event = event.event
    _add(attributes, {key: item for key, item in given.items() if key not in SAID})
    if tenant := given.get("tenant"):
        attributes["tenant.id"] = _text(tenant)
    if outcome := given.get("outcome"):
        attributes["audit.outcome"] = _text(outcome)
    number = severity if type(severity) is int and severity in _NUMBERS else None
    word = "" if number is not None else _text(severity)
    if word:
        attributes["audit.level"] = word
    span = trace.get_current_span(one.context).get_span_context()
    return Record(
        "",
        time,
        time,
        levels.number(word) if number is None else number,
        word,
        _text(event),
        value(message) or None,
        attributes,
        f"{span.trace_id:032x}" if span.is_valid else "",
        f"{span.span_id:016x}" if span.is_valid else "",
        int(span.trace_flags) if span.is_valid else 0,
    )


def _text(item: Any) -> str:
    """Whatever a caller gave where a text belongs."""
    if type(item) is str:
        return item
    return "" if item is None else str(value(item))


def _add(attributes: dict[str, Value], said: Mapping[str, Any]) -> None:
    """What is said here wins over what is known. None takes nothing away: `actor=None` is as if it were not there."""
    more = mapping(_spelled(said))
    if None in more.values():
        known = {*attributes, *_BINDABLE}
        more = {key: item for key, item in more.items() if item is not None or key not in known}
    attributes |= more


def _spelled(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """`actor=…` is `user.id`, as in `bind`."""
    if NAMES.keys().isdisjoint(attributes):
        return attributes
    return {NAMES.get(key, key): value for key, value in attributes.items()}
