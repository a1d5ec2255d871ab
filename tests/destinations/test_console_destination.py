"""Console: colour only when somebody who knows the stream says so."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from otelsiem.destinations.console import Console
from otelsiem.model.destination import Moment, StreamSettings
from otelsiem.model.exchange import Answer, Failure, Reply, WriteRequest
from otelsiem.model.outcome import Delivered, Hold, Outcome, Retry
from otelsiem.model.record import Batch
from otelsiem.testing.conformance import check_encode, drive, sample
from tests.formats import strategies

AT = Moment(now=1_767_225_601_000_000_000)


@pytest.mark.parametrize(
    ("console", "tty", "coloured"),
    [
        (Console(), True, True),
        (Console(), False, False),
        (Console(color="never"), True, False),
        (Console(color="always"), False, True),
    ],
)
def test_colour(console: Console, tty: bool, coloured: bool) -> None:
    body = console.resolved(tty=tty).encode(sample(), AT).payloads[0].body
    assert (b"\x1b[" in body) == coloured


def test_auto_without_anybody_who_knows_is_plain() -> None:
    assert b"\x1b" not in Console().encode(sample(), AT).payloads[0].body


def test_the_stream() -> None:
    assert Console().wire == StreamSettings("stdout")
    assert Console(stream="stderr").wire == StreamSettings("stderr")


@given(strategies.batches)
@settings(deadline=None)
def test_encode_is_total(batch: Batch) -> None:
    encoded = check_encode(Console(color="always"), batch, AT)
    assert not encoded.rejected


@pytest.mark.parametrize(
    ("reply", "verdict"), [(Answer(200), Delivered), (Answer(400), Hold), (Failure("disk", "broken pipe"), Retry)]
)
def test_a_closed_stream_never_blames_the_records(reply: Reply, verdict: type[Outcome]) -> None:
    payload = Console().encode(sample(), AT).payloads[0]
    asked = next(Console().exchange(payload, AT))
    assert isinstance(asked, WriteRequest)
    assert asked.body == payload.body
    assert isinstance(drive(Console().exchange(payload, AT), reply), verdict)
