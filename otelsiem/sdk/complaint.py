"""What is wrong on the SDK's side and nobody else would say: once a minute for each kind, whatever the rate.

Guarantees: never raises; a kind that is new is said at once.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time

log = logging.getLogger("otelsiem.sdk")

DISABLED = "OTEL_SDK_DISABLED"
AGAIN = 60.0  # seconds between two of one kind

_next: dict[str, float] = {}


def complain(kind: str, said: str, *, failed: bool = False) -> None:
    """`failed`: with the exception that is being handled."""
    now = time.monotonic()
    if now >= _next.get(kind, 0.0):
        _next[kind] = now + AGAIN
        with contextlib.suppress(Exception):  # a handler of the host may raise
            log.error("msg=%r", said, exc_info=failed)


def told_when_disabled() -> None:
    """Whoever sets something of ours up expects records; with OTEL_SDK_DISABLED there will be none."""
    if os.environ.get(DISABLED, "").strip().lower() == "true":
        complain("disabled", f"{DISABLED}=true: the SDK's loggers do nothing, so NO AUDIT RECORD of them will be taken")


def forget() -> None:
    """Say everything again: for tests."""
    _next.clear()
