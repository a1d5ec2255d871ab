"""What a gateway is made of, as values: made from a configuration, put to work by the service."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from otelsiem.door import Pipeline
from otelsiem.exporter import Settings
from otelsiem.journal.journal import Journal, StartAt
from otelsiem.model.destination import Destination


@dataclass(frozen=True, slots=True)
class Listener:
    """An `otlp` receiver: what it listens on. An empty endpoint is a protocol that stays shut."""

    receiver: str
    grpc: str = ""
    http: str = ""
    max_message: int = 20 << 20
    max_body: int = 20 << 20


@dataclass(frozen=True, slots=True)
class Delivery:
    """An exporter on a pipeline."""

    pipeline: str
    settings: Settings
    destination: Destination
    start_at: StartAt = "end"


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole gateway."""

    listeners: Sequence[Listener]
    routes: Mapping[str, Sequence[Pipeline]]  # receiver -> the pipelines it feeds
    deliveries: Sequence[Delivery]
    open_journal: Callable[[], Journal]
    directory: Path  # of the journal; also holds the admin token
    journal_name: str  # as the start line says it
    admin: str
    drain: float
