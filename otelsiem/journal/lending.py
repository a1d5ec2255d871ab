"""Which of an exporter's records are on loan, and which are lent next. In memory: after a restart all are lent again.

A lease is arithmetic: released gaps first, lowest first, then the next numbers. Guarantees: a number is on loan at
most once, and what is neither settled, on loan nor being settled can be lent.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush

from otelsiem.journal.state import MOST_DUE, MOST_RANGES, Span, State, total, without


class Lending:
    """One exporter's loans. Not locked: its desk's lock is around every call."""

    def __init__(self, state: State, most_ranges: int = MOST_RANGES, most_due: int = MOST_DUE) -> None:
        self.most_ranges, self.most_due = most_ranges, most_due
        self.edge = state.ranges[-1][1] if state.ranges else state.low  # numbers from here on were never lent
        self.gaps = without([(state.low, self.edge)], state.ranges)
        heapify(self.gaps)
        self.free = total(self.gaps)  # numbers in the gaps
        self.lent = 0  # numbers on loan, those being settled included
        self.due: dict[int, int] = {}  # due records on loan: position -> at

    @property
    def on_loan(self) -> int:
        return self.lent + len(self.due)

    def holds(self, state: State) -> bool:
        """Too much is due: no numbers are lent until some of it is gone."""
        return state.due >= self.most_due

    def available(self, following: int, state: State) -> int:
        """How many numbers `take` could lend now."""
        if self.holds(state):
            return 0
        # Gaps go out even when there are too many ranges: filling them is what makes ranges fewer.
        return self.free + (following - self.edge if len(state.ranges) < self.most_ranges else 0)

    def take(self, most: int, following: int, state: State) -> list[Span]:
        """Lend up to `most` numbers, ascending."""
        spans: list[Span] = []
        most = min(most, self.available(following, state))
        wanted = most
        while wanted and self.gaps:
            start, stop = heappop(self.gaps)
            if stop - start > wanted:
                heappush(self.gaps, (start + wanted, stop))
                stop = start + wanted
            self.free -= stop - start
            wanted -= stop - start
            _add(spans, start, stop)
        if wanted:
            _add(spans, self.edge, self.edge + wanted)
            self.edge += wanted
        self.lent += most
        return spans

    def give_back(self, spans: Sequence[Span]) -> None:
        """These numbers were not settled and can be lent again."""
        for span in spans:
            heappush(self.gaps, span)
        back = total(spans)
        self.free += back
        self.lent -= back

    def settled(self, records: int) -> None:
        """So many numbers are off loan for good."""
        self.lent -= records

    def take_all(self, following: int) -> list[Span]:
        """Everything that is not on loan, whatever the limits say: somebody gives it up."""
        spans: list[Span] = []
        while self.gaps:
            _add(spans, *heappop(self.gaps))
        if self.edge < following:
            _add(spans, self.edge, following)
        self.edge = max(self.edge, following)
        self.free = 0
        self.lent += total(spans)
        return spans


def _add(spans: list[Span], start: int, stop: int) -> None:
    if spans and spans[-1][1] == start:
        spans[-1] = (spans[-1][0], stop)
    else:
        spans.append((start, stop))
