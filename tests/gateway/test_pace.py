"""However many couriers there are, the threads of a gateway ask for the interpreter only so often."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from otelsiem.delivery.policy import Policy
from otelsiem.destinations.file import File
from otelsiem.exporter import Settings
from otelsiem.gateway import service
from otelsiem.gateway.pace import EACH, LEAST, interval, keep_pace
from otelsiem.gateway.plan import Delivery, Plan
from otelsiem.gateway.reload import Works
from otelsiem.gateway.service import Service
from otelsiem.model.destination import Limits
from otelsiem.model.errors import ConfigError, JournalError
from otelsiem.telemetry.metrics import Metrics


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


def deliveries(count: int) -> list[Delivery]:
    made = File(path="/dev/null")
    return [Delivery("logs", Settings(f"file/{n}", Policy(), Limits(), couriers=4), made) for n in range(count)]


def plan(exporters: int, directory: Path) -> Plan:
    def closed() -> Any:
        raise JournalError("this journal does not open")

    return Plan([], {}, deliveries(exporters), closed, directory, "none", "127.0.0.1:0", 1.0)


def kept() -> float:
    """As Python keeps it: in whole microseconds."""
    return round(sys.getswitchinterval(), 6)


def test_few_couriers_hand_over_at_once_and_many_ask_only_so_often() -> None:
    assert interval(0) == interval(40) == LEAST
    assert all(couriers / interval(couriers) <= 1.0001 / EACH for couriers in (1, 100, 400, 2_000, 100_000))
    assert interval(2_000) > interval(400) > LEAST


def test_the_deliveries_of_all_plans_count() -> None:
    keep_pace(deliveries(300), deliveries(200))
    assert kept() == round(interval(2_000), 6)
    keep_pace(deliveries(1))
    assert kept() == LEAST


def test_a_gateway_has_its_pace_before_it_opens_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "keep_memory", lambda: True)  # for good, and this process is not a gateway
    monkeypatch.setattr(service, "_all_descriptors", lambda: None)
    with pytest.raises(JournalError, match="does not open"):
        asyncio.run(Service(plan(500, tmp_path)).run())
    assert kept() == round(interval(2_000), 6)


@pytest.mark.parametrize(("works", "after"), [(True, 500), (False, 300)])
def test_a_reload_goes_at_the_pace_of_old_and_new_together(
    works: bool, after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    during: list[float] = []

    async def reload(*_: object) -> str:
        during.append(kept())
        if not works:
            raise ConfigError([])
        return "changed"

    monkeypatch.setattr(service, "reload", reload)
    asyncio.run(reloaded(Service(plan(300, tmp_path)), lambda: plan(500, tmp_path)))
    assert during == [round(interval(4 * 800), 6)]
    assert kept() == round(interval(4 * after), 6)


async def reloaded(running: Service, load: Callable[[], Plan]) -> None:
    class Counted:
        def reloaded(self, *, ok: bool) -> None:
            pass

    # nothing runs: only its pace is judged
    await running._reload(load, cast("Works", None), cast("Metrics", Counted()))
