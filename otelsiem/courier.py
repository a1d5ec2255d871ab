"""A courier: lease → match → flow → settle, over and over, on a thread of its own; in between it asks what became of
the payloads that were accepted.

Guarantees: whatever it leased it settles, with every record's fate, released, or as a loan that waits for its
confirmation; neither many leases nor one that waits keep it from asking; what goes wrong in here is logged, released
and tried again, never lost and never fatal to the thread.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from otelsiem.delivery.flow import deliver
from otelsiem.delivery.piece import Flow, Step
from otelsiem.inquiry import Inquiry
from otelsiem.journal.journal import Cursor, Journal, Lease
from otelsiem.model.exchange import Wait
from otelsiem.model.match import unmatched
from otelsiem.model.outcome import Receipt
from otelsiem.model.record import oldest, pick
from otelsiem.orders import Orders
from otelsiem.runner import Runner
from otelsiem.turn import WORK

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger("otelsiem.courier")

T = TypeVar("T")

IDLE = 1.0  # seconds a lease may wait for its first record before the courier looks at its orders again


class Courier(Runner):
    """One thread that carries leases of one exporter."""

    def __init__(self, number: int, orders: Orders, journal: Journal, cursor: Cursor) -> None:
        super().__init__(f"courier-{orders.name}-{number}")
        self.orders, self.journal, self.cursor = orders, journal, cursor
        self.channel = str(uuid.uuid4())
        self.inquiry = Inquiry(orders, journal, self.channel)

    def run(self) -> None:
        orders, inquiry = self.orders, self.inquiry
        while not (orders.ended or (orders.stopped and not inquiry.records)):
            inquiry.ask()
            pause = min(inquiry.pause(), IDLE)
            if orders.stopped or inquiry.full:
                orders.wait(pause)
            elif (lease := self.journal.lease(self.cursor, orders.limits, pause)) is not None:
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
        unconfirmed = self.journal.settle(lease, receipt)
        orders.tally.settled(lease, receipt, orders.clock())
        if unconfirmed:
            self.inquiry.owe(unconfirmed, oldest(lease.batch))

    def _deliver(self, lease: Lease) -> Receipt:
        orders = self.orders
        filtered = unmatched(orders.rules, lease.batch)
        if not filtered:
            return self._drive(self._flow(lease, lease.attempts))
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
            {ticket: [kept[index] for index in indices] for ticket, indices in receipt.accepted.items()},
        )

    def _flow(self, lease: Lease, attempts: Sequence[int]) -> Flow:
        o = self.orders
        at = o.moment(self.channel)
        return deliver(o.destination, lease.batch, o.policy, o.breaker, o.bucket, o.tally, at, attempts)

    def _drive(self, flow: Flow) -> Receipt:
        """The thin half of the flow: perform what it says, tell it what came of it."""
        orders = self.orders
        try:
            with WORK:
                said = next(flow)
            while True:
                self.inquiry.ask()
                if isinstance(said, Wait):
                    self._rest(said.seconds)
                    reply = None
                else:
                    began = time.perf_counter()
                    reply = orders.transport.perform(said)
                    orders.tally.answered(time.perf_counter() - began)
                recoveries = orders.breaker.recoveries
                step = Step(orders.moment(self.channel), reply, orders.draining)
                with WORK:
                    said = flow.send(step)
                if orders.breaker.recoveries != recoveries:
                    orders.ring()  # the others wait for a trial that has just succeeded
        except StopIteration as done:
            receipt: Receipt = done.value
            return receipt

    def _rest(self, seconds: float) -> None:
        """Let time pass, and ask when a question is due meanwhile."""
        orders, rung, until = self.orders, self.orders.rings, time.monotonic() + seconds
        while orders.rings == rung and (left := until - time.monotonic()) > 0:
            orders.wait(min(left, self.inquiry.pause()), rung)
            if orders.draining:
                return
            self.inquiry.ask()


def _moved(fates: Mapping[int, T], kept: Sequence[int]) -> dict[int, T]:
    return {kept[index]: fate for index, fate in fates.items()}
