"""Indexer acknowledgement as HEC does it: ids count from 0 per channel, and `true` is said only once.

Guarantees: another channel, an unknown id and an id already reported `true` all read `false`, without an error.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Literal, TypeAlias
from uuid import UUID

Indexing: TypeAlias = Literal["at once", "on release", "never"]


class Acks:
    """The ack queue of one fake."""

    def __init__(self) -> None:
        self.indexing: Indexing = "at once"
        self._lock = threading.Lock()
        self._next: dict[str, int] = {}
        self._indexed: dict[str, dict[int, bool]] = {}

    def issue(self, channel: str) -> int:
        """The id of a request that was just taken."""
        with self._lock:
            number = self._next.get(channel, 0)
            self._next[channel] = number + 1
            self._indexed.setdefault(channel, {})[number] = self.indexing == "at once"
            return number

    def ask(self, channel: str, numbers: Sequence[int]) -> dict[str, bool]:
        """What a poll is answered; an id reported `true` is forgotten."""
        with self._lock:
            pending = self._indexed.get(channel, {})
            found = {number: pending.get(number, False) for number in numbers}
            for number, done in found.items():
                if done:
                    del pending[number]
            return {str(number): done for number, done in found.items()}

    def release(self) -> None:
        """Everything issued so far is indexed now."""
        with self._lock:
            for pending in self._indexed.values():
                for number in pending:
                    pending[number] = True

    def forget(self) -> None:
        """A restart of Splunk, or a channel idle too long: pending ids stay `false` for ever, counting restarts."""
        with self._lock:
            self._next.clear()
            self._indexed.clear()


def is_channel(text: str) -> bool:
    """A channel must be a GUID."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
