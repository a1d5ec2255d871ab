"""The flow, scene by scene: each test is a sentence of design 5.3."""

from __future__ import annotations

import pytest

from otelsiem.delivery.policy import Policy
from otelsiem.delivery.rate import Bucket
from otelsiem.model.destination import Moment, Payload
from otelsiem.model.exchange import Answer, Exchange
from otelsiem.model.outcome import Receipt
from tests.delivery.world import Run, Server, Toy, batch_of


def run(natures: list[str], moods: list[str] | None = None, policy: Policy | None = None) -> tuple[Receipt, Run]:
    world = Run(Server(natures, moods or []), policy=policy or Policy())
    return world.drive(batch_of(natures)), world


def test_all_good_is_one_request() -> None:
    receipt, world = run(["good"] * 5)
    assert receipt == Receipt()
    assert world.server.asked == [[0, 1, 2, 3, 4]]
    assert world.notes.sent_records == 5


def test_an_empty_batch_is_delivered_without_a_request() -> None:
    receipt, world = run([])
    assert receipt == Receipt()
    assert world.steps == 0


def test_p3_an_outage_of_days_costs_delay_and_no_data() -> None:
    receipt, world = run(["good"] * 3, ["refused", "503", "503", "500", "lost"] * 300)
    assert receipt == Receipt()
    assert world.waited > 3600
    assert min(world.server.stored.values()) >= 1


def test_an_outage_is_news_once_and_so_is_its_end() -> None:
    _, world = run(["good"], ["refused"] * 9)
    assert world.notes.outages == ["connect: refused"]
    assert world.notes.resumed_keys == [""]
    _, world = run(["good"], ["refused"])
    assert not world.notes.outages, "one failure alone is everyday"
    assert not world.notes.resumed_keys


def test_backoff_doubles_to_its_cap_with_jitter_around_it() -> None:
    _, world = run(["good"], ["503"] * 4)
    assert world.waited == 1 + 2 + 4 + 8


def test_retry_after_is_a_floor() -> None:
    _, world = run(["good"], ["throttle"])
    assert 7 <= world.waited <= 7.7


def test_p3_a_wrong_token_holds_probes_slowly_and_resumes_by_itself() -> None:
    receipt, world = run(["good"] * 10, ["401"] * 7)
    assert receipt == Receipt()
    assert world.waited >= 4 * 30, "some of the seven went to the probe"
    assert world.notes.holds == ["HTTP 401"], "a hold is news once"
    assert world.notes.resumed_keys == [""]


def test_too_large_is_halved_until_it_fits_and_the_giant_alone_is_refused() -> None:
    receipt, world = run(["good"] * 7 + ["huge"])
    assert dict(receipt.dead).keys() == {7}
    assert "too large" in receipt.dead[7].reason
    assert world.server.stored.keys() == set(range(7))


def test_p4_a_refused_payload_is_bisected_to_the_guilty_record() -> None:
    natures = ["good"] * 100
    natures[37] = "poison400"
    receipt, world = run(natures)
    assert receipt.dead.keys() == {37}
    assert receipt.dead[37].reason == "HTTP 400"
    assert all(world.server.stored[i] == 1 for i in range(100) if i != 37), "nothing was sent twice"


def test_p4_a_record_that_makes_the_server_fail_goes_to_due_and_its_neighbours_arrive() -> None:
    natures = ["good"] * 100
    natures[61] = "poison500"
    receipt, world = run(natures)
    assert receipt.named == 1
    assert receipt.due[61].reason == "HTTP 500"
    assert receipt.due[61].at >= world.now + 3599 * 10**9, "tried hourly"
    assert world.notes.suspects == 1
    assert world.waited < 60, "the neighbours did not wait long for it"


def test_p4_two_poisoned_records_in_different_halves() -> None:
    natures = ["good"] * 64
    natures[3] = natures[60] = "poison500"
    receipt, _ = run(natures)
    assert receipt.due.keys() == {3, 60}
    assert not receipt.dead


def test_p4_a_record_that_a_firewall_forbids_does_not_hold_the_others_for_good() -> None:
    natures = ["good"] * 32
    natures[5] = "poison403"
    receipt, world = run(natures)
    assert receipt.due.keys() == {5}
    assert not world.breaker.holds()


def test_p3_an_outage_with_a_probe_that_lies_blames_no_record() -> None:
    """Everything fails for an hour while the probe says all is well."""
    natures = ["good"] * 64
    world = Run(Server(natures))
    until = world.now + 3600 * 10**9
    world.server.law = lambda ids: Answer(503) if ids and world.now < until else None
    receipt = world.drive(batch_of(natures))
    assert receipt == Receipt()
    assert all(world.server.stored[i] == 1 for i in range(64))


def test_p3_twenty_refusals_without_a_success_are_a_wrong_address() -> None:
    natures = ["poison400"] * 50
    world = Run(Server(natures))

    def corrected(run: Run) -> None:
        if run.waited > 100:  # the operator corrects the address
            run.server.natures = ["good"] * 50

    receipt = world.drive(batch_of(natures), meanwhile=corrected)
    assert receipt == Receipt(), "none of them was refused for good"
    assert "20 records in a row refused" in world.notes.holds[0]


def test_fewer_than_twenty_refusals_are_believed() -> None:
    receipt, _ = run(["poison400"] * 19)
    assert len(receipt.dead) == 19


def test_partial_answers_are_taken_record_by_record() -> None:
    receipt, world = run(["good", "item", "later", "noindex", "good"])
    assert receipt.dead.keys() == {1}
    assert receipt.due.keys() == {3}
    assert receipt.due[3].reason == "no such index"
    assert world.server.stored == {0: 1, 4: 1, 2: 1}


def test_p2_a_hold_in_the_middle_of_an_answer_forgets_nobody() -> None:
    """Fifty lines refused in one answer: the twentieth makes it a hold, and the thirty behind it are pending too."""
    natures = ["item"] * 50
    world = Run(Server(natures))

    def corrected(run: Run) -> None:
        if run.waited > 100:
            run.server.natures = ["good"] * 50

    receipt = world.drive(batch_of(natures), meanwhile=corrected)
    assert receipt == Receipt()
    assert world.server.stored == dict.fromkeys(range(50), 1), "said to be delivered means stored"


@pytest.mark.parametrize("poison", ["poison500", "poison403"])
@pytest.mark.parametrize(("size", "attempts"), [(1, ()), (3, (4, 4, 4))])
def test_p4_poison_that_travels_alone_lets_go_of_its_courier(poison: str, size: int, attempts: tuple[int, ...]) -> None:
    """With one courier nothing else could succeed while it waits: no evidence would ever come."""
    natures = [poison] * size
    world = Run(Server(natures))
    receipt = world.drive(batch_of(natures), attempts, stop_after=2000)
    assert receipt.due.keys() == set(range(size))
    assert not receipt.dead
    assert not receipt.released, "it ended by itself"
    assert world.notes.suspects == 0, "nothing is proved, so nobody is accused"


def test_p3_a_lone_record_waits_out_an_outage_in_its_place() -> None:
    world = Run(Server(["good"]))
    until = world.now + 7200 * 10**9
    world.server.law = lambda ids: Answer(503) if world.now < until else None  # the probe fails as well
    assert world.drive(batch_of(["good"])) == Receipt()
    assert world.server.stored == {0: 1}


def test_p4_a_record_that_breaks_its_encoder_harms_nobody() -> None:
    receipt, world = run(["good", "unencodable", "good", "unsendable"])
    assert receipt.dead.keys() == {1, 3}
    assert receipt.dead[1].reason == "cannot be encoded: TypeError"
    assert world.server.stored == {0: 1, 2: 1}


def test_an_invented_tenant_holds_nobody_else() -> None:
    """With payload keys, what is held goes to `due` and the other tenants arrive."""
    natures = ["good", "noauth", "good", "noauth"]
    world = Run(Server(natures), Toy(keyed=True))
    world.server.law = lambda ids: Answer(403) if 1 in ids else None
    receipt = world.drive(batch_of(natures))
    assert receipt.due.keys() == {1, 3}
    assert world.waited == 0, "nobody waited"
    assert world.breaker.holds() == {"noauth": "HTTP 403"}


def test_give_up_only_when_the_user_said_so() -> None:
    receipt, world = run(["good"] * 2, ["503"] * 50, policy=Policy(max_retries=3))
    assert receipt.dead[0].reason == "gave up: HTTP 503"
    assert receipt.dead[0].attempts == 4
    assert len(world.server.asked) == 4


def test_holds_never_count_towards_giving_up() -> None:
    receipt, _ = run(["good"] * 2, ["401"] * 50, policy=Policy(max_retries=3, max_elapsed=60))
    assert receipt == Receipt()


def test_attempts_before_this_lease_are_remembered() -> None:
    world = Run(Server(["poison400"]))
    receipt = world.drive(batch_of(["poison400"]), attempts=[6])
    assert receipt.dead[0].attempts == 7


def test_shutdown_releases_what_would_have_to_wait() -> None:
    natures = ["good"] * 4
    world = Run(Server(natures, ["503"] * 100), Toy(most=2))
    receipt = world.drive(batch_of(natures), stop_after=3)
    assert sorted(receipt.released) == [0, 1, 2, 3]


def test_the_rate_limit_lets_a_burst_through_and_then_paces() -> None:
    natures = ["good"] * 300
    world = Run(Server(natures), Toy(most=100), bucket=Bucket(rate=100, burst=100))
    world.drive(batch_of(natures))
    assert 1.9 < world.waited < 2.1


def test_a_bug_in_a_destination_is_a_hold() -> None:
    class Broken(Toy):
        def exchange(self, payload: Payload, at: Moment) -> Exchange:
            raise KeyError("oops")

    natures = ["good"]
    world = Run(Server(natures), Broken())
    receipt = world.drive(batch_of(natures), stop_after=20)
    assert receipt.released == (0,)
    assert "KeyError" in world.notes.holds[0]
