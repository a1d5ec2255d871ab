"""What `audit(…, durable=True)` answers: where the record stands in the journal, and its id."""

from __future__ import annotations

from typing import NamedTuple


class Receipt(NamedTuple):
    """The record is on disk. `id` is in what every SIEM gets (`event_id`), so it can be looked for there."""

    pipeline: str
    position: int
    id: str

    def __str__(self) -> str:
        return f"{self.pipeline}/{self.position}"
