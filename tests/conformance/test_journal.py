"""Every kind of journal goes through the same suite: SQLite, memory, and memory on what Kafka can do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from otelsiem.journal.logs import Logs
from otelsiem.journal.memory import MemoryJournal
from otelsiem.journal.shelved import ShelfJournal
from otelsiem.journal.sqlite import SqliteJournal
from otelsiem.journal.trim import History
from otelsiem.testing.journal import CHECKS, Subject, Tick, chosen


class Kind:
    """A kind of journal, in a place of its own; whatever a failed check left open is closed."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name, self.directory = name, directory
        self.clock = Tick()
        self.durable = name != "memory"
        self.logs = Logs(largest=2000)
        self.opened: list[ShelfJournal] = []

    def open(self, **options: Any) -> ShelfJournal:
        if (history := options.pop("history", None)) is not None:
            options["history"] = History(*history)
        self.opened.append(self._open(options))
        return self.opened[-1]

    def _open(self, options: dict[str, Any]) -> ShelfJournal:
        if self.name == "sqlite":
            return SqliteJournal(self.directory, clock=self.clock, min_free_mib=0, reserve_mib=1, **options)
        return MemoryJournal(clock=self.clock, logs=self.logs if self.name == "logs" else None, **options)


@pytest.fixture(params=["sqlite", "memory", "logs"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    kind = Kind(request.param, tmp_path / "journal")
    yield kind
    for journal in kind.opened:
        journal.close()


@pytest.mark.parametrize("check", chosen("p1"))
def test_p1_journal(subject: Subject, check: str) -> None:
    CHECKS[check](subject)


@pytest.mark.parametrize("check", chosen("p2"))
def test_p2_journal(subject: Subject, check: str) -> None:
    CHECKS[check](subject)


@pytest.mark.parametrize("check", chosen(""))
def test_journal(subject: Subject, check: str) -> None:
    CHECKS[check](subject)
