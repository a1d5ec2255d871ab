"""A record as one line for a person at a terminal: time, severity, event, who, which tenant, what happened.

Guarantees: one record is one line, and nothing in a record drives the terminal: control characters, escape sequences
and the signs that turn the direction of text are shown as what they are (`\\x1b`), never sent. A value cannot pretend
to be another one: what has spaces or quotes in it stands in quotes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from otelsiem.formats.json import Event, events
from otelsiem.formats.speaker import Product
from otelsiem.formats.values import text
from otelsiem.formats.visible import HARMFUL, sign
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch

LONGEST_MESSAGE = 500  # characters; a terminal is no place for a megabyte
LONGEST_VALUE = 80
MOST_ATTRIBUTES = 6

_RESET, _DIM, _BOLD = "\x1b[0m", "\x1b[2m", "\x1b[1m"
_COLOURS = {
    "trace": "\x1b[2m", "debug": "\x1b[2m", "info": "\x1b[36m", "low": "\x1b[32m", "medium": "\x1b[33m",
    "high": "\x1b[31m", "critical": "\x1b[1;31m", "emergency": "\x1b[1;97;41m",
}  # fmt: skip

_HARMFUL = re.compile(rf"[\\{HARMFUL}]")


def lines(batch: Batch, at: Moment, *, color: bool) -> bytes:
    """One line per record, in order; each ends with a newline."""
    written = [_line(event, color=color) for event in events(batch, at, Product())]
    return "".join(written).encode()


def harmless(value: object, longest: int) -> str:
    """The value as visible characters, cut to a length; a cut is shown."""
    whole = text(value)
    shown = _HARMFUL.sub(_escape, whole[: longest + 1])
    return shown if len(whole) <= longest and len(shown) <= 2 * longest else shown[:longest] + "…"


def _escape(match: re.Match[str]) -> str:
    return sign(match[0]) if match[0] != "\\" else "\\\\"


def _line(event: Event, *, color: bool) -> str:
    def paint(shown: str, code: str) -> str:
        return f"{code}{shown}{_RESET}" if color else shown

    time = event.timestamp.replace("T", " ")[:23] + "Z"
    parts = [
        paint(time, _DIM),
        paint(f"{event.severity.upper():<9}", _COLOURS[event.severity]),
        paint(_value(event.event_type or "-"), _BOLD),
    ]
    who = event.user_email or event.user_name or event.user_id or event.agent_name or event.agent_id
    parts += [f"{label}={_value(value)}" for label, value in (("actor", who), ("tenant", event.tenant_id)) if value]
    if message := event.message or event.body:
        parts.append(harmless(message, LONGEST_MESSAGE))
    if rest := _rest(event):
        parts.append(paint(rest, _DIM))
    return " ".join(parts) + "\n"


def _rest(event: Event) -> str:
    named: Mapping[str, Any] = {
        "action": event.action, "outcome": event.outcome, "reason": event.reason, "src": event.src_ip,
        "trace": event.trace_id,
    }  # fmt: skip
    known = {key: value for key, value in named.items() if value}
    more = list((event.metadata or {}).items())
    shown = [f"{_value(key)}={_value(value)}" for key, value in [*known.items(), *more[:MOST_ATTRIBUTES]]]
    if len(more) > MOST_ATTRIBUTES:
        shown.append(f"(+{len(more) - MOST_ATTRIBUTES} more)")
    return " ".join(shown)


def _value(value: object) -> str:
    shown = harmless(value, LONGEST_VALUE)
    if shown and not any(sign in shown for sign in ' "='):
        return shown
    escaped = shown.replace('"', '\\"')
    return f'"{escaped}"'
