"""An end has a deadline, however many exporters there are and whatever their couriers do."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from otelsiem import exporter as module
from otelsiem.exporter import GRACE, LEAST
from tests.clerk import Clerk
from tests.house import house


class Stubborn:
    """A courier that does not end, on a clock that only its joins move."""

    def __init__(self, clock: list[float]) -> None:
        self._clock = clock

    def is_alive(self) -> bool:
        return True

    def join(self, timeout: float) -> None:
        self._clock[0] += timeout


def test_p5_couriers_that_do_not_end_take_their_grace_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1_000.0]
    with Clerk() as clerk, house(tmp_path, clerk, couriers=4) as made:
        couriers: Any = made.exporter._couriers
        made.exporter._couriers = [Stubborn(clock) for _ in couriers]  # type: ignore[misc]  # they stand in for couriers
        monkeypatch.setattr(module, "time", Clock(clock))
        for _ in range(100):  # as many exporters, one after the other
            made.exporter.stop(1_005.0)
        monkeypatch.undo()
        made.exporter._couriers = couriers
    assert clock[0] <= 1_005.0 + GRACE + 100 * LEAST


class Clock:
    """What `exporter.py` has of `time`."""

    def __init__(self, clock: list[float]) -> None:
        self._clock = clock

    def monotonic(self) -> float:
        return self._clock[0]


def test_what_is_halted_ends_by_itself(tmp_path: Path) -> None:
    with Clerk() as clerk, house(tmp_path, clerk, couriers=3) as made:
        made.exporter.halt()
        for courier in made.exporter._couriers:
            courier.join(20)
            assert not courier.is_alive()
        made.exporter.stop(time.monotonic())
