"""Letting go of entries: when every exporter has passed them and no history is to be kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from otelsiem.journal.shelf import Mark

MOST_ENTRIES = 64  # per transaction; the next one follows at once
MOST_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class History:
    """How long delivered entries stay. Both 0: not at all; both set: whichever comes first."""

    age: float = 0.0  # seconds
    size: int = 0  # bytes of blobs per pipeline

    def __bool__(self) -> bool:
        return bool(self.age or self.size)

    def keeps(self, mark: Mark, passed: int, now: int) -> bool:
        """Whether a delivered entry stays; `passed` counts the bytes written before the first that is needed."""
        young = not self.age or mark.taken > now - int(self.age * 1e9)
        small = not self.size or passed - mark.before <= self.size
        return bool(self) and young and small


@dataclass(frozen=True, slots=True)
class Trim:
    """What one transaction lets go of."""

    end: int | None  # entries below this number go; None = none
    more: bool


def trim(marks: Sequence[Mark], low: int, history: History, passed: int, now: int) -> Trim:
    """Which of the oldest entries go, when every exporter has passed `low`."""
    end: int | None = None
    size = 0
    for gone, mark in enumerate(marks):
        if mark.end > low or history.keeps(mark, passed, now):
            return Trim(end, more=False)
        if gone == MOST_ENTRIES or (gone and size + mark.size > MOST_BYTES):
            return Trim(end, more=True)
        end = mark.end
        size += mark.size
    return Trim(end, more=False)
