"""What a Kafka message says beside its value: topic, key of a resource, trace, timestamp.

Guarantees: a topic's name is one that Kafka allows and none of the cluster's own, whatever a record says; a timestamp
is one that brokers take and do not delete by.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from otelsiem.formats.values import text
from otelsiem.model.destination import Moment
from otelsiem.model.record import Record

RECORD_ID, TRACE_PARENT = "audit.record.id", "traceparent"

EARLIEST, LATEST = 24 * 3_600_000, 300_000  # ms before and after now in which an event's own time is its timestamp

_LONGEST_TOPIC = 249
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")  # contract 6
_TRACE, _SPAN = re.compile(r"(?!0{32})[0-9a-f]{32}"), re.compile(r"(?!0{16})[0-9a-f]{16}")


def topic_name(name: str) -> str:
    """A name that Kafka allows; what a record said can make none of the cluster's own."""
    fit = _UNFIT.sub("_", name)[:_LONGEST_TOPIC]
    if fit.startswith("__"):  # __consumer_offsets
        fit = fit.lstrip("_") or "_"
    return "_" if fit in {"", ".", ".."} else fit


def traceparent(record: Record) -> bytes:
    """W3C Trace Context 3.2; empty when the record belongs to no trace."""
    if not record.trace_id or not _TRACE.fullmatch(record.trace_id) or not _SPAN.fullmatch(record.span_id):
        return b""
    return f"00-{record.trace_id}-{record.span_id}-{record.flags & 0xFF:02x}".encode()


def stamp(record: Record, at: Moment) -> int:
    """The event's time as timestamp (ms), or 0 for the time of sending.

    Brokers refuse what is an hour ahead, and delete by this time: an old event would be gone before anybody read it.
    """
    happened, now = (record.time or record.observed) // 1_000_000, at.now // 1_000_000
    return happened if now - EARLIEST <= happened <= now + LATEST else 0


def digest(resource: Mapping[str, Any]) -> bytes:
    """The same for the same attributes, in whichever order."""
    said = "\0".join([f"{name}\1{text(resource[name])}" for name in sorted(resource)])
    return blake2b(said.encode("utf-8", "replace"), digest_size=16).hexdigest().encode()
