"""Indexer acknowledgement as HEC does it: ids count from 0 per channel, and `true` is said only once.

Guarantees: another channel, an unknown id and an id already reported `true` all read `false`, without an error; a
channel that nobody used for `max_idle` seconds is forgotten, and counts from 0 when it comes back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias
from uuid import UUID

Indexing: TypeAlias = Literal["at once", "late", "on release", "never"]


class Acks:
    """The ack queue of one fake. Every attribute may be set while the server runs."""

    def __init__(self) -> None:
        self.indexing: Indexing = "at once"
        self.polls = 3  # late: `true` comes with this question for an id
        self.capacity = 1_000_000  # ids of one channel that may be pending
        self.max_idle = 600.0  # seconds
        self.clock: Callable[[], float] = time.monotonic
        self._lock = threading.Lock()
        self._channels: dict[str, _Channel] = {}

    def full(self, channel: str) -> bool:
        """Whether a request on this channel would be one too many."""
        with self._lock:
            return len(self._of(channel).pending) >= self.capacity

    def issue(self, channel: str) -> int:
        """The id of a request that was just taken."""
        with self._lock:
            known = self._of(channel)
            number, known.next = known.next, known.next + 1
            known.pending[number] = {"at once": 1, "late": self.polls}.get(self.indexing, 0)
            return number

    def ask(self, channel: str, numbers: Sequence[int]) -> dict[str, bool]:
        """What a poll is answered; an id reported `true` is forgotten."""
        with self._lock:
            pending = self._of(channel).pending
            return {str(number): _asked(pending, number) for number in dict.fromkeys(numbers)}

    def pending(self, channel: str) -> int:
        """How many ids of this channel were not reported `true` yet."""
        with self._lock:
            return len(self._of(channel).pending)

    def release(self) -> None:
        """Everything issued so far is indexed now."""
        with self._lock:
            for known in self._channels.values():
                known.pending = dict.fromkeys(known.pending, 1)

    def forget(self, channel: str = "") -> None:
        """A restart of Splunk, or one channel idle too long: pending ids stay `false` for ever, counting restarts."""
        with self._lock:
            for gone in [channel] if channel else list(self._channels):
                self._channels.pop(gone, None)

    def _of(self, channel: str) -> _Channel:
        now = self.clock()
        known = self._channels.get(channel)
        if known is None or now - known.used > self.max_idle:
            known = self._channels[channel] = _Channel()
        known.used = now
        return known


class _Channel:
    __slots__ = ("next", "pending", "used")

    def __init__(self) -> None:
        self.next = 0
        self.used = 0.0
        self.pending: dict[int, int] = {}  # id -> questions until it is indexed; 0 = nobody knows when


def _asked(pending: dict[int, int], number: int) -> bool:
    if (left := pending.get(number, 0)) > 1:
        pending[number] = left - 1
    elif left == 1:
        del pending[number]
    return left == 1


def is_channel(text: str) -> bool:
    """A channel must be a GUID."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
