"""Options that several kinds of tests share."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from otelsiem.telemetry.log import FOREIGN, NAME
from tests import examples
from tests.peers.mode import mode


def pytest_configure(config: pytest.Config) -> None:
    """A word that means nothing ends the run before it is shared among workers."""
    mode()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a run in the background of a script: servers inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
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
def no_log_on_a_closed_stream() -> Iterator[None]:
    """What runs in this process, `otelsiem run` or a framework, leaves handlers whose streams end with its test.

    And it keeps our log to itself, so that a later test would not see it.
    """
    _let_go()
    yield
    _let_go()


def _let_go() -> None:
    for logger in map(logging.getLogger, ("", NAME, *FOREIGN)):
        for handler in list(logger.handlers):
            if getattr(getattr(handler, "stream", None), "closed", False):
                logger.removeHandler(handler)
    for logger in map(logging.getLogger, (NAME, *FOREIGN)):
        logger.propagate = True


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
