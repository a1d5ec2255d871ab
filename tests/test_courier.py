"""Couriers against a peer that confirms later: nothing is delivered before its word, nothing is lost without it."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from otelsiem.journal.journal import ExporterCounts
from otelsiem.model.destination import Confirmation, Confirming, Limits, Moment
from otelsiem.model.match import Match
from otelsiem.model.outcome import Delivered, Ticket
from tests.clerk import PROMPT, Clerk, ToClerk
from tests.house import BRISK, PATIENCE, House, house


def test_p2_accepted_records_are_delivered_only_once_they_are_confirmed(tmp_path: Path) -> None:
    with Clerk(confirms=False) as clerk, house(tmp_path, clerk) as made:
        names = made.send(35)
        clerk.until(lambda: len(clerk.stored) == 35)
        asked = len(clerk.questions)
        clerk.until(lambda: len(clerk.questions) > asked + 3)
        counts = made.until(lambda counts: counts.on_loan == 35)
        assert (counts.delivered, counts.pending) == (0, 35)
        assert made.shown("siem_unconfirmed_events") == 35
        assert made.shown("siem_batches_sent_total") == 0, "accepted is not sent"
        clerk.confirms = True
        assert made.delivered().delivered == 35
        assert made.shown("siem_unconfirmed_events") == 0
        assert made.shown("siem_batches_sent_total") == len(clerk.pile)
        assert made.shown("siem_event_lag_seconds_count") == len(clerk.pile)
        assert clerk.stored == dict.fromkeys(names, 1), "and nothing was sent twice"


def test_what_is_never_confirmed_is_sent_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Clerk(moods=deque(["never"] * 6)) as clerk, house(tmp_path, clerk, replace(PROMPT, timeout=0.1)) as made:
        made.send(20)
        assert made.delivered().delivered == 20
        assert set(clerk.stored) == clerk.confirmed
        assert all(copies >= 2 for copies in clerk.stored.values())
        assert made.shown("siem_retry_attempts_total") >= 6
        assert 'reason="unconfirmed"' in made.metrics.page()[0].decode()
        assert caplog.text.count("sent again") == 1, "a person hears of it once in a while"


def test_what_the_peer_lost_is_sent_again_at_once(tmp_path: Path) -> None:
    with Clerk(moods=deque(["lost", "lost"])) as clerk, house(tmp_path, clerk) as made:
        names = made.send(10)
        assert made.delivered().delivered == 10
        assert clerk.stored == dict.fromkeys(names, 3)


@pytest.mark.parametrize("status", [503, 401])
def test_p3_what_cannot_be_asked_is_neither_delivered_nor_sent_again(tmp_path: Path, status: int) -> None:
    terms = replace(PROMPT, timeout=0.01)
    with Clerk(unasked=status) as clerk, house(tmp_path, clerk, terms) as made:
        names = made.send(10)
        clerk.until(lambda: len(clerk.questions) >= 5)
        assert made.exporter.troubles() == {"confirmation": f"confirmations cannot be asked for: HTTP {status}"}
        assert bool(made.exporter.holds()) == (status == 401)
        assert made.counts().delivered == 0
        clerk.unasked = 0
        assert made.delivered().delivered == 10
        assert clerk.stored == dict.fromkeys(names, 1), "long after its time, but no answer had said so"
        made.send(1)
        made.delivered()
        assert not made.exporter.troubles()


def test_p3_a_peer_that_is_gone_is_not_asked_in_vain_for_ever(tmp_path: Path) -> None:
    with Clerk(confirms=False) as clerk, house(tmp_path, clerk) as made:
        made.send(10)
        clerk.until(lambda: bool(clerk.questions))
        clerk.server.down()
        end = time.monotonic() + PATIENCE
        while not made.exporter.troubles():
            assert time.monotonic() < end
            time.sleep(0.005)
        assert made.counts().pending == 10
        clerk.confirms = True
        clerk.server.up()
        assert made.delivered().delivered == 10


def test_a_courier_in_a_long_hold_goes_on_asking(tmp_path: Path) -> None:
    slow = replace(BRISK, probe_interval=3600.0)
    with Clerk(confirms=False) as clerk, house(tmp_path, clerk, policy=slow) as made:
        first = set(made.send(10))
        clerk.until(lambda: len(clerk.stored) == 10)
        clerk.refuses = lambda ids: True
        made.send(10)
        end = time.monotonic() + PATIENCE
        while not made.exporter.holds():
            assert time.monotonic() < end
            time.sleep(0.005)
        clerk.confirms = True
        made.until(lambda counts: counts.delivered == 10)
        assert made.settled() == first


def test_a_busy_stream_does_not_keep_it_from_asking(tmp_path: Path) -> None:
    with Clerk() as clerk, house(tmp_path, clerk) as made:
        made.send(10)
        end = time.monotonic() + PATIENCE
        while not made.counts().delivered:
            assert time.monotonic() < end
            made.send(200)  # there is always another lease to take
        assert made.counts().pending, "it was asked for in between"


def test_an_idle_journal_does_not_keep_it_from_asking(tmp_path: Path) -> None:
    with Clerk(confirms=False) as clerk, house(tmp_path, clerk) as made:
        made.send(1)
        clerk.until(lambda: len(clerk.questions) >= 40)  # at one a second, as it looks at its orders, it would be late


def test_no_lease_is_taken_while_too_many_are_unconfirmed(tmp_path: Path) -> None:
    with Clerk(confirms=False) as clerk, house(tmp_path, clerk, replace(PROMPT, most=3)) as made:
        made.send(100)
        clerk.until(lambda: len(clerk.pile) == 3)
        asked = len(clerk.questions)
        clerk.until(lambda: len(clerk.questions) >= asked + 5)
        assert len(clerk.pile) == 3
        assert made.counts().on_loan == 30
        clerk.confirms = True
        assert made.delivered().delivered == 100


def test_each_courier_asks_on_the_channel_that_it_sends_on(tmp_path: Path) -> None:
    with Clerk() as clerk, house(tmp_path, clerk, couriers=4) as made:
        for _ in range(20):
            made.send(40)
        made.delivered()
        channels = {taken.channel for taken in clerk.pile.values()}
        assert {channel for channel, _ in clerk.questions} <= channels
        assert all(UUID(channel).version == 4 for channel in channels)
        assert clerk.strangers == 0
    assert 1 <= len(channels) <= 4


def test_p2_filtered_records_and_accepted_ones_keep_apart(tmp_path: Path) -> None:
    match = Match.model_validate({"events": ["login"]})
    with Clerk(confirms=False) as clerk:
        made = House(tmp_path, ToClerk(clerk.server.url, limits=Limits(60, age=0.2)), match=match)
        made.open()
        try:
            wanted = [name for n in range(20) for name in (made.send(1, "logout"), made.send(1, "login"))[1]]
            clerk.until(lambda: set(clerk.stored) == set(wanted))
            made.until(lambda counts: (counts.filtered, counts.on_loan) == (20, 20))
            assert made.settled().isdisjoint(wanted)
            clerk.confirms = True
            counts = made.delivered()
            assert (counts.delivered, counts.filtered) == (20, 20)
        finally:
            made.close()


@pytest.mark.parametrize("nonsense", [None, 7, {"t0": True}, {"t0": None, "t1": "x"}, KeyError("boom")])
def test_p3_a_bug_in_a_destination_costs_no_data(tmp_path: Path, nonsense: object) -> None:
    class Buggy(ToClerk):
        def confirm(self, tickets: Sequence[Ticket], at: Moment) -> Confirming:
            if well.is_set():
                return (yield from super().confirm(tickets, at))
            if isinstance(nonsense, Exception):
                raise nonsense
            return nonsense  # type: ignore[return-value]  # the bug

    well = threading.Event()
    with Clerk() as clerk:
        made = House(tmp_path, Buggy(clerk.server.url, replace(PROMPT, timeout=600.0)))
        made.open()
        try:
            names = made.send(20)
            clerk.until(lambda: len(clerk.stored) == 20)
            end = time.monotonic() + PATIENCE
            while not made.exporter.holds():
                assert time.monotonic() < end
                time.sleep(0.005)
            assert "the destination's code failed" in made.exporter.holds()["confirmation"]
            assert made.counts().delivered == 0
            well.set()
            assert made.delivered().delivered == 20
            assert clerk.stored == dict.fromkeys(names, 1)
        finally:
            made.close()


def test_draining_waits_for_what_is_unconfirmed(tmp_path: Path) -> None:
    with Clerk(confirms=False) as clerk, house(tmp_path, clerk, Confirmation(interval=3600.0), couriers=2) as made:
        made.send(40)
        clerk.until(lambda: len(clerk.stored) == 40)
        made.until(lambda counts: counts.on_loan == 40)
        assert not clerk.questions
        made.exporter.drain()
        clerk.until(lambda: len(clerk.questions) >= 2)
        assert not made.exporter.drained()
        clerk.confirms = True
        end = time.monotonic() + PATIENCE
        while not made.exporter.drained():
            assert time.monotonic() < end
            time.sleep(0.005)
        assert made.counts().pending == 0


def test_draining_waits_while_the_peer_takes_nothing_more(tmp_path: Path) -> None:
    with Clerk(confirms=False) as clerk, house(tmp_path, clerk) as made:
        first = made.send(10)
        clerk.until(lambda: len(clerk.stored) == 10)
        clerk.refuses = lambda ids: True
        made.send(10)
        made.exporter.drain()
        asked = len(clerk.questions)
        while len(clerk.questions) < asked + 60:  # longer than a dead destination keeps a drain
            assert not made.exporter.drained()
            time.sleep(0.005)
        clerk.confirms = True
        end = time.monotonic() + PATIENCE
        while not made.exporter.drained():
            assert time.monotonic() < end
            time.sleep(0.005)
        made.until(lambda counts: counts.delivered == 10)
        assert made.settled() == set(first)


def test_p2_what_is_unconfirmed_at_the_end_is_sent_again_by_the_next_life(tmp_path: Path) -> None:
    with Clerk(confirms=False) as clerk, house(tmp_path, clerk, couriers=2) as made:
        names = made.send(40)
        clerk.until(lambda: len(clerk.stored) == 40)
        made.until(lambda counts: counts.on_loan == 40)
        made.again()
        assert made.counts().delivered == 0
        clerk.confirms = True
        assert made.delivered().delivered == 40
        assert clerk.stored == dict.fromkeys(names, 2)
        assert clerk.strangers == 0, "tickets of a channel that is gone are not asked for"


def test_an_end_in_a_hurry_waits_for_no_confirmation(tmp_path: Path) -> None:
    with Clerk(unasked=503) as clerk, house(tmp_path, clerk, couriers=2) as made:
        made.send(40)
        clerk.until(lambda: len(clerk.stored) == 40)
        deadline = time.monotonic() + 2 * PATIENCE
        made.exporter.stop(deadline)
        assert time.monotonic() < deadline
        counts = made.counts()
        assert (counts.pending, counts.on_loan) == (40, 0), "it can be lent to another exporter of the same process"
        assert made.shown("siem_unconfirmed_events") == 0


def test_without_a_confirmation_an_accepted_payload_is_a_hold(tmp_path: Path) -> None:
    with Clerk() as clerk, house(tmp_path, clerk, None) as made:
        made.send(10)
        end = time.monotonic() + PATIENCE
        while not made.exporter.holds():
            assert time.monotonic() < end
            time.sleep(0.005)
        assert made.counts().pending == 10
        assert not clerk.questions


@pytest.mark.parametrize("seed", range(6))
def test_p2_whatever_the_peer_does_every_record_arrives_and_is_settled_by_its_word(tmp_path: Path, seed: int) -> None:
    """Payloads confirmed, lost, never confirmed, refused; answers hidden; questions refused; both ends restarted."""
    dice = random.Random(seed)
    takes = ["well"] * 4 + ["never", "lost", "hidden", "503", "429", "401"]
    asks = ["well"] * 3 + ["hidden", "503", "401", "200"]
    moods = deque(dice.choices(takes, k=60))
    asked = deque(mood for mood in dice.choices(asks, k=60) if mood != "200")
    terms = replace(PROMPT, timeout=0.2)
    with Clerk(moods=moods, asked_moods=asked) as clerk, house(tmp_path, clerk, terms, dice.randint(1, 3)) as made:
        for _ in range(12):
            made.send(dice.randint(1, 40))
            match dice.randint(0, 5):
                case 0:
                    made.again()
                case 1:
                    clerk.restart()
                case 2:
                    clerk.confirms = not clerk.confirms
                case _:
                    made.until(partial(_asked, clerk, len(clerk.questions) + dice.randint(1, 4)))
            assert made.settled() <= clerk.confirmed, "settled without a confirmation"
        moods.clear()
        asked.clear()
        clerk.confirms = True
        counts = made.delivered()
        assert (counts.delivered, counts.dead) == (made.sent, 0)
        assert clerk.stored.keys() == clerk.confirmed == {str(n) for n in range(made.sent)}
        assert clerk.strangers == 0
        assert made.shown("siem_unconfirmed_events") == 0


def _asked(clerk: Clerk, times: int, counts: ExporterCounts) -> bool:
    return len(clerk.questions) >= times or not counts.pending


def test_a_verdict_of_another_ticket_is_none(tmp_path: Path) -> None:
    class Talkative(ToClerk):
        def confirm(self, tickets: Sequence[Ticket], at: Moment) -> Confirming:
            found = yield from super().confirm(tickets, at)
            return {**found, "t999": Delivered()}

    with Clerk(confirms=False) as clerk:
        made = House(tmp_path, Talkative(clerk.server.url))
        made.open()
        try:
            made.send(10)
            clerk.until(lambda: len(clerk.questions) >= 3)
            assert made.counts().delivered == 0
            clerk.confirms = True
            made.delivered()
        finally:
            made.close()
