"""What a Splunk HTTP Event Collector means by its answers: every code of contract 6, and the prefix rule.

Total over any status and any body. A status that blames credentials, the address or the server outweighs the body; a
body in HEC's own words outweighs a 2xx or a plain 400. An answer without a readable body is judged by its status.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from otelsiem.delivery.judge import HELD, RETRIED, delay, judge_failure
from otelsiem.destinations import _hec_ack
from otelsiem.model.exchange import Answer, Failure, Reply
from otelsiem.model.outcome import Accepted, Delivered, Hold, Outcome, Partial, Reject, Retry, Split, Ticket
from otelsiem.model.secret import redact

NO_DATA, BAD_FORMAT, BAD_INDEX = 5, 6, 7
NO_CHANNEL = frozenset({10, 28})
ACK_IS_OFF = 14
BAD_TOKEN = frozenset({21, 22})  # of a health check
NEAR_CAPACITY = frozenset({24, 25})
OURS = frozenset({1, 2, 3, 4, 10, 11, 14, 16, 21, 22, 28})  # token, channel, address: nothing wrong with the records
BUSY = frozenset({9, 18, 19, 20, 23, 26, 27})  # nothing was taken
THEIRS = BUSY | {8}
ONE_RECORD = frozenset({BAD_FORMAT, 12, 13, 15})

EASE = 1.0  # seconds before the next payload when the queue is near its capacity and no Retry-After says more
CLOUD_BODY = 5_000_000  # bytes: Splunk Cloud calls a body over about 5.2 MB bad format at event 0 (contract 4)
_READ = 64 << 10  # bytes: no answer of a collector is longer; a page of a proxy is not worth parsing

UNCONFIRMED = (
    "no ackId came: the token has acknowledgement off, so what is taken counts as delivered before it is indexed"
)
_TODO = {  # what a person can do, whatever is on here
    1: "turn the token on under Settings, Data inputs, HTTP Event Collector",
    2: "something in between takes away the header Authorization",
    3: "something in between changes the header Authorization",
    4: "Splunk knows no such token; check `token`",
    BAD_INDEX: "check `index`, that it exists, and that the token may write to it",
}
_HINTS = {  # what a person can do, by whether `ack` is on here
    (10, False): "the token has indexer acknowledgement on: write ack: {enabled: true}",
    (28, False): "the token has indexer acknowledgement on: write ack: {enabled: true}",
    (10, True): "something in between takes away the header X-Splunk-Request-Channel",
    (28, True): "the load balancer in front must keep the requests of a channel on one node",
    (ACK_IS_OFF, True): "the token has indexer acknowledgement off: turn it on, or write ack: {enabled: false}",
}


@dataclass(frozen=True, slots=True)
class Said:
    """The body of an answer, as far as it could be read."""

    code: int | None = None
    text: str = ""
    number: int | None = None  # of the event that is refused, counted from 0
    ack: int | None = None  # the id under which indexing is confirmed later


class _Case(NamedTuple):
    """An answer, and what it answers."""

    answer: Answer
    said: Said
    reason: str
    records: int
    size: int
    after: float
    ticket: Ticket = ""  # for what was taken; "" = it will not be confirmed
    wanted: bool = False  # whether it should be


class _Body(msgspec.Struct, rename={"number": "invalid-event-number", "ack": "ackId"}):
    code: Any = None
    text: Any = None
    number: Any = None
    ack: Any = None


def read(body: bytes) -> Said:
    """What the body says; whatever is no HEC answer says nothing."""
    if len(body) > _READ:
        return Said()
    try:
        found = msgspec.json.decode(body, type=_Body)
    except (ValueError, RecursionError):  # no JSON, no object (DecodeError), no UTF-8; nested too deep
        return Said()
    return Said(
        code=found.code if type(found.code) is int else None,
        text=found.text if isinstance(found.text, str) else "",
        number=found.number if type(found.number) is int else None,
        ack=found.ack if type(found.ack) is int and found.ack >= 0 else None,
    )


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges replies of one endpoint; what it must never repeat is redacted from what the peer says."""

    secrets: tuple[str, ...] = ()
    peer: str = ""  # host:port, when it is one of several
    node: int = 0  # index of the endpoint, for tickets
    ack: bool = False  # whether what is taken is to be confirmed

    def __repr__(self) -> str:
        return "Judge()"

    def payload(self, reply: Reply, records: int, size: int, now: int) -> Outcome:
        """The verdict on a payload of so many records and uncompressed bytes."""
        if isinstance(reply, Failure):
            return self.failed(reply)
        said = read(reply.body)
        ticket = _hec_ack.issue(self.node, said.ack, now) if self.ack and said.ack is not None else ""
        asked = _asked(reply.headers, now)
        return _verdict(_Case(reply, said, self.reason(reply, said), records, size, asked, ticket, self.ack))

    def health(self, reply: Reply, now: int) -> Outcome | None:
        """What is wrong with it; None when nothing is known to be, or when it has no such page (contract 13)."""
        if isinstance(reply, Failure):
            return self.failed(reply)
        said = read(reply.body)
        if said.code in BAD_TOKEN:
            return Hold(self.reason(reply, said))
        troubled = reply.status in RETRIED or reply.status >= 500 or said.code in THEIRS
        if not troubled or reply.status == 501:
            return None
        busy = reply.status == 429 or said.code in BUSY
        return Retry(self.reason(reply, said), _asked(reply.headers, now), busy=busy)

    def probe(self, reply: Reply, now: int) -> Outcome:
        """The verdict on an empty body: "no data" comes from a collector that has accepted the token (contract 9)."""
        if isinstance(reply, Failure):
            return self.failed(reply)
        said = read(reply.body)
        if reply.status == 400 and said.code in {NO_DATA, BAD_FORMAT, 12, 13}:
            return Delivered()
        outcome = self.payload(reply, 0, 0, now)
        if isinstance(outcome, Accepted):
            return Delivered(after=outcome.after)
        return self.blameless(reply, outcome)

    def blameless(self, answer: Answer, outcome: Outcome) -> Outcome:
        """The outcome where there are no records to blame."""
        blamed = isinstance(outcome, Reject | Split | Partial)
        return Hold(self.reason(answer, read(answer.body))) if blamed else outcome

    def failed(self, failure: Failure) -> Outcome:
        """The verdict where no answer came."""
        detail = _line(failure.detail, self.secrets)
        return judge_failure(Failure(failure.kind, detail, failure.sent))

    def reason(self, answer: Answer, said: Said) -> str:
        """An answer in one line, with what a person can do about it where we know."""
        if said.code is None:
            return f"HTTP {answer.status}{self.where}"
        own = _HINTS.get((said.code, self.ack), "") if answer.status == 400 else ""
        hint = own or _TODO.get(said.code, "")
        shown = " ".join(f"HEC {said.code} {_line(said.text, self.secrets)} (HTTP {answer.status})".split())
        return f"{shown}{self.where}: {hint}" if hint else f"{shown}{self.where}"

    @property
    def several(self) -> bool:
        """Whether it is one of several endpoints."""
        return bool(self.peer)

    @property
    def where(self) -> str:
        """Which endpoint it was, when there are several."""
        return f" from {self.peer}" if self.peer else ""


def unwell(reply: Reply, outcome: Outcome) -> bool:
    """Whether another endpoint is the better choice next time. Whoever refuses our token or an address is well."""
    return isinstance(reply, Failure) or isinstance(outcome, Retry)


def untouched(reply: Reply, outcome: Outcome) -> bool:
    """Whether nothing of the payload can have been taken, and another endpoint may take it."""
    if isinstance(reply, Failure):
        return not reply.sent
    return isinstance(outcome, Retry) and outcome.busy


def _line(text: str, secrets: Iterable[str]) -> str:
    """The peer's words as one short line: printable, without our secrets."""
    shown = redact(text, secrets)[:600]
    return " ".join("".join([c if c.isprintable() else " " for c in shown]).split())[:120]


def _asked(headers: Mapping[str, str], now: int) -> float:
    try:
        return delay(headers, now)
    except (OverflowError, TypeError):  # a number of 400 digits, a date of the year 0: it asked for nothing sensible
        return 0.0


def _verdict(case: _Case) -> Outcome:
    status, reason, after = case.answer.status, case.reason, case.after
    if 200 <= status < 300:
        return _taken(case)
    if status in RETRIED or status >= 500:
        return Retry(reason, after, busy=status == 429 or case.said.code in BUSY)
    if 300 <= status < 400:
        return Hold(f"{reason}: the endpoint redirects, and redirects are not followed", after)
    if status in HELD:
        return Hold(reason, after)
    if status == 413:
        return Split(reason)
    if 400 <= status < 500:
        return _by_code(case) or Reject(reason)
    return Hold(f"{reason} is not an answer we know")


def _taken(case: _Case) -> Outcome:
    """A success, unless the body says otherwise in HEC's own words (a proxy may have rewritten the status)."""
    near = case.said.code in NEAR_CAPACITY
    if not near and (other := _by_code(case)):
        return other
    after = case.after or EASE if near else case.after
    if case.ticket:
        return Accepted(case.ticket, after)
    if case.wanted:
        return Delivered(UNCONFIRMED, after)
    # Look-alikes answer {} or nothing at all (contract 13).
    return Delivered("" if case.said.code in {None, 0} else case.reason, after)


def _by_code(case: _Case) -> Outcome | None:
    code, reason = case.said.code, case.reason
    if code in OURS:
        return Hold(reason, case.after)
    if code in THEIRS:
        return Retry(reason, case.after, busy=code in BUSY)
    if code == BAD_INDEX:
        return _index(case)
    if code == BAD_FORMAT and case.said.number == 0 and case.size > CLOUD_BODY:
        return Split(reason)
    if code in ONE_RECORD:
        return _prefix(case)
    return Reject(reason) if code == NO_DATA else None


def _prefix(case: _Case) -> Outcome:
    """Records before number N are indexed, N is refused, the ones after it were not looked at."""
    number, records, reason = case.said.number, case.records, case.reason
    if number is None or not 0 <= number < records:
        return Reject(reason)  # which one is not said: the flow bisects
    again = range(number + 1, records)
    taken, unconfirmed = _indexed(case, number)
    return Partial(taken, again, {number: reason}, unconfirmed, reason=reason)


def _indexed(case: _Case, count: int) -> tuple[range, dict[Ticket, range]]:
    """The first so many records: delivered, or to be confirmed when the refusal carries their ackId (contract 6.4)."""
    if case.ticket and count:
        return range(0), {case.ticket: range(count)}
    return range(count), {}


def _index(case: _Case) -> Outcome:
    """The index is not allowed for the token: our setting, not the records. All of a payload go to one index.

    N names the record after the first one that was refused (contract 6, off by one), so N-1 are indexed.
    """
    indexed = (case.said.number or 0) - 1
    if not 0 < indexed < case.records:
        return Hold(case.reason, case.after)
    held = dict.fromkeys(range(indexed, case.records), case.reason)
    taken, unconfirmed = _indexed(case, indexed)
    return Partial(taken, accepted=unconfirmed, held=held, after=case.after, reason=case.reason)
