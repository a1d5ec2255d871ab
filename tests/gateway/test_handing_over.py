"""A reload from the inside: who is kept is the very same object, and who is replaced leaves nothing on loan."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from otelsiem.delivery.policy import Policy
from otelsiem.destinations.file import File
from otelsiem.destinations.splunk_hec import SplunkHec
from otelsiem.door import Form, JournalDoor, Pipeline, Sender
from otelsiem.exporter import Settings
from otelsiem.gateway import reload as module
from otelsiem.gateway.deliveries import Deliveries
from otelsiem.gateway.listening import Listening, Open
from otelsiem.gateway.places import prepare
from otelsiem.gateway.plan import Delivery, Listener, Plan
from otelsiem.gateway.receivers.http import HttpReceiver
from otelsiem.gateway.reload import Works, reload
from otelsiem.journal.journal import Cursor, Journal
from otelsiem.journal.memory import MemoryJournal
from otelsiem.model.destination import Limits
from otelsiem.model.errors import ConfigError, JournalError
from otelsiem.model.record import Group, Record, Scope
from otelsiem.otlp.encode import encode
from otelsiem.telemetry.metrics import Metrics
from otelsiem.testing.hec import FakeHec, Poison

BRISK = Policy(initial=0.02, longest=0.1)
BODY = encode([Group({}, Scope(), [Record(time=1, event="login", attributes={"name": "x"})])])
SENDER = Sender("otlp", "http")


def hec(fake: FakeHec, name: str = "hec", pipeline: str = "logs", resume: str = "", **more: Any) -> Delivery:
    to = SplunkHec.model_validate({"endpoint": fake.url, "token": fake.token, **more})
    return Delivery(pipeline, Settings(name, BRISK, Limits(age=0.01), 2), to, resume=resume)


def planned(*deliveries: Delivery, listeners: tuple[Listener, ...] = (), drain: float = 5.0) -> Plan:
    def no_journal() -> Journal:
        raise AssertionError("it is open already")

    routes = {"otlp": [Pipeline(name) for name in dict.fromkeys(one.pipeline for one in deliveries)]}
    return Plan(listeners, routes, deliveries, no_journal, Path("x"), "memory x", "127.0.0.1:0", drain)


@asynccontextmanager
async def at_work(plan: Plan, journal: MemoryJournal) -> AsyncIterator[Works]:
    """What a service has once it is started."""
    metrics = Metrics(journal.stats)
    door = JournalDoor(journal, plan.routes, metrics)

    async def opener(listener: Listener) -> Open:
        receiver = HttpReceiver(door, SENDER, metrics, endpoint=listener.http)
        return Open(listener, [receiver], [str(await receiver.start())])

    works = Works(journal, door, Listening(opener), Deliveries(journal, metrics), lambda: False)
    prepare(journal, plan.deliveries)
    door.open()
    for listener in plan.listeners:
        await works.listening.open(listener)
    for delivery in plan.deliveries:
        works.deliveries.start(works.deliveries.make(delivery))
    try:
        yield works
    finally:
        await works.listening.stop()
        await asyncio.to_thread(door.close)
        await works.deliveries.stop(1.0)
        journal.close()
        metrics.close()


@pytest.fixture
def splunk() -> Iterator[FakeHec]:
    with FakeHec() as fake:
        yield fake


@pytest.fixture
def confirming() -> Iterator[FakeHec]:
    with FakeHec(ack=True) as fake:
        yield fake


async def taken(works: Works, times: int = 1) -> None:
    for _ in range(times):
        await works.door.take(BODY, Form.PROTOBUF, SENDER)


async def until(check: Any, what: str) -> None:
    async with asyncio.timeout(20):
        while not check():  # noqa: ASYNC110 - couriers tell no loop
            await asyncio.sleep(0.005)
    assert check(), what


def couriers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("courier-")}


async def test_who_is_kept_is_the_same_and_so_are_its_threads(splunk: FakeHec, tmp_path: Path) -> None:
    plan = planned(hec(splunk), listeners=(Listener("otlp", http="127.0.0.1:0"),))
    async with at_work(plan, MemoryJournal()) as works:
        [before], threads, said = works.deliveries.running, couriers(), works.listening.said
        file = Delivery("logs", Settings("file", BRISK, Limits(), 1), File(path=str(tmp_path / "f.jsonl")))
        with_file = planned(hec(splunk), file, listeners=(Listener("otlp", http="127.0.0.1:0"),))
        assert await reload(works, plan, with_file) == "started file; kept otlp, hec"
        assert works.deliveries.running[0] is before
        assert couriers() > threads
        assert await reload(works, with_file, plan) == "removed file; kept otlp, hec"
        assert works.deliveries.running == (before,)
        assert couriers() == threads, "no thread is left over"
        assert works.listening.said == said


async def test_p2_unconfirmed_payloads_of_a_kept_exporter_stay_asked_for(confirming: FakeHec, splunk: FakeHec) -> None:
    confirming.acks.indexing = "on release"
    ack = {"enabled": True, "poll_interval": "50ms"}
    plan = planned(hec(confirming, ack=ack), hec(splunk, "other"))
    async with at_work(plan, MemoryJournal()) as works:
        await taken(works)
        await asyncio.to_thread(confirming.wait_for, 1)
        changed = planned(hec(confirming, ack=ack), hec(splunk, "other", source="changed"))
        await reload(works, plan, changed)
        place = Cursor("logs", "hec")
        assert works.journal.counts(place).on_loan == 1
        confirming.acks.release()
        await until(lambda: works.journal.counts(place).delivered == 1, "confirmed on the channel it went out on")
        assert len(confirming.events) == 1, "and not sent again"


async def test_p2_what_a_changed_exporter_leaves_unconfirmed_goes_again(confirming: FakeHec) -> None:
    confirming.acks.indexing = "never"
    ack = {"enabled": True, "poll_interval": "50ms"}
    plan = planned(hec(confirming, ack=ack), drain=0.3)
    async with at_work(plan, MemoryJournal()) as works:
        await taken(works)
        await asyncio.to_thread(confirming.wait_for, 1)
        confirming.acks.indexing = "at once"
        await reload(works, plan, planned(hec(confirming, ack=ack, source="changed"), drain=0.3))
        place = Cursor("logs", "hec")
        await until(lambda: works.journal.counts(place).delivered == 1, "lent again, and confirmed to the new couriers")
        assert [event.source for event in confirming.events] == ["otelsiem:login", "changed"]
        assert len(confirming.count_by("event_id")) == 1, "under the same id"


async def test_p2_what_a_changed_exporter_has_confirmed_in_time_does_not_go_again(confirming: FakeHec) -> None:
    confirming.acks.indexing = "late"
    ack = {"enabled": True, "poll_interval": "50ms"}
    plan = planned(hec(confirming, ack=ack))
    async with at_work(plan, MemoryJournal()) as works:
        await taken(works)
        await asyncio.to_thread(confirming.wait_for, 1)
        await reload(works, plan, planned(hec(confirming, ack=ack, source="changed")))
        assert works.journal.counts(Cursor("logs", "hec")).delivered == 1
        assert len(confirming.events) == 1


async def test_an_exporter_on_two_pipelines_leaves_one_of_them(splunk: FakeHec) -> None:
    plan = planned(hec(splunk), hec(splunk, pipeline="logs/two"))
    async with at_work(plan, MemoryJournal()) as works:
        await taken(works)
        await until(lambda: len(splunk.events) == 2, "one for each pipeline")
        kept = works.deliveries.at(Cursor("logs", "hec"))
        assert kept is not None
        await reload(works, plan, planned(hec(splunk)))
        assert works.deliveries.running == (kept,)
        await taken(works)
        await until(lambda: len(splunk.events) == 3, "one")
        metrics = kept.tally._metrics
        assert isinstance(metrics, Metrics)
        assert b'siem_health_status{exporter="hec"} 1.0' in metrics.page()[0], "its gauges stay"


async def test_p2_a_flush_timeout_does_not_keep_an_exporter_from_going(splunk: FakeHec) -> None:
    slow = hec(splunk, "slow")
    slow = replace(slow, settings=replace(slow.settings, limits=Limits(age=60.0)))
    plan = planned(hec(splunk), slow)
    async with at_work(plan, MemoryJournal()) as works:
        await taken(works)
        assert works.journal.counts(slow.place).pending == 1, "it waits for company, for up to a minute"
        assert await reload(works, plan, planned(hec(splunk))) == "removed slow; kept hec"
        assert len(splunk.events) == 2


async def test_p2_one_that_takes_too_long_stays_and_so_does_everything(
    splunk: FakeHec, confirming: FakeHec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEAVING", 0.2)
    confirming.acks.indexing = "on release"
    plan = planned(hec(splunk), hec(confirming, "slow", ack={"enabled": True, "poll_interval": "50ms"}))
    async with at_work(plan, MemoryJournal()) as works:
        await taken(works, 3)
        before, changed = works.deliveries.running, planned(hec(splunk, source="changed"))
        with pytest.raises(ConfigError, match="slow is gone, with 3 records that wait"):
            await reload(works, plan, changed)
        assert works.deliveries.running == before
        confirming.acks.release()
        monkeypatch.setattr(module, "LEAVING", 20.0)
        assert await reload(works, plan, changed) == "restarted hec; removed slow"


async def test_p2_what_comes_in_the_last_moment_is_not_left_behind_either(
    splunk: FakeHec, confirming: FakeHec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who goes has caught up, but what came since is still unconfirmed: the door waits for it, then nothing is done."""
    monkeypatch.setattr(module, "PAUSE", 0.2)
    confirming.acks.indexing = "on release"
    plan = planned(hec(splunk), hec(confirming, "slow", ack={"enabled": True, "poll_interval": "50ms"}))
    async with at_work(plan, MemoryJournal()) as works:
        await taken(works)
        await asyncio.to_thread(confirming.wait_for, 1)
        before, after = works.deliveries.running, planned(hec(splunk, source="changed"))
        reloading = asyncio.create_task(reload(works, plan, after))
        await asyncio.sleep(0.1)  # any moment of its waiting will do
        confirming.acks.release()
        await taken(works)
        with pytest.raises(ConfigError, match="slow is gone, with 1 record that waits"):
            await reloading
        assert works.deliveries.running == before
        assert works.journal.counts(Cursor("logs", "slow")).pending == 1
        confirming.acks.release()
        await until(lambda: works.journal.counts(Cursor("logs", "slow")).delivered == 2, "it goes on")


class Unnamed(MemoryJournal):
    """A journal whose medium fails when a place shall get another name."""

    broken = True

    def rename(self, cursor: Cursor, exporter: str) -> Cursor:
        if self.broken:
            raise JournalError("the disk is gone")
        return super().rename(cursor, exporter)


async def test_p2_an_exporter_goes_on_when_nobody_can_take_over(
    splunk: FakeHec, caplog: pytest.LogCaptureFixture
) -> None:
    journal, plan, after = Unnamed(), planned(hec(splunk, "old")), planned(hec(splunk, "new", resume="old"))
    async with at_work(plan, journal) as works:
        await reload(works, plan, after)
        assert "could not take over" in caplog.text
        await taken(works)
        await until(lambda: journal.counts(Cursor("logs", "old")).delivered == 1, "the old one delivers")
        journal.broken = False
        assert await reload(works, after, after) == "resumed old as new"
        await taken(works)
        await until(lambda: journal.counts(Cursor("logs", "new")).delivered == 2, "now the new one does")


async def test_p8_two_places_of_which_one_is_taken(splunk: FakeHec) -> None:
    """Who has left dead letters of its own cannot take over others: they would not be told apart."""
    journal, plan = MemoryJournal(), planned(hec(splunk, "old"), hec(splunk, "new"))
    splunk.poison = lambda _: Poison(400, 6, True)
    async with at_work(plan, journal) as works:
        await taken(works)
        await until(lambda: len(journal.dead_letters()) == 2, "both have one")
        alone = planned(hec(splunk, "old"))
        await reload(works, plan, alone)
        with pytest.raises(ConfigError, match="new has dead letters of its own"):
            await reload(works, alone, planned(hec(splunk, "new", resume="old")))
        journal.purge("new")
        assert await reload(works, alone, planned(hec(splunk, "new", resume="old"))) == "resumed old as new"
        assert [letter.exporter for letter in journal.dead_letters()] == ["new"]
