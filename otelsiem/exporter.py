"""An exporter: a destination put to work on a pipeline, with match, policy, cursor and couriers.

Guarantees: exporters share nothing but the journal, so a slow or dead one delays nobody (P5); stopping returns what is
on loan to the journal.
"""

from __future__ import annotations

import socket
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from otelsiem.courier import Courier
from otelsiem.delivery.breaker import Breaker
from otelsiem.delivery.policy import Policy
from otelsiem.delivery.rate import Bucket
from otelsiem.journal.journal import Cursor, Journal
from otelsiem.model.destination import Destination, Limits
from otelsiem.model.match import Match
from otelsiem.orders import Orders, Tally
from otelsiem.transport.transport import open_transport

FLUSH = 5.0  # seconds for settles to become durable, after the last courier has ended
GRACE, LEAST = 2.0, 0.05  # seconds behind a deadline for what was interrupted: for all exporters of it, and for each
STUCK = 0.5  # seconds without progress beside a failing destination: draining gives up


@dataclass(frozen=True, slots=True)
class Settings:
    """How an exporter works, apart from where it delivers to."""

    name: str
    policy: Policy
    limits: Limits
    couriers: int = 4
    match: Match | None = None
    rate: float = 0.0
    burst: float = 0.0


class Exporter:
    """Couriers for one destination on one pipeline."""

    def __init__(
        self, settings: Settings, destination: Destination, journal: Journal, cursor: Cursor, tally: Tally
    ) -> None:
        self.settings, self.destination, self.journal, self.cursor = settings, destination, journal, cursor
        self._orders = Orders(
            settings.name,
            destination,
            settings.limits,
            settings.policy,
            Breaker(settings.policy, threading.Lock()),
            Bucket(settings.rate, settings.burst or settings.rate),
            open_transport(destination.wire),
            tally,
            socket.gethostname(),
            str(uuid.uuid4()),
            settings.match.rules() if settings.match is not None else (),
        )
        self._left, self._moved = (-1, -1), 0.0  # while draining: how many are left, and since when
        self._couriers = [Courier(n, self._orders, journal, cursor) for n in range(settings.couriers)]

    @property
    def name(self) -> str:
        return self.settings.name

    def start(self) -> None:
        for courier in self._couriers:
            courier.start()

    def holds(self) -> Mapping[str, str]:
        """Payload keys that wait for a person, with the reason; `confirmation` when those cannot be asked for."""
        return {**self._orders.questions.holds(), **self._orders.breaker.holds()}

    def troubles(self) -> Mapping[str, str]:
        """Payload keys whose last try failed, with the reason; the held ones too."""
        return {**self._orders.questions.troubles(), **self._orders.breaker.troubles()}

    def drain(self) -> None:
        """From now on nothing waits: what cannot go at once stays in the journal. Ask `drained` when that is done."""
        self._orders.draining = True
        self._orders.ring()

    def drained(self) -> bool:
        """Whether draining is over: nothing is left, or what is left does not go now. Then no lease is taken again.

        What was accepted and waits for its confirmation is waited for, however long that takes.
        """
        orders, now = self._orders, time.monotonic()
        unconfirmed = sum([courier.inquiry.records for courier in self._couriers])
        counts = self.journal.counts(self.cursor)
        if (counts.pending, unconfirmed) != self._left:
            self._left, self._moved = (counts.pending, unconfirmed), now
        stuck = orders.breaker.failing() and now - self._moved > STUCK
        orders.stopped |= orders.abandoned or stuck
        if not orders.abandoned and (unconfirmed or not (orders.stopped or counts.pending == counts.due)):
            return False
        orders.stopped = True
        orders.ring()
        return True

    def halt(self) -> None:
        """No new leases. Waits for nothing."""
        orders = self._orders
        orders.draining = orders.stopped = orders.ended = True
        orders.ring()
        self.journal.wake(self.cursor)

    def stop(self, deadline: float) -> None:
        """No new leases; what is on loan comes back, at the latest when the transport is interrupted.

        What is unconfirmed comes back too: whoever delivers next sends it again.
        """
        self.halt()
        self._join(deadline)
        if any(courier.is_alive() for courier in self._couriers):
            self._orders.transport.interrupt()
            self._join(max(deadline + GRACE, time.monotonic() + LEAST))
        for courier in self._couriers:  # not before all have ended: another would take it at once, and send it
            if not courier.is_alive():
                courier.inquiry.end()
        self._orders.transport.close()

    def _join(self, until: float) -> None:
        for courier in self._couriers:
            courier.join(max(until - time.monotonic(), 0.0))

    def hand_over(self, deadline: float) -> None:
        """Another takes over: no new leases; what is on loan finds its fate or comes back, and what was accepted is
        waited for, until the deadline. Then nothing is on loan any more."""
        orders = self._orders
        orders.draining = orders.stopped = True
        orders.ring()
        self.journal.wake(self.cursor)
        self._join(deadline)
        self.stop(deadline)
        self.journal.flush(FLUSH)
        if self.journal.counts(self.cursor).on_loan:  # a courier that does not end, or what was never confirmed
            self.journal.rename(self.cursor, self.name)

    def abandon(self) -> None:
        """Stop draining at once; what is under way ends as a failure and stays in the journal."""
        self._orders.abandoned = True
        self._orders.transport.interrupt()
