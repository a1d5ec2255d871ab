"""What a flow makes of accepted payloads: done with, evidence that the destination works, and not yet delivered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from otelsiem.delivery.flow import deliver
from otelsiem.model.destination import Confirmation, Confirming, Moment
from otelsiem.model.exchange import Answer, Exchange, HttpRequest, Reply
from otelsiem.model.nodes import Nodes
from otelsiem.model.outcome import Accepted, Delivered, Outcome, Partial, Receipt, Ticket
from tests.delivery.world import Run, Server, Toy, batch_of, read


@dataclass
class Patient(Toy):
    """A toy whose 202 is an Accepted with the body as its ticket, and whose 206 accepts some of a payload."""

    confirmation: Confirmation | None = field(default_factory=Confirmation)
    moments: list[Moment] = field(default_factory=list)

    def confirm(self, tickets: Sequence[Ticket], at: Moment) -> Confirming:
        yield HttpRequest("POST", "http://toy/ask")
        return dict.fromkeys(tickets, Delivered())

    def _ask(self, body: bytes, at: Moment) -> Exchange:
        self.moments.append(at)
        reply = yield HttpRequest("POST", "http://toy", {}, body)
        return _read(reply, at)


def _read(reply: Reply, at: Moment) -> Outcome:
    if isinstance(reply, Answer) and reply.status == 202:
        return Accepted(reply.body.decode(), float(reply.headers.get("after", "0")))
    if isinstance(reply, Answer) and reply.status == 206:
        return Partial(delivered=[0], accepted={"t": [2, 1]}, rejected={3: "bad"}, again=[4])
    return read(reply, at)


def drive(answers: Callable[[list[int]], Reply | None], size: int, toy: Toy) -> tuple[Receipt, Run]:
    world = Run(Server(["good"] * size, law=answers), toy=toy)
    return world.drive(batch_of(["good"] * size)), world


def ticket_of(ids: list[int]) -> Reply:
    return Answer(202, {}, f"t{ids[0]}".encode())


def test_what_is_accepted_is_done_and_not_counted_as_sent() -> None:
    receipt, world = drive(ticket_of, 5, Patient(most=2))
    assert receipt == Receipt(accepted={"t0": [0, 1], "t2": [2, 3], "t4": [4]})
    assert list(receipt.accepted) == ["t0", "t2", "t4"], "in the order in which they were given"
    assert world.notes.sent_records == 0
    assert not world.notes.holds


def test_p3_without_a_way_to_confirm_it_is_a_hold() -> None:
    unable = Patient()
    unable.confirmation = None
    once = iter([Answer(202, {}, b"t"), *[Answer(200)] * 9])
    receipt, world = drive(lambda _: next(once), 3, unable)
    assert receipt == Receipt()
    assert world.notes.holds == ["the destination wants its receipts confirmed, which this exporter cannot"]


def test_p3_a_part_that_nobody_can_confirm_waits_in_due() -> None:
    unable = Patient()
    unable.confirmation = None
    once = iter([Answer(206), *[Answer(200)] * 9])
    receipt, _ = drive(lambda _: next(once), 5, unable)
    assert (set(receipt.due), set(receipt.dead), dict(receipt.accepted)) == ({1, 2}, {3}, {})


def test_an_accepted_payload_ends_an_outage_and_proves_a_poisoned_one() -> None:
    """Its own failures count from the first; the others' acceptance is the evidence that it is not the destination."""
    receipt, world = drive(lambda ids: Answer(500) if 3 in ids else ticket_of(ids), 8, Patient(most=2))
    assert receipt.due.keys() == {3}
    assert sorted(i for taken in receipt.accepted.values() for i in taken) == [0, 1, 2, 4, 5, 6, 7]
    assert world.notes.suspects == 1
    failing = iter([Answer(503)] * 3)
    _, world = drive(lambda ids: next(failing, None) or ticket_of(ids), 1, Patient())
    assert (len(world.notes.outages), world.notes.resumed_keys) == (1, [""])


def test_the_pause_that_it_asks_for_is_kept() -> None:
    _, world = drive(lambda ids: Answer(202, {"after": "9"}, f"t{ids}".encode()), 2, Patient(most=1))
    assert world.waited >= 9


def test_p4_a_partly_accepted_payload_keeps_everybody_apart() -> None:
    once = iter([Answer(206), *[Answer(200)] * 9])
    receipt, world = drive(lambda _: next(once), 5, Patient())
    assert (dict(receipt.accepted), set(receipt.dead), dict(receipt.due)) == ({"t": [2, 1]}, {3}, {})
    assert world.notes.sent_records == 2, "the one of the first answer, and the one that went again"
    assert world.server.asked == [], "the law answered"


@pytest.mark.parametrize("times", [2, 3])
def test_p2_a_ticket_given_twice_loses_nothing(times: int) -> None:
    """The peer was restarted and counts from 0 again: what it accepted before may be gone."""
    tickets = iter(["7", "8", *["7"] * (times - 1), "9"])
    receipt, world = drive(lambda _: Answer(202, {}, next(tickets).encode()), times + 2, Patient(most=1))
    assert list(receipt.accepted) == ["7", "9"]
    named = [*receipt.released, *[i for taken in receipt.accepted.values() for i in taken]]
    assert sorted(named) == list(range(times + 2)), "none of them is taken for delivered"
    assert world.notes.retries == ["unconfirmed"] * times


def test_the_exchange_is_told_the_channel_and_the_endpoints() -> None:
    toy, nodes = Patient(), Nodes()
    world = Run(Server(["good"]), toy=toy)
    at = Moment(world.now, channel="c", nodes=nodes)
    next(deliver(toy, batch_of(["good"]), world.policy, world.breaker, world.bucket, world.notes, at))
    assert (toy.moments[0].channel, toy.moments[0].attempt) == ("c", 1)
    assert toy.moments[0].nodes is nodes
