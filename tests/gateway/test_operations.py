"""What a gateway answers about records, from its journal and from who is at work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any, cast

import pytest

from otelsiem.exporter import Exporter
from otelsiem.gateway.operations import GatewayOperations
from otelsiem.journal.journal import Cursor, Fate, FateKind, Journal
from otelsiem.journal.memory import MemoryJournal
from otelsiem.testing.journal.words import borrow, numbered, put, settle


class Working:
    """An exporter at work that has trouble."""

    name, cursor = "b", Cursor("logs", "b")
    held: dict[str, str] = {}

    def troubles(self) -> dict[str, str]:
        return {"": "connection refused"}

    def holds(self) -> dict[str, str]:
        return self.held


@pytest.fixture
def journal() -> Iterator[Journal]:
    with closing(MemoryJournal()) as made:
        delivered = made.attach("logs", "a")
        made.attach("logs", "b")
        made.attach("eu", "c")
        put(made, numbered(2))
        settle(made, borrow(made, delivered))
        yield made


def operations(journal: Journal, *at_work: Any) -> GatewayOperations:
    exporters = [(cast("Exporter", one), None) for one in at_work]
    return GatewayOperations(cast("Any", SimpleNamespace(exporters=exporters)), journal)


def test_p2_an_exporter_that_is_not_at_work_yet_is_told_of(journal: Journal) -> None:
    """At a start, and while a reload hands it over: an answer without it would look as if nothing were pending."""
    found = operations(journal).fates_of("logs", range(2))
    assert found == {"a": [Fate(FateKind.DELIVERED)] * 2, "b": [Fate(FateKind.PENDING)] * 2}
    assert operations(journal).fates("eu", 0) == {"c": Fate(FateKind.UNKNOWN)}
    assert operations(journal).fates("nowhere", 0) == {}


def test_what_is_pending_says_what_for(journal: Journal) -> None:
    working = Working()
    assert operations(journal, working).fates("logs", 1)["b"] == Fate(FateKind.PENDING, "connection refused")
    working.held = {"": "connection refused"}
    found = operations(journal, working).fates_of("logs", range(2))
    assert found["b"] == [Fate(FateKind.PENDING, "held: connection refused")] * 2
    assert found["a"] == [Fate(FateKind.DELIVERED)] * 2
