"""Whether peers are wanted: OTELSIEM_PEERS."""

from __future__ import annotations

import os

import pytest

MODES = ("auto", "require", "skip")


def mode() -> str:
    """What OTELSIEM_PEERS asks for."""
    chosen = os.environ.get("OTELSIEM_PEERS") or "auto"
    if chosen not in MODES:
        raise pytest.UsageError(f"OTELSIEM_PEERS is {chosen!r}; it can be {', '.join(MODES)}")
    return chosen
