"""Dead letters as a person sees them: who refused what, why, how often and when."""

from __future__ import annotations

from otelsiem.journal.codec import unseal
from otelsiem.journal.journal import DeadLetter
from otelsiem.journal.shelf import Grave

DOOR = "door/"  # + pipeline: whose letters the processors refused
REMOVED = "removed/"  # + exporter: one that was detached and left dead letters, as its row is called


def letter(grave: Grave, exporter: str, pipeline: str) -> DeadLetter:
    """A row with its names and its record."""
    row = grave.row
    return DeadLetter(
        exporter, pipeline, row.position, row.reason, row.attempts, row.first, row.last, unseal(row.record)
    )
