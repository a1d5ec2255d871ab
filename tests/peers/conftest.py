"""The one place that says what happens to a peer test whose peer is not there.

`OTELSIEM_PEERS=auto` (the default) runs what is prepared and skips the rest, saying the command that prepares it;
`require` makes whatever is missing a failure; `skip` leaves the peers out. Nothing is ever built by a test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.peers.artefacts import COLLECTOR, Artefact
from tests.peers.collector import Judge
from tests.peers.elasticsearch import Elasticsearch
from tests.peers.kafka import Broker, Kafka
from tests.peers.mode import mode
from tests.peers.opensearch import Opensearch
from tests.peers.prepare import COMMAND
from tests.peers.shared import SharedServer


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


SHARED: Mapping[str, type[SharedServer]] = {
    "elasticsearch": Elasticsearch,
    "opensearch": Opensearch,
    "kafka": Kafka,
}  # by fixture


@pytest.fixture(scope="session", autouse=True)
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, SharedServer]]:
    """The servers that tests of this run ask for, started before the first of them: they take long."""
    asked = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    servers = {name: kind(tmp_path_factory) for name, kind in SHARED.items() if name in asked and mode() != "skip"}
    try:
        for server in servers.values():
            if server.artefact.ready():
                server.begin()
        yield servers
    finally:
        for server in servers.values():
            server.end()


@pytest.fixture(scope="session")
def elasticsearch(shared: Mapping[str, SharedServer]) -> Elasticsearch:
    """A real Elasticsearch, ready for work. Everybody uses names of their own in it."""
    need(Elasticsearch.artefact)
    server = shared["elasticsearch"]
    assert isinstance(server, Elasticsearch)
    server.ready()
    return server


@pytest.fixture(scope="session")
def opensearch(shared: Mapping[str, SharedServer]) -> Opensearch:
    """A real OpenSearch, ready for work. Everybody uses names of their own in it."""
    need(Opensearch.artefact)
    server = shared["opensearch"]
    assert isinstance(server, Opensearch)
    server.ready()
    return server


@pytest.fixture(scope="session")
def kafka(shared: Mapping[str, SharedServer]) -> Broker:
    """A real Kafka, ready for work. Everybody uses topics of their own in it."""
    need(Kafka.artefact)
    server = shared["kafka"]
    assert isinstance(server, Kafka)
    server.ready()
    return server.broker
