"""Several endpoints of one service: which to try next, from what was heard of each.

Guarantees: every endpoint is offered, the ones that failed lately last; one that failed is tried again first after a
pause that doubles up to a minute. Time is a parameter. Shared by the couriers of an exporter: each change is one
assignment, and two that cross cost at worst one try.
"""

from __future__ import annotations

from collections.abc import Sequence

SECOND = 1_000_000_000
FIRST, LONGEST = 2 * SECOND, 60 * SECOND


class Nodes:
    """What an exporter knows of its endpoints, by their index."""

    __slots__ = ("_failed",)

    def __init__(self) -> None:
        self._failed: dict[int, tuple[int, int]] = {}  # index -> (not before, the pause that led there)

    def order(self, count: int, now: int, start: int = 0) -> Sequence[int]:
        """All of them, best first; among equals the round begins at `start`."""
        if count == 1:
            return (0,)
        around = [(start + n) % count for n in range(count)]
        well = [n for n in around if self._failed.get(n, (0, 0))[0] <= now]
        ill = [n for n in around if n not in well]
        return [*well, *sorted(ill, key=lambda n: self._failed[n][0])]

    def failed(self, index: int, now: int) -> None:
        """It could not be reached, or said that it cannot work."""
        _, pause = self._failed.get(index, (0, 0))
        pause = min(max(2 * pause, FIRST), LONGEST)
        self._failed[index] = (now + pause, pause)

    def answered(self, index: int) -> None:
        """It works."""
        if index in self._failed:
            self._failed.pop(index, None)
