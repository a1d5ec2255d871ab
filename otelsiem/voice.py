"""Our own log in somebody else's program: it hurts nobody, and what it says is no event.

A handler of the host that raises (one that posts to a chat that is down, say) raises in whoever logs. Guarantees: it
reaches neither the host's call of ours nor a thread that delivers, which would end by it; the host's own log is as it
was.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

OWN = "otelsiem"
OURS = ("adoption", "audit", "courier", "delivery", "door", "journal", "kafka", "outbox", "sdk", "transport.rotation")


def steady() -> None:
    """From now on for all loggers that speak in an application. Done again it changes nothing."""
    for name in OURS:
        logger = logging.getLogger(f"otelsiem.{name}")
        if "callHandlers" not in vars(logger):
            vars(logger)["callHandlers"] = _guarded(logger.callHandlers)


def is_own(logger: str) -> bool:
    """Whether it is a logger, or an instrumentation scope, of ours: what it says must not come back to us."""
    return logger == OWN or logger.startswith(f"{OWN}.")


def _guarded(call: Callable[[logging.LogRecord], None]) -> Callable[[logging.LogRecord], None]:
    def call_handlers(record: logging.LogRecord) -> None:
        with suppress(Exception):
            call(record)

    return call_handlers
