"""Loguru: a sink that makes audit events of chosen entries.

    logger.add(AuditSink())
    logger.bind(audit="authentication_failure", actor="u-7", outcome="failure").warning("wrong password")

Guarantees: what was bound becomes attributes, the level a severity, an exception its type and never its text; nothing
that goes wrong in here reaches the caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from otelsiem.auditing.log import AuditLog
from otelsiem.integrations._entry import Entries, Entry, Loggers

if TYPE_CHECKING:
    from loguru import Message


class AuditSink:
    """Takes entries with `audit=True` (or `audit="the_event"`), of these modules (`loggers`), or of these `events`.

    With `enqueue=True` it runs in a thread of loguru's, where nobody knows any more who acted: leave that out.
    """

    def __init__(self, *, loggers: Loggers = (), events: Sequence[str] = (), log: AuditLog | None = None) -> None:
        self._entries = Entries("loguru", loggers, events, log)

    def __call__(self, message: Message) -> None:
        """Called by loguru."""
        with self._entries.hook.harmless("a log entry could not be read"):
            record = message.record
            raised = record["exception"]
            error = raised.type if raised else None
            self._entries.offer(
                Entry(record["name"] or "", record["level"].no, record["extra"], lambda: record["message"], error)
            )
