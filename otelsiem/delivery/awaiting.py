"""One courier's payloads that were accepted and are not confirmed: when to ask for them, and what the answer means.

Guarantees: only a Delivered for its own ticket confirms a payload. It is sent again only when the peer says that it is
lost, when an answer does not confirm it although its time is up, or when the peer gave its ticket away again. While
the question itself cannot be asked nothing is known, so nothing is confirmed and nothing sent again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar, assert_never

from otelsiem.delivery.policy import Policy
from otelsiem.model.destination import Confirmation, Confirms, Destination
from otelsiem.model.outcome import Accepted, Delivered, Hold, Outcome, Partial, Reject, Retry, Split, Ticket

LAST_PACE = 1.0  # seconds between questions while draining, at most

T = TypeVar("T")  # what stands for the records: the rules need not know


def confirming(destination: Destination) -> Confirmation | None:
    """How patiently this destination is to be asked; None: what it takes is delivered, or it does not know how."""
    return destination.confirmation if isinstance(destination, Confirms) else None


@dataclass(frozen=True, slots=True)
class Owed(Generic[T]):
    """One payload."""

    ticket: Ticket
    loan: T
    records: int
    oldest: int  # ns: when the first of its events happened
    since: int  # ns: when its confirmation began to be awaited


@dataclass(frozen=True, slots=True)
class Verdicts(Generic[T]):
    """What one question brought to light; what stands nowhere here is still awaited."""

    confirmed: Sequence[Owed[T]] = ()
    lost: Sequence[Owed[T]] = ()  # the peer says so
    overdue: Sequence[Owed[T]] = ()
    trouble: Retry | Hold | None = None  # why it could not be asked, at least for some


@dataclass(slots=True)
class Awaiting(Generic[T]):
    """Times in ns of one clock that never steps back."""

    terms: Confirmation
    policy: Policy
    records: int = 0
    _owed: dict[Ticket, Owed[T]] = field(default_factory=dict)
    _asked: int = 0  # when the last question began
    _rested: int = 0  # when the last one ended, or the first payload came: the next is due `_rest` after
    _rest: float = 0.0
    _failures: int = 0  # questions in a row that could not be asked

    def __bool__(self) -> bool:
        return bool(self._owed)

    @property
    def full(self) -> bool:
        """So many are unconfirmed that no more may be sent."""
        return len(self._owed) >= self.terms.most

    def add(self, owed: Owed[T]) -> Sequence[Owed[T]]:
        """One more. When its ticket was given before, the peer counts anew: what is older is lost, and comes back."""
        displaced = self.give_up() if owed.ticket in self._owed else ()
        if not self._owed:
            self._rested = owed.since
            self._rest = self._rest or self.terms.interval
        self._owed[owed.ticket] = owed
        self.records += owed.records
        return displaced

    def pause(self, now: int, *, draining: bool = False) -> float:
        """Seconds until the next question; 0.0 = now, infinite = there is nothing to ask."""
        if not self._owed:
            return math.inf
        rest = min(self._rest, LAST_PACE) if draining else self._rest
        return max(rest - (now - self._rested) / 1e9, 0.0)

    def question(self, now: int) -> Sequence[Ticket]:
        """All that is unconfirmed, in the order in which it was given. A question is being asked from now on."""
        self._asked = now
        return list(self._owed)

    def judge(self, answer: Mapping[Ticket, Outcome], now: int, draw: float) -> Verdicts[T]:
        """What the answer to the last question says of each; what is settled by it is awaited no more."""
        confirmed: list[Owed[T]] = []
        lost: list[Owed[T]] = []
        overdue: list[Owed[T]] = []
        trouble: Retry | Hold | None = None
        for ticket, owed in self._owed.items():
            match outcome := answer.get(ticket):
                case Delivered():
                    confirmed.append(owed)
                case Reject() | Split():
                    lost.append(owed)
                case Retry() | Hold():
                    trouble = outcome if trouble is None or isinstance(outcome, Hold) else trouble
                case None | Accepted() | Partial():  # not yet
                    if self._asked - owed.since >= self.terms.timeout * 1e9:
                        overdue.append(owed)
                case _:
                    assert_never(outcome)
        self._take([*confirmed, *lost, *overdue])
        self._pace(trouble, now, draw)
        return Verdicts(confirmed, lost, overdue, trouble)

    def failed(self, trouble: Retry | Hold, now: int, draw: float) -> Verdicts[T]:
        """The question could not be asked at all."""
        self._pace(trouble, now, draw)
        return Verdicts(trouble=trouble)

    def give_up(self) -> Sequence[Owed[T]]:
        """Nobody will ask any more: all of it."""
        return self._take(list(self._owed.values()))

    def _pace(self, trouble: Retry | Hold | None, now: int, draw: float) -> None:
        self._rested = now
        if trouble is None:
            self._failures, self._rest = 0, self.terms.interval
            return
        self._failures += 1
        slow = self.policy.probe_interval if isinstance(trouble, Hold) else 0.0
        backoff = self.policy.backoff(self._failures, draw, trouble.after)
        self._rest = max(self.terms.interval, slow, backoff)

    def _take(self, gone: Sequence[Owed[T]]) -> Sequence[Owed[T]]:
        for owed in gone:
            del self._owed[owed.ticket]
            self.records -= owed.records
        return gone
