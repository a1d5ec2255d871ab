"""Options that several kinds of tests share."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from otelsiem.telemetry.log import FOREIGN, NAME
from tests import examples
from tests.peers.mode import mode


def pytest_configure(config: pytest.Config) -> None:
    """A word that means nothing ends the run before it is shared among workers."""
    mode()
    examples.share = config.getoption("--examples")
    # Machines are shared: how long an example takes to be drawn or tried says nothing about the code.
    slow = [HealthCheck.too_slow]
    settings.register_profile("shared", deadline=None, suppress_health_check=slow, max_examples=examples.some(100))
    settings.load_profile("shared")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options must be known before collection, so they stand here and not beside the tests that read them."""
    group = parser.getgroup("otelsiem")
    group.addoption("--kills", type=int, default=5, metavar="N", help="kill -9 rounds of each crash test (default 5)")
    group.addoption(
        "--attack-seconds", type=float, default=2, metavar="S", help="how long each attack lasts (default 2)"
    )
    group.addoption("--reloads", type=int, default=20, metavar="N", help="reloads under load (default 20)")
    group.addoption(
        "--examples", type=float, default=examples.share, metavar="SHARE",
        help="share of the examples that property tests try: 1 for the long form (default 0.3)",
    )  # fmt: skip
    group.addoption("--update-golden", action="store_true", help="write the golden files instead of comparing them")


@pytest.fixture(autouse=True)
def our_log_as_it_was() -> Iterator[None]:
    """A test that runs `otelsiem run` in this process leaves a handler behind, whose stream is closed by then."""
    loggers = [logging.getLogger(name) for name in (NAME, *FOREIGN)]
    before = [(list(one.handlers), one.propagate, one.level) for one in loggers]
    yield
    for one, (handlers, propagates, level) in zip(loggers, before, strict=True):
        one.handlers[:], one.propagate = handlers, propagates
        one.setLevel(level)


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    """How often a crash test kills its gateway."""
    value: int = request.config.getoption("--kills")
    return value


@pytest.fixture
def attack_seconds(request: pytest.FixtureRequest) -> float:
    """How long a hostile sender attacks."""
    value: float = request.config.getoption("--attack-seconds")
    return value


@pytest.fixture
def reloads(request: pytest.FixtureRequest) -> int:
    """How often the reload campaign reloads its gateway."""
    value: int = request.config.getoption("--reloads")
    return value


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written."""
    value: bool = request.config.getoption("--update-golden")
    return value
