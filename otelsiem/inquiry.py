"""An inquiry: a courier asks what became of the payloads that its destination accepted, and settles what it learns.

Guarantees: what is not confirmed stays on loan until the end, so a stop or a crash sends it again; whatever goes wrong
in a question is a reason to ask again later, never a fate, and never fatal to the courier.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence

from otelsiem.delivery.awaiting import Awaiting, Owed, Verdicts, confirming
from otelsiem.journal.journal import Journal, Lease
from otelsiem.model.destination import Confirmation, Confirming, Confirms
from otelsiem.model.exchange import Answer, Reply, Wait
from otelsiem.model.outcome import Hold, Outcome, Receipt, Retry, Ticket
from otelsiem.orders import Orders
from otelsiem.turn import WORK

KEY = "confirmation"  # what its troubles and holds are called, beside those of payload keys


class Inquiry:
    """One courier's. Used by that courier's thread, `end` after it; `records` may be read by any."""

    def __init__(self, orders: Orders, journal: Journal, channel: str) -> None:
        self._orders, self._journal, self._channel = orders, journal, channel
        terms = confirming(orders.destination) or Confirmation()  # without any, nothing will ever be owed
        self._awaiting: Awaiting[Lease] = Awaiting(terms, orders.policy)

    @property
    def records(self) -> int:
        """How many are unconfirmed."""
        return self._awaiting.records

    @property
    def full(self) -> bool:
        """Whether to send no more until some are confirmed."""
        return self._awaiting.full

    def owe(self, leases: Mapping[Ticket, Lease], oldest: int) -> None:
        """These were accepted. `oldest`: when the first of their events happened."""
        before = self.records
        now = time.monotonic_ns()
        for ticket, lease in leases.items():
            self._again(self._awaiting.add(Owed(ticket, lease, lease.count, oldest, now)), "unconfirmed")
        self._orders.tally.unconfirmed(self.records - before)

    def end(self) -> None:
        """What is unconfirmed goes back to the journal: whoever delivers next, in this process or another, sends it."""
        self._orders.tally.unconfirmed(-self.records)
        for owed in self._awaiting.give_up():
            self._journal.settle(owed.loan, Receipt(released=range(owed.records)))

    def pause(self) -> float:
        """Seconds until there is a question to ask."""
        return self._awaiting.pause(time.monotonic_ns(), draining=self._orders.draining)

    def ask(self) -> None:
        """Ask, if it is time to."""
        if self.pause() > 0:
            return
        before = self.records
        verdicts = self._question()
        now = self._orders.clock()
        for owed in verdicts.confirmed:
            self._journal.settle(owed.loan, Receipt())
            self._orders.tally.confirmed(owed.records, owed.oldest, now)
        self._again(verdicts.lost, "lost")
        self._again(verdicts.overdue, "unconfirmed")
        self._orders.tally.unconfirmed(self.records - before)
        self._report(verdicts.trouble, now)

    def _question(self) -> Verdicts[Lease]:
        """Ask for all of it, and judge the answer; a bug in a destination is our fault, and costs no data."""
        awaiting, draw = self._awaiting, random.random()  # noqa: S311 - jitter
        destination = self._orders.destination
        try:
            assert isinstance(destination, Confirms)
            tickets = awaiting.question(time.monotonic_ns())
            answer = self._converse(destination.confirm(tickets, self._orders.moment(self._channel)))
            return awaiting.judge(answer, time.monotonic_ns(), draw)
        except Exception as error:  # noqa: BLE001 - a third party's code may raise anything, or answer nonsense
            reason = f"the destination's code failed: {type(error).__name__}: {error}"
            return awaiting.failed(Hold(reason), time.monotonic_ns(), draw)

    def _converse(self, conversation: Confirming) -> Mapping[Ticket, Outcome]:
        orders = self._orders
        try:
            with WORK:
                said = next(conversation)
            while True:
                reply: Reply = Answer(0)
                if isinstance(said, Wait):
                    orders.wait(said.seconds)
                else:
                    reply = orders.transport.perform(said)
                with WORK:
                    said = conversation.send(reply)
        except StopIteration as done:
            answer: Mapping[Ticket, Outcome] = done.value
            return answer

    def _again(self, owed: Sequence[Owed[Lease]], reason: str) -> None:
        """Back to the journal, which lends it again."""
        if not owed:
            return
        for one in owed:
            self._journal.settle(one.loan, Receipt(released=range(one.records)))
        self._orders.tally.resent(len(owed), sum([one.records for one in owed]), reason)

    def _report(self, trouble: Retry | Hold | None, now: int) -> None:
        questions, tally = self._orders.questions, self._orders.tally
        if trouble is None:
            if questions.success(KEY, now):
                tally.resumed(KEY)
            return
        reason = f"confirmations cannot be asked for: {trouble.reason}"
        if isinstance(trouble, Hold):
            if questions.hold(KEY, now, reason, trouble.after):
                tally.held(KEY, reason)
        elif questions.failure(KEY, now, trouble.after, reason, everyone=False):
            tally.failing(KEY, reason)
