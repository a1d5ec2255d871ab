"""What a processor is: one verb over a whole batch, at the door, before anything is stored.

A processor changes records in place or returns a batch without the ones it took out. Whatever it takes out goes
aside with a reason: filtered (a rule the user wrote, counted) or refused (kept as a dead letter of the door).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that the door refused: it becomes a dead letter of `door/<pipeline>`."""

    group: Group  # holds exactly the one record
    reason: str


@dataclass(slots=True)
class Aside:
    """What the processors of one pipeline took out of one batch."""

    filtered: dict[str, int] = field(default_factory=dict)  # rule -> records
    refused: list[Refused] = field(default_factory=list)


class Processor(Protocol):
    """A frozen pydantic model: its fields are the YAML keys, `process` is the verb."""

    def process(self, batch: Batch, at: Moment, aside: Aside) -> Batch: ...
