"""What the admin API can ask of the running gateway. The service implements it; the API only speaks HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from otelsiem.journal.journal import DeadLetter, Fate, JournalStats


@dataclass(frozen=True, slots=True)
class Reloaded:
    """How the last reload ended."""

    at: int  # ns
    problems: tuple[str, ...] = ()  # none: it worked


@dataclass(frozen=True, slots=True)
class Status:
    """How things stand."""

    stats: JournalStats
    held: Mapping[str, str] = field(default_factory=dict)  # exporter -> why delivery is paused
    reloaded: Reloaded | None = None  # None: there was none since the start


class Operations(Protocol):
    """All methods may block and may be called from any thread. JournalError: it cannot be done, and why."""

    def ready(self) -> Sequence[str]:
        """Why the gateway cannot take records; empty when it can."""

    def status(self) -> Status: ...

    def dead_letters(self, exporter: str, limit: int, offset: int) -> Sequence[DeadLetter]:
        """Oldest first; of all exporters and doors when `exporter` is empty."""

    def replay(self, exporter: str, positions: Sequence[int] | None) -> int:
        """Deliver dead letters again, all of the exporter's when no positions are given; how many."""

    def purge(self, exporter: str, positions: Sequence[int] | None) -> int:
        """Delete dead letters for good; how many."""

    def fates(self, pipeline: str, position: int) -> Mapping[str, Fate]:
        """What became of one record, per exporter of its pipeline."""
