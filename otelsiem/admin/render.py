"""Records, dead letters, fates and counts as plain JSON values, for people and scripts.

Guarantees: total, whatever a record holds: bytes become base64, NaN and infinities become words, integers stay exact.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from otelsiem.admin.operations import Status
from otelsiem.journal.journal import DeadLetter, Fate
from otelsiem.model.record import Record

Json: TypeAlias = Any  # what json.dumps takes

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def dead_letter(letter: DeadLetter) -> dict[str, Json]:
    """A refused record with its history."""
    return {
        "exporter": letter.exporter,
        "pipeline": letter.pipeline,
        "position": letter.position,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "first": moment(letter.first),
        "last": moment(letter.last),
        "record": record(letter.group.records[0]),
        "resource": value(letter.group.resource),
    }


def record(one: Record) -> dict[str, Json]:
    """A record in words that need no table."""
    return {
        "id": one.id,
        "time": moment(one.moment),
        "event": one.event,
        "severity": one.severity,
        "severity_text": one.severity_text,
        "body": value(one.body),
        "attributes": value(one.attributes),
        "trace_id": one.trace_id,
        "span_id": one.span_id,
    }


def fates(found: Mapping[str, Fate]) -> dict[str, Json]:
    """What became of a record, per exporter."""
    return {name: {"kind": f.kind.value, "reason": f.reason, "attempts": f.attempts} for name, f in found.items()}


def status(now: Status) -> dict[str, Json]:
    """Counts per pipeline and exporter, and who is held for what."""
    stats = now.stats
    return {
        "pipelines": [asdict(counts) for counts in stats.pipelines],
        "exporters": [
            {**asdict(c), "oldest": moment(c.oldest), "held": now.held.get(c.exporter, "")} for c in stats.exporters
        ],
        "held": dict(now.held),
        "reload": now.reloaded
        and {"at": moment(now.reloaded.at), "ok": not now.reloaded.problems, "problems": list(now.reloaded.problems)},
        "journal": {"bytes": stats.bytes, "full": stats.full, "ready": stats.ready, "problem": stats.problem},
    }


def moment(ns: int) -> str:
    """RFC 3339 to the nanosecond, "" for 0."""
    if not ns:
        return ""
    seconds, rest = divmod(ns, 1_000_000_000)
    try:
        when = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return f"{ns} ns"  # a sender's nonsense beyond the year 9999
    return f"{when:%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def value(any_value: object) -> Json:
    """An attribute's or body's value."""
    match any_value:
        case bytes():
            return base64.b64encode(any_value).decode("ascii")
        case float() if not math.isfinite(any_value):
            return str(any_value)
        case dict():
            return {str(key): value(item) for key, item in any_value.items()}
        case list() | tuple():
            return [value(item) for item in any_value]
        case _:
            return any_value
