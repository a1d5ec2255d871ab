"""Quotas per token: nobody is over them for long, nothing is lost, nobody starves."""

from __future__ import annotations

import asyncio
import http.client
import logging
from collections.abc import Iterator
from typing import Any

import grpc
import grpc.aio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelsiem.gateway.locks import Lock, Quota, Token
from otelsiem.gateway.receivers.grpc import EXPORT
from otelsiem.gateway.receivers.keyring import Holder
from otelsiem.gateway.receivers.refusal import COME_BACK
from otelsiem.model.record import records
from tests.gateway.locked import BILLING, WEB, Locked, tokens
from tests.gateway.requests import in_json, protobuf
from tests.gateway.test_grpc_receiver import retry_info

BOTH = pytest.mark.parametrize("by", ["grpc", "http"])
SLOW = Quota(events_per_second=0.01, burst=5)
METADATA = (("authorization", f"Bearer {BILLING}"),)


@pytest.fixture(autouse=True)
def quiet_exporters() -> Iterator[None]:
    logger = logging.getLogger("opentelemetry")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)


def post(gate: Locked, records: int, token: str = BILLING) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", gate.at["http"].port, timeout=20)
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    connection.request("POST", "/v1/logs", in_json(records), headers)
    reply = connection.getresponse()
    reply.read()
    connection.close()
    return reply


@BOTH
async def test_p1_a_real_exporter_over_its_quota_loses_nothing(by: str) -> None:
    """More at once than the burst: the exporter hears when to come back, and comes back with the same records."""
    bodies = [f"event {n}" for n in range(12)]
    async with Locked(Lock(tokens=tokens(Quota(events_per_second=4, burst=4)))) as gate:
        await gate.sent(by, *bodies, token=BILLING, timeout=30)
        taken = [record.body for batch in gate.door.taken for record in records(batch)]
        assert taken == bodies
        assert gate.refused(by, "quota") > 0
        assert gate.refusals.tokens["quota", "billing"] == gate.refused(by, "quota")


async def test_over_http_it_is_429_with_the_time_to_come_back() -> None:
    async with Locked(Lock(tokens=tokens(SLOW))) as gate:
        assert (await asyncio.to_thread(post, gate, 500)).status == 200, "larger than the burst: it goes"
        reply = await asyncio.to_thread(post, gate, 1)
        assert reply.status == 429
        assert reply.headers["retry-after"] == str(int(COME_BACK)), "an SDK would not wait for the hours it takes"
        assert (await asyncio.to_thread(post, gate, 1, WEB)).status == 200, "another token has its own"


async def test_over_grpc_it_is_unavailable_with_retry_info_and_the_quota_is_that_of_http() -> None:
    async with Locked(Lock(tokens=tokens(SLOW))) as gate:
        assert (await asyncio.to_thread(post, gate, 6)).status == 200
        async with grpc.aio.insecure_channel(str(gate.at["grpc"])) as channel:
            made: Any = channel  # the stubs want serializers
            call = made.unary_unary(EXPORT)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(protobuf(), metadata=METADATA)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    info = retry_info(caught.value)
    assert info is not None
    assert 0 < info.retry_delay.seconds <= COME_BACK
    assert "billing" in str(caught.value.details())


@BOTH
async def test_bytes_are_counted_too(by: str) -> None:
    async with Locked(Lock(tokens=tokens(Quota(bytes_per_second=0.01, burst_bytes=1000)))) as gate:
        await gate.sent(by, "x" * 2000, token=BILLING)
        await gate.sent(by, "y", token=BILLING, timeout=0.5)
        assert gate.door.records() == 1
        assert gate.refused(by, "quota") > 0


async def test_who_does_not_wait_for_the_answer_pays_too() -> None:
    async with Locked(Lock(tokens=tokens(SLOW))) as gate:
        gate.door.gate.clear()
        async with grpc.aio.insecure_channel(str(gate.at["grpc"])) as channel:
            made: Any = channel  # the stubs want serializers
            call = made.unary_unary(EXPORT)
            left = call(protobuf(6), metadata=METADATA)
            await asyncio.wait_for(gate.door.entered.wait(), 20)
            left.cancel()
            await asyncio.wait_for(gate.refusals.any.wait(), 20)
            assert gate.refused("grpc", "gone") == 1
            gate.door.gate.set()
            with pytest.raises(grpc.aio.AioRpcError):
                await call(protobuf(), metadata=METADATA)
        assert gate.refused("grpc", "quota") == 1
        assert gate.door.records() == 6


SECOND = 1_000_000_000


class World:
    """One holder and a clock."""

    def __init__(self, **quota: float) -> None:
        self.now = SECOND
        self.holder = Holder(Token("x", quota=Quota(**quota)), lambda: self.now)

    def brings(self, events: int = 0, size: int = 0) -> bool:
        if self.holder.wait():
            return False
        self.holder.brought(events=events, size=size)
        return True


def test_without_a_quota_everything_goes() -> None:
    world = World()
    assert all(world.brings(10**9, 10**12) for _ in range(10))


def test_a_debt_is_paid_off_at_the_rate() -> None:
    world = World(events_per_second=100, burst=200)
    assert world.brings(1000), "as large as it likes, once"
    assert not world.brings(1)
    assert world.holder.wait() == pytest.approx(8.0)
    world.now += 7 * SECOND
    assert not world.brings(1)
    world.now += SECOND
    assert world.brings(1000), "and again, when nothing is owed"


def test_either_limit_holds() -> None:
    world = World(events_per_second=1000, bytes_per_second=10)
    assert world.brings(1, 100)
    assert world.holder.wait() == pytest.approx(9.0)


@given(
    st.floats(1, 1e4), st.floats(0, 1e5), st.lists(st.tuples(st.integers(0, 10**5), st.integers(0, 10**10)), min_size=1)
)
def test_the_average_is_kept_and_nobody_starves(rate: float, burst: float, asked: list[tuple[int, int]]) -> None:
    world = World(events_per_second=rate, burst=burst)
    began, taken, last = world.now, 0, 0
    for events, pause in asked:
        world.now += pause
        wait = world.holder.wait()
        world.now += round(wait * SECOND) + 1  # who waits as long as it was told gets in
        assert world.brings(events)
        taken, last = taken + events, events
    seconds = (world.now - began) / SECOND
    assert taken - last <= (burst or rate) + rate * seconds + 1e-3 * taken
