"""The one place that says what happens to a peer test whose peer is not there.

`OTELSIEM_PEERS=auto` (the default) runs what is prepared and skips the rest, saying the command that prepares it;
`require` makes whatever is missing a failure; `skip` leaves the peers out. Nothing is ever built by a test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.peers.artefacts import COLLECTOR, Artefact
from tests.peers.collector import Judge
from tests.peers.mode import mode
from tests.peers.prepare import COMMAND


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With `skip` no peer test gets as far as a fixture."""
    if mode() == "skip":
        for item in items:
            if item.get_closest_marker("peer"):
                item.add_marker(pytest.mark.skip(reason="OTELSIEM_PEERS=skip"))


def need(artefact: Artefact) -> None:
    """Go on only with this artefact."""
    if artefact.ready():
        return
    message = f"{artefact.name} is not prepared; prepare it with: {COMMAND} {artefact.name}"
    if mode() == "require":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@pytest.fixture(scope="session")
def needs() -> Callable[[Artefact], None]:
    """For tests that decide by a parameter what they need."""
    return need


@pytest.fixture
def judge(tmp_path: Path) -> Iterator[Judge]:
    """A Collector that writes down what it gets, empty at the start of each test."""
    need(COLLECTOR)
    with Judge(tmp_path / "judge") as running:
        yield running
