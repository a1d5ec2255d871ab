"""What every hook is: something that tells an audit log, inside of somebody else's program.

Guarantees: nothing that goes wrong in here reaches the program that we are in: it is logged, once a minute, and the
program goes on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from otelsiem.auditing.api import default
from otelsiem.auditing.log import AuditLog
from otelsiem.auditing.moment import SAID
from otelsiem.model.errors import OtelsiemError

COMPLAIN_AGAIN = 60.0  # seconds between complaints of one kind

_PARAMETERS = SAID | {"durable"}  # of AuditLog.audit


class Hook:
    """`name`: as in `otelsiem.integrations.<name>`. `log`: None is the one that `otelsiem.audit` uses."""

    def __init__(self, name: str, log: AuditLog | None) -> None:
        if log is not None and not callable(getattr(log, "audit", None)):
            raise OtelsiemError(f"log={log!r}: it is an AuditLog, or None for the one that otelsiem.configure sets up")
        self._log = log
        self._own = logging.getLogger(f"otelsiem.integrations.{name}")
        self._complained: dict[str, float] = {}

    def tell(
        self, event: str, attributes: Mapping[str, Any], *, outcome: str = "", severity: str = "", message: str = ""
    ) -> None:
        """One event. Attributes may have any name."""
        with self.harmless("an event could not be told"):
            named = {f"extra.{key}" if key in _PARAMETERS else key: value for key, value in attributes.items()}
            log = self._log if self._log is not None else default()
            log.audit(event, outcome=outcome, severity=severity, message=message, **named)

    def harmless(self, said: str) -> Harmless:
        """What fails in this block ends it, and nothing else."""
        return Harmless(self, said)

    def complain(self, said: str, *, failed: bool = False) -> None:
        """Once a minute."""
        now = time.monotonic()
        if now >= self._complained.get(said, 0.0):
            self._complained[said] = now + COMPLAIN_AGAIN
            with suppress(Exception):  # a handler of the host's log that raises
                self._own.error("msg=%r", said, exc_info=failed)


class Harmless:
    """P6: whatever it is, the host goes on."""

    __slots__ = ("_hook", "_said")

    def __init__(self, hook: Hook, said: str) -> None:
        self._hook, self._said = hook, said

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        if kind is None or not issubclass(kind, Exception):
            return False
        self._hook.complain(self._said, failed=True)
        return True
