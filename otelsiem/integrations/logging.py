"""The standard library's logging: entries of chosen loggers become audit events.

    logging.getLogger("billing.audit").addHandler(AuditHandler())
    logger.warning("card refused", extra={"event": "authorization_failure", "actor": "u-7", "outcome": "failure"})

Guarantees: `extra` becomes attributes, the level a severity, an exception its type and never its text; the entry is not
changed and other handlers see it as before; nothing that goes wrong in here reaches the caller.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from otelsiem.auditing.log import AuditLog
from otelsiem.integrations._entry import Entries, Entry, Loggers

# What every entry has, and what formatters put there: all else came in `extra`.
_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {"message", "asctime"}


class AuditHandler(logging.Handler):
    """Without `loggers` and `events`: all that reaches it, so put it on the loggers that are to be audited.

    On the root logger, `loggers=("billing.audit",)` chooses by name, a mapping says what entries are called
    (`{"django.security": "security_event"}`), and `events=("auth*",)` chooses by the event that `extra` names.
    """

    def __init__(
        self,
        level: int | str = logging.NOTSET,
        *,
        loggers: Loggers = (),
        events: Sequence[str] = (),
        log: AuditLog | None = None,
    ) -> None:
        super().__init__(level)
        self._entries = Entries("logging", loggers, events, log, all_if_unsaid=True)

    def emit(self, record: logging.LogRecord) -> None:
        """Called by the logger."""
        with self._entries.hook.harmless("a log entry could not be read"):
            error = record.exc_info[0] if record.exc_info else None
            entry = Entry(record.name, record.levelno, vars(record), record.getMessage, error, _STANDARD)
            self._entries.offer(entry)
