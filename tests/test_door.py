"""The door between a receiver and a journal: copies, refusals, back-pressure, and answers that wait for durability."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import pytest

from otelsiem import door as module
from otelsiem.door import Form, JournalDoor, Pipeline, Routes, Sender
from otelsiem.journal.journal import Append, Pending, Position, Wake
from otelsiem.journal.memory import MemoryJournal
from otelsiem.model.destination import Limits
from otelsiem.model.errors import JournalError, JournalFullError, MalformedError, NotOpenError
from otelsiem.model.record import Group, Record, Scope, records
from otelsiem.otlp.encode import encode
from otelsiem.processors.constitution import Constitution
from otelsiem.processors.severity import Severity

SENDER = Sender("otlp", "http")
EAGER = Limits(records=100_000, bytes=1 << 30, age=0.0)


class Counts:
    """What the door told."""

    def __init__(self) -> None:
        self.tenants: Counter[tuple[str, str]] = Counter()

    def accepted(self, receiver: str, tenant: str, records: int, token: str = "") -> None:
        self.tenants[receiver, tenant] += records

    def filtered(self, pipeline: str, rule: str, records: int) -> None:
        raise AssertionError("nothing filters here")


class World:
    """A memory journal with an exporter on each of two pipelines, and a door that feeds both."""

    def __init__(self, *pipelines: Pipeline) -> None:
        self.journal = MemoryJournal()
        self.cursors = {p.name: self.journal.attach(p.name, "x") for p in pipelines}
        self.counts = Counts()
        self.door = JournalDoor(self.journal, {"otlp": pipelines}, self.counts)

    def kept(self, pipeline: str) -> list[Record]:
        lease = self.journal.lease(self.cursors[pipeline], EAGER, 1.0)
        return list(records(lease.batch)) if lease is not None else []


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World(Pipeline("logs", [Severity()]), Pipeline("logs/raw"))
    made.door.open()
    yield made
    await asyncio.to_thread(made.door.close)
    made.journal.close()


def request(*made: Record) -> bytes:
    return encode([Group({"tenant.id": "acme"}, Scope(), list(made))])


async def test_every_pipeline_has_a_copy_of_its_own(world: World) -> None:
    body = request(Record(event="authentication_failure", severity=9, body="x"))
    taken = await world.door.take(body, Form.PROTOBUF, SENDER)
    assert taken.accepted == 1
    assert taken.positions == (Position("logs", 0, 1), Position("logs/raw", 0, 1))
    [processed], [raw] = world.kept("logs"), world.kept("logs/raw")
    assert (processed.severity, raw.severity) == (13, 9), "what one pipeline changes, the other does not see"
    assert processed.id == raw.id, "and yet it is one record"
    assert world.counts.tenants == {("otlp", "acme"): 1}, "counted once, however many pipelines take it"


async def test_p4_a_malformed_request_is_refused_and_its_neighbour_taken(world: World) -> None:
    bad = world.door.take(b"\xff\xff", Form.PROTOBUF, SENDER)
    good = world.door.take(request(Record(body="x")), Form.PROTOBUF, SENDER)
    refused, taken = await asyncio.gather(bad, good, return_exceptions=True)
    assert isinstance(refused, MalformedError)
    assert not isinstance(taken, BaseException)
    assert taken.accepted == 1
    assert len(world.kept("logs")) == 1


async def test_a_resend_has_the_same_ids_and_a_large_request_the_same_as_a_small_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = request(*[Record(time=10**18 + n, body=str(n)) for n in range(1000)])
    await world.door.take(body, Form.PROTOBUF, SENDER)
    monkeypatch.setattr(module, "PIECE", 7)
    await world.door.take(body, Form.PROTOBUF, SENDER)
    kept = world.kept("logs")
    assert len(kept) == 2000
    first, second = kept[:1000], kept[1000:]
    assert [r.id for r in first] == [r.id for r in second]
    assert [r.body for r in second] == [str(n) for n in range(1000)]
    assert len({r.id for r in first}) == 1000


async def test_p2_what_no_pipeline_takes_is_told_to_the_sender_and_kept(world: World) -> None:
    strict = Constitution.model_validate({"hash": "cdd01ef066bc6cf2", "on_mismatch": "reject"})
    both = World(Pipeline("logs", [strict]), Pipeline("logs/two", [strict]))
    one = World(Pipeline("logs", [strict]), Pipeline("logs/two"))
    body = request(Record(body="good"), Record(body="bad", attributes={"constitutional_hash": "0000000000000000"}))
    for made, rejected in ((both, 1), (one, 0)):
        made.door.open()
        taken = await made.door.take(body, Form.PROTOBUF, SENDER)
        assert (taken.accepted, taken.rejected) == (2 - rejected, rejected)
        assert bool(taken.message) == bool(rejected)
        letters = made.journal.dead_letters("door/logs")
        assert [letter.group.records[0].body for letter in letters] == ["bad"]
        await asyncio.to_thread(made.door.close)
        made.journal.close()


async def test_an_empty_request_leaves_no_trace(world: World) -> None:
    assert (await world.door.take(b"", Form.PROTOBUF, SENDER)).accepted == 0
    assert (await world.door.take(b"{}", Form.JSON, SENDER)).accepted == 0
    assert world.journal.stats().pipelines[0].received == 0


class Slow(MemoryJournal):
    """Answers when told to, or with an error."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Pending] = []
        self.full = False

    def append(self, appends: Sequence[Append], wake: Wake, tag: object = None) -> Pending:
        pending = Pending(wake, tag)
        if self.full:
            pending.error = JournalFullError("full")
            return pending
        self.waiting.append(pending)
        return pending

    def become_durable(self) -> None:
        group, self.waiting = self.waiting, []
        for pending in group:
            pending.positions = (Position("logs", 0, 1),)
        group[0].wake(group)


async def open_slow() -> tuple[Slow, JournalDoor]:
    journal = Slow()
    door = JournalDoor(journal, {"otlp": [Pipeline("logs")]}, Counts())
    door.open()
    return journal, door


async def reached(journal: Slow, count: int) -> None:
    async with asyncio.timeout(5):
        while len(journal.waiting) < count:  # noqa: ASYNC110 - the door's thread fills it, and tells no loop
            await asyncio.sleep(0.001)


async def test_p1_the_answer_waits_for_the_journal(world: World) -> None:
    journal, door = await open_slow()
    taking = asyncio.create_task(door.take(request(Record(body="x")), Form.PROTOBUF, SENDER))
    await reached(journal, 1)
    assert not taking.done()
    journal.become_durable()
    assert (await asyncio.wait_for(taking, 5)).positions == (Position("logs", 0, 1),)
    await asyncio.to_thread(door.close)
    journal.close()


async def test_a_sender_that_goes_away_harms_nobody(world: World) -> None:
    journal, door = await open_slow()
    gone = asyncio.create_task(door.take(request(Record(body="gone")), Form.PROTOBUF, SENDER))
    stays = asyncio.create_task(door.take(request(Record(body="stays")), Form.PROTOBUF, SENDER))
    await reached(journal, 2)
    gone.cancel()
    await asyncio.sleep(0)
    journal.become_durable()
    assert (await asyncio.wait_for(stays, 5)).accepted == 1
    await asyncio.to_thread(door.close)
    journal.close()


async def test_a_full_journal_is_told_to_the_sender(world: World) -> None:
    journal, door = await open_slow()
    journal.full = True
    with pytest.raises(JournalFullError):
        await door.take(request(Record(body="x")), Form.PROTOBUF, SENDER)
    await asyncio.to_thread(door.close)
    journal.close()


async def test_too_many_bytes_inside_wait_outside_and_are_told_to_come_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    journal, door = await open_slow()
    first = asyncio.create_task(door.take(request(Record(body="x" * 90)), Form.PROTOBUF, SENDER))
    await reached(journal, 1)
    with pytest.raises(JournalFullError, match="busy"):
        await door.take(request(Record(body="y" * 90)), Form.PROTOBUF, SENDER)
    third = asyncio.create_task(door.take(request(Record(body="z" * 90)), Form.PROTOBUF, SENDER))
    await asyncio.sleep(0)
    journal.become_durable()
    await asyncio.wait_for(first, 5)
    await reached(journal, 1)
    journal.become_durable()
    assert (await asyncio.wait_for(third, 5)).accepted == 1
    await asyncio.to_thread(door.close)
    journal.close()


async def test_routes_turn_between_two_requests(world: World) -> None:
    """Requests that came before go the old way, those that came after the new one, and none of them both."""
    threads: list[str] = []

    def turn() -> Routes:
        threads.append(threading.current_thread().name)
        assert world.journal.flush(5.0)
        assert world.journal.stats().pipelines[0].received == 3, "all that came before is handed over"
        return {"otlp": [Pipeline("logs/new")]}

    world.cursors["logs/new"] = world.journal.attach("logs/new", "x")
    before = [asyncio.create_task(world.door.take(request(Record(body="x")), Form.PROTOBUF, SENDER)) for _ in range(3)]
    await asyncio.sleep(0)
    turned = asyncio.create_task(world.door.between(turn))
    await asyncio.sleep(0)
    after = await world.door.take(request(Record(body="y")), Form.PROTOBUF, SENDER)
    await turned
    assert threads == ["door"]
    assert [[p.pipeline for p in (await one).positions] for one in before] == [["logs", "logs/raw"]] * 3
    assert [position.pipeline for position in after.positions] == ["logs/new"]


async def test_a_turn_that_fails_leaves_the_old_routes(world: World) -> None:
    def turn() -> Routes:
        raise JournalError("not now")

    with pytest.raises(JournalError, match="not now"):
        await world.door.between(turn)
    assert (await world.door.take(request(Record(body="x")), Form.PROTOBUF, SENDER)).accepted == 1


async def test_p1_a_receiver_without_a_route_says_come_back(world: World) -> None:
    with pytest.raises(NotOpenError, match="otlp/new is being opened or closed"):
        await world.door.take(request(Record(body="x")), Form.PROTOBUF, Sender("otlp/new", "grpc"))
    assert not world.kept("logs")


async def test_a_tokens_tenant_wins_over_what_a_record_claims(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE", 2)  # a resource that is cut over several pieces
    sender = Sender("otlp", "grpc", "billing", "globex", (("otelsiem.peer.address", "192.0.2.1"),))
    await world.door.take(request(*[Record(body=str(n)) for n in range(5)]), Form.PROTOBUF, sender)
    for pipeline in ("logs", "logs/raw"):
        kept = world.kept(pipeline)
        assert [record.attributes["tenant.id"] for record in kept] == ["globex"] * 5
        assert [record.attributes["audit.tenant.claimed"] for record in kept] == ["acme"] * 5
        assert [record.attributes["otelsiem.peer.address"] for record in kept] == ["192.0.2.1"] * 5
    assert world.counts.tenants == {("otlp", "globex"): 5}


async def test_ids_are_the_same_for_one_token_and_differ_between_two(world: World) -> None:
    body = request(Record(time=10**18, body="x"))
    ids = []
    for token, peer in (("billing", "a"), ("billing", "b"), ("web", "a")):
        marks = (("otelsiem.peer.address", peer),)
        await world.door.take(body, Form.PROTOBUF, Sender("otlp", "grpc", token, marks=marks))
        ids.append(world.kept("logs")[-1].id)
    assert ids[0] == ids[1], "a resend over another connection"
    assert ids[0] != ids[2]
