"""Bytes and time that requests may take together: who is refused, who finds room, and who has to go."""

from __future__ import annotations

import asyncio

import pytest

from otelsiem.gateway.receivers import budget as module
from otelsiem.gateway.receivers.budget import SMALL, Budget, BusyError


def test_large_requests_leave_a_quarter_to_small_ones() -> None:
    budget = Budget(8 * SMALL)

    async def fill() -> None:
        with budget.share() as large, budget.share() as late, budget.share() as small:
            large.take(6 * SMALL)
            with pytest.raises(BusyError):
                late.take(SMALL + 1)
            small.take(SMALL)
            with pytest.raises(BusyError):
                small.take(1)  # with it, it is a large one
        assert budget.used == 0

    asyncio.run(fill())


async def arrive(budget: Budget, here: asyncio.Event, longest: float = 30.0) -> str:
    """A request that never comes."""
    try:
        async with budget.arrival(longest):
            here.set()
            await asyncio.sleep(60)
    except TimeoutError:
        return "sent away"
    return "came"


async def test_without_room_the_slow_go_and_the_quick_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FAIR", 0.05)
    budget, here = Budget(1000), asyncio.Event()
    slow = asyncio.create_task(arrive(budget, here))
    await here.wait()
    await asyncio.sleep(0.1)
    quick = asyncio.create_task(arrive(budget, asyncio.Event()))
    await asyncio.sleep(0)
    with budget.share() as share, pytest.raises(BusyError):
        share.take(1001)
    assert await slow == "sent away"
    assert not quick.done()
    quick.cancel()


async def test_the_slow_are_sent_away_once_however_often_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the end of its time and the moment its task runs, an arrival can be ended no more."""
    monkeypatch.setattr(module, "FAIR", 0.0)
    budget, here = Budget(), asyncio.Event()
    asked = asyncio.create_task(arrive(budget, here))
    own_time = asyncio.create_task(arrive(budget, asyncio.Event(), longest=0.02))
    await here.wait()
    while not (asked.done() and own_time.done()):
        budget.relieve()
        budget.relieve()
        await asyncio.sleep(0)
    assert (await asked, await own_time) == ("sent away", "sent away")


async def test_a_process_that_grew_sends_the_slow_away(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = iter([100, 100, 100 + module.ROOM + 1])
    monkeypatch.setattr(module, "_resident", lambda: next(sizes, 1 << 40))
    monkeypatch.setattr(module, "LOOK", 0.01)
    monkeypatch.setattr(module, "FAIR", 0.0)
    budget = Budget()
    watch = asyncio.create_task(budget.watch())
    assert await arrive(budget, asyncio.Event()) == "sent away"
    watch.cancel()
