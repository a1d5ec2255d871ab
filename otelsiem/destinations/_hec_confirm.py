"""What a collector says of payloads that it has taken: the answers to questions for acknowledgements (contract 7).

Total over any reply. Guarantees: nothing but an explicit `true` for an id that was asked for confirms a payload; what
is no answer to the question leaves everything as it was, with the reason. Where there is no hope of an answer, a
payload that has waited for long enough is called unconfirmed, so that it is sent again where it can be confirmed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from otelsiem.destinations._hec_verdict import ACK_IS_OFF, Judge, read, unwell
from otelsiem.model.exchange import Answer, Failure, Reply
from otelsiem.model.outcome import Accepted, Delivered, Hold, Outcome, Retry, Ticket

_READ = 1 << 20  # bytes: several times the longest answer to the ids of one request


class _Acks(msgspec.Struct):
    acks: dict[str, bool]


def confirmed(
    judge: Judge, reply: Reply, asked: Mapping[int, Ticket], overdue: Collection[Ticket], now: int
) -> Mapping[Ticket, Outcome]:
    """What became of the payloads with these ids; the ones that are not indexed yet are left out."""
    acks = _acks(reply)
    if acks is None or isinstance(reply, Failure):
        return _unknown(judge, reply, asked.values(), overdue, now)
    other = Retry(f"HTTP {reply.status}{judge.where}: the answer is not about the ids that were asked for")
    if not acks.keys() <= {str(number) for number in asked}:  # somebody else's answer: none of it is believed
        return dict.fromkeys(asked.values(), other)
    found: dict[Ticket, Outcome] = {}
    for number, ticket in asked.items():
        indexed = acks.get(str(number))
        if indexed is not False:
            found[ticket] = Delivered() if indexed else other
    return found


def mixed(judge: Judge, waiting: Collection[Ticket], overdue: Collection[Ticket]) -> Mapping[Ticket, Outcome]:
    """Ids that do not ascend come from several collectors, and nothing says which of them would be asked."""
    hint = "the load balancer in front must keep the requests of a channel on one node"
    outcome = Hold(f"acknowledgements come from several collectors{judge.where}: {hint}")
    return {ticket: outcome for ticket in waiting if ticket not in overdue}


def _acks(answer: Reply) -> dict[str, bool] | None:
    if isinstance(answer, Failure) or not 200 <= answer.status < 300 or len(answer.body) > _READ:
        return None
    try:
        return msgspec.json.decode(answer.body, type=_Acks).acks
    except (ValueError, RecursionError):  # no JSON, not of this form; nested too deep
        return None


def _unknown(
    judge: Judge, reply: Reply, waiting: Collection[Ticket], overdue: Collection[Ticket], now: int
) -> Mapping[Ticket, Outcome]:
    """No answer to the question. Another endpoint, or a token without acknowledgement, can take what is overdue."""
    if isinstance(reply, Failure):
        outcome, hopeless = judge.failed(reply), judge.several
    else:
        outcome = _unanswered(judge, reply, now)
        hopeless = read(reply.body).code == ACK_IS_OFF or (judge.several and unwell(reply, outcome))
    return {ticket: outcome for ticket in waiting if not (hopeless and ticket in overdue)}


def _unanswered(judge: Judge, answer: Answer, now: int) -> Outcome:
    """Why an answer confirms nothing: no reason to count anything as delivered or as refused."""
    outcome = judge.payload(answer, 0, 0, now)
    if isinstance(outcome, Delivered | Accepted):
        reason = judge.reason(answer, read(answer.body))
        return Retry(f"{reason}: the answer does not say what was indexed", outcome.after)
    return judge.blameless(answer, outcome)
