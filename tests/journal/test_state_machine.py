"""An exporter's place and loans under any order of events: P2's identity after every step."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from otelsiem.journal.lending import Lending
from otelsiem.journal.state import Span, State, joined, total, unpacked_ranges, without
from tests.examples import some

spans = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)).map(lambda p: (p[0], p[0] + p[1])), max_size=8)


def numbers(of: list[Span]) -> list[int]:
    return [n for start, stop in of for n in range(start, stop)]


@given(spans, spans)
def test_spans_are_sets_of_numbers(some: list[Span], others: list[Span]) -> None:
    apart = joined(others)
    assert numbers(apart) == sorted(set(numbers(others)))
    assert all(stop < start for (_, stop), (start, _) in pairwise(apart))
    left = without(joined(some), apart)
    assert numbers(left) == sorted(set(numbers(some)) - set(numbers(others)))


class Place(RuleBasedStateMachine):
    """The model beside it: a set per fate."""

    @initialize(start=st.integers(0, 50))
    def begin(self, start: int) -> None:
        self.state = State(start, start)
        self.next = start
        self.lending = Lending(self.state, most_ranges=4, most_due=12)
        self.loans: list[list[Span]] = []
        self.due_loans: list[int] = []
        self.settled: set[int] = set()
        self.counted = dict.fromkeys(("delivered", "dead", "filtered", "purged", "due"), 0)

    @rule(count=st.integers(1, 40))
    def append(self, count: int) -> None:
        self.next += count

    @rule(most=st.integers(1, 25))
    def take(self, most: int) -> None:
        here = self.lending.available(self.next, self.state)
        taken = self.lending.take(most, self.next, self.state)
        assert total(taken) == min(most, here)
        lent = set(numbers(taken))
        assert len(lent) == total(taken)
        assert not lent & self.settled
        assert not lent & self.on_loan()
        assert taken == sorted(taken)
        if lent and here == self.next - self.state.low - total(self.state.ranges) - len(self.on_loan()):
            assert lent == set(self.lendable()[:most]), "the lowest first"
            return self.loans.append(taken)
        if lent:
            self.loans.append(taken)
        return None

    def on_loan(self) -> set[int]:
        return {n for loan in self.loans for n in numbers(loan)}

    def lendable(self) -> list[int]:
        taken = self.on_loan() | self.settled
        return [n for n in range(self.state.start, self.next) if n not in taken]

    @precondition(lambda self: self.loans)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        loan = self.loans.pop(data.draw(st.integers(0, len(self.loans) - 1)))
        fates = data.draw(st.lists(st.sampled_from("ddddxfur"), min_size=total(loan), max_size=total(loan)))
        by = {fate: [n for n, f in zip(numbers(loan), fates, strict=True) if f == fate] for fate in "dxfur"}
        back = joined([(n, n + 1) for n in by["r"]])
        self.lending.give_back(back)
        gone = without(loan, back)
        fresh = self.state.fresh(gone)
        assert fresh == gone, "what was on loan was not settled by anybody else"
        self.state = self.state.settle(fresh, dead=len(by["x"]), filtered=["rule"] * len(by["f"]), due=len(by["u"]))
        self.lending.settled(total(gone))
        self.settled |= set(numbers(gone))
        assert self.state.fresh(gone) == [], "a second settle finds nothing"
        for fate, name in (("d", "delivered"), ("x", "dead"), ("f", "filtered"), ("u", "due")):
            self.counted[name] += len(by[fate])

    @precondition(lambda self: self.counted["due"])
    @rule(data=st.data())
    def settle_due(self, data: st.DataObject) -> None:
        count = data.draw(st.integers(1, self.counted["due"]))
        dead = data.draw(st.integers(0, count))
        self.state = self.state.leave_due(count, dead=dead)
        self.counted["due"] -= count
        self.counted["dead"] += dead
        self.counted["delivered"] += count - dead

    @precondition(lambda self: self.counted["dead"])
    @rule(data=st.data())
    def replay_or_purge(self, data: st.DataObject) -> None:
        count = data.draw(st.integers(1, self.counted["dead"]))
        self.counted["dead"] -= count
        if data.draw(st.booleans()):
            self.state = self.state.revive(count)
            self.counted["due"] += count
        else:
            self.state = self.state.purge_dead(count)
            self.counted["purged"] += count

    @rule()
    def give_up(self) -> None:
        expected = self.lendable()
        taken = self.lending.take_all(self.next)
        assert numbers(taken) == expected
        self.state = self.state.settle(self.state.fresh(taken), purged=total(taken))
        self.lending.settled(total(taken))
        self.settled |= set(numbers(taken))
        self.counted["purged"] += total(taken)

    @rule()
    def restart(self) -> None:
        packed = self.state.packed_ranges()
        assert unpacked_ranges(packed) == self.state.ranges
        self.lending = Lending(self.state, most_ranges=4, most_due=12)
        self.loans.clear()

    @invariant()
    def holds(self) -> None:
        if not hasattr(self, "state"):
            return
        state = self.state
        assert state.sound
        assert {name: getattr(state, name) for name in self.counted} == self.counted
        assert state.settled == len(self.settled)
        assert state.pending(self.next) == self.next - state.start - len(self.settled) + state.due
        assert self.lending.lent == len(self.on_loan())
        assert self.lending.free == total(self.lending.gaps)
        edges = [state.low, *[edge for span in state.ranges for edge in span]]
        assert edges == sorted(set(edges)), "ranges lie above low, apart and ascending"
        assert all(state.has(n) == (n in self.settled) for n in range(state.start - 2, self.next + 2))


Place.TestCase.settings = settings(deadline=None, max_examples=some(200), stateful_step_count=40)
test_p2_identity_after_every_step = Place.TestCase


def test_nothing_new_is_lent_above_the_limits() -> None:
    scattered = State(0, 0, tuple((n, n + 1) for n in range(1, 8, 2)), delivered=4)
    lending = Lending(scattered, most_ranges=4)
    assert lending.take(100, 50, scattered) == [(0, 1), (2, 3), (4, 5), (6, 7)]
    holding = State(0, 10, (), due=10)
    assert Lending(holding, most_due=10).available(50, holding) == 0


def test_p2_what_is_settled_is_not_fresh() -> None:
    place = State(10, 10).settle([(20, 30)]).settle([(10, 15)])
    assert (place.low, place.ranges) == (15, ((20, 30),))
    assert place.fresh([(20, 30)]) == []
    assert place.fresh([(10, 40)]) == [(15, 20), (30, 40)]
    assert place.settle(place.fresh([(12, 32)])) == State(10, 32, (), delivered=22)
