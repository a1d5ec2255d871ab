"""A record of the SDK as it was when it was emitted, to become one of ours in another thread.

Guarantees: what is changed after the emit does not change it; it holds nothing of the host but values, its resource and
its scope, which the SDK itself never changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from opentelemetry.context import Context

from otelsiem.auditing.baggage import carried
from otelsiem.model.record import Batch, Record, Value
from otelsiem.sdk import convert
from otelsiem.sdk.limits import look


class Emitted(msgspec.Struct, gc=False):
    """What there is to be seen of it. `gc=False`: nothing that it holds can hold it, so the collector need not look."""

    timestamp: Any
    observed_timestamp: Any
    severity_number: Any
    severity_text: Any
    event_name: Any
    body: Any
    attributes: Mapping[str, Any]
    trace_id: Any
    span_id: Any
    trace_flags: Any
    dropped: int  # attributes, by the SDK's limit
    limits: Any
    resource: Any
    scope: Any
    bound: Mapping[str, Value]
    context: Context


def emitted(log_record: Any, bound: Mapping[str, Value], context: Context) -> Emitted:
    """Look at it, here and now."""
    inner = log_record.log_record
    attributes, body = inner.attributes, inner.body
    held = getattr(attributes, "_dict", None)  # the SDK's own copy of what it was given, which nothing in it can change
    return Emitted(
        inner.timestamp,
        inner.observed_timestamp,
        inner.severity_number,
        inner.severity_text,
        inner.event_name,
        body if type(body) in convert.PLAIN else convert.value(body),
        held.copy() if held is not None else convert.mapping(attributes or {}),
        inner.trace_id,
        inner.span_id,
        inner.trace_flags,
        log_record.dropped_attributes if held is None else attributes.dropped,
        getattr(log_record, "limits", None),
        log_record.resource,
        log_record.instrumentation_scope,
        bound,
        context,
    )


def batch(emitted: Iterable[Emitted]) -> Batch:
    """Our records of these, still without ids."""
    return convert.groups(_records(emitted))


def _records(emitted: Iterable[Emitted]) -> Iterator[tuple[Any, Any, Record]]:
    for one in emitted:
        look(one.event_name or "", one.attributes, one.dropped, one.limits)
        record = convert.record(one, one.dropped)
        for key, value in {**carried(one.context), **one.bound}.items():
            if record.attributes.get(key) is None:
                record.attributes[key] = value
        yield one.resource, one.scope, record
