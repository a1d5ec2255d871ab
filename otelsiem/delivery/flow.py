"""Delivery of one lease as one pure generator: retry, split, bisect, partial, hold, blame, rate, shutdown.

`deliver` yields requests and waits, is sent what came of each together with the time, and returns a `Receipt`.
Guarantees: every record of the batch gets exactly one fate; a record is refused for good only by a verdict on that
record alone, or on its own line of an answer; while the destination or the operator is at fault nothing is refused.

How blame is found (design 5.3): a payload that failed `suspect_after` times is bisected when the destination is seen
to be well: another payload of its key succeeded since, or, failing that, the probe does. A record alone goes to `due`
only after a real success since: a probe that lies can cost requests, never a record its place in line.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import assert_never

from otelsiem.delivery.awaiting import confirming
from otelsiem.delivery.breaker import Breaker
from otelsiem.delivery.piece import Flow, Piece, Step, Watcher
from otelsiem.delivery.policy import Policy
from otelsiem.delivery.rate import Bucket
from otelsiem.model.destination import Destination, Encoded, Moment
from otelsiem.model.exchange import Answer, Exchange, Reply, Request, Wait
from otelsiem.model.outcome import (
    Accepted,
    Death,
    Delivered,
    Hold,
    Later,
    Outcome,
    Partial,
    Receipt,
    Reject,
    Retry,
    Split,
    Ticket,
)
from otelsiem.model.record import Batch, count, pick


def deliver(  # noqa: PLR0917 - everything purity has to be told, in the order of the sentence
    destination: Destination,
    batch: Batch,
    policy: Policy,
    breaker: Breaker,
    bucket: Bucket,
    watcher: Watcher,
    at: Moment,
    attempts: Sequence[int] = (),
) -> Flow:
    """Deliver every record of the batch or say what became of it instead."""
    return _Delivery(destination, batch, policy, breaker, bucket, watcher, at, attempts).run()


@dataclass(slots=True)
class _Delivery:
    destination: Destination
    batch: Batch
    policy: Policy
    breaker: Breaker
    bucket: Bucket
    watcher: Watcher
    at: Moment
    attempts: Sequence[int]  # of each record before this lease; empty = none
    stopping: bool = False
    pieces: list[Piece] = field(default_factory=list)
    dead: dict[int, Death] = field(default_factory=dict)
    due: dict[int, Later] = field(default_factory=dict)
    # Refused one by one without a success since: dead when one comes, sent again should it turn out to be a hold.
    doubtful: dict[int, tuple[Piece, Death]] = field(default_factory=dict)
    released: list[int] = field(default_factory=list)
    accepted: dict[Ticket, Sequence[int]] = field(default_factory=dict)  # taken, confirmation to come

    def run(self) -> Flow:
        self._encode(range(count(self.batch)), self.batch)
        while self.pieces:
            piece = min(self.pieces, key=_ready)
            if wait := self._blocked(piece):
                if self._set_aside(piece):
                    continue
                if self.stopping:
                    self._release()
                    break
                self._heard((yield Wait(wait, self.breaker.held(piece.key))))
                continue
            self.pieces.remove(piece)
            piece.began = piece.began or self.at.now
            piece.tries += 1
            before = self.breaker.evidence(piece.key)
            outcome = yield from self._converse(partial(self._exchange, piece), piece.key)
            yield from self._judge(piece, outcome, before)
        self.dead |= {index: death for index, (_, death) in self.doubtful.items()}
        return Receipt(self.dead, self.due, {}, tuple(self.released), self.accepted)

    # --- making payloads ---------------------------------------------------------------------------------------

    def _encode(self, indices: Sequence[int], batch: Batch, parent: Piece | None = None) -> None:
        """Payloads of these records join the work. A record that breaks its encoder harms nobody else."""
        try:
            encoded = self.destination.encode(batch, self.at)
        except Exception as error:  # noqa: BLE001 - a third party's encoder may raise anything; P4 must hold
            if len(indices) > 1:
                self._halve(indices, parent)
                return
            encoded = Encoded((), {0: f"cannot be encoded: {type(error).__name__}"})
        for at, reason in encoded.rejected.items():
            self._kill(indices[at], reason, 0)
        for payload in encoded.payloads:
            piece = Piece(payload, [indices[i] for i in payload.indices])
            if parent is not None:
                piece.tries, piece.began, piece.depth = parent.tries, parent.began, parent.depth
                piece.strikes, piece.since, piece.elsewhere = parent.strikes, parent.since, parent.elsewhere
                piece.ready = parent.ready
            self.pieces.append(piece)

    def _again(self, indices: Sequence[int], parent: Piece) -> None:
        self._encode(indices, pick(self.batch, indices), parent)

    def _halve(self, indices: Sequence[int], parent: Piece | None) -> None:
        middle = len(indices) // 2
        for half in (indices[:middle], indices[middle:]):
            self._encode(half, pick(self.batch, half), parent)

    # --- talking -----------------------------------------------------------------------------------------------

    def _heard(self, step: Step) -> Reply | None:
        self.at, self.stopping = step.at, step.stopping
        return step.reply

    def _exchange(self, piece: Piece) -> Exchange:
        return self.destination.exchange(piece.payload, replace(self.at, attempt=piece.tries))

    def _converse(self, begin: Callable[[], Exchange], key: str) -> Generator[Request | Wait, Step, Outcome]:
        try:
            exchange = begin()
            said = next(exchange)
            while True:
                reply = self._heard((yield said))
                said = exchange.send(reply if reply is not None else Answer(0))
        except StopIteration as done:
            outcome: Outcome = done.value
            return outcome
        except Exception as error:  # noqa: BLE001 - a bug in a destination is our fault: it must cost no data
            self.breaker.answered(key)
            return Hold(f"the destination's code failed: {type(error).__name__}: {error}")

    def _probe(self, key: str) -> Generator[Request | Wait, Step, bool]:
        return isinstance((yield from self._converse(partial(self.destination.probe, self.at), key)), Delivered)

    # --- waiting -----------------------------------------------------------------------------------------------

    def _blocked(self, piece: Piece) -> float:
        """Seconds until this piece may go; 0.0 = it goes now, and is paid for."""
        if piece.ready > self.at.now:
            return (piece.ready - self.at.now) / 1e9
        if wait := self.breaker.admit(piece.key, self.at.now):
            return wait
        if wait := self.bucket.take(len(piece.indices), self.at.now):
            self.breaker.answered(piece.key)  # not going after all: the trial is another's
        return wait

    def _set_aside(self, piece: Piece) -> bool:
        """A held key that is one of several goes to `due`, so that it keeps no courier from the others."""
        reason = self.breaker.held(piece.key)
        if not piece.key or not reason:
            return False
        self.pieces.remove(piece)
        self._later(piece.indices, reason, self.policy.probe_interval, piece.tries)
        return True

    def _release(self) -> None:
        for piece in self.pieces:
            self.released += piece.indices
        self.released += self.doubtful
        self.released.sort()
        self.pieces, self.doubtful = [], {}

    # --- judging -----------------------------------------------------------------------------------------------

    def _judge(self, piece: Piece, outcome: Outcome, before: int) -> Generator[Request | Wait, Step, None]:
        key = piece.key
        match outcome:
            case Delivered(note, after):
                self.watcher.sent(len(piece.indices))
                if note:
                    self.watcher.noted(note)
                self._success(piece, after)
            case Accepted(ticket, after) if confirming(self.destination):
                self._accept(ticket, piece.indices)
                self._success(piece, after)
            case Partial():
                self._partial(piece, outcome)
            case Reject(reason):
                self.breaker.answered(key)
                self._refuse(piece, piece.indices, reason)
            case Split(reason):
                self.breaker.answered(key)
                self._refuse(piece, piece.indices, f"too large: {reason}")
            case Retry():
                yield from self._retry(piece, outcome, before)
            case Hold():
                yield from self._hold(piece, outcome, before)
            case Accepted():
                reason = "the destination wants its receipts confirmed, which this exporter cannot"
                yield from self._hold(piece, Hold(reason), before)
            case _:
                assert_never(outcome)

    def _accept(self, ticket: Ticket, indices: Sequence[int]) -> None:
        """The destination has them, confirmed or not. A ticket given twice: it counts anew and has lost the older."""
        if ticket in self.accepted:
            for earlier in self.accepted.values():
                self.watcher.retried("unconfirmed")
                self.released += earlier
            self.accepted.clear()
        self.accepted[ticket] = indices

    def _success(self, piece: Piece, pause: float) -> None:
        """It took something: the destination works."""
        if self.breaker.success(piece.key, self.at.now, pause):
            self.watcher.resumed(piece.key)
        for index, (suspect, death) in list(self.doubtful.items()):
            if suspect.key == piece.key:
                del self.doubtful[index]
                self.dead[index] = death

    def _partial(self, piece: Piece, outcome: Partial) -> None:
        indices = piece.indices
        if not (outcome.delivered or outcome.rejected or outcome.held or outcome.accepted):
            self._backoff(piece, Retry(outcome.reason or "nothing was taken", outcome.after))
            return
        taken = bool(outcome.delivered) or outcome.took
        if outcome.delivered:
            self.watcher.sent(len(outcome.delivered))
            if outcome.note:
                self.watcher.noted(outcome.note)
        for ticket, mine in outcome.accepted.items():
            accepted = [indices[at] for at in mine]
            if accepted and confirming(self.destination):
                self._accept(ticket, accepted)
                taken = True
            else:
                self._later(accepted, "unconfirmed", self.policy.probe_interval, piece.tries)
        if taken:
            self._success(piece, outcome.after)
        else:
            self.breaker.answered(piece.key)
        for at, reason in outcome.held.items():
            self._later([indices[at]], reason, self.policy.probe_interval, piece.tries)
            self.watcher.held(piece.key, reason)
        if outcome.again:
            piece.ready = self.at.now + int(outcome.after * 1e9)
            self._again([indices[at] for at in sorted(outcome.again)], piece)
        rejected = sorted(outcome.rejected)
        for n, at in enumerate(rejected):
            reason = outcome.rejected[at]
            one = Piece(piece.payload, [indices[at]], piece.tries, began=piece.began)
            if taken:
                self._kill(indices[at], reason, piece.tries)
            elif self._refuse(one, one.indices, reason):  # a hold: those not looked at yet are no more guilty
                if rest := [indices[after] for after in rejected[n + 1 :]]:
                    self._again(rest, piece)
                return

    def _refuse(self, piece: Piece, indices: Sequence[int], reason: str) -> bool:
        """Several: bisect. One: doubtful until the destination is seen to take another. True when it became a hold."""
        if len(indices) > 1:
            self._halve(indices, piece)
            return False
        death = Death(reason, self._tried_before(indices[0]) + piece.tries)
        self.doubtful[indices[0]] = (piece, death)
        if not self.breaker.reject(piece.key):
            return False
        self._hold_key(piece.key, f"{self.policy.wrong_address_after} records in a row refused: {reason}", 0.0)
        for index, (suspect, _) in list(self.doubtful.items()):
            if suspect.key == piece.key:
                del self.doubtful[index]
                self._again([index], suspect)
        return True

    def _retry(self, piece: Piece, outcome: Retry, before: int) -> Generator[Request | Wait, Step, None]:
        self.watcher.retried(outcome.reason)
        self.watcher.failed(len(piece.indices), outcome.reason)
        if self._given_up(piece, outcome.reason):
            return
        if outcome.busy:
            self._backoff(piece, outcome)
            return
        self._strike(piece, before)
        self._backoff(piece, outcome)
        if piece.strikes < self.policy.suspect_after:
            return
        if self._proved(piece):
            self._blame(piece, outcome.reason)
        elif piece.key and self.breaker.successes > piece.elsewhere:  # this key alone is in trouble
            self._step_aside(piece, outcome.reason)
        elif (len(piece.indices) > 1 or self._pinned(piece)) and (yield from self._probe(piece.key)):
            if len(piece.indices) > 1:
                self._bisect(piece, strikes=0)
            else:
                self._step_aside(piece, outcome.reason)

    def _hold(self, piece: Piece, outcome: Hold, before: int) -> Generator[Request | Wait, Step, None]:
        self.watcher.failed(len(piece.indices), outcome.reason)
        self._strike(piece, before)
        self.pieces.append(piece)
        if self._proved(piece):  # others passed meanwhile: it is this payload that is not wanted
            self.breaker.answered(piece.key)
            if piece.strikes >= self.policy.suspect_after:
                self._blame(piece, outcome.reason)
            else:
                piece.ready = self.at.now + int(self.policy.backoff(piece.strikes, self.at.draw, outcome.after) * 1e9)
            return
        self._hold_key(piece.key, outcome.reason, outcome.after)
        whole = len(piece.indices) > 1 and not piece.depth
        suspect = piece.strikes >= self.policy.suspect_after and whole
        if (suspect or self._pinned(piece)) and (yield from self._probe(piece.key)):
            if suspect:
                self._bisect(piece, strikes=self.policy.suspect_after - 1)
            else:
                self._step_aside(piece, outcome.reason)

    def _strike(self, piece: Piece, before: int) -> None:
        if not piece.strikes and not piece.depth:  # a half counts from the bisection: its sibling is evidence
            piece.since, piece.elsewhere = before, self.breaker.successes
        piece.strikes += 1

    def _backoff(self, piece: Piece, outcome: Retry) -> None:
        attempt = piece.tries if outcome.busy else piece.strikes  # a half begins its own count of strikes
        wait = self.policy.backoff(attempt, self.at.draw, outcome.after)
        piece.ready = self.at.now + int(wait * 1e9)
        everyone = outcome.busy or outcome.after > 0
        if self.breaker.failure(piece.key, self.at.now, wait, outcome.reason, everyone=everyone):
            self.watcher.failing(piece.key, outcome.reason)
        self.pieces.append(piece)

    def _proved(self, piece: Piece) -> bool:
        """Whether the destination took something of the same key since this piece was first struck."""
        return self.breaker.evidence(piece.key) > piece.since

    def _pinned(self, piece: Piece) -> bool:
        """Whether it keeps a courier that can prove nothing: records from `due`, or one alone for long."""
        if self.attempts:
            return piece.strikes >= self.policy.suspect_after
        return count(self.batch) == 1 and self.at.now - piece.began >= self.policy.patience * 1e9

    def _step_aside(self, piece: Piece, reason: str) -> None:
        """Not proved, so not accused; but its courier must be free for the records whose success would prove it."""
        self.pieces.remove(piece)
        self._later(piece.indices, reason, self.policy.longest, piece.tries)

    def _blame(self, piece: Piece, reason: str) -> None:
        if len(piece.indices) > 1:
            self._bisect(piece, strikes=self.policy.suspect_after - 1)
            return
        self.pieces.remove(piece)
        self._later(piece.indices, reason, self.policy.suspect_interval, piece.tries)
        self.watcher.suspected(1, reason)

    def _bisect(self, piece: Piece, strikes: int) -> None:
        self.pieces.remove(piece)
        piece.strikes, piece.depth, piece.ready = strikes, piece.depth + 1, self.at.now
        piece.since, piece.elsewhere = self.breaker.evidence(piece.key), self.breaker.successes
        self._halve(piece.indices, piece)

    def _given_up(self, piece: Piece, reason: str) -> bool:
        """Only when the user set a limit."""
        policy = self.policy
        elapsed = (self.at.now - piece.began) / 1e9
        tired = policy.max_retries is not None and piece.tries > policy.max_retries
        if not tired and not (policy.max_elapsed and elapsed >= policy.max_elapsed):
            return False
        for index in piece.indices:
            self._kill(index, f"gave up: {reason}", piece.tries)
        self.breaker.failure(piece.key, self.at.now, policy.initial, reason, everyone=False)
        return True

    def _hold_key(self, key: str, reason: str, after: float) -> None:
        if self.breaker.hold(key, self.at.now, reason, after):
            self.watcher.held(key, reason)

    # --- fates -------------------------------------------------------------------------------------------------

    def _tried_before(self, index: int) -> int:
        return self.attempts[index] if self.attempts else 0

    def _kill(self, index: int, reason: str, tries: int) -> None:
        self.dead[index] = Death(reason, self._tried_before(index) + tries)

    def _later(self, indices: Collection[int], reason: str, seconds: float, tries: int) -> None:
        at = self.at.now + int(seconds * 1e9)
        for index in indices:
            self.due[index] = Later(at, reason, self._tried_before(index) + tries)


def _ready(piece: Piece) -> int:
    return piece.ready
