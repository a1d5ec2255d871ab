"""A courier: lease → match → flow → settle, over and over, on a thread of its own.

Guarantees: whatever it leased it settles, with every record's fate or released; what goes wrong in here is logged,
released and tried again, never lost and never fatal to the thread.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from otelsiem.delivery.breaker import Breaker
from otelsiem.delivery.flow import deliver
from otelsiem.delivery.piece import Flow, Step, Watcher
from otelsiem.delivery.policy import Policy
from otelsiem.delivery.rate import Bucket
from otelsiem.journal.journal import Cursor, Journal, Lease
from otelsiem.model.destination import Destination, Limits, Moment
from otelsiem.model.exchange import Wait
from otelsiem.model.match import Test, unmatched
from otelsiem.model.outcome import Receipt
from otelsiem.model.record import pick
from otelsiem.transport.transport import Transport
from otelsiem.turn import WORK

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger("otelsiem.courier")

T = TypeVar("T")

PACE = 0.05  # seconds: what cannot go while draining is asked again at most so often
IDLE = 1.0  # seconds a lease may wait for its first record before the courier looks at its orders again


class Tally(Watcher, Protocol):
    """What couriers report beside the watcher's events; an adapter to the metrics implements it."""

    def settled(self, lease: Lease, receipt: Receipt, now: int) -> None: ...
    def answered(self, seconds: float) -> None: ...


@dataclass(slots=True)
class Orders:
    """What the couriers of one exporter share."""

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
    test: Test | None = None
    rule: str = "match"
    clock: Callable[[], int] = time.time_ns
    bell: threading.Condition = field(default_factory=threading.Condition)
    draining: bool = False  # no waits: what cannot go now stays in the journal
    stopped: bool = False  # no new leases either
    abandoned: bool = False  # whoever drains shall give up

    def moment(self) -> Moment:
        return Moment(self.clock(), self.host, self.instance, draw=random.random())  # noqa: S311 - jitter

    def ring(self) -> None:
        """Wake every courier that waits."""
        with self.bell:
            self.bell.notify_all()

    def wait(self, seconds: float) -> None:
        """Until the time has passed or the bell rings; while draining only long enough not to spin."""
        with self.bell:
            if not self.stopped:
                self.bell.wait(min(seconds, PACE) if self.draining else seconds)


class Courier(threading.Thread):
    """One thread that carries leases of one exporter."""

    def __init__(self, number: int, orders: Orders, journal: Journal, cursor: Cursor) -> None:
        super().__init__(name=f"courier-{orders.name}-{number}", daemon=True)
        self.orders, self.journal, self.cursor = orders, journal, cursor

    def run(self) -> None:
        orders = self.orders
        while not orders.stopped:
            lease = self.journal.lease(self.cursor, orders.limits, IDLE)
            if lease is not None:
                self.carry(lease)

    def carry(self, lease: Lease) -> None:
        """Deliver one lease and settle it."""
        orders = self.orders
        try:
            receipt = self._deliver(lease)
        except Exception:  # whatever it is, the lease must go back and the thread live on
            log.exception("exporter=%s msg=%r", orders.name, "delivery failed in our own code; the records stay")
            receipt = Receipt(released=range(lease.count))
            orders.wait(orders.policy.initial)
        self.journal.settle(lease, receipt)
        orders.tally.settled(lease, receipt, orders.clock())

    def _deliver(self, lease: Lease) -> Receipt:
        orders = self.orders
        left_out = unmatched(orders.test, lease.batch) if orders.test is not None else []
        if not left_out:
            return self._drive(self._flow(lease, lease.attempts))
        filtered = dict.fromkeys(left_out, orders.rule)
        kept = [index for index in range(lease.count) if index not in filtered]
        if not kept:
            return Receipt(filtered=filtered)
        attempts = [lease.attempts[index] for index in kept] if lease.attempts else ()
        part = replace(lease, batch=pick(lease.batch, kept), count=len(kept))
        receipt = self._drive(self._flow(part, attempts))
        return Receipt(
            _moved(receipt.dead, kept),
            _moved(receipt.due, kept),
            filtered,
            [kept[index] for index in receipt.released],
        )

    def _flow(self, lease: Lease, attempts: Sequence[int]) -> Flow:
        o = self.orders
        return deliver(o.destination, lease.batch, o.policy, o.breaker, o.bucket, o.tally, o.moment(), attempts)

    def _drive(self, flow: Flow) -> Receipt:
        """The thin half of the flow: perform what it says, tell it what came of it."""
        orders = self.orders
        try:
            with WORK:
                said = next(flow)
            while True:
                if isinstance(said, Wait):
                    orders.wait(said.seconds)
                    reply = None
                else:
                    began = time.perf_counter()
                    reply = orders.transport.perform(said)
                    orders.tally.answered(time.perf_counter() - began)
                recoveries = orders.breaker.recoveries
                step = Step(orders.moment(), reply, orders.draining)
                with WORK:
                    said = flow.send(step)
                if orders.breaker.recoveries != recoveries:
                    orders.ring()  # the others wait for a trial that has just succeeded
        except StopIteration as done:
            receipt: Receipt = done.value
            return receipt


def _moved(fates: Mapping[int, T], kept: Sequence[int]) -> dict[int, T]:
    return {kept[index]: fate for index, fate in fates.items()}
