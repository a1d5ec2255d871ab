"""What became of messages in a protocol that answers nothing: verdicts on what the transport saw (contract 5).

Guarantees: only bytes that the peer's kernel has acknowledged, on a connection that lived on, are delivered; what was
on a connection that ended goes again; a certificate or a port that is wrong holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from otelsiem.delivery.judge import judge, judge_failure
from otelsiem.model.exchange import Answer, Failure, Reply
from otelsiem.model.outcome import Delivered, Hold, Outcome, Reject, Retry, Ticket
from otelsiem.model.standing import Standing, standing

_LONGEST = 300  # characters of a reason
_LOST = Reject("the connection ended before the message was known to have arrived")
_HINT = ": if it always does, look into the receiver's log (TLS or plain port, framing, size of messages)"
_NEWS = Retry("what the connection says of itself cannot be read")


def read(reply: Reply, now: int) -> Standing | Retry | Hold:
    """What a connection says of itself, or the verdict where it says nothing."""
    if isinstance(reply, Answer) and reply.status == 200:
        return standing(reply.body) or _NEWS
    return _none(reply, now)


def proven(reply: Reply, now: int) -> Standing | Retry | Hold:
    """The same, of a connection that was waited for with messages on it."""
    if isinstance(reply, Failure) and reply.kind == "reset":
        return replace(failed(reply), reason=f"{failed(reply).reason}, with our messages on it{_HINT}")
    return read(reply, now)


def handed(reply: Reply, now: int) -> Outcome:
    """Datagrams are delivered when they are handed over: nobody will ever know more."""
    return Delivered() if isinstance(reply, Answer) and reply.status == 200 else _none(reply, now)


def _none(reply: Reply, now: int) -> Retry | Hold:
    if isinstance(reply, Failure):
        return failed(reply)
    outcome = judge(reply, now)
    return outcome if isinstance(outcome, Retry | Hold) else _NEWS


def failed(failure: Failure) -> Retry | Hold:
    """There is no connection, or there is none any more."""
    detail = "".join([sign if sign.isprintable() else "?" for sign in failure.detail[:_LONGEST]])
    outcome = judge_failure(Failure(failure.kind, detail, failure.sent))
    return outcome if isinstance(outcome, Retry | Hold) else _NEWS


def issue(told: Standing) -> Ticket:
    """The ticket of the bytes up to the end of what was handed over."""
    return f"{told.connection}.{told.end}"


def confirmed(tickets: Sequence[Ticket], reply: Reply, now: int) -> Mapping[Ticket, Outcome]:
    """What became of each; the ones that wait are left out."""
    told = read(reply, now)
    if not isinstance(told, Standing):
        return dict.fromkeys(tickets, told)
    found: dict[Ticket, Outcome] = {}
    for ticket in tickets:
        number, _, end = ticket.partition(".")
        if not (number.isdecimal() and end.isdecimal()):
            continue  # not one of ours
        living = int(number) == told.connection
        stood = told.stood if living else told.ended.get(int(number), -1)
        if stood >= int(end):
            found[ticket] = Delivered()
        elif not living:
            found[ticket] = _LOST
    return found
