"""A partial answer that does not say who was refused: all become dead letters, none is sent again, nothing is held."""

from __future__ import annotations

from dataclasses import dataclass

from otelsiem.model.destination import Moment
from otelsiem.model.exchange import Answer, Exchange, HttpRequest
from otelsiem.model.outcome import Partial
from tests.delivery.world import Run, Server, Toy, batch_of, read


@dataclass
class Vague(Toy):
    """206 means: some are refused, and nobody knows which."""

    def _ask(self, body: bytes, at: Moment) -> Exchange:
        reply = yield HttpRequest("POST", "http://toy", {}, body)
        if isinstance(reply, Answer) and reply.status == 206:
            size = body.count(b",") + 1
            return Partial(rejected=dict.fromkeys(range(size), "3 of them were refused"), took=True)
        return read(reply, at)


def test_p2_all_of_them_are_kept_as_dead_letters_after_one_request() -> None:
    world = Run(Server(["good"] * 50, ["206"]), Vague())
    receipt = world.drive(batch_of(["good"] * 50))
    assert sorted(receipt.dead) == list(range(50)), "more than 20 in a row are no wrong address: it took the others"
    assert {death.reason for death in receipt.dead.values()} == {"3 of them were refused"}
    assert len(world.server.asked) == 1
    assert not world.notes.holds


def test_it_proves_that_the_destination_works() -> None:
    world = Run(Server(["good"] * 4, ["refused", "refused", "206"]), Vague())
    world.drive(batch_of(["good"] * 4))
    assert world.notes.resumed_keys == [""]
