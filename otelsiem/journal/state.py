"""One exporter's place in its pipeline, as a value: what is settled, and how it ended. What is on loan: `lending.py`.

Guarantees, after every step: `(low − start) + Σ ranges = delivered + dead + filtered + purged + due`, the ranges lie
above `low`, apart from each other and ascending. Nothing is counted twice: settle takes only what `fresh` returned.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import msgspec

Span: TypeAlias = tuple[int, int]  # half-open
Rules: TypeAlias = tuple[tuple[str, int], ...]  # the rules that left records out, and how many each

MOST_RANGES = 1000  # per exporter; above, nothing new is lent
MOST_DUE = 10_000  # above, the exporter holds
MOST_RULES = 64  # of one exporter that are counted apart

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Span, ...]).decode
_decode_rules = msgspec.msgpack.Decoder(Rules).decode


def total(spans: Iterable[Span]) -> int:
    """How many numbers the spans hold."""
    return sum([stop - start for start, stop in spans])


def joined(spans: Iterable[Span]) -> list[Span]:
    """Ascending, with neighbours made one."""
    out: list[Span] = []
    for start, stop in sorted(spans):
        if out and out[-1][1] >= start:
            out[-1] = (out[-1][0], max(out[-1][1], stop))
        else:
            out.append((start, stop))
    return out


def without(spans: Iterable[Span], taken: Sequence[Span]) -> list[Span]:
    """What is left of the spans when the taken ones (ascending, apart) are cut out."""
    out: list[Span] = []
    for start, stop in spans:
        at = bisect_right(taken, (start, start)) - 1
        for low, high in taken[max(at, 0) :]:
            if low >= stop:
                break
            if low > start:
                out.append((start, low))
            start = max(start, high)
            if start >= stop:
                break
        if start < stop:
            out.append((start, stop))
    return out


@dataclass(frozen=True, slots=True)
class State:
    """What is durable of an exporter's place."""

    start: int
    low: int  # everything from start to here is settled
    ranges: tuple[Span, ...] = ()  # settled too, above low
    delivered: int = 0
    dead: int = 0
    filtered: int = 0
    purged: int = 0
    due: int = 0
    rules: Rules = field(default=(), kw_only=True)  # of the filtered ones

    @property
    def settled(self) -> int:
        return self.low - self.start + total(self.ranges)

    @property
    def sound(self) -> bool:
        """P2's identity."""
        return self.settled == self.delivered + self.dead + self.filtered + self.purged + self.due

    def pending(self, following: int) -> int:
        """How many records still have to find their fate when the pipeline's next number is `following`."""
        return following - self.start - self.settled + self.due

    def has(self, position: int) -> bool:
        """Whether this number is settled (a due record's number is)."""
        if position < self.low:
            return position >= self.start
        at = bisect_right(self.ranges, (position, 1 << 63)) - 1
        return at >= 0 and position < self.ranges[at][1]

    def fresh(self, spans: Sequence[Span]) -> list[Span]:
        """The parts of the spans that are not settled yet."""
        if not self.ranges and (not spans or spans[0][0] >= self.low):
            return list(spans)
        return without(spans, [(self.start, self.low), *self.ranges])

    def settle(
        self, fresh: Sequence[Span], *, dead: int = 0, filtered: Sequence[str] = (), purged: int = 0, due: int = 0
    ) -> State:
        """Settle spans that `fresh` returned; what is not said to have ended otherwise was delivered.

        `filtered`: the rule of each record that one left out.
        """
        low, ranges = _advance(self.low, self.ranges, fresh)
        delivered = total(fresh) - dead - len(filtered) - purged - due
        return State(
            self.start,
            low,
            ranges,
            self.delivered + delivered,
            self.dead + dead,
            self.filtered + len(filtered),
            self.purged + purged,
            self.due + due,
            rules=_counted(self.rules, filtered),
        )

    def leave_due(self, records: int, *, dead: int = 0, filtered: Sequence[str] = (), purged: int = 0) -> State:
        """Due records found their fate; what is not said to have ended otherwise was delivered."""
        return replace(
            self,
            due=self.due - records,
            dead=self.dead + dead,
            filtered=self.filtered + len(filtered),
            purged=self.purged + purged,
            delivered=self.delivered + records - dead - len(filtered) - purged,
            rules=_counted(self.rules, filtered),
        )

    def revive(self, records: int) -> State:
        """Dead letters are due again."""
        return replace(self, dead=self.dead - records, due=self.due + records)

    def purge_dead(self, records: int) -> State:
        return replace(self, dead=self.dead - records, purged=self.purged + records)

    def packed_ranges(self) -> bytes:
        return _encode(self.ranges)

    def packed_rules(self) -> bytes:
        return _encode(self.rules)


def unpacked_rules(packed: bytes) -> Rules:
    """What `State.packed_rules` wrote; nothing when it is damaged: the count of all of them stands elsewhere."""
    try:
        return _decode_rules(packed)
    except msgspec.MsgspecError:
        return ()


def unpacked_ranges(packed: bytes) -> tuple[Span, ...]:
    """What `State.packed_ranges` wrote."""
    return _decode(packed)


def _counted(rules: Rules, more: Sequence[str]) -> Rules:
    """With the rules that just left records out; those beyond the most are counted in no rule's name."""
    if not more:
        return rules
    known = Counter(dict(rules))
    for rule, records in Counter(more).items():
        if rule in known or len(known) < MOST_RULES:
            known[rule] += records
    return tuple(sorted(known.items()))


def _advance(low: int, ranges: tuple[Span, ...], fresh: Sequence[Span]) -> tuple[int, tuple[Span, ...]]:
    if not ranges and len(fresh) == 1:  # in order, which is the common case
        start, stop = fresh[0]
        return (stop, ()) if start == low else (low, ((start, stop),))
    spans = joined([*ranges, *fresh])
    if spans and spans[0][0] == low:
        low = spans.pop(0)[1]
    return low, tuple(spans)
