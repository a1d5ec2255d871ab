"""HEC envelopes the general way: from the normalised event, whatever the record holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from msgspec import Raw

from otelsiem.formats._hec.group import Common, Place
from otelsiem.formats.json import Event
from otelsiem.formats.values import text
from otelsiem.model.record import Record
from otelsiem.model.severity import scale

Wanted: TypeAlias = tuple[str, tuple[str, ...]]  # the field's name, the attributes that may fill it

# What is always indexed: the id to dedup by (contract 8), the trace (11), the four keys of responders.
INDEXED = {
    "audit.record.id": "event_id",
    "trace_id": "trace_id",
    "span_id": "span_id",
    "tenant.id": "tenant_id",
    "gen_ai.agent.id": "agent_id",
    "audit.correlation.id": "correlation_id",
    "audit.constitutional_hash": "constitutional_hash",
}


class CimEvent(Event, gc=False, omit_defaults=True):
    """The normalised event with the names of Splunk's Common Information Model beside its own."""

    user: Any = None
    src: Any = None
    dest: Any = None
    app: Any = None
    signature: Any = None
    status: Any = None
    object: Any = None
    object_id: Any = None
    object_category: Any = None
    vendor_product: str | None = None


class Envelope(msgspec.Struct, gc=False, omit_defaults=True):
    """The seven keys, no others."""

    time: Raw
    host: str | None = None
    source: str | None = None
    sourcetype: str | None = None
    index: str | None = None
    event: Event | None = None
    fields: Mapping[str, str | list[str]] | None = None


def envelope(
    event: Event, record: Record, common: Common, wanted: Sequence[Wanted], resource: Mapping[str, Any]
) -> Envelope:
    """The envelope of one record, from its event."""
    place = common.place(record)
    fields = dict(_always(event))
    for name, keys in wanted:
        if (value := first(keys, record.attributes, resource)) is not None:
            fields.setdefault(name, flat(value))
    if type(event) is CimEvent:
        _cim(event, common, place)
    return Envelope(Raw(clock(event.time_unix_nano)), *place, event, fields or None)


def clock(ns: str) -> bytes:
    """Epoch nanoseconds as the seconds that Splunk reads, all nine digits kept."""
    return f"{ns[:-9] or '0'}.{ns[-9:]:0>9}".encode()


def flat(value: object) -> str | list[str]:
    """The only values an indexed field may have (contract 3: anything nested is code 15)."""
    if isinstance(value, list | tuple):
        return [text(item) for item in value]
    return text(value)


def _always(event: Event) -> Iterator[tuple[str, str | list[str]]]:
    for name, field in INDEXED.items():
        if (value := getattr(event, field)) is not None:
            yield name, flat(value)


def first(keys: Sequence[str], *carriers: Mapping[str, Any]) -> Any:
    """The first of these that a carrier has; the first carrier is asked for all of them first."""
    return next((value for one in carriers for key in keys if (value := one.get(key)) is not None), None)


def _cim(event: CimEvent, common: Common, place: Place) -> None:
    host = place[0]
    event.severity = scale(event.severity_number).cim  # CIM has five words; the number keeps what they cannot say
    event.user = event.user_name or event.user_id or event.user_email
    event.src = event.src_ip
    event.app = common.app
    event.signature = event.event_type
    event.status = event.outcome  # `action` stays what was done: Splunk's `status` says how it ended
    event.vendor_product = common.vendor_product
    event.dest = host
    if target := event.target:
        event.dest = target.name or target.id or host
        event.object, event.object_id, event.object_category = target.name, target.id, target.type
