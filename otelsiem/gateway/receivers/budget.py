"""How many bytes of requests may be in memory at once, over all connections of all receivers.

Guarantees: what was taken comes back when its `Share` closes, however the request ended.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from otelsiem.model.errors import OtelsiemError


class BusyError(OtelsiemError):
    """Too much is being read at once; the sender shall come back."""


class Budget:
    """Bytes that requests may hold together. Used on one event loop, so it needs no lock."""

    def __init__(self, limit: int = 128 << 20) -> None:
        self.limit = limit
        self.used = 0

    def share(self) -> Share:
        """A request's part of it, empty at first."""
        return Share(self)


class Share:
    """What one request holds."""

    __slots__ = ("_budget", "held")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.held = 0

    def take(self, size: int) -> None:
        """Hold this much more, or BusyError."""
        if self._budget.used + size > self._budget.limit:
            raise BusyError(f"over {self._budget.limit} bytes of requests are being read at once")
        self._budget.used += size
        self.held += size

    def give(self, size: int) -> None:
        """Hold this much less."""
        self._budget.used -= size
        self.held -= size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.give(self.held)
