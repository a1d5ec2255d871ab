"""One fate per record, whatever the server does: the flow against a server that mixes every outcome."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.delivery.world import Run, Server, Toy, batch_of
from tests.examples import some

NATURES = st.sampled_from(
    ["good"] * 12 + ["poison400", "poison500", "poison403", "huge", "item", "later", "noindex"]
    + ["unencodable", "unsendable"]
)  # fmt: skip
HARD = st.sampled_from(["item", "item", "item", "noindex"])  # nothing succeeds between the refusals
MOODS = st.sampled_from(
    ["well", "well", "503", "500", "429", "throttle", "401", "404", "413", "refused", "lost", "400"]
)
REFUSED_BY_NATURE = {"poison400", "item", "huge", "unencodable", "unsendable"}
MAY_WAIT = {"poison500", "poison403", "noindex"}
STOP = 3000


@settings(max_examples=some(400), deadline=None)
@given(
    natures=st.one_of(st.lists(NATURES, max_size=60), st.lists(HARD, min_size=21, max_size=60)),
    moods=st.lists(MOODS, max_size=30),
    most=st.integers(1, 60),
    keyed=st.booleans(),
)
def test_p2_every_record_has_exactly_one_fate(natures: list[str], moods: list[str], most: int, keyed: bool) -> None:
    world = Run(Server(list(natures), list(moods)), Toy(most, keyed))
    receipt = world.drive(batch_of(natures), stop_after=STOP)

    named = [*receipt.dead, *receipt.due, *receipt.filtered, *receipt.released]
    assert len(named) == len(set(named)), "two fates for one record"
    assert all(0 <= index < len(natures) for index in named)
    assert receipt.named == len(named)

    delivered = set(range(len(natures))) - set(named)
    for index in delivered:
        assert world.server.stored[index] >= 1, "said to be delivered, never stored"
    if "lost" not in moods:
        assert all(times == 1 for times in world.server.stored.values()), "sent twice without a lost answer"
        for index in named:
            assert world.server.stored[index] == 0, "stored, and yet another fate"
    for index, death in receipt.dead.items():
        alone_refused = "400" in moods or "413" in moods  # a mood can refuse a record that stands alone
        assert natures[index] in REFUSED_BY_NATURE or alone_refused, (natures[index], death)
    stopped = world.steps > STOP
    for index in receipt.due:
        # Twenty refusals without a success are a hold, and what is held under a key of its own waits in `due`.
        a_hold = keyed and natures.count(natures[index]) >= 20
        assert natures[index] in MAY_WAIT or moods or a_hold, natures[index]
    if not stopped:
        assert not receipt.released


@settings(max_examples=some(200), deadline=None)
@given(
    size=st.integers(2, 80),
    moods=st.lists(st.sampled_from(["503", "500", "401", "403", "refused", "throttle", "429"]), max_size=60),
)
def test_p3_no_mood_of_the_server_costs_a_good_record(size: int, moods: list[str]) -> None:
    natures = ["good"] * size
    world = Run(Server(natures, moods))
    receipt = world.drive(batch_of(natures))
    assert not receipt.dead
    assert len(receipt.due) + len(world.server.stored) == size


@settings(max_examples=some(200), deadline=None)
@given(data=st.data(), size=st.integers(8, 120))
def test_p4_only_the_guilty_are_set_aside(data: st.DataObject, size: int) -> None:
    guilty = data.draw(st.sets(st.integers(0, size - 1), max_size=size // 4))
    poison = data.draw(st.sampled_from(["poison400", "poison500", "item"]))
    natures = [poison if n in guilty else "good" for n in range(size)]
    world = Run(Server(natures))
    receipt = world.drive(batch_of(natures), stop_after=20_000)
    aside = receipt.due if poison == "poison500" else receipt.dead
    assert set(aside) | set(receipt.released) == guilty
    assert set(world.server.stored) == set(range(size)) - guilty
