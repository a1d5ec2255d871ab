"""A record as one line for a person at a terminal: time, severity, event, who, which tenant, what happened.

Guarantees: one record is one line, and nothing in a record drives the terminal: control characters, escape sequences
and the signs that turn the direction of text are shown as what they are (`\\x1b`), never sent. A value cannot pretend
to be another one: what has spaces or quotes in it stands in quotes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

from otelsiem.formats import planned
from otelsiem.formats._console.lines import MOST_ATTRIBUTES, WHO, writer
from otelsiem.formats._console.values import BOLD, COLOURS, DIM, LONGEST_MESSAGE, harmless, painted, shown
from otelsiem.formats.json import Event, Shapes, document, template, timestamps
from otelsiem.formats.planned import Find, General
from otelsiem.formats.speaker import NOBODY
from otelsiem.formats.vocabulary import FROM_RESOURCE
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group, Record

__all__ = ["harmless", "lines"]


def lines(batch: Batch, at: Moment, *, color: bool) -> bytes:
    """One line per record, in order; each ends with a newline."""
    written = planned.lines(batch, lambda group, told: _ways(group, told, at, color=color))
    return b"\n".join([*written, b""])


def _ways(group: Group, told: bytes, at: Moment, *, color: bool) -> tuple[General, Find | None]:
    """How the records of a group are written."""
    shapes: Shapes = {}
    stamp = timestamps()
    blank: list[Event] = []  # made when a record needs it

    def general(record: Record) -> bytes:
        if not blank:
            blank.append(template(group, at, NOBODY, Event))
        return _line(document(record, blank[0], shapes, stamp), color=color).encode()

    said = _kept(told) if told else _said(group)
    return general, None if said is None else partial(writer, said=said, color=color)


def _said(group: Group) -> Mapping[str, str] | None:
    """What a group says for its records; None when that is no text."""
    blank = template(group, Moment(now=0), NOBODY, Event)
    said = {name: value for name in FROM_RESOURCE if (value := getattr(blank, name)) is not None}
    return None if any(type(value) is not str for value in said.values()) else said


@lru_cache(maxsize=256)  # 30 µs; a batch comes in pieces, and its groups say what those of the last one did
def _kept(told: bytes) -> Mapping[str, str] | None:
    return _said(planned.sayer(told))


def _line(event: Event, *, color: bool) -> str:
    """The line of one event, whatever it holds."""
    time = event.timestamp.replace("T", " ")[:23] + "Z"
    parts = [
        painted(time, DIM, color=color),
        painted(f"{event.severity.upper():<9}", COLOURS[event.severity], color=color),
        painted(shown(event.event_type or "-"), BOLD, color=color),
    ]
    who = next((value for name in WHO if (value := getattr(event, name))), None)
    parts += [f"{label}={shown(value)}" for label, value in (("actor", who), ("tenant", event.tenant_id)) if value]
    if message := event.message or event.body:
        parts.append(harmless(message, LONGEST_MESSAGE))
    if rest := _rest(event):
        parts.append(painted(rest, DIM, color=color))
    return " ".join(parts)


def _rest(event: Event) -> str:
    named: Mapping[str, Any] = {
        "action": event.action, "outcome": event.outcome, "reason": event.reason, "src": event.src_ip,
        "trace": event.trace_id,
    }  # fmt: skip
    known = {key: value for key, value in named.items() if value}
    more = list((event.metadata or {}).items())
    told = [f"{shown(key)}={shown(value)}" for key, value in [*known.items(), *more[:MOST_ATTRIBUTES]]]
    if len(more) > MOST_ATTRIBUTES:
        told.append(f"(+{len(more) - MOST_ATTRIBUTES} more)")
    return " ".join(told)
