"""Whatever a damaged row says, the place that comes out is sound, and believes no kept record settled by mistake."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from otelsiem.journal.balance import Kept, balanced
from otelsiem.journal.state import State, joined, total, without

NUMBERS = st.integers(-5, 60)
SPANS = st.lists(st.tuples(st.integers(0, 49), st.integers(1, 12)), max_size=4).map(
    lambda found: joined([(start, min(start + size, 50)) for start, size in found])
)
COUNTERS = st.one_of(st.integers(-3, 60), st.just(1 << 40))
PLACES = st.builds(
    State,
    NUMBERS,
    NUMBERS,
    st.lists(st.tuples(NUMBERS, NUMBERS), max_size=3).map(tuple),
    COUNTERS,
    COUNTERS,
    COUNTERS,
    COUNTERS,
    COUNTERS,
)
ASIDE = st.lists(st.integers(0, 49), max_size=8, unique=True)


@given(PLACES, SPANS, ASIDE, st.integers(0, 8))
def test_p2_any_row_becomes_a_sound_place_and_stays_it(
    place: State, spans: list[tuple[int, int]], aside: list[int], due: int
) -> None:
    kept = Kept(50, spans, aside[:due], aside[due:])
    right = balanced(place, kept).place
    assert right.sound
    assert min(right.delivered, right.dead, right.filtered, right.purged, right.due) >= 0
    assert (right.due, right.dead) == (len(kept.due), len(kept.dead))
    assert 0 <= right.start <= right.low <= 50
    assert list(right.ranges) == joined(right.ranges)
    assert all(right.low < start < stop <= 50 for start, stop in right.ranges)
    assert all(right.has(position) or position < right.start for position in aside)
    pending = without([(right.low, 50)], right.ranges)
    assert without(pending, spans) == [], "what is pending can be read"
    assert balanced(right, kept).place == right


def test_a_sound_place_stays_as_it_is() -> None:
    place = State(0, 10, ((12, 15),), delivered=9, dead=1, filtered=1, purged=1, due=1)
    kept = Kept(20, [(10, 20)], [3], [4])
    assert balanced(place, kept).place == place
    assert balanced(place, kept).told == []


def test_p2_pending_records_that_no_entry_holds_are_purged() -> None:
    right = balanced(State(0, 10, delivered=10), Kept(20, [(10, 12), (15, 20)]))
    assert right.place == State(0, 10, ((12, 15),), delivered=10, purged=3)
    assert [what for what, _, _ in right.told] == ["records 12-14 are pending, and no entry holds them"]


def test_p3_what_the_counters_do_not_vouch_for_is_delivered_again() -> None:
    right = balanced(State(0, 18, delivered=10), Kept(20, [(5, 20)]))
    assert right.place == State(0, 10, delivered=10)


def test_p2_lost_due_records_and_dead_letters_are_purged() -> None:
    was = State(0, 10, delivered=5, dead=3, due=2)
    right = balanced(was, Kept(10, [], [1], [2, 3]))
    assert right.place == replace(was, dead=2, due=1, purged=2)
    assert right.told[0][1] == "1 due records and 1 dead letters"


def test_nothing_is_pending_for_an_exporter_that_was_removed() -> None:
    place = State(0, 10, delivered=9, dead=1)
    assert balanced(place, Kept(99, [], [], [4], removed=True)).place == place


def test_what_an_exporter_had_before_it_came_back_counts_although_its_numbers_are_lower() -> None:
    place = State(90, 100, delivered=9, dead=1)
    assert balanced(place, Kept(100, [], [], [4])).place == place


def test_settled_is_never_more_than_the_numbers_there_are() -> None:
    right = balanced(State(0, 70, delivered=70), Kept(50, [(40, 50)])).place
    assert right.settled + total(without([(right.low, 50)], right.ranges)) == 50 - right.start
