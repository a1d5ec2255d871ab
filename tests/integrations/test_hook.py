"""What every hook is, whatever surrounds it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from otelsiem.integrations._hook import Hook
from tests.integrations.told import Told


class Raises(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise RuntimeError(record.getMessage())


@pytest.fixture
def raising() -> Iterator[None]:
    handler, own = Raises(), logging.getLogger("otelsiem")
    own.addHandler(handler)
    yield
    own.removeHandler(handler)


@pytest.mark.usefixtures("raising")
def test_p6_a_host_whose_log_raises_is_not_hurt_by_our_complaints() -> None:
    hook = Hook("tests", Told(ValueError("no")))  # type: ignore[arg-type]  # it has what is used of one
    hook.tell("event", {})
    with hook.harmless("this failed"):
        raise KeyError
