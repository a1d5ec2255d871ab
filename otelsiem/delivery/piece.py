"""What a flow is made of: the steps its driver sends in, the pieces it works on, and whom it tells."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from otelsiem.model.destination import Moment, Payload
from otelsiem.model.exchange import Reply, Request, Wait
from otelsiem.model.outcome import Receipt


@dataclass(frozen=True, slots=True)
class Step:
    """What the driver sends in: the reply (None after a wait), the time, and whether we are to stop."""

    at: Moment
    reply: Reply | None = None
    stopping: bool = False


Flow: TypeAlias = Generator[Request | Wait, Step, Receipt]


class Watcher(Protocol):
    """Whoever counts. Called as things happen, since a flow may wait for days."""

    def sent(self, records: int) -> None: ...
    def noted(self, note: str) -> None: ...
    def failed(self, records: int, reason: str) -> None: ...
    def retried(self, reason: str) -> None: ...
    def failing(self, key: str, reason: str) -> None: ...
    def held(self, key: str, reason: str) -> None: ...
    def resumed(self, key: str) -> None: ...
    def suspected(self, records: int, reason: str) -> None: ...


@dataclass(slots=True)
class Piece:
    """A payload on its way, and what happened to it so far."""

    payload: Payload
    indices: Sequence[int]  # in the lease
    tries: int = 0
    strikes: int = 0  # failures that may be this payload's own fault
    since: int = 0  # the key's evidence when it was first struck
    elsewhere: int = 0  # all keys' evidence then
    depth: int = 0  # bisections above it
    ready: int = 0  # ns: not before
    began: int = 0  # ns: first try

    @property
    def key(self) -> str:
        return self.payload.key
