"""Indexer acknowledgement end to end: a gateway process, our strict HEC fake, and acknowledgements that come, come late
or never. What is not confirmed is not called delivered, is never lost, and goes again a bounded number of times.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from otelsiem.testing.hec import Event, FakeHec, Poison, Token, coded
from otelsiem.testing.hec_balancer import HecBalancer
from otelsiem.testing.http import Respond
from tests.gateway.test_sick_destination import BRISK, arrived, balance, names, send, settled
from tests.gateway_process import Gateway
from tests.program import eventually

PATIENT = {"poll_interval": "100ms", "timeout": "1h"}  # nothing is sent again for want of time
HASTY = {"poll_interval": "100ms", "timeout": "500ms"}
POISON = Poison(400, 13)
ONE_COURIER = {"sending_queue": {"num_consumers": 1, "batch": {"flush_timeout": "20ms"}}}


@pytest.fixture
def splunk() -> Iterator[FakeHec]:
    with FakeHec(ack=True) as fake:
        yield fake


def gateway(directory: Path, endpoint: str | list[str], ack: object = PATIENT, **more: Any) -> Gateway:
    hec = {"endpoint": endpoint, "token": FakeHec().token, "ack": ack, **BRISK, **more}
    return Gateway(directory, {"splunk_hec/soc": hec})


def questions(splunk: FakeHec) -> int:
    return sum(request.path.endswith("/ack") for request in list(splunk.requests))


def asked(splunk: FakeHec, times: int) -> None:
    """So many questions more."""
    before = questions(splunk)
    eventually(lambda: questions(splunk) >= before + times, 30, f"{times} questions for acknowledgements")


def sent(running: Gateway) -> float:
    return running.metric("siem_events_sent_total")


def resent(running: Gateway) -> float:
    """Payloads that went again for want of a confirmation."""
    return running.metric("siem_retry_attempts_total", reason="unconfirmed")


def by_name(event: Event) -> Any:
    return event.event["metadata"]["name"]


def test_p2_delivered_is_what_the_indexers_confirmed(tmp_path: Path, splunk: FakeHec) -> None:
    splunk.acks.indexing = "on release"
    with gateway(tmp_path, splunk.url) as running:
        for n in range(3):
            send(running, names(f"r{n}", 50))
        splunk.wait_for(150)
        asked(splunk, 3)
        assert sent(running) == 0, "taken is not delivered"
        assert running.metric("siem_queue_size") == 150
        splunk.acks.release()
        settled(running)
        assert sent(running) == 150
        balance(running)
    assert set(arrived(splunk).values()) == {1}
    assert len(arrived(splunk)) == 150


def test_late_acknowledgements_cost_nothing_but_time(tmp_path: Path, splunk: FakeHec) -> None:
    splunk.acks.indexing, splunk.acks.polls = "late", 4
    with gateway(tmp_path, splunk.url) as running:
        send(running, names("late", 50))
        settled(running)
        assert sent(running) == 50
        assert resent(running) == 0
    assert arrived(splunk) == dict.fromkeys(names("late", 50), 1)


def test_p2_lost_acknowledgements_lose_nothing_and_every_copy_is_counted(tmp_path: Path, splunk: FakeHec) -> None:
    splunk.acks.indexing = "never"
    with gateway(tmp_path, splunk.url, HASTY) as running:
        send(running, names("lost", 20))
        eventually(lambda: resent(running) >= 2, 30, "it goes again, and again")
        assert sent(running) == 0
        splunk.acks.indexing = "at once"
        settled(running)
        assert sent(running) == 20
        balance(running)
        times = resent(running)
    counts = arrived(splunk)
    assert counts.keys() == set(names("lost", 20))
    assert set(counts.values()) == {1 + times}, "as many copies as were counted, and no more"
    assert set(splunk.count_by("event_id").values()) == {1 + times}, "under one id"
    assert "the destination may have some twice" in running.log.read_text()


def test_p2_a_forgotten_channel_loses_nothing(tmp_path: Path, splunk: FakeHec) -> None:
    """Splunk restarts: what waits is never confirmed, ids begin anew, and theirs must not confirm the old ones."""
    splunk.acks.indexing = "on release"
    with gateway(tmp_path, splunk.url, HASTY | {"timeout": "2s"}, **ONE_COURIER) as running:
        send(running, names("old", 5))
        splunk.wait_for(5)
        splunk.acks.forget()
        splunk.acks.indexing = "at once"
        send(running, names("new", 5))
        eventually(lambda: sent(running) >= 5, 30, "the new ones are confirmed")
        settled(running)
        assert sent(running) == 10
    counts = arrived(splunk)
    assert {name: counts[name] for name in names("new", 5)} == dict.fromkeys(names("new", 5), 1)
    assert {name: counts[name] for name in names("old", 5)} == dict.fromkeys(names("old", 5), 2), "sent again"


@pytest.mark.parametrize(
    "trouble",
    [Respond(500), Respond(403), coded(9), Respond(200, b"<html>"), Respond(200, b'{"acks":{"99":true}}'), "down"],
    ids=["500", "403", "busy", "garbage", "others", "down"],
)
def test_p2_while_nobody_can_be_asked_nothing_is_delivered_and_nothing_goes_twice(
    tmp_path: Path, splunk: FakeHec, trouble: Respond | str
) -> None:
    splunk.acks.indexing = "on release"
    with gateway(tmp_path, splunk.url, HASTY) as running:
        if isinstance(trouble, Respond):
            splunk.ack_always = trouble
        send(running, names("unknown", 50))
        splunk.wait_for(50)
        if trouble == "down":
            asked(splunk, 1)  # so the answer that brought the ticket was heard: without it they go again
            splunk.down()
        said = "confirmations cannot be asked for"
        eventually(lambda: said in running.log.read_text(), 30, "a person is told")
        assert sent(running) == 0
        assert running.metric("siem_queue_size") == 50
        splunk.acks.release()
        splunk.ack_always = None
        if trouble == "down":
            splunk.up()
        settled(running)
        assert sent(running) == 50
        assert resent(running) == 0
        balance(running)
    assert arrived(splunk) == dict.fromkeys(names("unknown", 50), 1)


def test_p1_what_was_unconfirmed_when_it_was_killed_goes_again(tmp_path: Path, splunk: FakeHec) -> None:
    splunk.acks.indexing = "never"
    with gateway(tmp_path, splunk.url) as running:
        for n in range(4):
            send(running, names(f"r{n}", 25))
        splunk.wait_for(100)
        asked(splunk, 2)
        running.kill()
    splunk.acks.indexing = "at once"
    with gateway(tmp_path, splunk.url) as running:
        settled(running)
        assert sent(running) == 100
        balance(running)
    counts = arrived(splunk)
    assert counts.keys() == {name for n in range(4) for name in names(f"r{n}", 25)}
    assert set(counts.values()) == {2}, "unconfirmed before the kill, confirmed after it"


def test_p3_a_refused_record_is_dead_and_its_prefix_is_confirmed(tmp_path: Path, splunk: FakeHec) -> None:
    splunk.acks.indexing = "on release"
    splunk.poison = lambda envelope: POISON if envelope["event"]["metadata"]["name"] == "r-7" else None
    with gateway(tmp_path, splunk.url) as running:
        send(running, names("r", 20))
        splunk.wait_for(19)
        asked(splunk, 2)
        assert (sent(running), running.metric("siem_queue_size")) == (0, 19)
        splunk.acks.release()
        settled(running)
        assert sent(running) == 19
        assert running.metric("siem_dead_letters") == 1
        balance(running)
    assert arrived(splunk) == {name: 1 for name in names("r", 20) if name != "r-7"}


# --- tokens


def test_a_token_without_acknowledgement_is_delivered_to_and_told_once(tmp_path: Path) -> None:
    with FakeHec() as splunk, gateway(tmp_path, splunk.url) as running:
        for n in range(3):
            send(running, names(f"r{n}", 10))
            settled(running)
        assert sent(running) == 30
        assert questions(splunk) == 0
    assert running.log.read_text().count("the token has acknowledgement off") == 1


def test_p3_a_token_that_wants_acknowledgement_holds_and_says_what_to_write(tmp_path: Path, splunk: FakeHec) -> None:
    with gateway(tmp_path, splunk.url, ack=False) as running:
        send(running, names("r", 10))
        eventually(lambda: running.metric("siem_hold") == 1, 30, "it holds")
        assert (splunk.received, running.metric("siem_dead_letters")) == (0, 0)
        assert "write ack: {enabled: true}" in running.log.read_text()
    with gateway(tmp_path, splunk.url) as running:
        settled(running)
        assert sent(running) == 10
    assert arrived(splunk) == dict.fromkeys(names("r", 10), 1)


def test_a_token_that_loses_its_acknowledgement_is_asked_until_the_time_is_up(tmp_path: Path, splunk: FakeHec) -> None:
    splunk.acks.indexing = "never"
    with gateway(tmp_path, splunk.url, HASTY) as running:
        send(running, names("r", 10))
        splunk.wait_for(10)
        splunk.tokens = {splunk.token: Token()}
        settled(running)
        assert sent(running) == 10
        log = running.log.read_text()
    assert "HEC 14" in log
    assert "the token has acknowledgement off" in log
    assert set(arrived(splunk)) == set(names("r", 10))


def test_a_full_collector_takes_everything_in_time(tmp_path: Path, splunk: FakeHec) -> None:
    splunk.acks.capacity = 2
    with gateway(tmp_path, splunk.url, **BRISK | ONE_COURIER) as running:
        for n in range(8):
            send(running, names(f"r{n}", 5))
        settled(running)
        assert sent(running) == 40
    assert arrived(splunk) == {name: 1 for n in range(8) for name in names(f"r{n}", 5)}


# --- several nodes, several endpoints


def count(balancer: HecBalancer) -> Mapping[str, int]:
    return dict(balancer.count_by(by_name))


def test_behind_a_sticky_balancer_every_node_confirms_its_own(tmp_path: Path) -> None:
    with HecBalancer(3, ack=True) as balancer, gateway(tmp_path, balancer.url) as running:
        for n in range(20):
            send(running, names(f"r{n}", 10))
        settled(running)
        assert sent(running) == 200
        assert resent(running) == 0
        assert balancer.strays <= 4, "one for each courier: then its cookie is known"
    assert set(count(balancer).values()) == {1}


def test_p2_a_node_that_leaves_the_balancer_takes_nothing_with_it(tmp_path: Path) -> None:
    with HecBalancer(2, ack=True) as balancer:
        for node in balancer.nodes:
            node.acks.indexing = "never"
        with gateway(tmp_path, balancer.url, HASTY, **BRISK | ONE_COURIER) as running:
            send(running, names("r", 20))
            eventually(lambda: any(node.received for node in balancer.nodes), 30, "a node has them")
            gone = next(n for n, node in enumerate(balancer.nodes) if node.received)
            balancer.out = {gone}
            balancer.nodes[1 - gone].acks.indexing = "at once"
            settled(running)
            assert sent(running) == 20
            times = resent(running)
        assert set(count(balancer)) == set(names("r", 20))
        assert set(count(balancer).values()) == {1 + times}


def test_p2_behind_a_balancer_that_is_not_sticky_nothing_is_lost(tmp_path: Path) -> None:
    with HecBalancer(2, ack=True, sticky=False) as balancer:
        for node in balancer.nodes:
            node.acks.indexing = "never"
        pairs = {"sending_queue": {"num_consumers": 1, "batch": {"max_size": 2, "flush_timeout": "20ms"}}}
        with gateway(tmp_path, balancer.url, HASTY | {"timeout": "2s"}, **BRISK | pairs) as running:
            for n in range(12):
                send(running, names(f"r{n}", 2))
            eventually(
                lambda: "several collectors" in running.log.read_text() and resent(running) > 0, 30, "it is noticed"
            )
            assert sent(running) == 0
            balancer.out = {1}
            balancer.nodes[0].acks.indexing = "at once"
            settled(running)
            assert sent(running) == 24
            times = resent(running)
        counts = count(balancer)
        assert counts.keys() == {name for n in range(12) for name in names(f"r{n}", 2)}
        assert sum(counts.values()) - 24 <= times * 2, "no copy that was not counted"


def test_p5_of_two_endpoints_the_living_one_gets_everything_once(tmp_path: Path, splunk: FakeHec) -> None:
    with FakeHec(ack=True) as dead:
        dead.down()
        with gateway(tmp_path, [dead.url, splunk.url]) as running:
            for n in range(10):
                send(running, names(f"r{n}", 20))
            settled(running)
            assert sent(running) == 200
            assert running.metric("siem_hold") == 0
            assert running.metric("siem_health_status") == 1
            balance(running)
    assert arrived(splunk) == {name: 1 for n in range(10) for name in names(f"r{n}", 20)}


def test_p2_an_endpoint_that_dies_with_unconfirmed_records_gives_them_to_the_other(tmp_path: Path) -> None:
    with FakeHec(ack=True) as first, FakeHec(ack=True) as second:
        both = (first, second)
        for node in both:
            node.acks.indexing = "never"
        with gateway(tmp_path, [node.url for node in both], HASTY, **BRISK | ONE_COURIER) as running:
            send(running, names("r", 20))
            eventually(lambda: any(node.received for node in both), 30, "one of them has them")
            dying, living = both if first.received else (second, first)
            dying.down()
            living.acks.indexing = "at once"
            settled(running)
            assert sent(running) == 20
            balance(running)
        assert arrived(living) == dict.fromkeys(names("r", 20), 1)


def test_endpoints_share_the_work(tmp_path: Path) -> None:
    """Sixteen couriers and two endpoints: that none of them begins at one of the two happens once in 32,768 runs."""
    many = {"sending_queue": {"num_consumers": 16, "batch": {"max_size": 5, "flush_timeout": "20ms"}}}
    with FakeHec() as first, FakeHec() as second:
        first.latency = second.latency = 0.02
        with gateway(tmp_path, [first.url, second.url], ack=False, **many) as running:
            for n in range(10):
                send(running, names(f"r{n}", 100))
            settled(running)
        assert first.received > 0
        assert second.received > 0
        assert first.received + second.received == 1000


def test_no_secret_and_no_channel_is_logged(tmp_path: Path, splunk: FakeHec) -> None:
    splunk.acks.indexing = "never"
    splunk.ack_script([Respond(500), Respond(403, b"no")])
    with gateway(tmp_path, splunk.url, HASTY) as running:
        send(running, names("r", 5))
        eventually(lambda: resent(running) >= 1, 30, "it went again")
        page = urllib.request.urlopen(f"http://127.0.0.1:{running.admin}/metrics", timeout=5).read().decode()
        splunk.acks.indexing = "at once"  # its end would wait for what is unconfirmed
    text = running.log.read_text() + page
    channels = {event.channel for event in splunk.events}
    assert channels
    assert not [secret for secret in (splunk.token, *channels) if secret in text]
