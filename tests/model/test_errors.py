"""Errors travel: a pool of processes pickles what its child raised, and breaks, or waits for ever, when it cannot."""

from __future__ import annotations

import copy
import pickle

import pytest

from otelsiem.adapter import RetryError
from otelsiem.model.errors import ConfigError, MissingExtraError, OtelsiemError, Problem
from otelsiem.receipts import GatewayError, Receipt, RejectedError

ERRORS: list[OtelsiemError] = [
    MissingExtraError("Kafka", "kafka", "confluent_kafka"),
    ConfigError([Problem("a.b", "is missing"), Problem("c", "is wrong")], [Problem("d", "is odd")]),
    RetryError("busy", after=5.0),
    GatewayError("not taken: busy", again=True),
    RejectedError("1 records were rejected: no actor", 1, [Receipt("logs", 7, 2, ("a", "b"), b"proof")]),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_comes_out_of_another_process_as_it_was(error: OtelsiemError) -> None:
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
