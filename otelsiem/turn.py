"""Turns at the interpreter: door and couriers do their CPU work one piece after the other, first come first served.

Under the GIL two such threads gain nothing from running at once and lose their caches at every switch: measured, a
record cost half as much again. The light threads (the receivers' loop, the journal's writer) take no turns; they get
the GIL within the switch interval. Guarantee: whoever waits is served in order, so a busy door cannot starve a courier.
"""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType

from otelsiem.forks import at_fork


class Turn:
    """A fair lock: the one who leaves hands over to the one who waits longest."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Nobody works, nobody waits: as in a child just forked, which has none of the threads that did."""
        self._mutex = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._taken = False

    def __enter__(self) -> None:
        with self._mutex:
            if not self._taken:
                self._taken = True
                return
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        mine.acquire()  # until it is handed over

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False


WORK = Turn()

at_fork(child=WORK.begin)
