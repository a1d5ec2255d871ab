"""How many bytes of requests may be in memory at once, over all connections of all receivers, and for how long.

Guarantees: what was taken comes back when its `Share` closes, however the request ended; large requests leave a quarter
to small ones; while memory is short, whoever has been arriving for more than a moment is told to come back, so those
who promise and do not deliver cannot keep others out.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from otelsiem.model.errors import OtelsiemError

LONGEST = 30.0  # seconds that a request may take to arrive
FAIR = 1.0  # and while memory is short; a batch of 512 records takes milliseconds
SMALL = 256 << 10  # bytes of a request that finds room even when large ones have filled theirs
LOOK = 0.5  # seconds between looks at the process's memory
ROOM = 256 << 20  # bytes the process may grow by before the slow ones go: gRPC holds what arrives outside our counts

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_STATM = Path("/proc/self/statm")  # Linux only: elsewhere the limit on bytes and the longest time have to do


class BusyError(OtelsiemError):
    """Too much is being read at once; the sender shall come back."""


class Budget:
    """Bytes that requests may hold together. Used on one event loop, so it needs no lock."""

    def __init__(self, limit: int = 128 << 20) -> None:
        self.limit = limit
        self.used = 0
        self.inflating = asyncio.Lock()  # one large body at a time: a core for the others, however many are bombs
        self._arriving: dict[Arrival, float] = {}  # since when, the oldest first

    def share(self) -> Share:
        """A request's part of it, empty at first."""
        return Share(self)

    def arrival(self, longest: float = LONGEST) -> Arrival:
        """The time in which a request has to be here: `async with`; TimeoutError when it is over."""
        return Arrival(self._arriving, longest)

    def relieve(self) -> None:
        """Memory is short: end the arrivals that take longer than is fair."""
        now = asyncio.get_running_loop().time()
        for arrival, since in list(self._arriving.items()):
            if now - since < FAIR:
                break
            arrival.end()

    async def watch(self) -> None:
        """Look at the process's memory for ever."""
        before = _resident()
        while True:
            await asyncio.sleep(LOOK)
            if self._arriving and _resident() - before > ROOM:
                self.relieve()


class Share:
    """What one request holds."""

    __slots__ = ("_budget", "held")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.held = 0

    @property
    def inflating(self) -> asyncio.Lock:
        """Held while a slice of a large body is inflated."""
        return self._budget.inflating

    def take(self, size: int) -> None:
        """Hold this much more, or BusyError."""
        budget = self._budget
        most = budget.limit if self.held + size <= SMALL else budget.limit * 3 // 4
        if budget.used + size > most:
            budget.relieve()
            raise BusyError(f"over {most} bytes of requests are being read at once")
        budget.used += size
        self.held += size

    def give(self, size: int) -> None:
        """Hold this much less."""
        self._budget.used -= size
        self.held -= size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.give(self.held)


class Arrival:
    """The arrival of one request."""

    __slots__ = ("_arriving", "_timeout")

    def __init__(self, arriving: dict[Arrival, float], longest: float) -> None:
        self._arriving = arriving
        self._timeout = asyncio.timeout(longest)

    def end(self) -> None:
        """It took too long. Until its task has run, one whose time is over still stands among the arriving."""
        if not self._timeout.expired():
            self._timeout.reschedule(0.0)

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        self._arriving[self] = asyncio.get_running_loop().time()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        del self._arriving[self]
        await self._timeout.__aexit__(kind, error, at)


def _resident() -> int:
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE
    except OSError:
        return 0
