"""A trial of one destination: is it reached, does it know us, does it take a record. Without journal and couriers.

Guarantees: every step ends with a sentence that says what came of it; the first that fails is the last; one record at
most is sent, whose id and event name say what it is. What a person sees of it: `otelsiem test`.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar, assert_never

from otelsiem.delivery.advice import advice
from otelsiem.delivery.awaiting import confirming
from otelsiem.model.destination import Confirms, Destination, Moment
from otelsiem.model.exchange import Answer, Failure, GrpcRequest, HttpRequest, Reply, Request, Wait
from otelsiem.model.outcome import Accepted, Delivered, Hold, Outcome, Partial, Reject, Retry, Split, Ticket
from otelsiem.model.record import Batch, Group, Record, Scope
from otelsiem.transport.target import target
from otelsiem.transport.transport import Transport

EVENT = "otelsiem_test"

T = TypeVar("T")
Conversation: TypeAlias = Generator[Request | Wait, Reply, T]


@dataclass(frozen=True, slots=True)
class Step:
    """One line of what is shown."""

    name: str  # reach, ask, send, confirm
    ok: bool
    said: str
    advice: str = ""
    seconds: float = 0.0


@dataclass(slots=True)
class Trial:
    """`steps` does it. `patience`: seconds for the whole of it, waits for confirmations included."""

    destination: Destination
    transport: Transport
    host: str
    patience: float = 60.0
    clock: Callable[[], int] = time.time_ns
    rest: Callable[[float], None] = time.sleep
    channel: str = field(default_factory=lambda: str(uuid.uuid4()))
    _replies: list[Reply] = field(default_factory=list)
    _peer: str = "it"

    def steps(self, record: Record | None) -> Iterator[Step]:
        """Reach and ask; with a record, send it and wait until it is confirmed."""
        outcome, seconds = self._timed(lambda: self._converse(self.destination.probe(self._moment())))
        failure = self._failure()
        said = f"{self._peer} answers"
        yield _reached(failure, seconds) if failure else Step("reach", ok=True, said=said, seconds=seconds)
        if failure:
            return
        noted = isinstance(outcome, Delivered) and outcome.note  # which may be that nobody was asked for credentials
        yield (
            asked := _step("ask", outcome, "it is well" if noted else "it is well and takes our credentials", seconds)
        )
        if asked.ok and record is not None:
            yield from self._deliver([Group({"service.name": "otelsiem"}, Scope("otelsiem"), [record])])

    def _deliver(self, batch: Batch) -> Iterator[Step]:
        encoded = self.destination.encode(batch, self._moment())
        if not encoded.payloads:
            reason = next(iter(encoded.rejected.values()), "it makes no payload")
            yield Step("send", ok=False, said=f"the record cannot be written for it: {reason}")
            return
        payload = encoded.payloads[0]
        outcome, seconds = self._timed(lambda: self._converse(self.destination.exchange(payload, self._moment())))
        if isinstance(outcome, Partial) and outcome.accepted:
            outcome = Accepted(next(iter(outcome.accepted)), outcome.after)
        failure = self._failure()
        hint = advice(failure) if failure else ""
        sent = _step("send", outcome, "the record was taken", seconds, hint)
        if isinstance(outcome, Accepted):
            sent = Step("send", ok=True, said="the record was taken, to be confirmed", seconds=seconds)
        yield sent
        if isinstance(outcome, Accepted):
            yield self._confirm(outcome.ticket)

    def _confirm(self, ticket: Ticket) -> Step:
        destination, terms, began = self.destination, confirming(self.destination), time.monotonic()
        if terms is None or not isinstance(destination, Confirms):
            return Step("confirm", ok=False, said="it wants to be asked for confirmations, which its code cannot")
        last: Outcome | None = None
        while (passed := time.monotonic() - began) < self.patience:
            found = self._converse(destination.confirm([ticket], self._moment()))
            last = found.get(ticket, last)
            if isinstance(last, Delivered | Reject | Split):
                break
            self.rest(min(terms.interval, 1.0, self.patience - passed))
        passed = time.monotonic() - began
        if last is None:
            return Step("confirm", ok=False, said=f"not confirmed after {passed:.0f} s", seconds=passed)
        return _step("confirm", last, "it is confirmed", passed)

    def _timed(self, work: Callable[[], T]) -> tuple[T, float]:
        self._replies.clear()
        began = time.monotonic()
        done = work()
        return done, time.monotonic() - began

    def _converse(self, conversation: Conversation[T]) -> T:
        def perform(request: Request) -> Reply:
            if isinstance(request, HttpRequest | GrpcRequest):
                self._peer = target(request.url).peer
            self._replies.append(reply := self.transport.perform(request))
            return reply

        return converse(conversation, perform, lambda seconds: self.rest(min(seconds, self.patience)))

    def _failure(self) -> Failure | None:
        """The last request's, when none was answered."""
        failures = [reply for reply in self._replies if isinstance(reply, Failure)]
        return failures[-1] if failures and len(failures) == len(self._replies) else None

    def _moment(self) -> Moment:
        return Moment(self.clock(), self.host, self.channel, self.channel)


def marked(now: int, who: str) -> Record:
    """The record of a trial: harmless, easy to find, and in nobody's statistics unless they want it."""
    return Record(
        id=_id(now),
        time=now,
        observed=now,
        severity=9,
        severity_text="INFO",
        event=EVENT,
        body=f"Test record of otelsiem for {who}: no action is needed",
        attributes={"audit.source": "otelsiem test", "audit.action": "test", "audit.outcome": "success"},
    )


def converse(
    conversation: Conversation[T], perform: Callable[[Request], Reply], rest: Callable[[float], None] = time.sleep
) -> T:
    """Drive one conversation to its end, as a courier would."""
    try:
        said = next(conversation)
        while True:
            reply: Reply = Answer(0)
            if isinstance(said, Wait):
                rest(said.seconds)
            else:
                reply = perform(said)
            said = conversation.send(reply)
    except StopIteration as done:
        outcome: T = done.value
        return outcome


def _id(now: int) -> str:
    """RFC 9562 5.7."""
    moment, free = now // 1_000_000 & 0xFFFF_FFFF_FFFF, uuid.uuid4().int & (1 << 76) - 1
    return str(uuid.UUID(int=moment << 80 | 7 << 76 | free))


def _reached(failure: Failure, seconds: float) -> Step:
    return Step("reach", ok=False, said=f"{failure.kind}: {failure.detail}", advice=advice(failure), seconds=seconds)


def _step(name: str, outcome: Outcome, well: str, seconds: float, hint: str = "") -> Step:
    match outcome:
        case Delivered(note):
            return Step(name, ok=True, said=f"{well} ({note})" if note else well, seconds=seconds)
        case Retry(reason) | Hold(reason) | Reject(reason) | Split(reason):
            return Step(name, ok=False, said=reason, advice=hint, seconds=seconds)
        case Partial(delivered=taken) if taken:
            return Step(name, ok=True, said=well, seconds=seconds)
        case Partial():
            why: Mapping[int, str] = {**outcome.rejected, **outcome.held}
            return Step(name, ok=False, said=next(iter(why.values()), outcome.reason or "not taken"), seconds=seconds)
        case Accepted():
            return Step(name, ok=False, said="it was taken, and nobody asks what became of it", seconds=seconds)
        case _:
            assert_never(outcome)
