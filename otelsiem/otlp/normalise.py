"""Fills what a sender put into attributes because its logging library has no place for it: event type and text.

Guarantees: only an empty EventName or Body is filled, first hit wins, and the original attribute stays.
"""

from __future__ import annotations

from otelsiem.model.record import Batch, Value

EVENTS = ("otel.event.name", "event.name", "event_type", "event.type")
BODIES = ("message", "title", "description", "msg")
INSIDE = ("metadata", "details", "context")  # looked at last, as a nested map or as a dotted name


def normalise(batch: Batch) -> None:
    """Fill events and bodies in place; a record that has both costs two comparisons."""
    for group in batch:
        for record in group.records:
            if not record.event:
                record.event = found(record.attributes, EVENTS)
            if (body := record.body) is None or body == "":
                record.body = found(record.attributes, BODIES) or body


def found(attributes: dict[str, Value], names: tuple[str, ...]) -> str:
    """The first text under one of the names, then inside `metadata`, `details` and `context`; else ""."""
    for name in names:
        value = attributes.get(name)
        if type(value) is str and value:
            return value
    for prefix in INSIDE:
        inner = attributes.get(prefix)
        nested = inner if type(inner) is dict else {}
        for name in names:
            value = nested.get(name, attributes.get(f"{prefix}.{name}"))
            if type(value) is str and value:
                return value
    return ""
