"""What is looked at every second while a gateway runs: whether its journal takes records.

Guarantees: the gRPC health service says what /ready says; who reads the log hears when intake is refused for want of
room, why, and when that is over; a journal that is full again and again does not fill the log as well.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from otelsiem.gateway.plan import Plan
from otelsiem.journal.journal import Journal, JournalStats
from otelsiem.journal.reserve import Reserve
from otelsiem.journal.room import FLOOR, free_room, shortage

log = logging.getLogger("otelsiem.gateway")

PAUSE = 1.0  # seconds between two looks
QUIET = 60.0  # seconds from one complaint to the next

FULL = "the journal is full: intake is refused until there is room, what is taken is still delivered"
AGAIN = "the journal has room again: records are taken"


class Serve(Protocol):
    """Tells the gRPC health service."""

    def __call__(self, *, serving: bool) -> Awaitable[None]: ...


class Room:
    """What the log says of the room in the journal."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told = False
        self._quiet_until = 0.0

    def look(self, stats: JournalStats, plan: Plan) -> None:
        """Log it when it has changed and was not just said."""
        if stats.full and not self._told and self._clock() >= self._quiet_until:
            self._told, self._quiet_until = True, self._clock() + QUIET
            log.error("msg=%r reason=%r", FULL, _why(stats, plan))
        elif self._told and not stats.full:
            self._told = False
            log.info("msg=%r", AGAIN)


async def watch(journal: Journal, serve: Serve, plan: Callable[[], Plan], draining: Callable[[], bool]) -> None:
    """Until cancelled."""
    was: bool | None = None
    room = Room()
    while True:
        stats = await asyncio.to_thread(journal.stats)
        room.look(stats, plan())
        serving = stats.ready and not stats.full and not draining()
        if serving is not was:
            was = serving
            await serve(serving=serving)
        await asyncio.sleep(PAUSE)


def _why(stats: JournalStats, plan: Plan) -> str:
    try:
        free, reserve = free_room(plan.directory), Reserve(plan.directory).there()
    except OSError as error:
        return f"{plan.directory} cannot be looked at: {error.strerror}"
    most = plan.room or stats.bytes + 1  # a journal in memory does not say how much it may hold
    short = shortage(stats.bytes, most, free, FLOOR, reserve=reserve)
    return short or "there was no room when it was last written"
