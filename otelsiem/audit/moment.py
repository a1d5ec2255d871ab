"""What one call of `audit` leaves behind: everything that has to be looked at there and then, as it was.

Turning it into a record is done later and elsewhere, so a call costs what it takes to look (ADR 9).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from opentelemetry import baggage, trace
from opentelemetry.context import Context

from otelsiem.audit.context import NAMES
from otelsiem.model import severity
from otelsiem.model.record import Batch, Group, Record, Scope, Value
from otelsiem.otlp.ids import stamp
from otelsiem.sdk.convert import mapping

BAGGAGE = ("tenant.id", "user.id", "session.id", "gen_ai.agent.id", "audit.correlation.id")  # no more of it is believed


class Happened(NamedTuple):
    """One call."""

    time: int
    event: str
    outcome: str
    severity: str | int
    message: str
    tenant: str
    attributes: Mapping[str, Any]
    bound: Mapping[str, Value]
    context: Context


def batch(happened: Sequence[Happened], resource: Mapping[str, Value], scope: Scope, now: int) -> Batch:
    """Records of these calls, with their ids."""
    made: Batch = [Group(dict(resource), scope, [_record(one) for one in happened])]
    stamp(made, os.urandom(16), "", now)  # what it is made of is random here: nobody sends a call again
    return made


def _record(one: Happened) -> Record:
    attributes = {**_carried(one.context), **one.bound, **mapping(_spelled(one.attributes))}
    if one.tenant:
        attributes["tenant.id"] = one.tenant
    if one.outcome:
        attributes["audit.outcome"] = one.outcome
    word = one.severity if isinstance(one.severity, str) else ""
    if word:
        attributes["audit.level"] = word
    span = trace.get_current_span(one.context).get_span_context()
    return Record(
        "",
        one.time,
        one.time,
        one.severity if isinstance(one.severity, int) else severity.number(word),
        word,
        one.event,
        one.message or None,
        attributes,
        f"{span.trace_id:032x}" if span.is_valid else "",
        f"{span.span_id:016x}" if span.is_valid else "",
        int(span.trace_flags) if span.is_valid else 0,
    )


def _spelled(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """`actor=…` is `user.id`, as in `bind`."""
    if NAMES.keys().isdisjoint(attributes):
        return attributes
    return {NAMES.get(key, key): value for key, value in attributes.items()}


def _carried(context: Context) -> dict[str, Value]:
    """What came with the request from whoever called us."""
    found = baggage.get_all(context)
    return {key: str(found[key]) for key in BAGGAGE if key in found} if found else {}
