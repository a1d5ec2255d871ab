"""structlog: a processor that makes audit events of chosen entries.

    structlog.configure(processors=[add_log_level, AuditProcessor(), JSONRenderer()])
    log.warning("authentication_failure", audit=True, actor="u-7", outcome="failure")

Guarantees: works anywhere before the renderer, and returns what it was given, untouched; an exception becomes its type
and never its text; nothing that goes wrong in here reaches the caller.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from otelsiem.auditing.log import AuditLog
from otelsiem.integrations._entry import Entries, Entry, Loggers
from otelsiem.model import severity

# What other processors put there for the renderer.
_MADE = frozenset({
    "exc_info", "exception", "stack_info", "stack", "level", "level_number", "log_level", "logger", "logger_name",
    "timestamp", "event", "message", "positional_args", "_record", "_from_structlog", "_logger", "_name",
})  # fmt: skip
BEHIND = "AuditProcessor stands behind the renderer, where entries are text already: put it before"
_LEVELS = {"exception": "error", "msg": "info", "fatal": "critical"}  # methods that are not called as their level is


class AuditProcessor:
    """Takes entries with `audit=True` (or `audit="the_event"`), of these `loggers`, or of these `events` (globs)."""

    def __init__(self, *, loggers: Loggers = (), events: Sequence[str] = (), log: AuditLog | None = None) -> None:
        self._entries = Entries("structlog", loggers, events, log)

    def __call__(self, logger: Any, method: str, event_dict: Any) -> Any:
        """Called by structlog."""
        with self._entries.hook.harmless("a log entry could not be read"):
            if isinstance(event_dict, Mapping):
                self._offer(logger, method, event_dict)
            else:
                self._entries.hook.complain(BEHIND)
        return event_dict

    def _offer(self, logger: Any, method: str, said: Mapping[str, Any]) -> None:
        record = said.get("_record")  # an entry of the standard library's, on its way through ProcessorFormatter
        name = said.get("logger") or getattr(record if record is not None else logger, "name", "")
        level = said.get("level")
        word = level if severity.number(level) else _LEVELS.get(method, method)
        word = str(word) if severity.number(word) else "info"
        self._entries.offer(
            Entry(name if isinstance(name, str) else "", word, said, lambda: _text(said), _error(said), _MADE)
        )


def _text(said: Mapping[str, Any]) -> str:
    """`message`, or the entry's own text where the mark names the event or it is no name."""
    return str(said.get("message") or said.get("event") or "")


def _error(said: Mapping[str, Any]) -> type[BaseException] | None:
    match said.get("exc_info"):
        case BaseException() as error:
            return type(error)
        case (type() as kind, *_):
            return kind
        case held if held:
            return sys.exc_info()[0]
        case _:  # a formatter before us has made text of it; inside `except` it can still be known
            return sys.exc_info()[0] if "exception" in said else None
