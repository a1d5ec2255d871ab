"""Datadog with real couriers and sockets, against the faithful fake: one fate per record, whatever it does."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from otelsiem.destinations.datadog import Datadog
from otelsiem.model.record import Batch, Group, Record, Scope
from otelsiem.testing.datadog import KEY, FakeDatadog, Taken
from otelsiem.testing.http import Hangup, Reset, Respond, page
from tests.destinations.at_work import at_work

HOUR = 3600 * 10**9


def destination(peer: FakeDatadog, **more: Any) -> Datadog:
    return Datadog.model_validate({"api": {"key": KEY}, "endpoint": peer.url, "timeout": "5s", **more})


def records(count: int, start: int = 0, *, time_: int | None = None, **more: Any) -> Batch:
    now = time.time_ns() if time_ is None else time_
    made = [
        Record(id=f"r-{n}", time=now + n, severity=17, event="login", body=f"record {n}", **more)
        for n in range(start, start + count)
    ]
    return [Group({"service.name": "auth", "host.name": "server-01"}, Scope(), made)]


def ids(peer: FakeDatadog) -> dict[str, int]:
    return dict(peer.count_by("event_id"))


def once(count: int) -> dict[str, int]:
    return {f"r-{n}": 1 for n in range(count)}


def test_p2_every_record_arrives_once_and_is_found_as_it_was_meant(tmp_path: Path) -> None:
    with FakeDatadog() as peer, at_work(tmp_path, destination(peer, tags="team:iam", env="prod")) as work:
        work.send(records(2500, attributes={"tenant.id": "t-1", "status": "failed"}))
        assert work.settled().delivered == 2500
        assert ids(peer) == once(2500)
        assert peer.dropped == 0
        assert max(len(request.body) for request in peer.requests) < 5_000_000
        log = peer.logs[0]
    assert (log.status, log.service, log.host, log.source) == ("error", "auth", "server-01", "otelsiem")
    assert log.tags == ("team:iam", "env:prod")
    assert (log.attributes["tenant_id"], log.attributes["outcome"]) == ("t-1", "failure")


@pytest.mark.parametrize(
    "steps",
    [
        [Respond(503), Respond(500), page(502, "Bad Gateway"), Respond(408)],
        [Reset(), Hangup(), Reset()],
        [Respond(429, b"", {"X-RateLimit-Reset": "0.05"}), Respond(429)],
        [Respond(413)],
        [Respond(400)],
        [Respond(302, b"", {"Location": "https://elsewhere.example.com"}), Respond(404)],
    ],
)
def test_p2_faults_before_a_log_is_taken_cost_nothing_and_make_no_copy(tmp_path: Path, steps: list[Any]) -> None:
    with FakeDatadog() as peer, at_work(tmp_path, destination(peer), couriers=1) as work:
        peer.script(steps)
        work.send(records(40))
        assert work.settled().delivered == 40
        assert ids(peer) == once(40)


def test_p2_a_lost_answer_makes_copies_with_the_same_id_and_loses_nothing(tmp_path: Path) -> None:
    with FakeDatadog() as peer, at_work(tmp_path, destination(peer)) as work:
        peer.script([Taken(Reset()), Taken(Respond(504))])
        work.send(records(50))
        assert work.settled().delivered == 50
        assert ids(peer).keys() == once(50).keys()
        assert max(ids(peer).values()) > 1, "Datadog knows no duplicates: this one shows that it was sent twice"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({KEY: "datadoghq.eu"}, "the API key is not accepted: check api.key, and that api.site (datadoghq.com)"),
        ({}, "the API key is not accepted"),
    ],
)
def test_p3_a_wrong_key_or_site_holds_until_it_is_right(tmp_path: Path, keys: dict[str, str], said: str) -> None:
    with FakeDatadog() as peer, at_work(tmp_path, destination(peer)) as work:
        right, peer.keys = peer.keys, keys
        work.send(records(30))
        assert work.held().startswith(said)
        assert (work.counts().dead, work.counts().pending) == (0, 30)
        peer.keys = right
        assert work.settled().delivered == 30
        assert ids(peer) == once(30)


def test_p4_a_log_that_is_refused_harms_no_other(tmp_path: Path) -> None:
    with FakeDatadog() as peer, at_work(tmp_path, destination(peer)) as work:
        peer.poison = lambda item: item["event_id"] in {"r-7", "r-30"}
        work.send(records(60))
        counts = work.settled()
        assert (counts.delivered, counts.dead) == (58, 2)
        assert ids(peer) == {name: 1 for name in once(60) if name not in {"r-7", "r-30"}}


def test_a_rate_limit_is_waited_for_as_long_as_it_says(tmp_path: Path) -> None:
    with FakeDatadog() as peer, at_work(tmp_path, destination(peer), couriers=1) as work:
        peer.limited = 3600
        work.send(records(10))
        peer.server.wait_for(1)
        work.until(lambda: bool(work.exporter.troubles()))
        assert work.counts().pending == 10
        work.send(records(10, start=10))
        assert peer.server.count == 1, "an hour was asked for"
        assert peer.requests[0].headers["dd-api-key"] == KEY


def test_p2_what_is_too_old_for_datadog_is_sent_with_the_time_of_now_and_can_be_found(tmp_path: Path) -> None:
    old, ahead = time.time_ns() - 30 * HOUR, time.time_ns() + 5 * HOUR
    with FakeDatadog() as peer, at_work(tmp_path, destination(peer)) as work:
        work.send(records(3, time_=old))
        work.send(records(3, start=3, time_=ahead))
        work.send(records(3, start=6))
        assert work.settled().delivered == 9
        assert ids(peer) == once(9)
        assert peer.dropped == 0
        late = [log for log in peer.logs if "late:true" in log.tags]
    assert {log.attributes["event_id"] for log in late} == {f"r-{n}" for n in range(6)}
    assert {log.attributes["otel.timestamp"] for log in late} == {
        str(t + n) for t, ns in ((old, range(3)), (ahead, range(3, 6))) for n in ns
    }
    assert all(log.attributes["audit.time"].endswith("Z") for log in late)


def test_what_is_too_old_becomes_a_dead_letter_where_that_is_wanted(tmp_path: Path) -> None:
    with FakeDatadog() as peer, at_work(tmp_path, destination(peer, stale="dead_letter")) as work:
        work.send([*records(30, time_=time.time_ns() - 19 * HOUR), *records(5, start=30)])
        counts = work.settled()
        assert (counts.delivered, counts.dead) == (5, 30)
        assert not work.exporter.holds()
        assert peer.dropped == 0
        assert ids(peer).keys() == {f"r-{n}" for n in range(30, 35)}


def test_p2_a_large_log_keeps_its_attributes(tmp_path: Path) -> None:
    with FakeDatadog() as peer, at_work(tmp_path, destination(peer)) as work:
        work.send(records(3, attributes={"tenant.id": "t", "dump": "é" * 900_000, "other": "x" * 400_000}))
        assert work.settled().delivered == 3
        log = peer.wait_for(3)[0]
    assert log.attributes["tenant_id"] == "t"
    assert log.attributes["audit.truncated.metadata.dump"] == 900_000
    assert "truncated:true" in log.tags
    assert len(log.attributes["metadata.other"]) == 400_000, "only as much as must be"
