"""What Elasticsearch or OpenSearch means by an answer to a bulk request: one verdict for each of its records.

Guarantees: 200 is not believed, its items are (contract 3); a record is refused only by its own item, or alone in a
request that is refused for what it holds; nothing that blames us, the operator or the cluster refuses a record; a
conflict of `create` means that the record is there. Total over any status and any body.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import assert_never

from otelsiem.delivery.judge import delay, judge_failure
from otelsiem.destinations import _bulk_fault as faults
from otelsiem.destinations._bulk_answer import Item, error, items, line
from otelsiem.destinations._bulk_fault import Fate
from otelsiem.model.exchange import Answer, Failure, Reply
from otelsiem.model.outcome import Delivered, Hold, Outcome, Partial, Reject, Retry, Split

EASE = 1.0  # seconds before what was not taken goes again, beside others that were

Judged = list[tuple[Fate, str]]  # each record's fate, and why


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges replies of one endpoint; what it must never repeat is redacted from what the peer says."""

    secrets: tuple[str, ...] = ()
    peer: str = ""  # host:port, when it is one of several
    index: str = ""
    known_by: str = ""  # the setting that says who we are, "" when none does

    def __repr__(self) -> str:
        return "Judge()"

    def payload(self, reply: Reply, records: int, now: int) -> Outcome:
        """The verdict on a payload of so many records."""
        if isinstance(reply, Failure):
            return self.failed(reply)
        if not 200 <= reply.status < 300:
            return self.request(reply, now)
        found = items(reply.body)
        if found is None or len(found) != records:
            told = "no items" if found is None else f"{len(found)} items for {records} records"
            return Hold(f"the answer has {told} (HTTP {reply.status}{self._where}): is this the root of the cluster?")
        return self._summed([self._item(item) for item in found], _asked(reply.headers, now))

    def request(self, answer: Answer, now: int) -> Outcome:
        """The verdict on a request that was refused as a whole."""
        said = error(answer.body)
        if answer.status == 413 or (answer.status == 429 and faults.outsized(said.kind, said.words)):
            return Split(self._reason(answer.status, said, ""))
        fault = faults.request(answer.status, said.kind, said.words)
        hint = self._credentials if answer.status == 401 else fault.hint
        reason, after = self._reason(answer.status, said, hint), _asked(answer.headers, now)
        match fault.fate:
            case Fate.AGAIN | Fate.BUSY | Fate.ODD:
                return Retry(reason, after, busy=fault.fate is Fate.BUSY)
            case Fate.REFUSED:
                return Reject(reason)
            case Fate.HELD | Fate.TAKEN | Fate.DIVERTED | Fate.DROPPED:
                return Hold(reason, after)
            case _:
                assert_never(fault.fate)

    def failed(self, failure: Failure) -> Outcome:
        """The verdict where no answer came."""
        return judge_failure(Failure(failure.kind, line(failure.detail, self.secrets), failure.sent))

    def _item(self, item: Item) -> tuple[Fate, str]:
        if 200 <= item.status < 300 and item.error is None:
            if item.failure_store == "used":
                return Fate.DIVERTED, ""
            return (Fate.DROPPED if item.result == "noop" else Fate.TAKEN), ""
        fault = faults.item(item.status, item.kind, item.words)
        return fault.fate, "" if fault.fate is Fate.TAKEN else self._reason(item.status, item, fault.hint)

    def _summed(self, judged: Judged, asked: float) -> Outcome:
        fates = {fate for fate, _ in judged}
        if fates <= _THERE:
            return Delivered(self._note(judged), asked)
        if fates <= _AGAIN:
            return Retry(judged[0][1], asked, busy=fates == {Fate.BUSY})
        if fates == {Fate.HELD}:
            return Hold(judged[0][1], asked)
        if fates == {Fate.REFUSED} and len(judged) == 1:
            return Reject(judged[0][1])
        return self._divided(judged, asked, well=not fates.isdisjoint(_THERE))

    def _divided(self, judged: Judged, asked: float, *, well: bool) -> Partial:
        """Each its own. `well`: some were taken, so that what went wrong for others is not the cluster's state."""
        held = {Fate.HELD, Fate.ODD} if well else {Fate.HELD}
        again = {n: reason for n, (fate, reason) in enumerate(judged) if fate in _AGAIN and fate not in held}
        return Partial(
            delivered=[n for n, (fate, _) in enumerate(judged) if fate in _THERE],
            again=list(again),
            rejected={n: reason for n, (fate, reason) in enumerate(judged) if fate is Fate.REFUSED},
            held={n: reason for n, (fate, reason) in enumerate(judged) if fate in held},
            after=max(asked, EASE) if again else asked,
            reason=next(iter(again.values()), ""),
            note=self._note(judged),
        )

    def _note(self, judged: Judged) -> str:
        """What is odd about records that count as delivered."""
        odd = {fate: sum([one is fate for one, _ in judged]) for fate in (Fate.DIVERTED, Fate.DROPPED)}
        notes = [_NOTES[fate](count, len(judged), self.index) for fate, count in odd.items() if count]
        return "; ".join(notes)

    def _reason(self, status: int, said: Item, hint: str) -> str:
        """One line: what it is called, for which index, in whose words, and what to do."""
        kind = line(said.kind, self.secrets, 80)
        about = f"{kind} (HTTP {status}{self._where})" if kind else f"HTTP {status}{self._where}"
        index = self.index if self.index and kind else ""
        words = line(said.words, self.secrets)
        return ": ".join([part for part in (about, index, words, hint) if part])

    @property
    def _credentials(self) -> str:
        if not self.known_by:
            return "it wants to know who we are: write user and password, or another way in"
        return f"check {self.known_by}" + (
            ": the field `encoded` of the answer that made it" if self.known_by == "api_key" else ""
        )

    @property
    def _where(self) -> str:
        return f" from {self.peer}" if self.peer else ""


_THERE = frozenset({Fate.TAKEN, Fate.DIVERTED, Fate.DROPPED})
_AGAIN = frozenset({Fate.AGAIN, Fate.BUSY, Fate.ODD})
_NOTES: Mapping[Fate, Callable[[int, int, str], str]] = {
    Fate.DIVERTED: lambda count, size, index: (
        f"failure_store: {count} of {size} records went to the failure store of {index}, not into the stream: "
        f"search {index}::failures for the reason"
    ),
    Fate.DROPPED: lambda count, size, index: (
        f"noop: an ingest pipeline dropped {count} of {size} records on their way into {index}"
    ),
}


def unwell(reply: Reply) -> bool:
    """Whether another endpoint is the better choice next time. Whoever refuses our credentials is well."""
    return isinstance(reply, Failure) or reply.status >= 500


def elsewhere(reply: Reply) -> bool:
    """Whether another endpoint may do better at once. With an `_id` and `create`, what went twice is there once.

    Not when the time ran out on a request that was sent: a cluster that is slow is not helped by more of them.
    """
    if isinstance(reply, Failure):
        return not (reply.kind == "timeout" and reply.sent)
    return reply.status in (502, 503, 504)


def _asked(headers: Mapping[str, str], now: int) -> float:
    try:
        return delay(headers, now)
    except (OverflowError, TypeError):  # a number of 400 digits, a date of the year 0: it asked for nothing sensible
        return 0.0
