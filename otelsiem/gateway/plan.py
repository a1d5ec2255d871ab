"""What a gateway is made of, as values: made from a configuration, put to work by the service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from otelsiem.door import Routes
from otelsiem.exporter import Settings
from otelsiem.gateway.locks import OPEN, Lock
from otelsiem.journal.journal import Cursor, Journal, StartAt
from otelsiem.journal.trim import History
from otelsiem.model.destination import Destination


@dataclass(frozen=True, slots=True)
class Listener:
    """An `otlp` receiver: what it listens on. An empty endpoint is a protocol that stays shut."""

    receiver: str
    grpc: str = ""
    http: str = ""
    max_message: int = 20 << 20
    max_body: int = 20 << 20
    grpc_lock: Lock = OPEN
    http_lock: Lock = OPEN


@dataclass(frozen=True, slots=True)
class Delivery:
    """An exporter on a pipeline."""

    pipeline: str
    settings: Settings
    destination: Destination
    start_at: StartAt = "end"
    resume: str = ""  # the exporter whose place it takes over, where it has none of its own

    @property
    def place(self) -> Cursor:
        return Cursor(self.pipeline, self.settings.name)


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole gateway."""

    listeners: Sequence[Listener]
    routes: Routes
    deliveries: Sequence[Delivery]
    open_journal: Callable[[], Journal]
    directory: Path  # of the journal; also holds the admin token
    journal_name: str  # as the start line says it
    admin: str
    drain: float
    room: int = 0  # bytes of the journal above which intake is refused; 0 = as its kind has it
    history: History = field(default_factory=History)
