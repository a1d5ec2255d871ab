"""In the place of an audit log: keeps what it is told."""

from __future__ import annotations

from typing import Any

from otelsiem.auditing.context import bound
from tests.program import eventually


class Told:
    """Or fails, with `error`."""

    def __init__(self, error: Exception | None = None) -> None:
        self.events: list[dict[str, Any]] = []
        self.error = error
        self.closed = 0

    def audit(self, event: str, /, **said: Any) -> None:
        if self.error is not None:
            raise self.error
        self.events.append({"event": event, **said, "bound": dict(bound.get())})

    def close(self, timeout: float = 5) -> int:
        self.closed += 1
        return 0

    def last(self) -> dict[str, Any]:
        """Waited for: what serves a call tells of it when the client has its answer already."""
        eventually(lambda: bool(self.events), 10, "an event")
        return self.events[-1]
