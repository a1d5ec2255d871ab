"""What the log and the health service say when the journal takes nothing any more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from otelsiem.gateway import watch as watching
from otelsiem.gateway.plan import Plan
from otelsiem.gateway.watch import Room, watch
from otelsiem.journal.journal import Journal, JournalStats

MIB = 1 << 20
ROOM = JournalStats([], [], bytes=9 * MIB, full=False, ready=True)
FULL = replace(ROOM, full=True)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.INFO, "otelsiem.gateway"):
        yield caplog


def plan(directory: Path, room: int = 8 * MIB) -> Plan:
    return Plan([], cast("Any", None), [], lambda: cast("Journal", None), directory, "j", "", 1.0, room)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [f"{record.levelname} {record.getMessage()}" for record in caplog.records]
    caplog.clear()
    return found


def test_intake_that_is_refused_for_want_of_room_is_told_with_the_reason(
    tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    room = Room()
    room.look(ROOM, plan(tmp_path))
    assert lines(said) == []
    for _ in range(3):
        room.look(FULL, plan(tmp_path))
    [told] = lines(said)
    assert told.startswith("ERROR msg='the journal is full: intake is refused")
    assert "reason='it holds 9 MiB of the 8 MiB it may'" in told
    room.look(ROOM, plan(tmp_path))
    assert lines(said) == ["INFO msg='the journal has room again: records are taken'"]


def test_one_that_is_full_again_and_again_is_told_once_a_minute(tmp_path: Path, said: pytest.LogCaptureFixture) -> None:
    now = 100.0
    room = Room(lambda: now)
    for second in range(120):
        now = 100.0 + second
        room.look(FULL if second % 2 else ROOM, plan(tmp_path))
    assert [line.split()[0] for line in lines(said)] == ["ERROR", "INFO", "ERROR", "INFO"]


def test_a_directory_that_is_gone_ends_no_watch(tmp_path: Path, said: pytest.LogCaptureFixture) -> None:
    Room().look(FULL, plan(tmp_path / "gone"))
    assert "cannot be looked at: No such file or directory" in lines(said)[0]


def test_a_journal_in_memory_has_no_limit_that_could_be_told(tmp_path: Path, said: pytest.LogCaptureFixture) -> None:
    Room().look(FULL, plan(tmp_path, room=0))
    assert "reason=" in lines(said)[0]


class Telling:
    """A journal whose state is told look by look."""

    def __init__(self, states: Sequence[JournalStats]) -> None:
        self.states = list(states)

    def stats(self) -> JournalStats:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]


async def test_health_says_what_the_journal_says(
    tmp_path: Path, said: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "PAUSE", 0.0)
    heard: list[bool] = []
    over = asyncio.Event()

    async def serve(*, serving: bool) -> None:
        heard.append(serving)
        if len(heard) == 4:
            over.set()

    journal = Telling([ROOM, ROOM, FULL, FULL, ROOM, replace(ROOM, ready=False)])
    task = asyncio.create_task(watch(cast("Journal", journal), serve, lambda: plan(tmp_path), lambda: False))
    try:
        await asyncio.wait_for(over.wait(), 10)
    finally:
        task.cancel()
    assert heard == [True, False, True, False]
    assert [line.split()[0] for line in lines(said)] == ["ERROR", "INFO"]
