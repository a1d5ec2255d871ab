"""Doors and counters for receivers to talk to: real objects of the protocols, with handles for a test."""

from __future__ import annotations

import asyncio
from collections import Counter

from otelsiem.door import Form, Sender, Taken
from otelsiem.journal.journal import Position
from otelsiem.model.record import Batch, count
from otelsiem.otlp.decode import decode
from otelsiem.otlp.json import decode_json

GRPC = Sender(receiver="otlp", transport="grpc")
HTTP = Sender(receiver="otlp", transport="http")


class OpenDoor:
    """Decodes what comes and keeps it; answers when its gate is open, or raises what it was told to."""

    def __init__(self) -> None:
        self.taken: list[Batch] = []
        self.bodies: list[bytes] = []
        self.senders: list[Sender] = []
        self.inside = 0
        self.entered = asyncio.Event()
        self.crowd = 1
        self.crowded = asyncio.Event()  # that many are inside at once
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.answer: Taken | None = None

    async def take(self, body: bytes, form: Form, sender: Sender) -> Taken:
        self.inside += 1
        self.entered.set()
        if self.inside >= self.crowd:
            self.crowded.set()
        try:
            await self.gate.wait()
            taken = self._decide(body, form)
            self.senders.append(sender)
            return taken
        finally:
            self.inside -= 1

    def _decide(self, body: bytes, form: Form) -> Taken:
        if self.error is not None:
            raise self.error
        batch = decode_json(body) if form is Form.JSON else decode(body)
        first = sum(map(count, self.taken))
        self.taken.append(batch)
        self.bodies.append(body)
        held = count(batch)
        return self.answer or Taken(held, positions=(Position("logs", first, held), Position("logs/alerts", 40, held)))

    def records(self) -> int:
        return sum(map(count, self.taken))


class Refusals:
    """Counts what Metrics would count."""

    def __init__(self) -> None:
        self.seen: Counter[tuple[str, str, str]] = Counter()
        self.tokens: Counter[tuple[str, str]] = Counter()
        self.any = asyncio.Event()

    def refused(self, receiver: str, transport: str, reason: str, token: str = "") -> None:
        self.seen[receiver, transport, reason] += 1
        self.tokens[reason, token] += 1
        self.any.set()
