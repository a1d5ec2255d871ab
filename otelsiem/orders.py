"""What the couriers of one exporter share: where to deliver and how, what they know together, and when to stop."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from otelsiem.delivery.breaker import Breaker
from otelsiem.delivery.piece import Watcher
from otelsiem.delivery.policy import Policy
from otelsiem.delivery.rate import Bucket
from otelsiem.journal.journal import Lease
from otelsiem.model.destination import Destination, Limits, Moment
from otelsiem.model.match import Rule
from otelsiem.model.nodes import Nodes
from otelsiem.model.outcome import Receipt
from otelsiem.transport.transport import Transport

PACE = 0.05  # seconds: what cannot go while draining is asked again at most so often


class Tally(Watcher, Protocol):
    """What couriers report beside the watcher's events; an adapter to the metrics implements it."""

    def settled(self, lease: Lease, receipt: Receipt, now: int) -> None: ...
    def answered(self, seconds: float) -> None: ...
    def unconfirmed(self, change: int) -> None:
        """So many records more, or fewer, wait for their confirmation."""

    def confirmed(self, records: int, happened: int, now: int) -> None:
        """One payload was; the first of its events happened then."""

    def resent(self, payloads: int, records: int, reason: str) -> None:
        """Accepted payloads that were not confirmed go again."""


@dataclass(slots=True)
class Orders:
    """One exporter's."""

    name: str
    destination: Destination
    limits: Limits
    policy: Policy
    breaker: Breaker
    bucket: Bucket
    transport: Transport
    tally: Tally
    host: str
    instance: str
    rules: Sequence[Rule] = ()  # what a record must be like; without one all are taken
    clock: Callable[[], int] = time.time_ns
    bell: threading.Condition = field(default_factory=threading.Condition)
    rings: int = 0
    nodes: Nodes = field(default_factory=Nodes)
    # Whether confirmations can be asked for: apart, since an answer to that proves nothing about taking records.
    questions: Breaker = field(init=False)
    draining: bool = False  # no waits: what cannot go now stays in the journal
    stopped: bool = False  # no new leases either; what was accepted is still asked for
    ended: bool = False  # nor that
    abandoned: bool = False  # whoever drains shall give up

    def __post_init__(self) -> None:
        self.questions = Breaker(self.policy, threading.Lock())

    def moment(self, channel: str) -> Moment:
        draw = random.random()  # noqa: S311 - jitter
        return Moment(self.clock(), self.host, self.instance, channel, draw=draw, nodes=self.nodes)

    def ring(self) -> None:
        """Wake every courier that waits."""
        with self.bell:
            self.rings += 1
            self.bell.notify_all()

    def wait(self, seconds: float, since: int | None = None) -> None:
        """Until the time has passed or the bell rings (or has rung more than `since` times); while draining only long
        enough not to spin."""
        with self.bell:
            if not self.ended and since in (None, self.rings):
                self.bell.wait(min(seconds, PACE) if self.draining else seconds)
