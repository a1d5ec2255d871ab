"""How Datadog's documents of one shape are laid out: which fields they have, in which order.

Guarantees: a document of a layout has the bytes of the general one, which has every field. No field is a name that
Datadog takes for one of its own unless it is meant to (contract 8). Names with dots are paths there: `usr.id` is found
as `@usr.id`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from otelsiem.formats.json import Event
from otelsiem.formats.layout import Layout, metadata_of, picker, struct_type
from otelsiem.formats.shape import shape

Schema: TypeAlias = Literal["standard", "event"]

HEAD = (
    "message", "status", "ddsource", "service", "hostname", "ddtags", "timestamp", "audit.time",
    "trace_id", "span_id", "event_id", "event_type",
)  # fmt: skip
_FIELDS = Event.__struct_fields__
# The flat names between the head and the objects; a top-level `source` would be read as the integration's name.
ATTRIBUTES = tuple([name for name in _FIELDS[_FIELDS.index("source") : _FIELDS.index("target")] if name != "source"])
STANDARD = {  # Datadog's default standard attributes, and the flat name each repeats: what its own rules search
    "usr.id": "user_id",
    "usr.name": "user_name",
    "usr.email": "user_email",
    "network.client.ip": "src_ip",
    "network.client.port": "src_port",
    "http.useragent": "user_agent",
    "http.request_id": "request_id",
    "error.kind": "error_type",
    "error.message": "error_message",
    "evt.outcome": "outcome",
}
_BEFORE = ("evt.name", "target", "metadata", "constitutional_hash", "correlation_id")
_RARE = ("mitre_attack", "body")  # what has one of these has no layout
_AFTER = (
    "audit.source", "audit.severity", "otel.severity_number", "otel.severity_text", "otel.timestamp",
    "otel.observed_timestamp", "otel.trace_flags", "resource", "resource_schema_url", "scope", "_siem",
)  # fmt: skip

DOCUMENT = struct_type([*HEAD, *ATTRIBUTES, *STANDARD, *_BEFORE, *_RARE, *_AFTER])


def standard(keys: Sequence[str], types: Sequence[type], said: Sequence[str]) -> Layout | None:
    """The layout for attributes of these plain types in a group whose resource says `said`; None: there is none."""
    return _layout(keys, types, said, STANDARD)


def event(keys: Sequence[str], types: Sequence[type], said: Sequence[str]) -> Layout | None:
    """The same without the standard attributes."""
    return _layout(keys, types, said, {})


def _layout(keys: Sequence[str], types: Sequence[type], said: Sequence[str], beside: dict[str, str]) -> Layout | None:
    plan = shape(keys)
    where = {key: n for n, key in enumerate(keys)}
    flat = {name: where[key] for name, key in plan.moved}
    target = {name: where[key] for name, key in plan.target}
    at = {name: n for n, name in enumerate(said, len(keys) + 1)} | flat
    none = len(keys)  # the place in the row where nothing stands
    if plan.attack or plan.heads or (plan.outcomes and "outcome" not in flat):
        return None
    main = [name for name in ATTRIBUTES if name in at]
    more = {name: repeated for name, repeated in beside.items() if repeated in at}
    careful = [n for n, kind in enumerate(types) if kind in {float, list}]
    try:
        return Layout(
            make=struct_type([*HEAD, *main, *more, *_BEFORE, *_AFTER]),
            attributes=picker([at[name] for name in (*main, *more.values())]),
            metadata=metadata_of(plan.rest, where),
            pivots=picker([flat.get("outcome", none),
                           *[at.get(name, none) for name in ("constitutional_hash", "correlation_id", "source")]]),
            target=picker([target.get(name, none) for name in ("id", "type", "name")]) if target else None,
            careful=picker(careful) if careful else None,
        )  # fmt: skip
    except (ValueError, UnicodeError):  # a key that cannot be a field's name: quotes, control characters
        return None
